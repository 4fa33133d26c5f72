"""Learning-rate policies: stateless functions of the step and of the steps of every epoch.

The policies, with their defaults, are those of Marchisio et al., "FasTrCaps: An Integrated
Framework for Fast yet Accurate Training of Capsule Networks" (2020), and two more.  Each takes the
step, from 0, and the run's `Calendar`, and returns the rate for that step:

    rate = one_cycle(step, calendar, lr_min=0.0001, lr_max=0.001)

A rate is asked for before its step, so the last one used is that of step `calendar.total - 1`; at
`calendar.total` a policy says where it was going.
"""

import itertools
import math

from caps_hvd.schedules.calendar import Calendar


def fixed(step: int, calendar: Calendar, *, lr_max: float = 0.001) -> float:
    """The same rate throughout."""
    return lr_max


def exponential(
    step: int,
    calendar: Calendar,
    *,
    lr_max: float = 0.001,
    decay: float = 0.96,
    decay_steps: int = 2000,
) -> float:
    """Falls by a constant factor: `lr_max * decay ** (step / decay_steps)`."""
    return lr_max * decay ** (step / decay_steps)


def step_decay(
    step: int, calendar: Calendar, *, lr_max: float = 0.001, decay: float = 0.7, every: int = 2
) -> float:
    """Falls by a factor every few epochs: `lr_max * decay ** floor(epoch / every)`."""
    epoch, _ = calendar.locate(step)
    return lr_max * decay ** (epoch // every)


def one_cycle(
    step: int, calendar: Calendar, *, lr_min: float = 0.0001, lr_max: float = 0.001
) -> float:
    """Up and down once, then below where it began.

    With ts the step and TS the number of all steps: linearly from lr_min to lr_max over the first
    45 % of the steps, back to lr_min over the next 45 %, then

        lr_min - 9 lr_min / TS * (ts - 0.9 TS)

    which ends at lr_min / 10.
    """
    total = calendar.total
    if step <= 0.45 * total:
        return lr_min + (lr_max - lr_min) * step / (0.45 * total)
    if step <= 0.9 * total:
        return lr_max - (lr_max - lr_min) * (step - 0.45 * total) / (0.45 * total)
    return lr_min - 9 * lr_min / total * (step - 0.9 * total)


def warm_restarts(
    step: int,
    calendar: Calendar,
    *,
    lr_min: float = 0.0001,
    lr_max: float = 0.001,
    cycles: tuple[int, ...] = (1,),
) -> float:
    """Half a cosine from lr_max down towards lr_min, again and again.

        lr_min + (lr_max - lr_min) / 2 * (1 + cos(pi ts / T))

    with ts the step within the cycle and T the steps of the cycle; at ts = T the next cycle begins
    at lr_max.  Loshchilov and Hutter, "SGDR" (2017).

    Args:
        step: from 0.
        calendar: the run's.
        lr_min: what a cycle falls towards.
        lr_max: what it begins with.
        cycles: epochs of each cycle; the last one repeats to the end of the run. Defaults to
            cycles of one epoch.
    """
    progress = _progress_of_cycle(step, calendar, cycles)
    return lr_min + (lr_max - lr_min) / 2 * (1 + math.cos(math.pi * progress))


def polynomial_restarts(
    step: int,
    calendar: Calendar,
    *,
    lr_min: float = 0.0001,
    lr_max: float = 0.001,
    cycles: tuple[int, ...] = (1,),
    power: float = 2.0,
) -> float:
    """As `warm_restarts`, with `(1 - ts / T) ** power` in place of the cosine."""
    progress = _progress_of_cycle(step, calendar, cycles)
    return lr_min + (lr_max - lr_min) * (1 - progress) ** power


def linear_warm_up(step: int, steps: float) -> float:
    """How much of a ramp over the first `steps` steps is behind a step, from 0 to 1."""
    return min(1.0, step / steps) if steps else 1.0


def _progress_of_cycle(step, calendar, cycles) -> float:
    """How much of its cycle a step has behind it, from 0 to below 1."""
    epoch, _ = calendar.locate(step)
    if step >= calendar.total:
        return 0.0  # the next cycle would begin
    first = 0
    for length in itertools.chain(cycles, itertools.repeat(cycles[-1])):
        if epoch < first + length:
            break
        first += length
    last = min(first + length, calendar.epochs)
    begin, end = calendar.starts[first], calendar.starts[last]
    return (step - begin) / (end - begin)
