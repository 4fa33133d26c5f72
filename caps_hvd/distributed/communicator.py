"""The communicator: facts about the ranks of a job, and collectives between them."""

import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from caps_hvd.distributed.traffic import Traffic
from caps_hvd.errors import CapsHvdError, DistributedError, RunError, check_choice

REDUCTIONS = ("average", "sum", "min", "max", "product", "adasum")


@dataclass(frozen=True)
class Peer:
    """Facts that every rank knows of another one.

    Attributes:
        host: Its host name.
        cores: The cores that its scheduler affinity allows, in ascending order.
        gpus: Its CUDA_VISIBLE_DEVICES, or "" where unset.
    """

    host: str
    cores: tuple[int, ...]
    gpus: str = ""

    @classmethod
    def this(cls) -> "Peer":
        """This process, as the others should see it."""
        cores = (
            os.sched_getaffinity(0)
            if hasattr(os, "sched_getaffinity")
            else range(os.cpu_count() or 1)
        )
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        return cls(socket.gethostname(), tuple(sorted(cores)), gpus)


@dataclass(frozen=True)
class Communicator:
    """The communicator of one process on its own, whose collectives return what they are given.

    `horovod.HorovodCommunicator` is that of several ranks.

    Every collective must be called by all ranks in the same order. Values that are not tensors
    (numbers, numpy arrays) come back as numpy arrays; TensorFlow tensors as tensors, also inside
    a `tf.function`.

    Attributes:
        rank: 0 .. size - 1.
        size: Number of ranks.
        local_rank: Rank among those on the same host.
        local_size: Number of ranks on the same host.
        backend: What carries collectives on the CPU: "none", "mpi" or "gloo".
        nccl: Whether Horovod was built with NCCL, so that GPU tensors are reduced on the GPU.
        peers: Facts of all ranks in rank order; None where they could not be exchanged.
        traffic: Counts the bytes that this process hands to collectives.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    backend: str = "none"
    nccl: bool = False
    peers: tuple[Peer, ...] | None = None
    traffic: Traffic = field(default_factory=Traffic, compare=False, repr=False)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Host names, each once, in the order of their first rank."""
        return tuple(dict.fromkeys(peer.host for peer in self.peers or (Peer.this(),)))

    @property
    def local_peers(self) -> tuple[Peer, ...] | None:
        """The ranks on this host, this one among them, in local rank order."""
        if self.peers is None:
            return None
        return tuple(peer for peer in self.peers if peer.host == self.peers[self.rank].host)

    @property
    def mpi_version(self) -> str | None:
        """Name and version of the MPI library that carries collectives; None without one."""
        return None

    def allreduce(self, value: Any, op: str = "average", *, name: str | None = None) -> Any:
        """`value` combined over all ranks element by element: the same result everywhere.

        Args:
            value: Tensor, numpy array or number, of the same shape and dtype on every rank.
            op: "average", "sum", "min", "max", "product" or "adasum". An average of integers is
                a float64 for numpy values; integer tensors can only be summed and compared.
            name: Graph name of the operation, the same on every rank. Inside a `tf.function`
                the default name follows from the tensor's own, so give one wherever ranks may
                have built different layers before.
        """
        return self.grouped_allreduce([value], op, name=name)[0]

    def grouped_allreduce(
        self, values: Sequence[Any], op: str = "average", *, name=None, device: str = ""
    ) -> list[Any]:
        """`allreduce` of several values at once: sent together, once all of them are there.

        Args:
            values: As for `allreduce`; tensors must share one dtype.
            op: As for `allreduce`.
            name: As for `allreduce`.
            device: TensorFlow device of the operation: "/cpu:0" keeps it on the CPU where
                Horovod would use NCCL; "" leaves the choice to Horovod.
        """
        check_choice("op", op, REDUCTIONS, DistributedError)
        return [host_or_tensor(value, op) for value in values]

    def allgather(self, value: Any, *, name: str | None = None) -> Any:
        """All ranks' arrays one after the other along axis 0; only their axis 0 may differ.

        Args:
            value: Tensor or numpy array. The gradient of a tensor is Horovod's, an average over
                the ranks; where all ranks have one loss it is not what is wanted.
            name: As for `allreduce`.
        """
        return value if is_tensor(value) else np.asarray(value)

    def allgather_object(self, value: Any) -> list[Any]:
        """Every rank's Python object (anything that pickles), in rank order."""
        return [value]

    def meet(self, place: str, value: Any = None) -> list[Any]:
        """`allgather_object` at a place of the program that all ranks must have come to.

        Args:
            place: What an error calls it, such as `the end of epoch 3 (AverageMetrics)`.
            value: This rank's object.

        Raises:
            DistributedError: on all ranks, where some have come to another place.
        """
        return self.allgather_object(value)

    def broadcast_object(self, value: Any, root: int = 0) -> Any:
        """The Python object of rank `root`; the other ranks' `value` is ignored."""
        return value

    def broadcast_variables(self, variables: Sequence[Any], root: int = 0) -> None:
        """Give variables (Keras or TensorFlow) the values that they have on rank `root`."""

    def subset(self, ranks: Sequence[int]) -> "Communicator":
        """The communicator of some of these ranks, which are its ranks 0, 1, ... in this order.

        Each of them calls it with the same ranks, in ascending order, this one among them. What
        more than one and fewer than all of them are to do together is known from the start of the
        job only: see `group_size` of `comm.init`.
        """
        return self

    def barrier(self, timeout: float | None = None) -> bool:
        """Waits until all ranks are here.

        Args:
            timeout: Seconds to wait, with a barrier of its own kind: all ranks give one, or none.
                Defaults to no limit.

        Returns:
            Whether all came in time; after False Horovod cannot be used any more.
        """
        return True

    def print(self, text: str) -> None:
        """Print a line on rank 0."""
        if self.rank == 0:
            print(text, flush=True)

    def shutdown(self) -> None:
        """End this rank's part in the job; no collective may follow."""

    def abort(self, exit_code: int = 1) -> None:
        """End this process at once, and with it the job: for when the other ranks cannot know."""
        os._exit(exit_code)

    @contextlib.contextmanager
    def raise_on_all_ranks(self):
        """Run the body on every rank; if it fails on any, all ranks raise the same error.

        For work that may fail on some ranks alone (reading a file, writing a checkpoint). All
        ranks must come here; one exchange of objects at the end tells them how it went.

        Raises:
            CapsHvdError: that of the lowest rank that failed. An OSError (a full disk) or a
                MemoryError of the body becomes a RunError. Other exceptions pass through on
                their rank alone: they are bugs, and `run_guarded` ends the job on them.
        """
        error = None
        try:
            yield
        except (CapsHvdError, OSError, MemoryError) as caught:
            error = caught
        failures = self.meet("work that may fail", error and _describe(error, self))
        first = next((failure for failure in failures if failure is not None), None)
        if first is not None:
            kind, message = first
            raise on_all_ranks(kind(message)) from error


