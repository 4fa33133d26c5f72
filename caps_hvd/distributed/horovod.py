"""The communicator of ranks that a launcher started, through Horovod.

This is the only module that imports Horovod or mpi4py; `comm.init` imports it where several ranks
were launched.
"""

import contextlib
import os
import pickle
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import horovod.tensorflow as hvd
import numpy as np
import tensorflow as tf

from caps_hvd.distributed.communicator import (
    REDUCTIONS,
    Communicator,
    Peer,
    check_places,
    host_or_tensor,
    is_tensor,
)
from caps_hvd.errors import DistributedError, check_choice

# Far longer than a step, far shorter than the patience of Horovod (see `settings.py`).
_WAIT_NOTICE_SECONDS = 60.0


@dataclass(frozen=True)
class HorovodCommunicator(Communicator):
    """Collectives through Horovod on TensorFlow, over MPI or Gloo (NCCL for GPU tensors).

    Attributes:
        members: The job's rank of each rank, where these are not all of them.
        process_sets: Horovod's sets of the job by their ranks, the set of all among them.
    """

    members: tuple[int, ...] | None = None
    process_sets: Mapping[tuple[int, ...], Any] | None = None

    @property
    def _set(self):
        return self.process_sets[self._members]

    @property
    def _members(self):
        return self.members or tuple(range(self.size))

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
        check_choice("op", op, REDUCTIONS, DistributedError)
        if not values:
            return []
        tensors = [tf.convert_to_tensor(host_or_tensor(value, op)) for value in values]
        # Horovod has no bfloat16.
        wire = [tf.cast(t, tf.float32) if t.dtype == tf.bfloat16 else t for t in tensors]
        self.traffic.count(wire)
        options = {
            "op": getattr(hvd, op.capitalize()),
            "process_set": self._set,
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
            tf.cast(result, tensor.dtype) if is_tensor(value) else result.numpy()
            for result, tensor, value in zip(reduced, tensors, values, strict=True)
        ]

    def allgather(self, value, *, name=None):
        tensor = tf.convert_to_tensor(value)
        self.traffic.count([tensor])
        gathered = hvd.allgather(
            tensor, name=name, ignore_name_scope=name is not None, process_set=self._set
        )
        return gathered if is_tensor(value) else gathered.numpy()

    # Objects travel as numpy arrays: TensorFlow takes 70 seconds per gigabyte to make a tensor of
    # the bytes that Horovod's own functions would give it.

    def allgather_object(self, value):
        return self.meet("", value)

    def meet(self, place, value=None):
        pickled = np.frombuffer(pickle.dumps((place, value)), np.uint8)
        with self._saying_what_it_waits_for(place):
            every = self._gather(pickled, "object")
        ends = np.cumsum(self._gather(np.array([len(pickled)]), "object_sizes"))
        places, values = zip(
            *(pickle.loads(part.tobytes()) for part in np.split(every, ends[:-1])), strict=True
        )
        check_places(places)
        return list(values)

    @contextlib.contextmanager
    def _saying_what_it_waits_for(self, place):
        """Says where this rank is, once, if the others do not come for long."""
        if not place:
            yield
            return
        seconds = float(os.environ.get("CAPS_HVD_WAIT_NOTICE_SECONDS", _WAIT_NOTICE_SECONDS))
        notice = (
            f"caps_hvd: rank {self.rank} has waited {seconds:g} s for other ranks at {place}; all "
            "ranks need as many batches in every epoch, and the same callbacks"
        )
        timer = threading.Timer(seconds, print, [notice], {"file": sys.stderr, "flush": True})
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def broadcast_object(self, value, root=0):
        mine = np.frombuffer(pickle.dumps(value), np.uint8) if self.rank == root else None
        size = self._give(np.array([0 if mine is None else len(mine)]), root, "object_size")
        pickled = self._give(np.zeros(size[0], np.uint8) if mine is None else mine, root, "object")
        return value if self.rank == root else pickle.loads(pickled.tobytes())

    def _gather(self, array, name):
        return hvd.allgather(array, name=f"caps_hvd_{name}", process_set=self._set).numpy()

    def _give(self, array, root, name):
        return hvd.broadcast(
            array, self._members[root], name=f"caps_hvd_{name}", process_set=self._set
        ).numpy()

    def broadcast_variables(self, variables, root=0):
        # Keras's hold one of TensorFlow's, which have a method of that name.
        native = [v if isinstance(v, tf.Variable) else v.value for v in variables]
        # uint32 (the state of a seed generator) and bfloat16 are not among Horovod's types.
        tensors = [v for v in native if v.dtype not in (tf.uint32, tf.uint64, tf.bfloat16)]
        others = [v for v in native if v.dtype in (tf.uint32, tf.uint64, tf.bfloat16)]

        @tf.function(autograph=False)
        def broadcast():
            # Named by position: the variables' own names may differ between the ranks.
            return [
                hvd.broadcast(
                    tf.identity(v),
                    self._members[root],
                    name=f"HorovodBroadcast_caps_hvd_{i}",
                    process_set=self._set,
                )
                for i, v in enumerate(tensors)
            ]

        if tensors:
            self.traffic.count(tensors if self.rank == root else [])
            values = broadcast.get_concrete_function()()
            for variable, value in zip(tensors, values, strict=True):
                variable.assign(value)
        if others:
            values = [v.numpy() for v in others] if self.rank == root else None
            for variable, value in zip(others, self.broadcast_object(values, root), strict=True):
                variable.assign(value)

    def subset(self, ranks):
        ranks = tuple(ranks)
        members = tuple(self._members[rank] for rank in ranks)
        if members == self._members:
            return self
        peers = None if self.peers is None else tuple(self.peers[rank] for rank in ranks)
        rank = ranks.index(self.rank)
        if len(ranks) == 1:
            return Communicator(peers=peers, traffic=self.traffic)
        if members not in self.process_sets:
            raise DistributedError(
                f"ranks {members} cannot communicate without the others: give comm.init() the size "
                "of the groups that the job is divided into"
            )
        return replace(self, rank=rank, size=len(ranks), peers=peers, members=members)

    def barrier(self, timeout=None):
        if timeout is None:
            self.allreduce(np.zeros(1, np.float32), "sum")
            return True

        @tf.function(autograph=False)
        def barrier():
            return self.allreduce(tf.ones([1]), "sum", name="HorovodAllreduce_caps_hvd_barrier")

        all_here, ended = threading.Event(), threading.Event()

        def wait():
            # A failed collective means that some rank is gone.
            with contextlib.suppress(tf.errors.OpError):
                barrier()
                all_here.set()
            ended.set()

        threading.Thread(target=wait, daemon=True).start()
        ended.wait(timeout)
        return all_here.is_set()

    def shutdown(self):
        hvd.shutdown()

    def abort(self, exit_code=1):
        # MPI tells the launcher of every host. Under Gloo the closed connections tell the
        # peers, and horovodrun ends the job when a rank ends with an error.
        if self.backend == "mpi":
            with contextlib.suppress(ImportError):
                from mpi4py import MPI

                MPI.COMM_WORLD.Abort(exit_code)
        os._exit(exit_code)


def start(launched: int, subsets: Sequence[tuple[int, ...]] = ()) -> HorovodCommunicator:
    """Starts Horovod in one of `launched` ranks; see `comm.init`.

    Args:
        launched: Number of ranks.
        subsets: Ranks that communicate without the others.
    """
    # Sets that are known from the start cost nothing; for those that come later Horovod's thread
    # would ask the other ranks in each of its cycles.
    sets = {ranks: hvd.ProcessSet(list(ranks)) for ranks in subsets}
    try:
        hvd.init(process_sets=list(sets.values()))
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
        hvd.rank(),
        hvd.size(),
        hvd.local_rank(),
        hvd.local_size(),
        backend,
        hvd.nccl_built(),
        peers,
        process_sets=sets | {tuple(range(launched)): hvd.global_process_set},
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
