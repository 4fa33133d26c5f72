"""Measurements of this machine: a training step, an all-reduce, a lane."""
