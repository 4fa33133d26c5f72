"""Fine tuning: weights from another run where a training begins, and layers that stay as they are.

A layer goes by the path of its weights, as checkpoints have it: `convolution`, `class_capsules`,
`lane_0/routing`, `decoder/hidden_1`.
"""

import dataclasses
import fnmatch
import hashlib
import itertools
import math
import random
from pathlib import Path

import numpy as np

from caps_hvd.config.fine_tuning import parse_layers
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.data import Dataset
from caps_hvd.distributed.communicator import Communicator
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.records import record
from caps_hvd.records.record import Initialization
from caps_hvd.training import checkpoint
from caps_hvd.training.build import build_model
from caps_hvd.training.run_directory import RunDirectory, read_config
from caps_hvd.training.selection import best_weights, selection_of

_MANY = 12  # names of layers in a line


@dataclasses.dataclass(frozen=True)
class Source:
    """The weights of a finished run, and what they are of.

    Args:
        path: as it was given.
        found: the run's record.
        weights: from a variable's name to its value.
        sha256: of the file that they were read from.
        bound: layers that are not taken, whatever their shapes, since its classes are others.
    """

    path: str
    found: record.Record
    weights: dict[str, np.ndarray]
    sha256: str
    bound: frozenset[str] = frozenset()


def layers(model) -> dict[str, dict]:
    """Returns the layers of a model that have weights: path -> name -> variable."""
    found: dict[str, dict] = {}
    for name, variable in checkpoint.named_variables(model).items():
        if layer := _layer_of(name):
            found.setdefault(layer, {})[name] = variable
    return found


def trained_layers(model) -> dict[str, dict]:
    """Those of `layers` that have something to train; others hold statistics of the images."""
    return {
        name: variables
        for name, variables in layers(model).items()
        if any(variable.trainable for variable in variables.values())
    }


def initialize_from(
    config: TrainConfig, dataset: Dataset, model, communicator: Communicator
) -> Initialization:
    """Gives a model the weights of another run in every layer whose shapes fit; collective.

    Layers whose shapes depend on the number of classes are taken only where the classes have the
    same names in the same order. Layers that have nothing to train are left alone: what they hold
    is of the data set.

    Args:
        config: of the run that begins.
        dataset: that it trains on.
        model: with first weights, or this rank's part of it.
        communicator: of all ranks; rank 0 reads.

    Returns:
        What was taken and what was not.

    Raises:
        ConfigError: it is no finished run of this model, or nothing of it fits.
        RunError: its files cannot be read.
    """
    source = None
    with communicator.raise_on_all_ranks():
        if communicator.rank == 0:
            source = _with_bound_layers(read_source(config), config, dataset)
    source = communicator.broadcast_object(source)
    taken, anew = [], []
    own = trained_layers(model)
    for layer, variables in own.items():
        fits = layer not in source.bound and _fits(variables, source.weights)
        (taken if fits else anew).append(layer)
    every = communicator.allgather_object((taken, anew))  # ranks may have different lanes
    all_taken, all_anew = (
        list(dict.fromkeys(itertools.chain(*parts))) for parts in zip(*every, strict=True)
    )
    with communicator.raise_on_all_ranks():
        if not all_taken:
            facts = source.found.model
            raise ConfigError(
                f"initialize_from: expected a run with a layer that fits this {config.model}, "
                f"received {source.path}, a {facts.name} ({facts.preset}) for images of "
                f"{' x '.join(map(str, facts.image_shape))}; take the same --preset and image shape"
            )
    for layer in taken:
        for name, variable in own[layer].items():
            variable.assign(source.weights[name])
    return Initialization(
        run=source.path,
        started_utc=source.found.started_utc,
        dataset=source.found.data.name,
        sha256=source.sha256,
        taken=all_taken,
        anew=all_anew,
    )


