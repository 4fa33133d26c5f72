"""Rows of each class alike: a share of them that is held out, or a few to look at."""

import numpy as np

from caps_hvd.errors import ConfigError


def stratified_split(
    labels: np.ndarray, fraction: float, seed: int, argument: str = "test_fraction"
) -> tuple[np.ndarray, np.ndarray]:
    """Returns which rows are kept and which are held out, each in increasing order.

    As many rows are held out as `fraction` of all, rounded, and of each class its share, rounded up
    or down so that the sum is right; a class of two or more has at least one row on each side, one
    of a single row is kept. The choice depends on the labels, the fraction and the seed alone.

    Args:
        labels: class numbers `(n,)`.
        fraction: to hold out, above 0 and below 1.
        seed: 0 or more.
        argument: what errors call the fraction. Default "test_fraction".

    Returns:
        `(kept, held_out)`, int64 row numbers; together all rows.

    Raises:
        ConfigError: the fraction is out of its range, or a side would be empty.

    Example:

    ```python
    kept, held_out = stratified_split([0, 0, 0, 0, 1, 1, 1, 1], fraction=0.25, seed=0)
    np.asarray(labels)[held_out]  # [0, 1]
    ```
    """
    labels = np.asarray(labels)
    if not 0 < fraction < 1:
        raise ConfigError(f"{argument}: expected above 0 and below 1, received {fraction}")
    classes, counts = np.unique(labels, return_counts=True)
    share = counts * fraction
    held = np.floor(share).astype(int)
    more = round(float(fraction * len(labels))) - int(held.sum())
    # A stable order, so that equal remainders are rounded up from the first class on.
    held[np.argsort(held - share, kind="stable")[:more]] += 1
    held = np.clip(held, np.minimum(1, counts - 1), counts - 1)
    if not held.any():
        raise ConfigError(
            f"{argument}: expected a class of two images or more to hold one out, found "
            f"{len(classes)} classes of one image each"
        )
    random = np.random.Generator(np.random.Philox([seed, 0x5711]))
    held_out = np.sort(
        np.concatenate(
            [
                random.permutation(np.flatnonzero(labels == label))[:count]
                for label, count in zip(classes, held, strict=True)
            ]
        )
    )
    return np.setdiff1d(np.arange(len(labels)), held_out), held_out


def classes_in_turn(labels: np.ndarray, count: int) -> np.ndarray:
    """Returns the first row of each class, then the second of each, and so on.

    Args:
        labels: class numbers `(n,)`.
        count: of rows; fewer where there are no more.

    Returns:
        int64 row numbers `(min(count, n),)`.

    Example:
        >>> classes_in_turn([0, 0, 0, 1, 2], 4)
        array([0, 3, 4, 1])
    """
    labels = np.asarray(labels)
    order = np.argsort(labels, kind="stable")
    _, first, classes = np.unique(labels[order], return_index=True, return_inverse=True)
    turn = np.empty(len(labels), int)
    turn[order] = np.arange(len(labels)) - first[classes]
    return np.lexsort((labels, turn))[:count]
