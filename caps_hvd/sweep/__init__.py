"""The grid engine: a definition becomes points, an executor runs them, records come back."""
