"""The reduction of gradients over all ranks, in buckets, while the backward pass still runs.

TensorFlow starts an operation as soon as its inputs are there, so a collective over *all* gradients
would start with the last of them and hide nothing. Gradients are therefore reduced in buckets,
made in the order of the backward pass (the variables' order reversed) from the shapes alone, and
hence the same on every rank.
"""

import itertools
import time
from typing import Any

from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.gradients.compression import COMPRESSORS, Compressor, faster_compression
from caps_hvd.distributed.traffic import is_no_sync
from caps_hvd.errors import ConfigError, DistributedError, check_choice

OPERATIONS = ("average", "sum", "adasum")
COMPRESSIONS = ("auto", *COMPRESSORS)
DEVICES = ("auto", "cpu")

# Below this a collective costs its latency, whatever the width of its numbers.
_WORTH_COMPRESSING_BYTES = 1 << 20
_PROBE_ROUNDS = 4

_serial = itertools.count()


class GradientReduction:
    """The reduction of one optimizer's gradients over all ranks.

    Args:
        communicator: The ranks; with one of them gradients pass unchanged.
        op: "average", "sum" or "adasum".
        compression: "none"; "fp16" sends half precision; "auto" measures both on the first
            gradients, over this network, and takes fp16 if it saves at least a quarter of the time
            and 30 ms per reduction.
        reduce_on: "cpu" reduces on the CPU also where Horovod could use NCCL; "auto" leaves it to
            Horovod.
        group_mib: Size at which a bucket is closed, in MiB (2**20 bytes).
        agree: The ranks that must choose the same compression, if these are more: it is fp16 where
            all of them would take it.

    Attributes:
        compression: What is used; "auto" until the first reduction.
        probe_seconds: What "auto" measured for one reduction, slowest rank; empty otherwise.
        bytes_per_reduction: Bytes that one rank hands to the collectives of one reduction, as
            compressed; 0 until the first reduction.
        buckets: Number of collectives per reduction.

    Raises:
        ConfigError: an argument is not one of those named above.
        DistributedError: Adasum under Gloo, or on a number of ranks that is not a power of two.
    """

    def __init__(
        self,
        communicator: Communicator,
        op: str = "average",
        compression: str = "auto",
        reduce_on: str = "auto",
        group_mib: float = 4.0,
        agree: Communicator | None = None,
    ):
        check_choice("op", op, OPERATIONS)
        check_choice("compression", compression, COMPRESSIONS)
        check_choice("reduce_on", reduce_on, DEVICES)
        if not group_mib > 0:
            raise ConfigError(f"group_mib: expected a number above 0, received {group_mib!r}")
        if op == "adasum":
            _check_adasum(communicator)
            if compression == "auto":
                compression = "none"  # its dot products suffer most from half precision
        self.communicator = communicator
        self.agree = agree or communicator
        self.op = op
        self.compression = "none" if communicator.size == 1 else compression
        self.reduce_on = reduce_on
        self.group_mib = group_mib
        self.probe_seconds: dict[str, float] = {}
        self.bytes_per_reduction = 0
        self.buckets = 0
        self._compressor: Compressor | None = None
        self._met = False
        # Tells the collectives of two optimizers in one program apart.
        self.name = f"HorovodAllreduce_caps_hvd_{next(_serial)}"

    def __call__(self, gradients: list[Any]) -> list[Any]:
        """Returns reduced gradients: dense ones, `tf.IndexedSlices` (made dense), None (kept)."""
        gradients = list(gradients)
        if self.communicator.size == 1 or is_no_sync():
            return gradients
        import tensorflow as tf

        self._meet()
        present = [i for i, gradient in enumerate(gradients) if gradient is not None]
        dense = [tf.convert_to_tensor(gradients[i]) for i in present]
        if self.compression == "auto":
            self.compression = self._agreed(self._faster_compression(dense))
        self.buckets = self.bytes_per_reduction = 0
        self._compressor = self._compressor or COMPRESSORS[self.compression]()
        reduced = self._compressor.reduce(dense, self._allreduce)
        for i, tensor in zip(present, reduced, strict=True):
            gradients[i] = tensor
        return gradients

    def _meet(self):
        """Sees that all ranks have come to their first step, before they wait for each other."""
        import tensorflow as tf

        if not self._met:
            self._met = True
            with tf.init_scope():  # runs now, though the step around it is only being traced
                self.communicator.meet("its first step (distribute)")

    @property
    def variables(self) -> list:
        """What the compression keeps from step to step, on each rank for itself."""
        return list(getattr(self._compressor, "variables", ()))

    def _allreduce(self, tensors):
        """Tensors combined over all ranks, bucket by bucket in backward order."""
        reduced = list(tensors)
        buckets = plan_buckets(
            [(i, tensors[i].dtype, _bytes(tensors[i])) for i in reversed(range(len(tensors)))],
            # Horovod does Adasum tensor by tensor only.
            0 if self.op == "adasum" else self.group_mib * 2**20,
        )
        for bucket in buckets:
            results = self.communicator.grouped_allreduce(
                [tensors[i] for i in bucket],
                self.op,
                name=f"{self.name}_{self.buckets}",
                device="/cpu:0" if self.reduce_on == "cpu" else "",
            )
            self.buckets += 1
            for i, tensor in zip(bucket, results, strict=True):
                reduced[i] = tensor
        self.bytes_per_reduction += sum(map(_bytes, tensors))
        return reduced

    def _agreed(self, compression):
        import tensorflow as tf

        if self.agree.size == self.communicator.size:
            return compression
        with tf.init_scope():
            willing = float(self.agree.allreduce(float(compression == "fp16"), "min"))
        return "fp16" if willing else "none"

    def _faster_compression(self, tensors):
        """Times both on tensors like these; all ranks come here in the same step and agree."""
        import tensorflow as tf

        floating = [t for t in tensors if t.dtype in (tf.float32, tf.float64)]
        if sum(_bytes(t) for t in floating) < _WORTH_COMPRESSING_BYTES:
            return "none"
        with tf.init_scope():  # runs now, though the step around it is only being traced
            zeros = [tf.zeros(t.shape, t.dtype) for t in floating]
            steps = {name: self._probe(name) for name in ("none", "fp16")}
            seconds = {name: [] for name in steps}
            for measured in range(-1, _PROBE_ROUNDS):  # the first round traces and warms up
                for name, step in steps.items():
                    self.communicator.barrier()
                    start = time.perf_counter()
                    step(zeros)
                    if measured >= 0:
                        seconds[name].append(time.perf_counter() - start)
            # The best of a few: other work on the machine only ever adds.
            slowest = [
                float(self.communicator.allreduce(min(seconds[name]), "max")) for name in steps
            ]
        self.probe_seconds = dict(zip(steps, slowest, strict=True))
        return faster_compression(**self.probe_seconds)

    def _probe(self, compression):
        """One reduction as `__call__` would do it with this compression, for timing."""
        import tensorflow as tf

        twin = GradientReduction(
            self.communicator, self.op, compression, self.reduce_on, self.group_mib
        )
        twin._met = True

        @tf.function(autograph=False)
        def reduce(tensors):
            # Everything is needed, but only one number leaves, as in an optimizer's update.
            return tf.add_n([tf.cast(tf.reduce_max(t), tf.float32) for t in twin(tensors)])

        return lambda tensors: reduce(tensors).numpy()


