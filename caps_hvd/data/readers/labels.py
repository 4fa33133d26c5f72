"""How an array of labels is read: its values become class numbers, and the classes get names.

Labels are whole numbers of any type, booleans, texts, or rows with a single 1 (one-hot).
"""

import json
from dataclasses import dataclass

import numpy as np

from caps_hvd.data.readers.array_file import StoredArray
from caps_hvd.errors import DataError


@dataclass(frozen=True)
class Labels:
    """Class numbers of each part, int32 `(n,)`, the names of the classes, and what to say of it."""

    parts: tuple[np.ndarray, ...]
    class_names: tuple[str, ...]
    remark: str = ""


def read_labels(arrays, samples, names=None, first_label: str = "auto") -> Labels:
    """Reads the labels of all parts together, so that a number means one class in each.

    Args:
        arrays: `StoredArray` of the labels of each part, that of training first.
        samples: number of images of each part.
        names: of the classes, None where the file does not tell.
        first_label: number of the first class, "0", "1", or "auto" for what the labels say.

    Raises:
        DataError: there is not one label for each image, or they are no classes.
    """
    columns = [_column(array, count) for array, count in zip(arrays, samples, strict=True)]
    kinds = {kind for kind, _ in columns}
    if len(kinds) > 1:
        raise DataError(
            f"{arrays[-1].where} must be labels of the same kind as {arrays[0].where}, found "
            f"{' and '.join(sorted(kinds))}; store both in the same way"
        )
    (kind,) = kinds
    values = [each for _, each in columns]
    if kind == "texts":
        found = _by_value(arrays, values, names, "texts")
    elif kind == "one-hot rows":
        found = _by_number(arrays, values, names or _numbers(range(arrays[0].shape[1])), "0")
        found = Labels(found.parts, found.class_names, f"one-hot labels{found.remark}")
    elif names is not None:
        found = _by_number(arrays, values, names, first_label)
    elif first_label == "auto":
        found = _by_value(arrays, values, None, "numbers")
    else:
        first = int(first_label)
        highest = max(int(each.max()) for each in values)
        names = _numbers(range(first, max(highest, first) + 1))
        found = _by_number(arrays, values, names, first_label)
    if len(found.class_names) > 1 and len(found.class_names) == samples[0] > 20:
        raise DataError(
            f"{arrays[0].where} has as many different values as images, {samples[0]}: it holds no "
            "classes; name the right array with --array-names"
        )
    return found


def _column(array: StoredArray, samples: int) -> tuple[str, np.ndarray]:
    """What kind of labels they are, and one value for each image."""
    shape = array.shape
    rows = [side for side in shape if side != 1] or [1]
    if not shape or len(rows) > 2 or (len(rows) == 2 and shape[0] != rows[0]):
        raise DataError(
            f"{array.where} must have shape (samples,), or (samples, classes) for one-hot labels, "
            f"found {shape}"
        )
    if rows[0] != samples:
        raise DataError(
            f"{array.where} must have one label for each of the {samples} images, found {rows[0]}"
        )
    values = array.read().reshape(rows)
    if values.dtype.kind in "SUO":
        if values.ndim > 1:
            raise DataError(f"{array.where} must have one text for each image, found {shape}")
        return "texts", texts(array.where, values)
    if values.dtype.kind not in "uifb":
        raise DataError(f"{array.where} must be integers or texts, found {values.dtype}")
    if values.ndim == 1:
        return "numbers", _whole(array.where, values) if values.dtype.kind == "f" else values
    if not (np.isin(values, (0, 1)).all() and (values.sum(axis=1) == 1).all()):
        raise DataError(
            f"{array.where} has the shape {shape}, but its rows are not one-hot (a single 1, else "
            "0); an image has one class, store its number"
        )
    return "one-hot rows", values.argmax(axis=1)


def _whole(where, values) -> np.ndarray:
    wrong = np.flatnonzero(~np.isfinite(values) | (values != np.rint(values)))
    if wrong.size:
        raise DataError(
            f"{where} must be integers, found {values[wrong[0]]:g} ({wrong.size} values that are "
            "not whole or not finite); store class numbers"
        )
    return values.astype(np.int64)


def texts(where: str, values: np.ndarray) -> np.ndarray:
    """Returns texts of a file, which may hold them as bytes, as `str`.

    Args:
        where: what errors call them.
        values: texts or bytes `(n,)`.

    Raises:
        DataError: bytes are not UTF-8.
    """
    try:
        return np.array([as_text(value) for value in values.tolist()])
    except UnicodeDecodeError:
        raise DataError(f"{where} must be texts in UTF-8, found other bytes") from None


