"""The steps of a run, epoch by epoch, which policies find a step's epoch with."""

import bisect
import dataclasses
import functools
import itertools


@dataclasses.dataclass(frozen=True)
class Calendar:
    """How many steps each epoch of a run has; they differ where the batch size changes.

    Args:
        steps: steps of each epoch, in order; at least one epoch, each of at least one step.

    Example:
        >>> Calendar((10, 10, 5)).locate(22)
        (2, 2)
    """

    steps: tuple[int, ...]

    @functools.cached_property
    def starts(self) -> tuple[int, ...]:
        """The first step of each epoch, and after them the number of all steps."""
        return tuple(itertools.accumulate(self.steps, initial=0))

    @property
    def epochs(self) -> int:
        return len(self.steps)

    @property
    def total(self) -> int:
        """Number of all steps."""
        return self.starts[-1]

    def locate(self, step: int) -> tuple[int, int]:
        """The epoch that a step is in, from 0, and its number there; past the end the last one."""
        epoch = min(bisect.bisect_right(self.starts, step) - 1, self.epochs - 1)
        return epoch, step - self.starts[epoch]
