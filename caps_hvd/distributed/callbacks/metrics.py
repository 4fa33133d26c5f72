"""Metrics over the samples of all ranks, not the average of the ranks' averages."""

from collections.abc import Mapping

import keras
import numpy as np

from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.communicator import on_all_ranks
from caps_hvd.errors import ConfigError, DistributedError, check_choice

# Metrics whose variables are sums over samples, so that those of all ranks can be added.
_ADDITIVE = (
    keras.metrics.Mean,
    keras.metrics.Sum,
    keras.metrics.TruePositives,
    keras.metrics.TrueNegatives,
    keras.metrics.FalsePositives,
    keras.metrics.FalseNegatives,
    keras.metrics.Precision,
    keras.metrics.Recall,
    keras.metrics.AUC,
    keras.metrics.SensitivityAtSpecificity,
    keras.metrics.SpecificityAtSensitivity,
    keras.metrics.PrecisionAtRecall,
    keras.metrics.RecallAtPrecision,
    keras.metrics.IoU,
    keras.metrics.FBetaScore,
    keras.metrics.R2Score,
)


_REDUCTIONS = ("sum", "max", "min")

# Metric class -> how its variables are combined over ranks, or that of each variable by its name.
Reductions = Mapping[type, str | Mapping[str, str]]


def average_metrics(
    model: keras.Model,
    communicator: Communicator,
    *,
    additive: tuple[type, ...] = (),
    reductions: Reductions | None = None,
) -> dict[str, float | np.ndarray]:
    """Returns a model's metrics over the samples of all ranks since the last reset.

    Combines the metrics' own totals and counts, so ranks may have different numbers of samples.
    For after `model.evaluate`, whose return value knows this rank's samples only. All ranks call
    it; the metrics' states stay as they were.

    Args:
        model: A compiled model.
        communicator: From `comm.init()`.
        additive: Metric classes of your own whose variables are sums over samples.
        reductions: Metric classes of your own, and how their variables are combined: "sum", "max"
            or "min", or a dict from a variable's name to one of them. Defaults to none.

    Returns:
        A number for each metric, an array for one that has several values.

    Raises:
        ConfigError: a reduction is none of these.
        DistributedError: the model has a metric that is not known to be such a sum, or the ranks
            have different metrics.

    Example:
        >>> model.evaluate(my_part_of_the_test_set, verbose=0)
        >>> average_metrics(model, ranks, reductions={LargestError: "max"})["accuracy"]
    """
    declared = _declared(additive, reductions)
    states = {"metrics": _state(model, declared)}
    return _average(model, communicator, states, "average_metrics")["metrics"]


class AverageMetrics(keras.callbacks.Callback):
    """Replaces each epoch's metrics in `logs` by their values over all ranks, validation included.

    Put it in front of callbacks that read `logs` (CSVLogger, EarlyStopping, ReduceLROnPlateau):
    they then decide alike on every rank. The values shown while an epoch runs are this rank's
    own. If there is validation data, all ranks must have some.

    Args:
        communicator: From `comm.init()`.
        additive, reductions: As for `average_metrics`.
    """

    def __init__(
        self,
        communicator: Communicator,
        *,
        additive: tuple[type, ...] = (),
        reductions: Reductions | None = None,
    ):
        super().__init__()
        self.communicator = communicator
        self._declared = _declared(additive, reductions)
        self._states: dict | None = None  # of training and validation, in an epoch

    def on_epoch_begin(self, epoch, logs=None):
        self._states = {}

    def on_test_begin(self, logs=None):
        # Validation starts by resetting the metrics that training has filled.
        if self._states is not None:
            self._states["training"] = _state(self.model, self._declared)

    def on_test_end(self, logs=None):
        if self._states is not None:
            self._states["validation"] = _state(self.model, self._declared)

    def on_epoch_end(self, epoch, logs=None):
        states, self._states = self._states, None
        if self.communicator.size == 1 or logs is None:
            return
        states = states or {"training": _state(self.model, self._declared)}
        place = f"the end of epoch {epoch + 1} (AverageMetrics)"
        results = _average(self.model, self.communicator, states, place)
        for prefix, result in zip(("", "val_"), results.values(), strict=False):
            logs.update({prefix + name: value for name, value in result.items()})


