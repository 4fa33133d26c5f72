"""Horovod for Keras 3: ranks, a distributed optimizer, callbacks, and an orderly end.

`comm`, `guard`, `launched` and `quiet` import no Keras; the names below are loaded on first use.
"""

import importlib

_HOME = {
    "distribute": "gradients.optimizer",
    "BroadcastState": "callbacks",
    "AverageMetrics": "callbacks",
    "EpochTimer": "callbacks",
    "KeepSame": "callbacks",
    "LaneExchange": "lane_exchange",
    "WarmUpLearningRate": "callbacks",
    "average_metrics": "callbacks",
    "warm_up_learning_rate": "callbacks",
    "run_guarded": "guard",
    "import_tensorflow_quietly": "quiet",
    "init": "comm",
    "use_threads": "threads",
    "pin_cpus": "devices",
    "pin_gpu": "devices",
}

__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return __all__
