"""Reports on scaling: seconds per epoch over machine counts, measured and predicted."""
