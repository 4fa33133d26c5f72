"""Capsule networks, trained on a cluster: Keras 3 models and routing ops on Horovod.

Importing this package imports neither Keras nor Horovod, so that the command line answers at once
and job scripts can be rendered on a login node.  Import `caps_hvd.ops`, `caps_hvd.layers`,
`caps_hvd.models` or `caps_hvd.distributed` for what you need.
"""

__version__ = "0.1.0"
