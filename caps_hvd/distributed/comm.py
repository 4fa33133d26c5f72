"""The ranks of this job: who they are, and collectives between them.

This is the only module that imports Horovod or mpi4py, and it does so when more than one rank was
launched.  A single process gets the same interface with neither installed, on any Keras backend.

    from caps_hvd.distributed import comm

    ranks = comm.init()
    with ranks.together():  # a failure on any rank is raised on all of them
        data = load(rank=ranks.rank, size=ranks.size)
    mean_loss = ranks.allreduce(loss)
"""

import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from caps_hvd.distributed.launched import launched_rank, launched_size
from caps_hvd.errors import CapsHvdError, DistributedError, RunError, SetupError

__all__ = ["Communicator", "Peer", "init", "initialized", "launched_rank", "launched_size"]

_REDUCTIONS = ("average", "sum", "min", "max", "product", "adasum")

# Read in hvd.init(); what the user has set stays.
_ENVIRONMENT = {
    # A rank that is alive but never comes to a collective would be waited for without end:
    # fifteen minutes is longer than any pause that training makes.
    "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": "900",
    # Horovod's thread talks to the other ranks every millisecond, and Open MPI waits for them in
    # a loop.  On a rank that has no core to spare that took 30 % of every step, also of steps that
    # reduce nothing; giving the core up between looks leaves nothing of it.
    "OMPI_MCA_mpi_yield_when_idle": "1",
}


@dataclass(frozen=True)
class Peer:
    """What every rank knows of another one.

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
    """One process on its own: the facts, and collectives that give back what they get.

    Every collective must be called by all ranks in the same order.  Values that are not tensors
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
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    backend: str = "none"
    nccl: bool = False
    peers: tuple[Peer, ...] | None = None

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
            op: "average", "sum", "min", "max", "product" or "adasum".  An average of integers is
                a float64 for numpy values; integer tensors can only be summed and compared.
            name: Graph name of the operation, the same on every rank.  Inside a `tf.function`
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
        _check_reduction(op)
        return [_average_like(value, op) for value in values]

    def allgather(self, value: Any) -> Any:
        """All ranks' arrays one after the other along axis 0; only their axis 0 may differ."""
        return value if _is_tensor(value) else np.asarray(value)

    def allgather_object(self, value: Any) -> list[Any]:
        """Every rank's Python object (anything that pickles), in rank order."""
        return [value]

    def broadcast_object(self, value: Any, root: int = 0) -> Any:
        """The Python object of rank `root`; the other ranks' `value` is ignored."""
        return value

    def broadcast_variables(self, variables: Sequence[Any], root: int = 0) -> None:
        """Give variables (Keras or TensorFlow) the values that they have on rank `root`."""

    def barrier(self) -> None:
        """Wait until all ranks are here."""

    def meet(self, seconds: float) -> bool:
        """Whether all ranks come to this call within `seconds`; False leaves Horovod unusable."""
        return True

    def shutdown(self) -> None:
        """End this rank's part in the job; no collective may follow."""

    def abort(self, exit_code: int = 1) -> None:
        """End this process at once, and with it the job: for when the other ranks cannot know."""
        os._exit(exit_code)

    @contextlib.contextmanager
    def together(self):
        """Run the body on every rank; if it fails on any, all ranks raise the same error.

        For work that may fail on some ranks alone (reading a file, writing a checkpoint).  All
        ranks must come here; one exchange of objects at the end tells them how it went.

        Raises:
            CapsHvdError: that of the lowest rank that failed.  An OSError (a full disk) or a
                MemoryError of the body becomes a RunError.  Other exceptions pass through on
                their rank alone: they are bugs, and `run_guarded` ends the job on them.
        """
        error = None
        try:
            yield
        except (CapsHvdError, OSError, MemoryError) as caught:
            error = caught
        failures = self.allgather_object(None if error is None else _describe(error, self))
        first = next((failure for failure in failures if failure is not None), None)
        if first is not None:
            kind, message = first
            shared = kind(message)
            shared.on_all_ranks = True  # run_guarded: rank 0 speaks for all
            raise shared from error