def on_all_ranks(error: CapsHvdError) -> CapsHvdError:
    """Marks an error as one that all ranks raise: `run_guarded` then lets rank 0 speak for all."""
    error.on_all_ranks = True
    return error


def check_places(places: Sequence[str]) -> None:
    """Refuses ranks that have come to different places of a program.

    Args:
        places: Of the ranks, in their order; "" for an exchange without a name.

    Raises:
        DistributedError: they are not all the same.
    """
    other = next((rank for rank, place in enumerate(places) if place != places[0]), None)
    if other is None:
        return
    first, second = (place or "another exchange" for place in (places[0], places[other]))
    raise on_all_ranks(
        DistributedError(
            f"the ranks have parted: rank 0 is at {first}, and rank {other} at {second}; give all "
            "ranks the same callbacks in the same order (EarlyStopping and others that stop, after "
            "AverageMetrics), and as many epochs and batches"
        )
    )


def is_tensor(value) -> bool:
    # By module name: a single process must not import TensorFlow just to ask.
    return type(value).__module__.partition(".")[0] in ("tensorflow", "keras")


def host_or_tensor(value, op):
    """Host values as arrays, integers as float64 where they are to be averaged."""
    if is_tensor(value):
        return value
    array = np.asarray(value)
    return array.astype(np.float64) if op == "average" and array.dtype.kind in "iub" else array


def _describe(error, communicator) -> tuple[Callable[[str], CapsHvdError], str]:
    where = f"rank {communicator.rank}: " if communicator.size > 1 else ""
    if isinstance(error, CapsHvdError):
        return type(error), str(error)
    if isinstance(error, MemoryError):
        return RunError, f"{where}out of memory; use a smaller batch or fewer ranks per host"
    what = error.strerror or str(error)
    return RunError, f"{where}{what}" + (f": {error.filename}" if error.filename else "")
