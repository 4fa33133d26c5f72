"""Keras callbacks of a run: journal, progress, learning rate, energy."""
