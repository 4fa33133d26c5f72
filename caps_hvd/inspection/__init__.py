"""A finished run, loaded and looked at: evaluation, reconstructions, perturbations."""
