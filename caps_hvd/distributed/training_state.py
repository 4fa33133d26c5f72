"""The training state that a model holds: what all ranks share, and what is each rank's own.

Shared is what every rank computes alike: weights, optimizers, variables of a training step. A
rank's own are the gradients that wait for their update where gradients are accumulated, what a
compression of gradients keeps, and the moments of Adasum, which combines the ranks' own steps.
"""

import dataclasses
import inspect
import sys
import types
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from caps_hvd.distributed.gradients.optimizer import Distributed
from caps_hvd.errors import RunError

# Nothing of a training loop is looked for inside the objects of these.
_LIBRARIES = frozenset(
    {
        "keras",
        "tensorflow",
        "numpy",
        "caps_hvd",
        "horovod",
        "jax",
        "torch",
        *sys.stdlib_module_names,
    }
) - {"__main__"}


@dataclasses.dataclass
class TrainingState:
    """The variables and optimizers of a model's training step, in an order that ranks share.

    Attributes:
        optimizers: The model's optimizer and all others, each once.
        variables: Of the model, its optimizers and its step, without metrics and seeds.
        seeds: States of random generators.
    """

    optimizers: list[Any] = dataclasses.field(default_factory=list)
    variables: list[Any] = dataclasses.field(default_factory=list)
    seeds: list[Any] = dataclasses.field(default_factory=list)

    @property
    def shared(self) -> list:
        """The variables that all ranks have alike, seeds left out."""
        own = {id(variable) for variable in self.own}
        return [variable for variable in self.variables if id(variable) not in own]

    @property
    def own(self) -> list:
        """The variables that each rank has for itself."""
        return [*self.waiting, *self.moments]

    @property
    def waiting(self) -> list:
        """Of these, what is yet to become a part of a reduced gradient."""
        return [v for optimizer in self._distributed for v in optimizer.waiting_variables]

    @property
    def moments(self) -> list:
        """Of these, the moments of Adasum."""
        return [v for optimizer in self._distributed for v in optimizer.own_moments]

    @property
    def steps(self) -> list:
        """The count of steps of each distributed optimizer."""
        return [getattr(o, "inner_optimizer", o)._iterations for o in self._distributed]

    @property
    def _distributed(self):
        return [each for each in self.optimizers if isinstance(each, Distributed)]


def training_state(model: keras.Model) -> TrainingState:
    """Finds the training state of a compiled model.

    It is what can be reached from the model's attributes, through lists, dicts, layers and objects
    of the user's own classes, and through the names that the methods of the model's own class use.
    """
    search = _Search(TrainingState(variables=list(model.weights)))
    skipped = {id(variable) for variable in model.metrics_variables}
    search.seen |= skipped | {id(variable) for variable in model.weights}
    search.visit(getattr(model, "optimizer", None))
    search.visit(model)
    for cls in type(model).__mro__:
        if not _of_library(cls):
            for function in vars(cls).values():
                search.visit(function)
    return search.found


def rank_state(model: keras.Model) -> dict[str, np.ndarray]:
    """Returns what this rank alone knows of a model's training, for a file of the rank's own.

    It is the rank's own variables, its random seeds, and the steps that it has taken. A checkpoint
    that one rank writes has that rank's only.

    Args:
        model: Compiled, with optimizers that are built.

    Example:
        >>> np.savez(f"rank{ranks.rank}.npz", **rank_state(model))  # every rank, with the weights
    """
    return {str(i): np.asarray(v.numpy()) for i, v in enumerate(_rank_variables(model))}


def load_rank_state(model: keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Puts back what `rank_state` gave, before `fit`.

    Args:
        model: Compiled, with optimizers that are built.
        state: What `rank_state` gave on the same rank of as many ranks.

    Raises:
        RunError: it belongs to another model or optimizer.
    """
    variables = _rank_variables(model)
    expected = [tuple(variable.shape) for variable in variables]
    received = [np.shape(state[name]) for name in sorted(state, key=int)]
    if expected != received:
        raise RunError(
            f"rank_state: expected values of the shapes {expected}, received {received}; load what "
            "the same model and optimizers gave, after optimizer.build()"
        )
    for i, variable in enumerate(variables):
        variable.assign(state[str(i)])


def _rank_variables(model) -> list:
    state = training_state(model)
    return [*state.own, *state.seeds, *state.steps]


class _Search:
    """A walk through a model's objects; each is visited once."""

    def __init__(self, found: TrainingState):
        self.found = found
        self.seen = set()

    def visit(self, value) -> None:
        if value is None or id(value) in self.seen:
            return
        if isinstance(value, keras.Variable):
            self._add(self.found.variables, value)
        elif isinstance(value, keras.optimizers.Optimizer):
            self._add(self.found.optimizers, value)
            for variable in value.variables:
                self._add(self.found.variables, variable)
            self.seen.add(id(getattr(value, "inner_optimizer", None)))
        elif isinstance(value, keras.random.SeedGenerator):
            self._add(self.found.seeds, value.state)
        elif isinstance(value, keras.metrics.Metric):
            pass  # counts of this rank's samples
        elif isinstance(value, list | tuple):
            self._enter(value, value)
        elif isinstance(value, dict):
            self._enter(value, value.values())
        elif isinstance(value, types.FunctionType):
            self._function(value)
        elif not self._tensorflow(value) and _holds_state(value):
            self._enter(value, vars(value).values())

    def _add(self, found, value):
        if id(value) not in self.seen:
            self.seen.add(id(value))
            found.append(value)

    def _enter(self, value, parts):
        self.seen.add(id(value))
        for part in list(parts):
            self.visit(part)

    def _function(self, function):
        """What a function of the user's takes from around it."""
        if _of_library(function):
            return
        try:
            around = inspect.getclosurevars(function)
        except (TypeError, ValueError):  # a cell that is not filled yet
            return
        names = {**around.nonlocals, **around.globals}
        self._enter(function, [names[name] for name in sorted(names)])

    def _tensorflow(self, value) -> bool:
        if keras.backend.backend() != "tensorflow":
            return False
        import tensorflow as tf

        if isinstance(value, tf.Variable):
            self._add(self.found.variables, value)
        elif isinstance(value, tf.random.Generator):
            self._add(self.found.seeds, value.state)
        elif isinstance(value, tf.Module) and not isinstance(value, keras.layers.Layer):
            self._enter(value, vars(value).values())
        else:
            return False
        return True


def _holds_state(value) -> bool:
    """Whether to look into an object: a layer, or an instance of a class of the user's."""
    if isinstance(value, type | types.ModuleType) or not hasattr(value, "__dict__"):
        return False
    return isinstance(value, keras.layers.Layer) or not _of_library(type(value))


def _of_library(value) -> bool:
    return (getattr(value, "__module__", None) or "builtins").partition(".")[0] in _LIBRARIES
