"""The part of a checkpoint that is each rank's own: gathered for it, and given back."""

import numpy as np

from caps_hvd.distributed.communicator import Communicator
from caps_hvd.training import checkpoint


def gathered(model, optimizer, communicator: Communicator) -> dict[str, np.ndarray]:
    """Returns the own state of the other ranks on rank 0, under `rank R/...`; collective.

    Nothing where none has any: there are no variables of a rank's own, or all of them are zero.

    Args:
        model: the model, or this rank's part of it.
        optimizer: its distributed optimizer.
        communicator: of all ranks.
    """
    own = checkpoint.own_variables(model, optimizer)
    if communicator.size == 1 or not own:
        return {}
    values = {name: variable.numpy() for name, variable in own.items()}
    filled = any(np.any(value) for value in values.values())
    if not float(communicator.allreduce(float(filled), "max")):
        return {}
    found = {}
    for rank in range(1, communicator.size):  # one at a time, as only rank 0 keeps them
        part = communicator.broadcast_object(values, root=rank)
        if communicator.rank == 0:
            found |= {f"rank {rank}/{name}": value for name, value in part.items()}
    return found


def give_back(state: dict | None, path, model, optimizer, communicator: Communicator) -> None:
    """Gives every rank its own part of a checkpoint; collective, after rank 0 has loaded its own.

    Where the ranks are others than those that wrote it, gradients that wait for their update are
    dropped, which is said; the moments of Adasum are then those of rank 0 for all.

    Args:
        state: what `checkpoint.read` gave on rank 0; the other ranks' is ignored.
        path: of the checkpoint.
        model: the model, or this rank's part of it.
        optimizer: its distributed optimizer.
        communicator: of all ranks.
    """
    own = checkpoint.own_variables(model, optimizer)
    if not own:
        return
    ranks = checkpoint.read_ranks(path) if communicator.rank == 0 else None
    ranks, steps = communicator.broadcast_object((ranks, _steps(optimizer).numpy()))
    mine = _own_part(state, communicator)
    fits = ranks == communicator.size and (
        not mine or {name: np.shape(value) for name, value in mine.items()} == _shapes(own)
    )
    if float(communicator.allreduce(float(fits), "min")):
        if communicator.rank:
            for name, variable in own.items():
                variable.assign(mine.get(name, np.zeros(variable.shape)))
            _steps(optimizer).assign(steps)
        return
    waiting = optimizer.waiting_variables
    waits = any(np.any(variable.numpy()) for variable in waiting)
    for variable in waiting:
        variable.assign(np.zeros(variable.shape))
    if float(communicator.allreduce(float(waits), "max")):
        communicator.print(
            f"{path} does not hold what every one of these {communicator.size} ranks had; "
            "gradients that waited for their update are dropped"
        )


def _own_part(state, communicator) -> dict[str, np.ndarray]:
    """This rank's part of what rank 0 has read; rank 0 has its own already."""
    mine = {}
    for rank in range(1, communicator.size):
        part, prefix = None, f"rank {rank}/"
        if communicator.rank == 0:
            names = [name for name in state if name.startswith(prefix)]
            part = {name.removeprefix(prefix): state[name] for name in names}
        part = communicator.broadcast_object(part)
        if communicator.rank == rank:
            mine = part
    return mine


def _shapes(variables) -> dict:
    return {name: tuple(variable.shape) for name, variable in variables.items()}


def _steps(optimizer):
    return getattr(optimizer, "inner_optimizer", optimizer)._iterations