def read_source(config: TrainConfig) -> Source:
    """Returns the weights that `initialize_from` names.

    Raises:
        ConfigError: it is no finished run of the model that is trained.
        RunError: its files cannot be read.
    """
    given = Path(config.initialize_from)
    directory = RunDirectory.at(given.parent if given.name.endswith(".weights.h5") else given)
    wanted = "initialize_from: expected the folder of a finished run"
    if not directory.record.is_file():
        what = "has no record.json" if directory.path.is_dir() else "is not a folder"
        again = "; let it end first: --resume goes on with it" if directory.config.exists() else ""
        raise ConfigError(f"{wanted}, but {directory} {what}{again}")
    found = record.read(directory.record)
    if found.result is None:
        raise ConfigError(f"{wanted}, but that in {directory} has failed: {found.failure.reason}")
    if found.model.name != config.model:
        raise ConfigError(
            f"{wanted} of the model {config.model}, received {directory}, a run of "
            f"{found.model.name}; add --model {found.model.name}, or name another run"
        )
    if not directory.checkpoint.is_file():
        raise RunError(f"{wanted} with its weights, but {directory} has no checkpoint.h5")
    progress = checkpoint.read_progress(directory.checkpoint)
    file = best_weights(selection_of(read_config(directory)), directory, progress)
    state = checkpoint.read(file)
    with open(file, "rb") as raw:
        sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
    weights = {name: value for name, value in state.items() if name.startswith("model/")}
    return Source(str(config.initialize_from), found, weights, sha256)


def _with_bound_layers(source: Source, config, dataset) -> Source:
    """The source, with the layers that belong to its classes named where ours are others."""
    if source.found.data.class_names == list(dataset.class_names):
        return source
    state = random.getstate()  # first weights are drawn from it, and other ranks draw none here
    shapes = [
        {
            name: tuple(variable.shape)
            for name, variable in checkpoint.named_variables(
                build_model(config, dataset.image_shape, classes)
            ).items()
        }
        for classes in (dataset.classes, dataset.classes + 1)
    ]
    random.setstate(state)
    bound = {_layer_of(name) for name, shape in shapes[0].items() if shapes[1].get(name) != shape}
    return dataclasses.replace(source, bound=frozenset(bound))


def _fits(variables, weights) -> bool:
    return all(
        name in weights and weights[name].shape == tuple(variable.shape)
        for name, variable in variables.items()
    )


def freeze(patterns: str, model, communicator: Communicator) -> None:
    """Lets the layers of some names stay as they are; collective, before a model is compiled.

    Args:
        patterns: names or patterns of layers, or of what they are in, with commas between them.
        model: the model, or this rank's part of it.
        communicator: of all ranks.

    Raises:
        ConfigError: there is no such layer, or nothing would be left to train.
    """
    own = trained_layers(model)
    every = list(dict.fromkeys(itertools.chain(*communicator.allgather_object(list(own)))))
    wanted = parse_layers(patterns)
    with communicator.raise_on_all_ranks():
        for pattern in wanted:
            if not any(_matches(name, pattern) for name in every):
                raise ConfigError(
                    f"freeze: expected names of layers of this model, {', '.join(every)}, or "
                    f"patterns of them; received {pattern!r}"
                )
        for name, variables in own.items():
            if any(_matches(name, pattern) for pattern in wanted):
                for variable in variables.values():
                    variable.trainable = False
        if not model.trainable_variables:
            has = "has" if len(own) == len(every) else f"has on rank {communicator.rank}"
            raise ConfigError(
                f"freeze: expected layers that leave something to train, received {patterns!r}, "
                f"which is every layer that the model {has}; name fewer"
            )


def taken_paths(found: Initialization | None, model) -> frozenset[str]:
    """Returns the paths of a model's weights that were taken from another run."""
    taken = set(found.taken) if found else set()
    own = layers(model).items()
    return frozenset(v.path for name, each in own if name in taken for v in each.values())


def describe(found: Initialization) -> str:
    """Returns one line on what was taken from another run."""
    taken, anew = (_listed(names) for names in (found.taken, found.anew))
    return f"weights of {found.run} ({found.dataset}): taken {taken}; anew {anew}"


def describe_frozen(patterns: str | None, model) -> str | None:
    """Returns one line on the layers of a rank that stay as they are, None where there are none."""
    if patterns is None:
        return None
    wanted = parse_layers(patterns)
    frozen = {
        name: variables
        for name, variables in layers(model).items()
        if any(_matches(name, pattern) for pattern in wanted)
    }
    parameters = sum(math.prod(v.shape) for each in frozen.values() for v in each.values())
    return f"frozen: {_listed(list(frozen))} ({parameters:,} parameters)"


def _layer_of(name: str) -> str:
    """The layer of a variable; empty for a random seed."""
    layer = name.removeprefix("model/").rpartition("/")[0]
    return layer.removeprefix("encoder/")


def _matches(layer: str, pattern: str) -> bool:
    parts = layer.split("/")
    paths = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
    return any(fnmatch.fnmatchcase(path, pattern) for path in paths)


def _listed(names) -> str:
    if len(names) > _MANY:
        return f"{len(names)} layers ({', '.join(names[: _MANY // 2])}, ..., {names[-1]})"
    return ", ".join(names) or "none"
