"""Batch jobs as text: scripts for Slurm and for plain hosts, and their submission."""
