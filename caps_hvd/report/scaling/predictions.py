"""What the scale model says of the points of a sweep, to stand beside what was measured."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predicted:
    """A predicted epoch, in the terms of `scaling_table.Row`.

    Args:
        count: of machines or ranks, as the row's.
        seconds_per_epoch: of training, without evaluation; the sum of the first four terms.
        speed_up, efficiency: against the prediction for the lowest count of the group.
    """

    count: int
    seconds_per_epoch: float
    speed_up: float
    efficiency: float
    compute_seconds: float
    straggler_seconds: float
    exposed_communication_seconds: float
    input_seconds: float
    evaluation_seconds: float

    def error_percent(self, measured_seconds: float) -> float:
        """By how much the prediction is too slow; negative: too fast."""
        return 100 * (self.seconds_per_epoch / measured_seconds - 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictions:
    """The predictions for each group of a table, in the order of the groups.

    Args:
        of_rows: one for each row.
        lines: by count, for a smooth line in a picture.
        about: what was predicted from, one sentence.
    """

    of_rows: tuple[tuple[Predicted, ...], ...]
    lines: tuple[tuple[Predicted, ...], ...]
    about: str
