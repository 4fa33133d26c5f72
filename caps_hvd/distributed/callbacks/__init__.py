"""Keras callbacks for training on several ranks; on one rank they do what still makes sense."""

from caps_hvd.distributed.callbacks.average_statistics import AverageStatistics
from caps_hvd.distributed.callbacks.broadcast import BroadcastState
from caps_hvd.distributed.callbacks.finite_loss import FiniteLoss
from caps_hvd.distributed.callbacks.keep_same import KeepSame
from caps_hvd.distributed.callbacks.learning_rate import LearningRate, WarmUpLearningRate
from caps_hvd.distributed.callbacks.metrics import AverageMetrics, average_metrics
from caps_hvd.distributed.callbacks.timer import EpochTimer
from caps_hvd.schedules.warm_up import warm_up_learning_rate

__all__ = [
    "AverageMetrics",
    "AverageStatistics",
    "BroadcastState",
    "EpochTimer",
    "FiniteLoss",
    "KeepSame",
    "LearningRate",
    "WarmUpLearningRate",
    "average_metrics",
    "warm_up_learning_rate",
]
