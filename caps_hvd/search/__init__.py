"""The search for a configuration: the best of a grid, or lanes by an Optuna study."""
