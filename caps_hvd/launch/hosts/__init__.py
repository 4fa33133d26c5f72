"""Hosts of a job: host files, checks before a start, and `caps-hvd doctor`."""
