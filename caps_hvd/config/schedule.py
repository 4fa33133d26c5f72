"""Options of the schedule: how learning rate and batch size go over a run."""

import dataclasses
import functools

from caps_hvd import schedules
from caps_hvd.config.optimization import OptimizationOptions
from caps_hvd.io.options import option
from caps_hvd.schedules.batch_size import AdaBatch

_option = functools.partial(option, group="Schedule")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScheduleOptions(OptimizationOptions):
    """The part of a `TrainConfig` that a schedule is made of, epochs and batch size included."""

    policy: str = _option(
        "fixed",
        "How learning rate and batch go over the run, by name.",
        choices=tuple(schedules.POLICIES),
    )
    lr_policy: str | None = _option(
        None,
        "Learning-rate policy, in place of that of --policy.",
        choices=tuple(schedules.RATES),
        none="policy",
    )
    batch_policy: str | None = _option(
        None,
        "Batch-size policy, in place of that of --policy; all but fixed choose the batch of all "
        "ranks together, whatever --batch-size says, and the rate then does not follow the ranks.",
        choices=schedules.BATCHES,
        none="policy",
    )
    lr_min: float = _option(0.0001, "Smallest rate of one-cycle and of the restarts.", above=0)
    decay: float | None = _option(
        None,
        "Factor that exponential (0.96) and step-decay (0.7) fall by.",
        above=0,
        maximum=1,
        none="policy",
    )
    decay_steps: int = _option(2000, "Steps over which exponential falls by its factor.", minimum=1)
    decay_epochs: int = _option(2, "Epochs that step-decay keeps a rate for.", minimum=1)
    cycle_epochs: int | None = _option(
        None,
        "Epochs of a cycle of the restarts; auto is 1, and with adabatch a cycle per batch size.",
        minimum=1,
        none="auto",
    )
    power: float = _option(2.0, "Exponent of polynomial-restarts.", above=0)
    batch_exponent: int = _option(
        AdaBatch.exponent,
        "P of adabatch, whose batches after the first are 2^P and more.",
        minimum=0,
        maximum=30,
    )
    growth: str | None = _option(
        None,
        "Whether adabatch doubles its batch twice (double) or stays at 2^P (none).",
        choices=("double", "none"),
        none="policy",
    )
    first_epochs: int = _option(
        AdaBatch.first_epochs, "Epochs that adabatch trains with a batch of 1.", minimum=1
    )
    growth_epochs: int = _option(
        AdaBatch.growth_epochs, "Epochs between two doublings of adabatch.", minimum=1
    )

    def schedule(self, samples: int, ranks: int = 1) -> schedules.Schedule:
        """Learning rate and global batch size over the run.

        Args:
            samples: training images of an epoch.
            ranks: number of processes.

        Raises:
            ConfigError: the options of the policy do not fit together, or do not fit the data.
        """
        return schedules.schedule(
            self, epochs=self.epochs, samples=samples, batch=self.batch_size * ranks
        )
