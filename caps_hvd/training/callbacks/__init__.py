"""Keras callbacks of a run: journal, progress, energy."""
