"""Ranks that train: `cli ARGUMENTS`, `mistakes FOLDER`, `full FOLDER`, `killed FOLDER`,
`policy FOLDER`, `balanced FOLDER BATCH_SIZE`, `stuck FOLDER`."""

import os
import resource
import signal
import sys
from pathlib import Path

from tests.parallel.launch import report

SMALL = {"preset": "small", "train_samples": 64, "test_samples": 20, "batch_size": 16, "epochs": 1}


def cli(*arguments):
    from caps_hvd.cli import main

    try:
        main(list(arguments))
    except SystemExit as ended:
        report(code=ended.code)
        raise


def mistakes(folder):
    """Several configurations that cannot work, one after the other; every rank reports each."""
    from caps_hvd.config.file import load
    from caps_hvd.errors import CapsHvdError
    from caps_hvd.training.run import train

    folder = Path(folder)
    cases = {
        "model": {"model": "capsnte"},
        "dataset": {"dataset": "mnits"},
        "truncated": {"dataset": "mnist", "data_dir": str(folder / "data")},
        "ranks": {"train_samples": 1},
        "exists": {"run_dir": str(folder / "used")},
        "other": {"run_dir": str(folder / "used"), "resume": True, "batch_size": 4},
    }
    for name, changes in cases.items():
        try:
            train(load(overrides={**SMALL, "run_dir": str(folder / "new"), **changes}))
            report(**{name: "no error"})
        except CapsHvdError as error:
            report(**{name: f"{type(error).__name__} {error.exit_code}: {error}"})


def full(folder):
    """Rank 0's disk fills up while it saves the second epoch."""
    from caps_hvd.distributed.environment import launched_rank
    from caps_hvd.training.run_directory import RunDirectory

    write_history = RunDirectory.write_history

    def fill_up(self, epochs):
        write_history(self, epochs)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))

    if launched_rank() == 0:
        RunDirectory.write_history = fill_up
    cli("train", *options({**SMALL, "epochs": 3, "run_dir": folder}))


def killed(folder):
    """Rank 0 is told to end while it writes its second checkpoint."""
    import h5py

    from caps_hvd.distributed.environment import launched_rank
    from caps_hvd.training import checkpoint

    create = h5py.Group.create_dataset
    folder = Path(folder)

    def create_dataset(self, *arguments, **keywords):
        if (folder / "history.csv").exists():
            os.kill(os.getpid(), signal.SIGTERM)
        return create(self, *arguments, **keywords)

    if launched_rank() == 0:
        checkpoint.h5py.Group.create_dataset = create_dataset
    cli("train", *options({**SMALL, "epochs": 3, "run_dir": str(folder)}))


def policy(folder):
    """A batch of 1, then of 4; every rank reports its first and its last weights."""
    _train_and_report(
        "--policy", "warmadabatch", "--first-epochs", "1", "--batch-exponent", "2",
        *options({**SMALL, "epochs": 2, "train_samples": 30, "run_dir": folder}),
    )  # fmt: skip


def balanced(folder, batch_size):
    """Classes that are weighted; every rank reports its first and its last weights."""
    values = {"batch_size": batch_size, "train_samples": 50, "run_dir": folder}
    _train_and_report(
        "--class-weights", "balanced", "--scale-learning-rate", "none",
        *options({**SMALL, "epochs": 2, **values}),
    )  # fmt: skip


def stuck(folder):
    """Class capsules that are saturated from the start on; "scaled" would bring them back."""
    from caps_hvd.system.backend import start_keras

    start_keras()
    from caps_hvd.layers import RoutedCapsules

    build = RoutedCapsules.build

    def build_saturated(self, input_shape):
        build(self, input_shape)
        self.kernel.assign(1e5 * self.kernel)

    RoutedCapsules.build = build_saturated
    # One iteration: more of them would give some class no capsule at all.
    values = {"epochs": 4, "test_samples": 60, "routing_iterations": 1, "run_dir": folder}
    values["initialization"] = "published"
    cli("train", "--stop-when-stuck", *options({**SMALL, **values}))


def _train_and_report(*arguments):
    import numpy as np

    from caps_hvd.system.backend import start_keras

    start_keras()
    from caps_hvd.training.trainer import Trainer

    prepare, finish = Trainer.prepare, Trainer.finish

    def prepare_and_report(self):
        prepare(self)
        report(start={each.path: each.numpy() for each in self.model.encoder.weights})

    def finish_and_report(self):
        record = finish(self)
        report(weights=np.concatenate([weight.ravel() for weight in self.model.get_weights()]))
        return record

    Trainer.prepare, Trainer.finish = prepare_and_report, finish_and_report
    cli("train", *arguments)


def options(values):
    return [
        part
        for name, value in values.items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    ]


if __name__ == "__main__":
    modes = (cli, mistakes, full, killed, policy, balanced, stuck)
    {mode.__name__: mode for mode in modes}[sys.argv[1]](*sys.argv[2:])
