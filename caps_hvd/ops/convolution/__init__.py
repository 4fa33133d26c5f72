"""Convolution, in forms that differ in the batch sizes they are fast for."""
