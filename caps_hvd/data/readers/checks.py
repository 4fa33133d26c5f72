"""Checks that readers share: what a file claims against what it must be.

A reader first checks what a header claims (shape, type, size against the bytes that are there),
then reads, then checks the values.  Whatever is wrong becomes a `DataError` that names the file,
what was expected, what was found and what to do.
"""

from contextlib import contextmanager

import numpy as np

from caps_hvd.errors import CapsHvdError, DataError

# Deflate cannot expand a byte to more than 1,032: a header that claims more is lying.
MAX_EXPANSION = 1032

AGAIN = "it may be cut off or damaged: compare it with its original, or fetch that again"


@contextmanager
def reading(path, expected: str):
    """Turns whatever a parser raises on the bytes of `path` into one `DataError`.

    Args:
        path: the file, named in the error.
        expected: what the file should be, such as "an npz file".
    """
    try:
        yield
    except CapsHvdError:
        raise
    except Exception as error:  # damaged bytes bring parsers to raise nearly anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DataError(
            f"{path}: expected {expected}, cannot read it ({reason}); {AGAIN}"
        ) from error


def check_size(path, what: str, claimed: int, stored: int, *, compressed: bool) -> None:
    """Checks that `stored` bytes can hold the `claimed` ones, before memory is asked for."""
    if claimed > stored * (MAX_EXPANSION if compressed else 1):
        raise DataError(
            f"{path}: {what} should have {claimed} bytes, but the file holds only {stored}"
            f"{' compressed ones' if compressed else ''}; {AGAIN}"
        )


def check_labels(path, what: str, labels: np.ndarray, samples: int, classes: int) -> np.ndarray:
    """Checks that there is one label, 0 to `classes - 1`, for each of `samples` images.

    Args:
        path, what: the file and the array's name in it.
        labels: integers `(n,)` or `(n, 1)`.
        samples: number of images.
        classes: number of classes.

    Returns:
        int32 `(n,)`.
    """
    shape = labels.shape
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
        raise DataError(f"{path}: {what} must have shape (samples,), found {shape}; {AGAIN}")
    if shape[0] != samples:
        raise DataError(
            f"{path}: {what} must have one label for each of the {samples} images, "
            f"found {shape[0]}; {AGAIN}"
        )
    if labels.dtype.kind not in "iu":
        raise DataError(
            f"{path}: {what} must be integers, found {labels.dtype}; store class numbers"
        )
    labels = labels.reshape(-1)
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        raise DataError(
            f"{path}: {what} must be 0 to {classes - 1}, found {labels[wrong[0]]} at row "
            f"{wrong[0]} ({wrong.size} such rows); {AGAIN}"
        )
    return labels.astype(np.int32)
