"""Metrics over the samples of all ranks, not the average of the ranks' averages."""

import keras
import numpy as np

from caps_hvd.distributed.comm import Communicator
from caps_hvd.errors import DistributedError

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


def average_metrics(
    model: keras.Model, communicator: Communicator, *, additive: tuple[type, ...] = ()
) -> dict[str, float]:
    """Returns a model's metrics over the samples of all ranks since the last reset.

    Sums the metrics' own totals and counts, so ranks may have different numbers of samples.
    For after `model.evaluate`, whose return value knows this rank's samples only. All ranks call
    it; the metrics' states stay as they were.

    Args:
        model: A compiled model.
        communicator: From `comm.init()`.
        additive: Metric classes of your own whose variables are sums over samples.

    Raises:
        DistributedError: the model has a metric that is not known to be such a sum.

    Example:
        >>> model.evaluate(my_part_of_the_test_set, verbose=0)
        >>> average_metrics(model, ranks)["accuracy"]
    """
    return _average(model, communicator, [_state(model, additive)])[0]


class AverageMetrics(keras.callbacks.Callback):
    """Replaces each epoch's metrics in `logs` by their values over all ranks, validation included.

    Put it in front of callbacks that read `logs` (CSVLogger, EarlyStopping, ReduceLROnPlateau):
    they then decide alike on every rank. The values shown while an epoch runs are this rank's
    own. If there is validation data, all ranks must have some.

    Args:
        communicator: From `comm.init()`.
        additive: As for `average_metrics`.
    """

    def __init__(self, communicator: Communicator, *, additive: tuple[type, ...] = ()):
        super().__init__()
        self.communicator = communicator
        self.additive = additive
        self._states: dict | None = None  # of training and validation, in an epoch

    def on_epoch_begin(self, epoch, logs=None):
        self._states = {}

    def on_test_begin(self, logs=None):
        # Validation starts by resetting the metrics that training has filled.
        if self._states is not None:
            self._states["training"] = _state(self.model, self.additive)

    def on_test_end(self, logs=None):
        if self._states is not None:
            self._states["validation"] = _state(self.model, self.additive)

    def on_epoch_end(self, epoch, logs=None):
        states, self._states = self._states, None
        if self.communicator.size == 1 or logs is None:
            return
        states = list(states.values()) or [_state(self.model, self.additive)]
        results = _average(self.model, self.communicator, states)
        for prefix, result in zip(("", "val_"), results, strict=False):
            logs.update({prefix + name: value for name, value in result.items()})


def _state(model, additive):
    for metric in _leaves(model.metrics):
        if metric.variables and not isinstance(metric, (*_ADDITIVE, *additive)):
            raise DistributedError(
                f"metrics: expected metrics whose variables are sums over samples, received "
                f"{metric.name} ({type(metric).__name__}); derive it from keras.metrics.Mean, or "
                "name its class in `additive` if its variables can be added"
            )
    return [variable.numpy() for variable in model.metrics_variables]


def _leaves(metrics):
    for metric in metrics:
        parts = getattr(metric, "metrics", None)  # what compile() was given, in one metric
        if parts is None:
            yield metric
        else:
            yield from _leaves(parts)


def _average(model, communicator, states):
    """One sum over all ranks for all states, then Keras's own formulas on the sums."""
    variables = model.metrics_variables
    before = [variable.numpy() for variable in variables]
    flat = [np.ravel(value).astype(np.float64) for state in states for value in state]
    total = communicator.allreduce(np.concatenate(flat), "sum") if flat else np.zeros(0)
    summed = iter(np.split(total, np.cumsum([value.size for value in flat])[:-1]))
    results = []
    for state in states:
        for variable, value in zip(variables, state, strict=True):
            variable.assign(next(summed).reshape(value.shape).astype(value.dtype))
        results.append({name: float(value) for name, value in model.get_metrics_result().items()})
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return results