@dataclass(frozen=True)
class HorovodCommunicator(Communicator):
    """Collectives through Horovod on TensorFlow, over MPI or Gloo (NCCL for GPU tensors)."""

    @property
    def mpi_version(self):
        if self.backend != "mpi":
            return None
        try:
            from mpi4py import MPI
        except ImportError:
            return None
        return MPI.Get_library_version().partition(",")[0].strip()

    def grouped_allreduce(self, values, op="average", *, name=None, device=""):
        import horovod.tensorflow as hvd
        import tensorflow as tf

        _check_reduction(op)
        if not values:
            return []
        tensors = [tf.convert_to_tensor(_average_like(value, op)) for value in values]
        # Horovod has no bfloat16.
        wire = [tf.cast(t, tf.float32) if t.dtype == tf.bfloat16 else t for t in tensors]
        options = {
            "op": getattr(hvd, op.capitalize()),
            "name": name,
            # Name scopes follow from names of layers and optimizers, which count up per process.
            "ignore_name_scope": name is not None,
            "device_dense": device,
        }
        if len(wire) == 1:  # Adasum works in this form only
            reduced = [hvd.allreduce(wire[0], **options)]
        else:
            reduced = hvd.grouped_allreduce(wire, **options)
        return [
            tf.cast(result, tensor.dtype) if _is_tensor(value) else result.numpy()
            for result, tensor, value in zip(reduced, tensors, values, strict=True)
        ]

    def allgather(self, value):
        import horovod.tensorflow as hvd

        gathered = hvd.allgather(value)
        return gathered if _is_tensor(value) else gathered.numpy()

    def allgather_object(self, value):
        import horovod.tensorflow as hvd

        return hvd.allgather_object(value, name="caps_hvd_object")

    def broadcast_object(self, value, root=0):
        import horovod.tensorflow as hvd

        return hvd.broadcast_object(value, root_rank=root, name="caps_hvd_object")

    def broadcast_variables(self, variables, root=0):
        import horovod.tensorflow as hvd
        import tensorflow as tf

        native = [getattr(variable, "value", variable) for variable in variables]
        # uint32 (the state of a seed generator) and bfloat16 are not among Horovod's types.
        tensors = [v for v in native if v.dtype not in (tf.uint32, tf.uint64, tf.bfloat16)]
        others = [v for v in native if v.dtype in (tf.uint32, tf.uint64, tf.bfloat16)]

        @tf.function(autograph=False)
        def broadcast():
            # Named by position: the variables' own names may differ between the ranks.
            return [
                hvd.broadcast(tf.identity(v), root, name=f"HorovodBroadcast_caps_hvd_{i}")
                for i, v in enumerate(tensors)
            ]

        if tensors:
            values = broadcast.get_concrete_function()()
            for variable, value in zip(tensors, values, strict=True):
                variable.assign(value)
        if others:
            values = [v.numpy() for v in others] if self.rank == root else None
            for variable, value in zip(others, self.broadcast_object(values, root), strict=True):
                variable.assign(value)

    def barrier(self):
        self.allreduce(np.zeros(1, np.float32), "sum")

    def meet(self, seconds):
        import threading

        import horovod.tensorflow as hvd
        import tensorflow as tf

        @tf.function(autograph=False)
        def meeting(here):
            return hvd.allreduce(here, op=hvd.Sum, name="HorovodAllreduce_caps_hvd_meeting")

        met = threading.Event()

        def wait():
            # A failed collective means that some rank is gone: nobody to meet.
            with contextlib.suppress(tf.errors.OpError):
                meeting(tf.ones([1]))
                met.set()

        threading.Thread(target=wait, daemon=True).start()
        return met.wait(seconds)

    def shutdown(self):
        import horovod.tensorflow as hvd

        hvd.shutdown()

    def abort(self, exit_code=1):
        # MPI tells the launcher of every host.  Under Gloo the closed connections tell the
        # peers, and horovodrun ends the job when a rank ends with an error.
        if self.backend == "mpi":
            with contextlib.suppress(ImportError):
                from mpi4py import MPI

                MPI.COMM_WORLD.Abort(exit_code)
        os._exit(exit_code)


_communicator: Communicator | None = None


