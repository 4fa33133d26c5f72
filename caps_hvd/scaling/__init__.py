"""The scale model: seconds per epoch on machines that are not there, from one that is.

`model.predict` puts the parts together; `docs/scale_model.md` has the equations.  Nothing here
needs TensorFlow.
"""
