"""Which array of a file is which: images and labels of each part, by their names.

`x_train`, `trainX`, `train_set_x`, `train/images` and `train_images` are the same; a name with any
other word in it is none of these.
"""

import re
from dataclasses import dataclass

from caps_hvd.errors import DataError

_PARTS = {
    "train": ("train", "training", "tr"),
    "test": ("test", "testing", "te"),
    "val": ("val", "valid", "validation", "dev"),
}
_KINDS = {
    "images": ("x", "image", "images", "img", "imgs", "pixels", "features", "inputs"),
    "labels": ("y", "label", "labels", "target", "targets", "class", "classes", "lbl"),
}
_PATHS = {"path", "paths", "file", "files", "filename", "filenames"}
_FILLING = {"set", "dataset"}
_NAMES = {"classnames", "classes", "listclasses", "labelnames", "classlabels", "categories"}
_PART_OF = {word: part for part, words in _PARTS.items() for word in words}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_JOINED = re.compile(r"^([xy])(train|test|val)$|^(train|test|val)([xy])$")


@dataclass(frozen=True)
class Roles:
    """Names of the arrays: images and labels of training, testing and validation, None for none."""

    train: tuple[str, str]
    test: tuple[str, str] | None
    remark: str = ""
    validation: tuple[str, str] | None = None


def names_of_classes(name: str) -> bool:
    """Whether an array or attribute of this name holds the names of classes, if it holds texts."""
    return re.sub("[^a-z]", "", name.lower()) in _NAMES


def find_roles(where: str, names, given=None, validation: bool = False) -> Roles:
    """Returns which arrays are images and labels.

    Args:
        where: the file, for errors.
        names: of all arrays that hold more than one value.
        given: two, four or six names from the user: images and labels, those for training first,
            then those for testing, then those for validation.
        validation: whether a part for validation is used as such. A file that has one and none for
            testing is tested with it in any case. Default False.

    Raises:
        DataError: one is missing, or two arrays can be meant.
    """
    if given:
        missing = [name for name in given if name not in names]
        if missing:
            raise DataError(
                f"{where}: --array-names: expected names of arrays of this file, "
                f"{_listed(names)}; received {missing[0]!r}"
            )
        train, test, held = (tuple(given[start : start + 2]) or None for start in (0, 2, 4))
        return Roles(train, test, f"arrays {', '.join(given)}", held if validation else None)
    found = {}
    for name in names:
        role = _role(name)
        if role is not None:
            found.setdefault(role, []).append(name)
    # Arrays of no part are those of training where no others are.
    for kind in _KINDS:
        alone = found.pop((None, kind), [])
        if alone and not ({("train", "images"), ("train", "labels")} & found.keys()):
            found.setdefault(("whole", kind), []).extend(alone)
    for kind in _KINDS:
        if ("whole", kind) in found:
            found["train", kind] = found.pop(("whole", kind))
    for several in found.values():
        if len(several) > 1:
            raise DataError(
                f"{where}: {several[0]} and {several[1]} may both be meant; name the arrays with "
                "--array-names IMAGES,LABELS,TEST_IMAGES,TEST_LABELS"
            )
    role = {key: several[0] for key, several in found.items()}
    train = _pair(where, role, "train", names)
    if train is None:
        raise DataError(
            f"{where}: expected arrays of images and labels, such as x_train, y_train, x_test and "
            f"y_test, found {_listed(names)}; give their names with --array-names IMAGES,LABELS or "
            "--array-names IMAGES,LABELS,TEST_IMAGES,TEST_LABELS"
        )
    test, held = (_pair(where, role, part, names) for part in ("test", "val"))
    usual = {*train, *(test or ())} <= {"x_train", "y_train", "x_test", "y_test"}
    remarks = [] if usual else [f"arrays {', '.join((*train, *(test or ())))}"]
    if held is not None:
        use = "for testing" if test is None else "for validation" if validation else "not used"
        remarks.append(f"{held[0]} {use}")
    if test is None:
        test, held = held, None
    return Roles(train, test, "; ".join(remarks), held if validation else None)


def _pair(where, role, part, names):
    images, labels = role.get((part, "images")), role.get((part, "labels"))
    if images is None and labels is None:
        return None
    if images is None or labels is None:
        kind, other = ("images", labels) if images is None else ("labels", images)
        raise DataError(
            f"{where}: expected {kind} that belong to {other}, found {_listed(names)}; name the "
            "arrays to use with --array-names IMAGES,LABELS or "
            "--array-names IMAGES,LABELS,TEST_IMAGES,TEST_LABELS"
        )
    return images, labels


def _role(name: str) -> tuple[str | None, str] | None:
    group, _, own = name.rpartition("/")
    words = _words(own)
    if not set(words) <= {*_PART_OF, *_KIND_OF, *_FILLING, "data"}:
        return None
    words = _words(group) + words  # what a group is called besides is its own
    parts = {_PART_OF[word] for word in words if word in _PART_OF}
    kinds = [_KIND_OF[word] for word in words if word in _KIND_OF]
    kinds = kinds or ["images" for word in words if word == "data"]
    if len(parts) > 1 or not kinds:
        return None
    return next(iter(parts), None), kinds[-1]


def _words(name: str) -> list[str]:
    words = []
    for word in _WORD.findall(name):
        joined = _JOINED.match(word.lower())
        words += filter(None, joined.groups()) if joined else [word.lower()]
    return words


def _listed(names) -> str:
    names = sorted(names)
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") or "nothing"


def kind_of(name: str) -> str | None:
    """ "images" or "labels", as the name of an array says; None where it says neither."""
    role = _role(name)
    return role and role[1]


def names_the_images(name: str, images: str) -> bool:
    """Whether an array names the images in another, such as `paths_train` those of `x_train`.

    Args:
        name: of the array, which holds texts.
        images: name of the array of images.
    """
    words = [word for part in name.split("/") for word in _words(part)]
    parts = {_PART_OF[word] for word in words if word in _PART_OF}
    role = _role(images)
    return (
        bool(_PATHS & set(words))
        and set(words) <= {*_PATHS, *_PART_OF, *_FILLING, "data"}
        and parts == ({role[0]} - {None} if role else set())
    )
