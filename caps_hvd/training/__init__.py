"""One training run: the Trainer, and what it is made of."""
