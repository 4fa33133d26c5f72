"""Reports on trade-offs: accuracy against training time and model size."""
