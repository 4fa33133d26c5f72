"""Checkpoints: all that a run needs to go on as if it had never stopped, in one HDF5 file.

attributes   format, and `progress` as JSON
model/0000   one data set per variable of the model, random seeds included, metrics excluded
optimizer/0000   one per variable of the optimizer: moments, iterations, loss scale
rank 1/0000  one per variable that is rank 1's own, where there are any: gradients that wait for
             their update, moments of Adasum; likewise `rank 2` and so on, while rank 0's stand
             above. The attribute `ranks` says how many ranks there were.

They stand in the order in which one process has them, each with its name as the attribute `path`:
where ranks have different lanes of a model, the file is the same as that of a process with all.
"""

import collections
import contextlib
import dataclasses
import json
import math

import h5py
import numpy as np

from caps_hvd.errors import RunError
from caps_hvd.io.atomic import replacing, reserve
from caps_hvd.io.typed import convert
from caps_hvd.records.record import Epoch, Session

_FORMAT = "caps_hvd.checkpoint/1"


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Args:
        epoch: epochs that are complete; training goes on with this one, counted from 0.
        seed: seed that the run was started with.
        config_digest: `TrainConfig.digest()` of the run.
        epochs: every complete epoch, as in `record.json`.
        sessions: every start of the program that took part, as in `record.json`.
    """

    epoch: int
    seed: int
    config_digest: str
    epochs: list[Epoch] = dataclasses.field(default_factory=list)
    sessions: list[Session] = dataclasses.field(default_factory=list)


def state_dict(model, optimizer=None) -> dict[str, np.ndarray]:
    """Returns the values of `named_variables`."""
    named = named_variables(model, optimizer)
    return {name: variable.numpy() for name, variable in named.items()}


def load_state_dict(
    state: dict[str, np.ndarray], model, optimizer=None, path="checkpoint", part: bool = False
) -> None:
    """Gives a model and its optimizer values by name.

    Args:
        state: what `state_dict` gave, or `read`.
        model: built Keras model of the same architecture.
        optimizer: its built optimizer, or None to give the model's variables only.
        path: what errors call it.
        part: whether the model has some lanes only, and the values are of all. Defaults to False.

    Raises:
        RunError: the values belong to another model.
    """
    own = named_variables(model, optimizer)
    if not part:
        state = _renamed(state, own, path)
    elif not own.keys() <= state.keys():
        raise RunError(
            f"{path} was written by an older version, which called variables otherwise; train an "
            "epoch on one rank, or with --lane-groups 1, and then go on with lane groups"
        )
    for name, variable in own.items():
        if state[name].shape != tuple(variable.shape):
            raise RunError(
                f"{path} belongs to another {name.partition('/')[0]}: {name} has the shape "
                f"{state[name].shape}, expected {tuple(variable.shape)}"
            )
    for name, variable in own.items():
        variable.assign(state[name])


def _renamed(state, names, path) -> dict:
    """The values under a model's names: as they are, or in order where names are others.

    Names that Keras gives to layers count up in a process that builds several models.
    """
    renamed = {}
    for group in dict.fromkeys(name.partition("/")[0] for name in names):
        stored = [name for name in state if name.startswith(f"{group}/")]
        expected = [name for name in names if name.startswith(f"{group}/")]
        if len(stored) != len(expected):
            raise RunError(
                f"{path} belongs to another {group}: it holds {len(stored)} variables, expected "
                f"{len(expected)}"
            )
        if set(stored) == set(expected):
            stored = expected
        renamed |= {name: state[other] for name, other in zip(expected, stored, strict=True)}
    return renamed


def save(path, state: dict[str, np.ndarray], progress: Progress) -> None:
    """Writes a checkpoint, whole or not at all.

    Args:
        path: file to write or to replace.
        state: values of the model and its optimizer, from `state_dict`.
        progress: what goes with them.

    Raises:
        RunError: the file cannot be written; an older checkpoint is still there.
    """
    with (
        replacing(path) as partial,
        # HDF5 writing by itself leaves open objects behind on a full disk; Python's file does not.
        open(partial, "w+b") as raw,
        h5py.File(raw, "w") as file,
    ):
        file.attrs["format"] = _FORMAT
        file.attrs["progress"] = json.dumps(dataclasses.asdict(progress))
        file.attrs["ranks"] = progress.sessions[-1].ranks if progress.sessions else 1
        for name, value in state.items():
            group, _, path_in_group = name.partition("/")
            group = file.require_group(group)
            stored = group.create_dataset(f"{len(group):04d}", data=value)
            stored.attrs["path"] = path_in_group


def save_weights(path, model) -> None:
    """Writes a model's weights as Keras does, whole or not at all.

    Args:
        path: file to write; its name ends in `.weights.h5`.
        model: built Keras model.

    Raises:
        RunError: the file cannot be written.
    """
    with replacing(path) as partial:
        # Keras hands the file to HDF5, which does not end well on a full disk: find out before.
        values = sum(math.prod(w.shape) * np.dtype(w.dtype).itemsize for w in model.weights)
        reserve(partial, values + 4096 * (len(model.weights) + 16))
        with _without_optimizer(model):
            model.save_weights(partial)


@contextlib.contextmanager
def _without_optimizer(model):
    """Keras would put the optimizer's moments into a file of weights, and make it three times."""
    optimizer, model.optimizer = getattr(model, "optimizer", None), None
    try:
        yield
    finally:
        model.optimizer = optimizer