def as_text(value) -> str:
    """A text of a file, which may hold it as bytes in UTF-8."""
    text = value.decode("utf-8") if isinstance(value, bytes | np.bytes_) else str(value)
    return text.rstrip("\0").strip()


def _by_value(arrays, values, names, kind) -> Labels:
    """The sorted values of the training labels are the classes, or `names` in their order."""
    found = _sorted(np.unique(values[0]))
    if names is not None:
        order = list(names)
        unknown = [value for value in found if value not in order]
        if unknown:
            raise DataError(
                f"{arrays[0].where} holds {unknown[0]!r}, which is not among the class names "
                f"{', '.join(names)}"
            )
    else:
        order = found
    number = {value: index for index, value in enumerate(order)}
    for array, each in zip(arrays[1:], values[1:], strict=True):
        for value in np.unique(each).tolist():
            if value not in number:
                raise DataError(
                    f"{array.where} holds the label {value!r}, of which {arrays[0].where} has "
                    "none: a class needs training images"
                )
    parts = tuple(_renumbered(each, number) for each in values)
    order_names = tuple(map(str, order))
    if kind == "numbers" and found == list(range(len(found))):
        return Labels(parts, order_names)
    about = f"classes are the {kind} {_shortened(order_names)}" if names is None else "named texts"
    return Labels(parts, order_names, about)


def _renumbered(values, number) -> np.ndarray:
    distinct, places = np.unique(values, return_inverse=True)
    numbers = np.array([number[value] for value in distinct.tolist()], np.int32)
    return numbers[places.reshape(-1)]


def _by_number(arrays, values, names, first_label) -> Labels:
    """Labels are numbers of `names`, counted from 0 or from 1."""
    names, remark = tuple(names), ""
    low = min(int(each.min()) for each in values)
    high = max(int(each.max()) for each in values)
    first = 0 if first_label == "auto" else int(first_label)
    if first_label == "auto" and low >= 1 and high == len(names):
        first = 1
    if first == 1:
        remark = "labels from 1"
    last = first + len(names) - 1
    for array, each in zip(arrays, values, strict=True):
        wrong = np.flatnonzero((each < first) | (each > last))
        if wrong.size:
            raise DataError(
                f"{array.where} must be {first} to {last}, for the classes {_shortened(names)}; "
                f"found {each[wrong[0]]} at row {wrong[0]} ({wrong.size} such rows)"
            )
    parts = tuple((each - first).astype(np.int32) for each in values)
    return Labels(parts, names, remark)


def _sorted(values: np.ndarray) -> list:
    """In order; texts that are all numbers in the order of these, so that 10 comes after 9."""
    values = values.tolist()
    if values and all(isinstance(value, str) and value.isdecimal() for value in values):
        return sorted(values, key=lambda value: (int(value), value))
    return values


def _numbers(values) -> tuple[str, ...]:
    return tuple(map(str, values))


def _shortened(names) -> str:
    return ", ".join(names) if len(names) <= 8 else f"{names[0]}, {names[1]}, ..., {names[-1]}"


def read_class_names(where: str, value) -> tuple[str, ...]:
    """Returns names of classes, as files hold them: texts or bytes, or one text with commas.

    Args:
        where: what errors call it.
        value: of an attribute or an array.

    Raises:
        DataError: there is no name in it, or one stands twice.
    """
    try:
        names = [as_text(name) for name in np.ravel(np.asarray(value)).tolist()]
    except UnicodeDecodeError:
        raise DataError(f"{where} must be names in UTF-8, found other bytes") from None
    if len(names) == 1:
        names = _of_one_text(names[0])
    twice = [name for name in names if names.count(name) > 1]
    if not names or not all(names) or twice:
        about = f"{twice[0]!r} twice" if twice else "an empty one" if names else "none"
        raise DataError(f"{where} must be names of classes, each another, found {about}")
    return tuple(names)


def _of_one_text(text: str) -> list[str]:
    if text.startswith("["):
        try:
            return [str(name) for name in json.loads(text)]
        except ValueError:
            pass
    separator = next((mark for mark in (",", ";", "\n") if mark in text), None)
    return [name.strip() for name in text.split(separator)] if separator else [text]
