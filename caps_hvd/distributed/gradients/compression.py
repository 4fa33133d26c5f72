"""Compression of gradients for the way between ranks.

A compressor reduces a list of gradients by one or more all-reduces of whatever it sends in their
place. Another one joins as a class in a file of its own and a line in `COMPRESSORS`.
"""

from collections.abc import Callable
from typing import Any, Protocol

# fp16 costs precision, and most of a short reduction is hidden behind the backward pass anyway, so
# it has to gain something that can be felt. That also keeps the choice, and with it the result of
# training, the same from run to run on one machine or a fast network.
_WORTH_COMPRESSING_RATIO = 0.75
_WORTH_COMPRESSING_SECONDS = 0.03


class Compressor(Protocol):
    """A way to send gradients.

    What it keeps from step to step is in TensorFlow variables, which a property `variables` lists:
    they are the rank's own, and go into its part of a checkpoint.
    """

    def reduce(self, tensors: list[Any], allreduce: Callable[[list[Any]], list[Any]]) -> list[Any]:
        """Returns the tensors as reduced over all ranks, in their own dtypes.

        Args:
            tensors: dense gradients.
            allreduce: reduces a list of tensors over all ranks, bucket by bucket.
        """


class NoCompression:
    """Gradients in their own precision; bfloat16, which Horovod lacks, as float32."""

    def reduce(self, tensors, allreduce):
        import tensorflow as tf

        reduced = allreduce([self._cast(tensor) for tensor in tensors])
        return [tf.cast(new, old.dtype) for new, old in zip(reduced, tensors, strict=True)]

    def _cast(self, tensor):
        import tensorflow as tf

        return tf.cast(tensor, tf.float32) if tensor.dtype == tf.bfloat16 else tensor


class FP16Compression(NoCompression):
    """Floating-point gradients as float16, which loses values below 6e-8."""

    def _cast(self, tensor):
        import tensorflow as tf

        return tf.cast(tensor, tf.float16) if tensor.dtype.is_floating else tensor


# Name of a compression -> its compressor, of which each optimizer has its own.
COMPRESSORS: dict[str, type[Compressor]] = {"none": NoCompression, "fp16": FP16Compression}


def faster_compression(none: float, fp16: float) -> str:
    """Returns the compression to use, from the seconds that one reduction takes with each."""
    worth_it = fp16 < _WORTH_COMPRESSING_RATIO * none and none - fp16 > _WORTH_COMPRESSING_SECONDS
    return "fp16" if worth_it else "none"
