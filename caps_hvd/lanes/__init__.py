"""Lanes of a multi-lane capsule network as data: what they are, what they cost, where they go.

Nothing here loads TensorFlow: a plan for a hundred devices is made on a login node, in a moment.
"""
