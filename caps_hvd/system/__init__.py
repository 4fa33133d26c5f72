"""This machine: host facts, the Keras backend, energy counters, other programs on its cores."""