def plan_buckets(tensors: list[tuple[Any, Any, int]], bucket_bytes: float) -> list[list[Any]]:
    """Divides tensors into consecutive buckets of one dtype and about `bucket_bytes` each.

    Args:
        tensors: (key, dtype, bytes) in the order in which they become ready.
        bucket_bytes: A bucket is closed before it would grow beyond this; a larger tensor is a
            bucket of its own. 0: each tensor by itself.

    Returns:
        Buckets of keys. All tensors of one bucket wait for the last of them.

    Example:
        >>> plan_buckets([("c", "f", 6), ("b", "f", 3), ("a", "f", 1)], 4)
        [['c'], ['b', 'a']]
    """
    buckets, filled, last_dtype = [], 0, None
    for key, dtype, size in tensors:
        if not buckets or dtype != last_dtype or filled + size > bucket_bytes:
            buckets.append([])
            filled, last_dtype = 0, dtype
        buckets[-1].append(key)
        filled += size
    return buckets


def _bytes(tensor):
    return (tensor.shape.num_elements() or 0) * tensor.dtype.size


def _check_adasum(communicator):
    size = communicator.size
    if size == 1:
        return
    if communicator.backend != "mpi":
        raise DistributedError(
            f"op: adasum works over MPI only, and this job uses {communicator.backend}; "
            "start it with mpirun or `horovodrun --mpi`, or use average"
        )
    if size & (size - 1):
        raise DistributedError(
            f"op: adasum needs a power of two of ranks (2, 4, 8, ...), received {size}; use average"
        )
