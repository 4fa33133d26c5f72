"""Ranks that choose an epoch, and that go on from another run: `runs FOLDER`, `lanes FOLDER`."""

import sys
from pathlib import Path

from tests.parallel.launch import report

SMALL = {
    "preset": "small", "train_samples": 80, "test_samples": 21, "batch_size": 8, "threads": 1,
    "convolution": "direct", "compression": "none", "seed": 3,
}  # fmt: skip
# No epoch is better by so much: the first one is the best.
CHOOSING = {"validation_fraction": 0.2, "patience": 1, "min_delta": 100.0, "epochs": 4}
LANES = {
    "model": "mlcn", "lane_list": ["mlcn1, width 1", "mlcn1, width 1"], "lane_dropout": 0.25,
    "lane_groups": None,
}  # fmt: skip


def train_all(cases):
    """Each rank reports the figures that it has decided by, or the error."""
    from caps_hvd.config.file import load
    from caps_hvd.errors import CapsHvdError
    from caps_hvd.training.run import train

    for name, options in cases.items():
        try:
            found = train(load(overrides=options))
        except CapsHvdError as error:
            report(**{name: f"{type(error).__name__}: {error}"})
            continue
        values = [epoch.val_loss for epoch in found.epochs]
        report(**{name: [values, found.result.best_epoch, found.result.test_loss]})


def runs(folder):
    folder = Path(folder)
    stopped, parts = str(folder / "stopped"), str(folder / "parts")
    train_all(
        {
            "stopped": {**SMALL, **CHOOSING, "run_dir": stopped},
            "parts": {**SMALL, **CHOOSING, "epochs": 1, "run_dir": parts},
            "resumed": {"resume": True, "epochs": 4, "run_dir": parts},
            "tuned": {
                **SMALL, "epochs": 1, "run_dir": str(folder / "tuned"),
                "initialize_from": stopped, "freeze": "convolution,decoder",
            },
            "nowhere": {**SMALL, "run_dir": str(folder / "none"), "initialize_from": "nowhere"},
            "frozen": {**SMALL, "run_dir": str(folder / "none"), "freeze": "*"},
        }
    )  # fmt: skip


def lanes(folder):
    folder = Path(folder)
    small = {**SMALL, **LANES, "dataset": str(folder / "digits16.h5")}
    stopped = str(folder / "lanes")
    train_all(
        {
            "stopped": {**small, **CHOOSING, "run_dir": stopped},
            "tuned": {
                **small, "epochs": 1, "run_dir": str(folder / "tuned-lanes"),
                "initialize_from": stopped, "freeze": "lane_0/level_*",
            },
            "unknown": {**small, "run_dir": str(folder / "none"), "freeze": "lane_2"},
            "frozen": {**small, "run_dir": str(folder / "none"), "freeze": "lane_1,decoder"},
        }
    )  # fmt: skip


if __name__ == "__main__":
    from caps_hvd.distributed.guard import run_guarded

    run_guarded(lambda: {"runs": runs, "lanes": lanes}[sys.argv[1]](*sys.argv[2:]))
