"""The configuration of a training run, and the files that it is read from."""
