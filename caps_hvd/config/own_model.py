"""A model of one's own by its name: the function that builds it, in a file or a package.

`my_net.py:build` is the function `build` of a file, and `package.module:build` that of a module
that is installed, in the notation of Python's entry points. Nothing here runs their code;
`caps_hvd.models.own_model` does.
"""

import dataclasses
import hashlib
import importlib.machinery
import importlib.util
from pathlib import Path

from caps_hvd.errors import ConfigError

FORM = "FILE.py:FUNCTION"


@dataclasses.dataclass(frozen=True)
class OwnModel:
    """The function that builds a model, found but not run.

    Args:
        name: as the user gave it.
        path: file that the function is in.
        module: dotted name of the module that the file is; None for a file by its path.
        function: name of the function.
        source: the file's content.
    """

    name: str
    path: Path
    module: str | None
    function: str
    source: bytes

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the file."""
        return hashlib.sha256(self.source).hexdigest()


def is_own(model: str) -> bool:
    """Whether a model's name is that of a function."""
    return ":" in model


def parse(model: str) -> tuple[str, str]:
    """The file or module, and the function.

    Raises:
        ConfigError: the name has another form.
    """
    place, _, function = model.rpartition(":")
    dotted = place and all(part.isidentifier() for part in place.split("."))
    if not function.isidentifier() or not (place.endswith(".py") or dotted):
        raise ConfigError(
            f"expected a file and a function, such as my_net.py:build, or a module and a function, "
            f"such as package.module:build; received {model!r}"
        )
    return place, function


def short_name(model: str) -> str:
    """A model's name as it may stand in the name of a folder: `nets/my_net.py:build` -> `my_net`.

    Example:
        >>> short_name("nets/my_net.py:build"), short_name("package.module:build")
        ('my_net', 'module')
    """
    if not is_own(model):
        return model
    place, _ = parse(model)
    return Path(place).stem if place.endswith(".py") else place.rpartition(".")[2]


def read(model: str, sha256: str | None = None) -> OwnModel:
    """Reads the file that holds a model's function.

    Args:
        model: its name, of which `is_own`.
        sha256: that the file must have. Defaults to None, any.

    Raises:
        ConfigError: there is no such file or module, or its content is another.
    """
    place, function = parse(model)
    if place.endswith(".py"):
        path, module = Path(place), None
    else:
        path, module = _module_file(place), place
    try:
        source = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"model: expected the file {path}, which {model} names, to be readable on the host of "
            f"every rank: {error.strerror}; correct --model, or put the file there"
        ) from None
    own = OwnModel(model, path, module, function, source)
    if sha256 not in (None, own.sha256):
        remedy = (
            "put back the file, of which the run's folder has a copy"
            if module is None
            else f"install the {place.partition('.')[0]} of then"
        )
        raise ConfigError(
            f"model: expected {path} as it was when the run began, SHA-256 {sha256[:12]}..., and "
            f"it has changed since, SHA-256 {own.sha256[:12]}...; {remedy}, or begin a new run"
        )
    return own


def _module_file(name: str) -> Path:
    """The file of an installed module; importing its package could load Keras before its time."""
    first, *rest = name.split(".")
    spec = importlib.util.find_spec(first)
    for part in rest:
        places = spec and spec.submodule_search_locations
        spec = places and importlib.machinery.PathFinder.find_spec(f"{spec.name}.{part}", places)
    if not spec or not spec.has_location:
        raise ConfigError(
            f"model: expected an installed module {name}, and there is none; install its package "
            f"into this environment, or name a file, such as {first}.py:build"
        )
    return Path(spec.origin)
