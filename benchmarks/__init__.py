"""Benchmarks: `python -m benchmarks` runs all of them, `python -m benchmarks.NAME` one.

Each prints a table and writes its record to benchmarks/results/NAME.json.
"""
