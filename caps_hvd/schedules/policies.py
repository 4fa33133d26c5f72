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
_ADABATCH = ("adabatch", "warmadabatch")


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
        ends = list(itertools.accumulate(self.phases))
        starts = [0, *ends[:-1]]
        return [
            (max(epoch, start), end) for start, end in zip(starts, ends, strict=True) if epoch < end
        ]

    @property
    def follows_ranks(self) -> bool:
        """Whether the batch, and so the learning rate, grows with the number of ranks."""
        return self.batch_policy == "fixed"


def depends_on_epochs(policy: str, lr_policy=None, batch_policy=None, cycle_epochs=None) -> bool:
    """Whether another number of epochs would have made the epochs before another training.

    Args:
        policy, lr_policy, batch_policy, cycle_epochs: as of `schedule`.
    """
    rate_policy, batch_policy = _resolve(policy, lr_policy, batch_policy)
    # A cycle of several epochs is cut where the run ends.
    long = (cycle_epochs or (1 if batch_policy == "fixed" else 2)) > 1
    return rate_policy == "one-cycle" or (rate_policy in _RESTARTS and long)


def _resolve(policy, lr_policy, batch_policy) -> tuple[str, str]:
    """The names of the policies for rate and batch."""
    return lr_policy or POLICIES[policy].rate, batch_policy or POLICIES[policy].batch


def schedule(
    *,
    epochs: int,
    samples: int,
    batch: int,
    policy: str = "fixed",
    lr_policy: str | None = None,
    batch_policy: str | None = None,
    lr_max: float = 0.001,
    lr_min: float = 0.0001,
    decay: float | None = None,
    decay_steps: int = 2000,
    decay_epochs: int = 2,
    cycle_epochs: int | None = None,
    power: float = 2.0,
    exponent: int = 4,
    growth: str | None = None,
    first_epochs: int = 3,
    growth_epochs: int = 5,
) -> Schedule:
    """The schedule of a run.

    Args:
        epochs: of the run.
        samples: images of an epoch.
        batch: images per step over all ranks, where no policy chooses it.
        policy: name in `POLICIES`.
        lr_policy: name in `RATES` that takes the place of the policy's.
        batch_policy: name in `BATCHES` that takes the place of the policy's.
        lr_max: the rate, or the largest one.
        lr_min: the smallest rate of the policies that have one.
        decay: factor of exponential (default 0.96) and step-decay (default 0.7).
        decay_steps: steps over which exponential falls by the factor.
        decay_epochs: epochs over which step-decay keeps a rate.
        cycle_epochs: epochs of a cycle of the restarts. Defaults to one where the batch is fixed,
            and to one cycle for each batch size where it is not.
        power: of polynomial-restarts.
        exponent: AdaBatch's P.
        growth: "double" or "none", AdaBatch's; the policy's by default.
        first_epochs: AdaBatch's epochs with a batch of 1.
        growth_epochs: AdaBatch's epochs between two doublings.

    Raises:
        ConfigError: values that do not fit together, or do not fit the run.
    """
    rate_policy, batch_policy = _resolve(policy, lr_policy, batch_policy)
    if lr_min > lr_max and rate_policy in ("one-cycle", *_RESTARTS):
        raise ConfigError(
            f"lr_min: expected at most the learning rate, {lr_max:g}, received {lr_min:g}; lower "
            "--lr-min or raise --learning-rate"
        )
    if batch_policy == "adabatch":
        grows = (growth or POLICIES[policy].growth) == "double"
        chosen = AdaBatch(exponent, grows, first_epochs=first_epochs, growth_epochs=growth_epochs)
        _check_adabatch(chosen, epochs, samples, policy if policy in _ADABATCH else batch_policy)
    else:
        chosen = FixedBatch(batch)
    phases = chosen.phases(epochs)
    if cycle_epochs is None:
        cycles = phases if len(phases) > 1 else (1,)
    elif cycle_epochs <= epochs:
        cycles = (cycle_epochs,)
    else:
        raise ConfigError(
            f"cycle_epochs: expected at most the {epochs} epochs of the run, received "
            f"{cycle_epochs}; raise --epochs or shorten the cycle"
        )
    options = {
        "fixed": {},
        "exponential": {"decay": decay or 0.96, "decay_steps": decay_steps},
        "step-decay": {"decay": decay or 0.7, "every": decay_epochs},
        "one-cycle": {"lr_min": lr_min},
        "warm-restarts": {"lr_min": lr_min, "cycles": cycles},
        "polynomial-restarts": {"lr_min": lr_min, "cycles": cycles, "power": power},
    }[rate_policy]
    days = calendar(chosen, epochs, samples)
    return Schedule(
        rate_policy=rate_policy,
        batch_policy=batch_policy,
        calendar=days,
        learning_rate=functools.partial(
            RATES[rate_policy], calendar=days, lr_max=lr_max, **options
        ),
        global_batch=chosen,
        phases=phases,
    )


def _check_adabatch(policy: AdaBatch, epochs: int, samples: int, name: str) -> None:
    needed = policy.first_epochs + 1 + (2 * policy.growth_epochs if policy.growth else 0)
    if epochs < needed:
        raise ConfigError(
            f"epochs: {name} needs {needed} epochs to reach its last batch size "
            f"({policy.first_epochs} of batch 1"
            + (f", then {policy.growth_epochs} and {policy.growth_epochs}" if policy.growth else "")
            + f", then the last), received {epochs}; raise --epochs, lower --first-epochs"
            + (" or --growth-epochs" if policy.growth else "")
        )
    largest = policy(epochs - 1)
    if largest > samples:
        raise ConfigError(
            f"batch_exponent: P = {policy.exponent} leads to batches of {largest:,} images, "
            f"received {samples:,} training images; lower --batch-exponent"
        )