def initialized() -> Communicator | None:
    """The communicator that `init` made, or None before."""
    return _communicator


def init() -> Communicator:
    """Join the job: the communicator of this process.  All ranks call it; later calls are free.

    Raises:
        SetupError: more than one rank was launched and Horovod cannot be imported.
        DistributedError: the launcher and Horovod do not agree on the number of ranks, or the
            Keras backend is not TensorFlow, the only one that Horovod can carry.
    """
    global _communicator
    if _communicator is None:
        launched = launched_size()
        _communicator = (
            Communicator(peers=(Peer.this(),)) if launched == 1 else _init_horovod(launched)
        )
    return _communicator


def _init_horovod(launched):
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        raise DistributedError(
            f"KERAS_BACKEND: expected tensorflow for {launched} ranks, got {backend}; "
            "start one process, or unset KERAS_BACKEND"
        )
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import horovod.tensorflow as hvd
    except ImportError as error:
        raise SetupError(
            f"{launched} ranks were launched, but Horovod cannot be imported ({error}); "
            "run `make setup` (`caps-hvd doctor` says what is missing)"
        ) from error
    try:
        hvd.init()
    except (RuntimeError, ValueError, OSError) as error:
        message = " ".join(str(error).split())
        raise DistributedError(f"Horovod cannot start {launched} ranks: {message}") from error
    if hvd.size() != launched:
        raise DistributedError(
            f"the launcher started {launched} ranks, but Horovod sees {hvd.size()}: its MPI is not "
            "the launcher's; use the mpirun that Horovod was built with, or srun --mpi=pmix"
        )
    backend = "mpi" if hvd.mpi_enabled() else "gloo"
    peers = _exchange(Peer.this(), backend, hvd.rank(), hvd.size())
    return HorovodCommunicator(
        hvd.rank(), hvd.size(), hvd.local_rank(), hvd.local_size(), backend, hvd.nccl_built(), peers
    )


def _exchange(value, backend, rank, size):
    """Every rank's object, before TensorFlow runs anything; None where there is no way.

    A first Horovod operation would start TensorFlow's thread pools, and their size depends on
    what is exchanged here: how many ranks share which cores.
    """
    if backend == "mpi":
        try:
            from mpi4py import MPI
        except ImportError:
            return None
        return tuple(MPI.COMM_WORLD.allgather(value))
    address = os.environ.get("HOROVOD_GLOO_RENDEZVOUS_ADDR")
    port = os.environ.get("HOROVOD_GLOO_RENDEZVOUS_PORT")
    if not (address and port):
        return None
    # horovodrun's key-value store; rank 0 collects, so that it serves 3 x size requests.
    from horovod.runner.http.http_client import put_data_into_kvstore

    put_data_into_kvstore(address, port, "caps_hvd", f"rank{rank}", value)
    if rank == 0:
        every = tuple(_wait_for_key(address, port, f"rank{r}") for r in range(size))
        put_data_into_kvstore(address, port, "caps_hvd", "all", every)
        return every
    return _wait_for_key(address, port, "all")


def _wait_for_key(address, port, key, timeout_seconds=60.0):
    import time

    from horovod.runner.http.http_client import read_data_from_kvstore

    deadline = time.monotonic() + timeout_seconds
    while True:
        try:
            return read_data_from_kvstore(address, port, "caps_hvd", key)
        except RuntimeError as error:  # not there yet
            if time.monotonic() > deadline:
                raise DistributedError(
                    f"no word from {key} through horovodrun at {address}:{port} within "
                    f"{timeout_seconds:.0f} seconds; is that rank's host reachable?"
                ) from error
        time.sleep(0.02)


def _check_reduction(op):
    if op not in _REDUCTIONS:
        raise DistributedError(f"op: expected one of {', '.join(_REDUCTIONS)}, got {op!r}")


def _is_tensor(value) -> bool:
    # By module name: a single process must not import TensorFlow just to ask.
    return type(value).__module__.partition(".")[0] in ("tensorflow", "keras")


def _average_like(value, op):
    """Host values as arrays, integers as float64 where they are to be averaged."""
    if _is_tensor(value):
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
