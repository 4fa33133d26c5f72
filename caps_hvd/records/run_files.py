"""Names of a run's files; needs no TensorFlow, which a login node may lack."""

import dataclasses
from pathlib import Path
from typing import Self


def _file(name: str) -> property:
    return property(lambda self: self.path / name)


@dataclasses.dataclass(frozen=True)
class RunFiles:
    """The names of a run's files; `run_directory.py` says what they are.

    Args:
        path: the folder, as the user gave it.
    """

    path: Path

    config = _file("config.toml")
    checkpoint = _file("checkpoint.h5")
    best = _file("best.h5")
    history = _file("history.csv")
    weights = _file("model.weights.h5")
    own_model = _file("model.py")
    record = _file("record.json")
    events = _file("events")
    lock = _file("lock")

    @classmethod
    def at(cls, path) -> Self:
        return cls(Path(path))

    def __str__(self):
        return str(self.path)
