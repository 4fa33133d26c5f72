"""Batch-size policies: the global batch of an epoch, all ranks together.

AdaBatch is Devarakonda et al., "AdaBatch: Adaptive Batch Sizes for Training Deep Neural Networks"
(2017), with the numbers of Marchisio et al., "FasTrCaps" (2020).
"""

import dataclasses

from caps_hvd.schedules.calendar import Calendar


@dataclasses.dataclass(frozen=True)
class FixedBatch:
    """The same batch throughout.

    Args:
        batch: images per step over all ranks.
    """

    batch: int

    def __call__(self, epoch: int) -> int:
        return self.batch

    def phases(self, epochs: int) -> tuple[int, ...]:
        """Epochs of each stretch of the run that has one batch size."""
        return (epochs,)


@dataclasses.dataclass(frozen=True)
class AdaBatch:
    """Starts with a small batch, whose noisy steps learn fast, and goes on with larger ones.

        first for `first_epochs`; then 2^P; with growth 2^(P + 1) after `growth_epochs` more and
        2^(P + 2) after as many again, to the end

    Args:
        exponent: P.
        growth: False stays at 2^P, as what FasTrCaps measured did.
        first: batch of the first epochs.
        first_epochs: how many they are.
        growth_epochs: epochs of each batch between the first and the last.

    Example:
        >>> [AdaBatch(4)(epoch) for epoch in (0, 2, 3, 7, 8, 12, 13, 29)]
        [1, 1, 16, 16, 32, 32, 64, 64]
    """

    exponent: int = 4
    growth: bool = True
    first: int = 1
    first_epochs: int = 3
    growth_epochs: int = 5

    _DOUBLINGS = 2

    def __call__(self, epoch: int) -> int:
        if epoch < self.first_epochs:
            return self.first
        if not self.growth:
            return 2**self.exponent
        doublings = (epoch - self.first_epochs) // self.growth_epochs
        return 2 ** (self.exponent + min(self._DOUBLINGS, doublings))

    def phases(self, epochs: int) -> tuple[int, ...]:
        """Epochs of each stretch of the run that has one batch size."""
        batches = [self(epoch) for epoch in range(epochs)]
        return tuple(batches.count(batch) for batch in dict.fromkeys(batches))


def calendar(policy, epochs: int, samples: int) -> Calendar:
    """The steps of a run's epochs: `ceil(samples / batch)` each.

    Args:
        policy: epoch -> global batch.
        epochs: of the run.
        samples: images of an epoch.
    """
    return Calendar(tuple(-(-samples // policy(epoch)) for epoch in range(epochs)))
