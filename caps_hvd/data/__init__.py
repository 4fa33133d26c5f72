"""Data sets, sharding, augmentation and batches.

Nothing here knows of Horovod: rank and size are arguments.  Only `caps_hvd.data.batches` imports
Keras, so the rest answers on a machine without it.
"""

from caps_hvd.data.datasets import Dataset, Found, available, convert, load
from caps_hvd.data.known import check_name, names
from caps_hvd.data.missing_classes import missing_classes
from caps_hvd.data.readers import ReadOptions
from caps_hvd.data.split import ArraySplit, Split

__all__ = [
    "ArraySplit",
    "Dataset",
    "Found",
    "ReadOptions",
    "Split",
    "available",
    "check_name",
    "convert",
    "load",
    "missing_classes",
    "names",
]