def _declared(additive, reductions) -> dict:
    """Class -> its reduction, those of the user's first."""
    declared = dict(reductions or {})
    for metric in (*additive, *_ADDITIVE):
        declared.setdefault(metric, "sum")
    for metric, reduction in declared.items():
        each = reduction.values() if isinstance(reduction, Mapping) else [reduction]
        for name in each:
            check_choice(f"reductions: {metric.__name__}", name, _REDUCTIONS)
    return declared


def _state(model, declared) -> list[tuple[str, np.ndarray]]:
    """The reduction and the value of every variable of the metrics."""
    found = {}
    for metric in _leaves(model.metrics):
        cls = next((each for each in declared if isinstance(metric, each)), None)
        if metric.variables and cls is None:
            raise DistributedError(
                f"metrics: expected metrics whose variables are sums over samples, received "
                f"{metric.name} ({type(metric).__name__}); derive it from keras.metrics.Mean, or "
                f"declare how its variables are combined: reductions={{{type(metric).__name__}: "
                f'"max"}}, or "min", or "sum"'
            )
        for variable in metric.variables:
            found[id(variable)] = _reduction(metric, declared[cls], variable)
    return [(found.get(id(v), "sum"), v.numpy()) for v in model.metrics_variables]


def _reduction(metric, declared, variable) -> str:
    if not isinstance(declared, Mapping):
        return declared
    if variable.name not in declared:
        raise ConfigError(
            f"reductions: {type(metric).__name__}: expected one for each of "
            f"{', '.join(v.name for v in metric.variables)}, received {', '.join(declared)}"
        )
    return declared[variable.name]


def _leaves(metrics):
    for metric in metrics:
        parts = getattr(metric, "metrics", None)  # what compile() was given, in one metric
        if parts is None:
            yield metric
        else:
            yield from _leaves(parts)


def _average(model, communicator, states, place) -> dict:
    """One reduction of each kind for all states, then Keras's own formulas on the results."""
    variables = model.metrics_variables
    _check_same_metrics(communicator.meet(place, _described(model, states)))
    before = [variable.numpy() for variable in variables]
    every = [entry for state in states.values() for entry in state]
    combined = {}
    for kind in _REDUCTIONS:
        mine = [i for i, (reduction, _) in enumerate(every) if reduction == kind]
        flat = [np.ravel(every[i][1]).astype(np.float64) for i in mine]
        if flat:
            whole = communicator.allreduce(np.concatenate(flat), kind)
            ends = np.cumsum([value.size for value in flat])
            combined |= dict(zip(mine, np.split(whole, ends[:-1]), strict=True))
    values = iter(combined[i] for i in range(len(every)))
    results = {}
    for name, state in states.items():
        for variable, (_, value) in zip(variables, state, strict=True):
            variable.assign(next(values).reshape(value.shape).astype(value.dtype))
        found = model.get_metrics_result()
        results[name] = {key: _plain(value) for key, value in found.items()}
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return results


def _plain(value) -> float | np.ndarray:
    array = keras.ops.convert_to_numpy(value)
    return float(array) if array.ndim == 0 else array


def _described(model, states) -> dict:
    """What must be the same on all ranks for their metrics to be combined."""
    names = [metric.name for metric in _leaves(model.metrics)]
    return {
        name: (names, [(kind, value.shape) for kind, value in state])
        for name, state in states.items()
    }


def _check_same_metrics(every: list[dict]) -> None:
    for rank, other in enumerate(every):
        for name in ("training", "validation", "metrics"):
            first, second = every[0].get(name), other.get(name)
            if first == second:
                continue
            if first is None or second is None:
                lacking, having = (0, rank) if first is None else (rank, 0)
                raise on_all_ranks(
                    DistributedError(
                        f"metrics: rank {lacking} has no val_loss, and rank {having} has one; give "
                        "all ranks validation_data, or none"
                    )
                )
            raise on_all_ranks(
                DistributedError(
                    f"metrics: expected on rank {rank} those of rank 0, {', '.join(first[0])}, "
                    f"received {', '.join(second[0])}; compile the model with the same metrics on "
                    "all ranks"
                )
            )
