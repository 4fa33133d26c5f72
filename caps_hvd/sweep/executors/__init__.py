"""Executors: what carries out the points of a sweep, on this machine or in Slurm's queue."""
