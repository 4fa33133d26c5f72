"""Gradients over ranks: reduction, compression, and the distributed optimizer."""
