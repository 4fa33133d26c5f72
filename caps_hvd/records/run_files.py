"""The names of a run's files, for whoever only looks at them: a login node has no TensorFlow."""

import dataclasses
from pathlib import Path
from typing import Self


@dataclasses.dataclass(frozen=True)
class RunFiles:
    """The names of a run's files; `run_directory.py` says what they are.

    Args:
        path: the folder, as the user gave it.
    """

    path: Path

    @classmethod
    def at(cls, path) -> Self:
        return cls(Path(path))

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.h5"

    @property
    def history(self) -> Path:
        return self.path / "history.csv"

    @property
    def weights(self) -> Path:
        return self.path / "model.weights.h5"

    @property
    def record(self) -> Path:
        return self.path / "record.json"

    @property
    def events(self) -> Path:
        return self.path / "events"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    def __str__(self):
        return str(self.path)