def read_progress(path) -> Progress:
    """Reads how far a run has come; needs neither the model nor Keras.

    Raises:
        RunError: the file is no checkpoint, or is damaged.
    """
    with _opened(path) as file:
        return _progress(file)


def read_ranks(path) -> int | None:
    """Reads how many ranks' own state a checkpoint holds, None where it holds rank 0's only.

    Raises:
        RunError: the file is no checkpoint, or is damaged.
    """
    with _opened(path) as file:
        if "ranks" in file.attrs:
            return int(file.attrs["ranks"])
        sessions = _progress(file).sessions
        return None if any(session.ranks > 1 for session in sessions[-1:]) else 1


def read(path) -> dict[str, np.ndarray]:
    """Reads the values of a checkpoint by name, for `load_state_dict`.

    Raises:
        RunError: the file is no checkpoint, or is damaged.
    """
    with _opened(path) as file:
        return {
            f"{name}/{group[index].attrs['path']}": group[index][()]
            for name, group in file.items()
            for index in sorted(group)
        }


def restore(path, model, optimizer=None) -> None:
    """Puts a checkpoint's values into a model and its optimizer; see `load_state_dict`.

    Raises:
        RunError: the file is no checkpoint, is damaged, or belongs to another model.
    """
    load_state_dict(read(path), model, optimizer, path)


def _progress(file) -> Progress:
    """What `save` has put beside the weights, whose epochs an older program may have written."""
    return convert(json.loads(file.attrs["progress"]), Progress, "progress")


def named_variables(model, optimizer=None) -> dict:
    """The variables of a model and its optimizer by name: `model/...`, `optimizer/...`, in order.

    Args:
        model: built Keras model.
        optimizer: its built optimizer, or None for the model's variables only.
    """
    named = {f"model/{weight.path}": weight for weight in model.weights}
    # Seeds, whose names count up in a process that builds several models.
    others = {id(variable) for variable in [*model.weights, *model.metrics_variables]}
    seeds = [variable for variable in model.variables if id(variable) not in others]
    named |= {f"model/seed {index}": variable for index, variable in enumerate(seeds)}
    if optimizer is not None:
        seen = collections.Counter()
        for variable in optimizer.variables:
            # Without the optimizer's own name, which counts up as well. One that scales the loss
            # and the one inside it both count their iterations.
            name = f"optimizer/{variable.path.partition('/')[2]}"
            seen[name] += 1
            named[name if seen[name] == 1 else f"{name} {seen[name]}"] = variable
        kept = getattr(optimizer, "reduction", None)  # absent in a model that is only looked at
        compression = [] if kept is None else kept.variables
        named |= {f"compression/{index}": variable for index, variable in enumerate(compression)}
    return named


def own_variables(model, optimizer) -> dict:
    """Those of `named_variables` that are each rank's own."""
    own = {id(variable) for variable in [*optimizer.waiting_variables, *optimizer.own_moments]}
    named = named_variables(model, optimizer)
    return {name: variable for name, variable in named.items() if id(variable) in own}


@contextlib.contextmanager
def _opened(path):
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != _FORMAT:
                raise RunError(f"{path} is not a checkpoint of this program ({_FORMAT})")
            yield file
    except (OSError, KeyError, ValueError) as error:
        raise RunError(
            f"{path} cannot be read as a checkpoint: {error}; remove it to start afresh"
        ) from error
