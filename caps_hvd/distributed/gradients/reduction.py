"""Gradients of all ranks combined, in groups, while the backward pass still runs.

TensorFlow starts an operation as soon as its inputs are there, so a collective over *all* gradients
would start with the last of them and hide nothing.  Gradients are therefore reduced in groups, made
in the order of the backward pass (the variables' order reversed) from the shapes alone, and hence
the same on every rank.
"""

import itertools
import time
from typing import Any

from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.traffic import is_no_sync
from caps_hvd.errors import ConfigError, DistributedError

OPERATIONS = ("average", "sum", "adasum")
COMPRESSIONS = ("auto", "none", "fp16")
DEVICES = ("auto", "cpu")

# Below this a collective costs its latency, whatever the width of its numbers.
_WORTH_COMPRESSING_BYTES = 1 << 20
# fp16 costs precision, and most of a short reduction is hidden behind the backward pass anyway, so
# it has to gain something that can be felt.  That also keeps the choice, and with it the result of
# training, the same from run to run on one machine or a fast network.
_WORTH_COMPRESSING_RATIO = 0.75
_WORTH_COMPRESSING_SECONDS = 0.03
_PROBE_ROUNDS = 4

_serial = itertools.count()


class GradientReduction:
    """Combines a list of gradients over all ranks.

    Args:
        communicator: The ranks; with one of them gradients pass unchanged.
        op: "average", "sum" or "adasum".
        compression: "none"; "fp16" sends half precision; "auto" measures both on the first
            gradients, over this network, and takes fp16 if it saves at least a quarter of the time
            and 30 ms per reduction.
        reduce_on: "cpu" reduces on the CPU also where Horovod could use NCCL; "auto" leaves it to
            Horovod.
        group_mib: Size at which a group is closed, in MiB (2**20 bytes).
        agree: The ranks that must choose the same compression, if these are more: it is fp16 where
            all of them would take it.

    Attributes:
        compression: What is used; "auto" until the first gradients have been seen.
        probe_seconds: What "auto" measured for one reduction, slowest rank; empty otherwise.
        bytes_per_reduction: Bytes that one rank hands to the collectives of one reduction, as
            compressed; 0 until the first gradients have been seen.
        groups: Number of collectives per reduction.

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
        _check("op", op, OPERATIONS)
        _check("compression", compression, COMPRESSIONS)
        _check("reduce_on", reduce_on, DEVICES)
        if not group_mib > 0:
            raise ConfigError(f"group_mib: expected a number above 0, got {group_mib!r}")
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
        self.groups = 0
        # Tells the collectives of two optimizers in one program apart.
        self.name = f"HorovodAllreduce_caps_hvd_{next(_serial)}"

    def __call__(self, gradients: list[Any]) -> list[Any]:
        """Reduce gradients: dense tensors, `tf.IndexedSlices` (made dense), or None (kept)."""
        gradients = list(gradients)
        if self.communicator.size == 1 or is_no_sync():
            return gradients
        import tensorflow as tf

        present = [i for i, gradient in enumerate(gradients) if gradient is not None]
        dense = {i: tf.convert_to_tensor(gradients[i]) for i in present}
        if self.compression == "auto":
            self.compression = self._agreed(self._faster_compression(list(dense.values())))
        wire = {i: self._compress(tensor) for i, tensor in dense.items()}
        groups = plan_groups(
            [(i, wire[i].dtype, _bytes(wire[i])) for i in reversed(present)],
            # Horovod does Adasum tensor by tensor only.
            0 if self.op == "adasum" else self.group_mib * 2**20,
        )
        for number, group in enumerate(groups):
            reduced = self.communicator.grouped_allreduce(
                [wire[i] for i in group],
                self.op,
                name=f"{self.name}_{number}",
                device="/cpu:0" if self.reduce_on == "cpu" else "",
            )
            for i, tensor in zip(group, reduced, strict=True):
                gradients[i] = tf.cast(tensor, dense[i].dtype)
        self.groups = len(groups)
        self.bytes_per_reduction = sum(_bytes(tensor) for tensor in wire.values())
        return gradients

    def _compress(self, tensor):
        import tensorflow as tf

        if self.compression == "fp16" and tensor.dtype.is_floating:
            return tf.cast(tensor, tf.float16)
        if tensor.dtype == tf.bfloat16:  # Horovod has none
            return tf.cast(tensor, tf.float32)
        return tensor

    def _agreed(self, compression):
        import tensorflow as tf

        if self.agree.size == self.communicator.size:
            return compression
        with tf.init_scope():
            willing = float(self.agree.allreduce(float(compression == "fp16"), "min"))
        return "fp16" if willing else "none"

    def _faster_compression(self, tensors):
        """Time both on tensors like these; all ranks come here in the same step and agree."""
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
        return _choose(**self.probe_seconds)

    def _probe(self, compression):
        """One reduction as `__call__` would do it with this compression, for timing."""
        import tensorflow as tf

        twin = GradientReduction(
            self.communicator, self.op, compression, self.reduce_on, self.group_mib
        )

        @tf.function(autograph=False)
        def reduce(tensors):
            # Everything is needed, but only one number leaves, as in an optimizer's update.
            return tf.add_n([tf.cast(tf.reduce_max(t), tf.float32) for t in twin(tensors)])

        return lambda tensors: reduce(tensors).numpy()


def plan_groups(tensors: list[tuple[Any, Any, int]], group_bytes: float) -> list[list[Any]]:
    """Split tensors into consecutive groups of one dtype and about `group_bytes` each.

    Args:
        tensors: (key, dtype, bytes) in the order in which they become ready.
        group_bytes: A group is closed before it would grow beyond this; a larger tensor is a
            group of its own.  0: each tensor by itself.

    Returns:
        Groups of keys.  All tensors of one group wait for the last of them.

    Example:
        >>> plan_groups([("c", "f", 6), ("b", "f", 3), ("a", "f", 1)], 4)
        [['c'], ['b', 'a']]
    """
    groups, filled, last_dtype = [], 0, None
    for key, dtype, size in tensors:
        if not groups or dtype != last_dtype or filled + size > group_bytes:
            groups.append([])
            filled, last_dtype = 0, dtype
        groups[-1].append(key)
        filled += size
    return groups


def _choose(none: float, fp16: float) -> str:
    """The compression to use, from the seconds that one reduction takes with each."""
    worth_it = fp16 < _WORTH_COMPRESSING_RATIO * none and none - fp16 > _WORTH_COMPRESSING_SECONDS
    return "fp16" if worth_it else "none"


def _bytes(tensor):
    return (tensor.shape.num_elements() or 0) * tensor.dtype.size


def _check(argument, value, known):
    if value not in known:
        raise ConfigError(f"{argument}: expected one of {', '.join(known)}, got {value!r}")


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
            f"op: adasum needs a power of two of ranks (2, 4, 8, ...), got {size}; use average"
        )
