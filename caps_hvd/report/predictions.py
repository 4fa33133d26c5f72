"""What the scale model says of the points of a sweep."""

import dataclasses


@dataclasses.dataclass(frozen=True, kw_only=True)
class Predictions:
    """The scale model's `Prediction`s for each group of a table, in the order of the groups.

    Args:
        of_rows: one for each row, to stand beside what was measured.
        lines: by machines, for a smooth line in a picture.
        about: what was predicted from, one sentence.
    """

    of_rows: tuple
    lines: tuple
    about: str
