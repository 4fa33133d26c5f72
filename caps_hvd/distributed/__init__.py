"""Horovod for Keras 3: ranks, a distributed optimizer, callbacks, and an orderly end.

`comm`, `guard` and `environment` import no Keras; the names below are loaded on first use.
"""

import importlib

_HOME = {
    "distribute": "caps_hvd.distributed.gradients.optimizer",
    "BroadcastState": "caps_hvd.distributed.callbacks",
    "AverageMetrics": "caps_hvd.distributed.callbacks",
    "AverageStatistics": "caps_hvd.distributed.callbacks",
    "EpochTimer": "caps_hvd.distributed.callbacks",
    "FiniteLoss": "caps_hvd.distributed.callbacks",
    "KeepSame": "caps_hvd.distributed.callbacks",
    "LaneExchange": "caps_hvd.distributed.lane_exchange",
    "WarmUpLearningRate": "caps_hvd.distributed.callbacks",
    "average_metrics": "caps_hvd.distributed.callbacks",
    "warm_up_learning_rate": "caps_hvd.distributed.callbacks",
    "last_words": "caps_hvd.distributed.last_words",
    "load_rank_state": "caps_hvd.distributed.training_state",
    "rank_state": "caps_hvd.distributed.training_state",
    "run_guarded": "caps_hvd.distributed.guard",
    "import_tensorflow_quietly": "caps_hvd.system.backend",
    "init": "caps_hvd.distributed.comm",
    "use_threads": "caps_hvd.distributed.threads",
    "pin_cpus": "caps_hvd.distributed.devices",
    "pin_gpu": "caps_hvd.distributed.devices",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__():
    return __all__
