"""Policies by name, and a run's schedule made of one for the rate and one for the batch."""

import dataclasses
import functools
import itertools
from collections.abc import Callable

from caps_hvd.errors import ConfigError
from caps_hvd.schedules import learning_rate
from caps_hvd.schedules.batch_size import AdaBatch, FixedBatch, calendar
from caps_hvd.schedules.calendar import Calendar

RATES = {
    "fixed": learning_rate.fixed,
    "exponential": learning_rate.exponential,
    "step-decay": learning_rate.step_decay,
    "one-cycle": learning_rate.one_cycle,
    "warm-restarts": learning_rate.warm_restarts,
    "polynomial-restarts": learning_rate.polynomial_restarts,
}
BATCHES = ("fixed", "adabatch")
_RESTARTS = ("warm-restarts", "polynomial-restarts")


@dataclasses.dataclass(frozen=True)
class Policy:
    """A policy that has a name of its own: rate, batch, and whether the batch grows."""

    rate: str
    batch: str = "fixed"
    growth: str = "double"


POLICIES = {name: Policy(name) for name in RATES} | {
    "adabatch": Policy("fixed", "adabatch"),
    "warmadabatch": Policy("warm-restarts", "adabatch", growth="none"),
}


@dataclasses.dataclass(frozen=True)
class Schedule:
    """Rate and batch of a run; stateless.

    Args:
        rate_policy: name in `RATES`.
        batch_policy: name in `BATCHES`.
        calendar: the steps of its epochs.
        learning_rate: step -> rate, before it is scaled with the number of ranks.
        global_batch: epoch -> images per step over all ranks.
        phases: epochs of each stretch with one batch size.
    """

    rate_policy: str
    batch_policy: str
    calendar: Calendar
    learning_rate: Callable[[int], float]
    global_batch: Callable[[int], int]
    phases: tuple[int, ...]

    def stretches(self, epoch: int = 0) -> list[tuple[int, int]]:
        """The stretches of one batch size that are left at an epoch, as (first, end) epochs."""
        ends = itertools.accumulate(self.phases, initial=0)
        return [(max(epoch, start), end) for start, end in itertools.pairwise(ends) if epoch < end]

    @property
    def follows_ranks(self) -> bool:
        """Whether the batch, and so the learning rate, grows with the number of ranks."""
        return self.batch_policy == "fixed"


def depends_on_epochs(options) -> bool:
    """Whether another number of epochs would have made the epochs before another training.

    Args:
        options: a `ScheduleOptions`.
    """
    rate_policy, batch_policy = _names(options)
    # A cycle of several epochs is cut where the run ends.
    long = (options.cycle_epochs or (1 if batch_policy == "fixed" else 2)) > 1
    return rate_policy == "one-cycle" or (rate_policy in _RESTARTS and long)


def check(options, epochs: int) -> None:
    """Checks that options fit together, and fit the epochs of a run, whatever its data.

    Args:
        options: a `ScheduleOptions`.
        epochs: of the run.

    Raises:
        ConfigError: they do not.
    """
    rate_policy, batch_policy = _names(options)
    if options.lr_min > options.learning_rate and rate_policy in ("one-cycle", *_RESTARTS):
        raise ConfigError(
            f"lr_min: expected at most the learning rate, {options.learning_rate:g}, received "
            f"{options.lr_min:g}; lower --lr-min or raise --learning-rate"
        )
    if batch_policy == "adabatch":
        grows, growth_epochs = _grows(options), options.growth_epochs
        needed = options.first_epochs + 1 + (2 * growth_epochs if grows else 0)
        if epochs < needed:
            name = options.policy if POLICIES[options.policy].batch == "adabatch" else "adabatch"
            raise ConfigError(
                f"epochs: {name} needs {needed} epochs to reach its last batch size "
                f"({options.first_epochs} of batch 1"
                + (f", then {growth_epochs} and {growth_epochs}" if grows else "")
                + f", then the last), received {epochs}; raise --epochs, lower --first-epochs"
                + (" or --growth-epochs" if grows else "")
            )
    if options.cycle_epochs is not None and options.cycle_epochs > epochs:
        raise ConfigError(
            f"cycle_epochs: expected at most the {epochs} epochs of the run, received "
            f"{options.cycle_epochs}; raise --epochs or shorten the cycle"
        )


def schedule(options, *, epochs: int, samples: int, batch: int) -> Schedule:
    """The schedule of a run.

    Args:
        options: a `ScheduleOptions`, which describes them.
        epochs: of the run.
        samples: images of an epoch.
        batch: images per step over all ranks, where no policy chooses it.

    Raises:
        ConfigError: values that do not fit together, or do not fit the run.
    """
    check(options, epochs)
    rate_policy, batch_policy = _names(options)
    global_batch = FixedBatch(batch)
    if batch_policy == "adabatch":
        global_batch = AdaBatch(
            options.batch_exponent,
            _grows(options),
            first_epochs=options.first_epochs,
            growth_epochs=options.growth_epochs,
        )
        largest = global_batch(epochs - 1)
        if largest > samples:
            raise ConfigError(
                f"batch_exponent: P = {options.batch_exponent} leads to batches of {largest:,} "
                f"images, received {samples:,} training images; lower --batch-exponent"
            )
    phases = global_batch.phases(epochs)
    cycles = (options.cycle_epochs or 1,)
    if options.cycle_epochs is None and len(phases) > 1:
        cycles = phases
    decay = {} if options.decay is None else {"decay": options.decay}
    restarts = {"lr_min": options.lr_min, "cycles": cycles}
    parameters = {
        "fixed": {},
        "exponential": {**decay, "decay_steps": options.decay_steps},
        "step-decay": {**decay, "every": options.decay_epochs},
        "one-cycle": {"lr_min": options.lr_min},
        "warm-restarts": restarts,
        "polynomial-restarts": {**restarts, "power": options.power},
    }[rate_policy]
    run_calendar = calendar(global_batch, epochs, samples)
    return Schedule(
        rate_policy=rate_policy,
        batch_policy=batch_policy,
        calendar=run_calendar,
        learning_rate=functools.partial(
            RATES[rate_policy], calendar=run_calendar, lr_max=options.learning_rate, **parameters
        ),
        global_batch=global_batch,
        phases=phases,
    )


def _names(options) -> tuple[str, str]:
    """The names of the policies for rate and batch."""
    policy = POLICIES[options.policy]
    return options.lr_policy or policy.rate, options.batch_policy or policy.batch


def _grows(options) -> bool:
    """Whether AdaBatch doubles its batch."""
    return (options.growth or POLICIES[options.policy].growth) == "double"
