"""A training run from its configuration to its record: `caps-hvd train`."""

import functools

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed import comm
from caps_hvd.lanes.groups import group_size
from caps_hvd.records.record import Record
from caps_hvd.training.forecast import refused_allocations
from caps_hvd.training.plan import make_plan
from caps_hvd.training.run_record import Invocation
from caps_hvd.training.start import start_ranks


def train(config: TrainConfig, command_line=("caps-hvd", "train")) -> Record:
    """Trains a model on all ranks that were launched, and writes everything down.

    Every rank calls it with the same configuration; where they differ that of rank 0 counts.

    Args:
        config: what to train, on what, and how.
        command_line: what the user typed, for the record.

    Returns:
        The record of the run, the same on every rank; a finished run is not trained again.

    Raises:
        ConfigError: an option does not fit the data, the model or the number of ranks.
        DataError: the data set cannot be read.
        RunError: the run directory is in use, belongs to another run, or cannot be written.

    Example:
        >>> record = train(TrainConfig(dataset="digits", epochs=3, run_dir="runs/digits"))
        >>> record.result.test_accuracy > 0.9
        True
    """
    invocation = Invocation(tuple(command_line))
    team = group_size(config, comm.launched_size())
    examine = functools.partial(make_plan, config)
    communicator, machine, (plan, dataset) = start_ranks(config, examine, team)
    if plan.finished is not None:
        communicator.print(f"{plan.directory} is finished{_why(plan)}")
        return plan.finished

    from caps_hvd.training.trainer import Trainer  # its module imports Keras, which is loaded now

    trainer = Trainer(plan, dataset, comm.rank_grid(communicator, team), machine, invocation)
    with refused_allocations(trainer.what_it_takes):
        trainer.prepare()
        with trainer.run_directory():
            trainer.fit()
            return trainer.finish()


def _why(plan) -> str:
    """What more there is to say of a run that is finished."""
    if plan.finished.result.stopped_early:
        return f": it stopped early, after {plan.config.patience} epochs without a better one"
    return "" if "epochs" in plan.config.deciding_names() else "; more --epochs would go on"
