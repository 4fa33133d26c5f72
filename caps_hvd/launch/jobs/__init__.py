"""Batch jobs: their descriptions, their scripts for Slurm and for plain hosts, their submission."""
