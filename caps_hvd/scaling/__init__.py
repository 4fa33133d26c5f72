"""The scale model: seconds per epoch on any number of machines, predicted from one of them.

`model.predict` puts the parts together; `docs/scale_model.md` has the equations.  Nothing here
needs TensorFlow.
"""
