"""Counts of the bytes handed to collectives, and a context without communication."""

import contextlib
import math

import numpy as np

_no_sync = False


class Traffic:
    """A count of the bytes that this process hands to collectives, over all its communicators.

    They are counted when a collective runs: inside a `tf.function` by a variable in its graph, so
    that a step counts each time that it is taken, forward and backward pass alike. Python objects
    are not counted; no training step exchanges any.
    """

    def __init__(self):
        self._eager = 0
        self._variable = None

    @property
    def bytes(self) -> int:
        """Handed over since the start of the process."""
        return self._eager + (0 if self._variable is None else int(self._variable.numpy()))

    @property
    def variables(self) -> list:
        """The count of what graphs have handed over, which no measurement may put back."""
        return [] if self._variable is None else [self._variable]

    def count(self, tensors) -> None:
        """Counts TensorFlow tensors that are about to be handed over, now or in a graph."""
        import tensorflow as tf

        if not tf.inside_function():
            self._eager += sum(math.prod(tensor.shape) * tensor.dtype.size for tensor in tensors)
            return
        if self._variable is None:
            with tf.init_scope(), tf.device("/cpu:0"):
                self._variable = tf.Variable(0, dtype=tf.int64, trainable=False, name="traffic")
        self._variable.assign_add(tf.add_n([_size(tensor) for tensor in tensors]))


def _size(tensor):
    """Bytes of a tensor of a graph; a number where its shape is known."""
    import tensorflow as tf

    known = tensor.shape.num_elements()
    elements = tf.size(tensor, tf.int64) if known is None else np.int64(known)
    return tf.convert_to_tensor(elements * tensor.dtype.size, tf.int64)


@contextlib.contextmanager
def no_sync():
    """Steps *traced* in this context hand nothing over. Ranks drift apart: only to time them."""
    global _no_sync
    before, _no_sync = _no_sync, True
    try:
        yield
    finally:
        _no_sync = before


def is_no_sync() -> bool:
    """Whether what is traced now must not communicate."""
    return _no_sync


silence = no_sync  # its name before 0.2; kept for programs of users for one release
