"""The folder of a sweep: what lies in it, and which of its points are finished.

definition.toml      the definition that was last run here
hostfile             the hosts that it named
sweep.h5             all results; see `caps_hvd.report.sweep_record`
state.json           what the run records do not tell: failures, Slurm's job numbers
lock                 held while a `caps-hvd sweep` works here
points/NAME/         run directory of a point; see docs/training.md
points/NAME.toml     what the point was planned to be
points/NAME.log      what its ranks said

A point is finished if its run directory holds a whole record with all its epochs. That is looked up
each time, never remembered, so that nothing can disagree with it.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import socket
import tomllib
from pathlib import Path

import tomli_w

from caps_hvd.config import TrainConfig, from_mapping
from caps_hvd.errors import CapsHvdError, ConfigError, RunError
from caps_hvd.files import remove_partial, replacing
from caps_hvd.launch import definition_file, hostfile
from caps_hvd.launch.definition import SweepDefinition
from caps_hvd.launch.executors import Task
from caps_hvd.launch.points import Point
from caps_hvd.report import record
from caps_hvd.report.record import Record

# What training calls its files; `caps_hvd.run_directory` is not imported on a login node.
CONFIG, CHECKPOINT, HISTORY, RECORD = "config.toml", "checkpoint.h5", "history.csv", "record.json"

# Options that a point may change without being another point.
_MAY_CHANGE = ("epochs", "data_dir")


@dataclasses.dataclass(frozen=True)
class SweepDirectory:
    """The names of a sweep's files.

    Args:
        path: the folder, as the user gave it.
    """

    path: Path

    @classmethod
    def at(cls, path) -> "SweepDirectory":
        return cls(Path(path))

    @property
    def definition(self) -> Path:
        return self.path / "definition.toml"

    @property
    def hostfile(self) -> Path:
        return self.path / "hostfile"

    @property
    def record(self) -> Path:
        return self.path / "sweep.h5"

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def points(self) -> Path:
        return self.path / "points"

    def run(self, point: Point) -> Path:
        """The point's run directory."""
        return self.points / point.name

    def plan(self, point: Point) -> Path:
        """The file that says what the point was planned to be."""
        return self.points / f"{point.name}.toml"

    def log(self, point: Point) -> Path:
        """The file that the point's ranks write to."""
        return self.points / f"{point.name}.log"

    def task(self, point: Point) -> Task:
        """What an executor is told of a point."""
        return Task(point, self.run(point), self.log(point))

    def __str__(self):
        return str(self.path)

    @contextlib.contextmanager
    def locked(self):
        """Makes the folder and keeps every other `caps-hvd sweep` out of it.

        Raises:
            RunError: another one is in it, or the folder cannot be made.
        """
        try:
            self.points.mkdir(parents=True, exist_ok=True)
            file = open(self.lock, "a+", encoding="utf-8")  # noqa: SIM115, closed below
        except OSError as error:
            raise RunError(
                f"--output: cannot use the folder {self}: {error.strerror}; name another one"
            ) from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.seek(0)
                owner = file.read().strip() or "somewhere"
                raise RunError(
                    f"{self}: another `caps-hvd sweep` works in it ({owner}); wait for its end, or "
                    "name another folder with --output"
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}")
            file.flush()
            remove_partial(self.path)
            yield

    def adopt(self, definition: SweepDefinition, hosts) -> None:
        """Keeps a copy of the definition, and of its host file.

        Raises:
            RunError: the folder belongs to a sweep of another name.
        """
        if self.definition.exists():
            with contextlib.suppress(OSError, ValueError):
                found = tomllib.loads(self.definition.read_text(encoding="utf-8"))
                name = found.get("name", definition.name)
                if name != definition.name:
                    raise RunError(
                        f"{self}: holds the sweep {name!r}, not {definition.name!r}; name another "
                        "folder with --output"
                    )
        text = definition.text
        if "name" not in tomllib.loads(text):
            text = f"name = {json.dumps(definition.name)}\n{text}"
        with replacing(self.definition) as partial:
            partial.write_text(text, encoding="utf-8")
        if definition.hostfile is not None:
            with replacing(self.hostfile) as partial:
                partial.write_text(hostfile.to_text(hosts), encoding="utf-8")

    def finished(self, point: Point) -> Record | None:
        """The record of a point that is done, else None.

        Raises:
            RunError: the record is damaged.
        """
        path = self.run(point) / RECORD
        if not path.exists():
            return None
        found = record.read(path)
        return found if len(found.epochs) >= point.config.epochs else None

    def epochs_done(self, point: Point) -> int:
        """Epochs that a point has behind it, finished or not."""
        try:
            with open(self.run(point) / HISTORY, encoding="utf-8") as file:
                return max(0, sum(1 for _ in file) - 1)
        except OSError:
            return 0

    def begun(self, point: Point) -> bool:
        """Whether a point has trained at least one epoch."""
        return any((self.run(point) / name).exists() for name in (CHECKPOINT, RECORD))

    def check(self, definition: SweepDefinition, points: list[Point]) -> None:
        """Makes sure that what was begun here is what the definition says now.

        Raises:
            RunError: a point was begun under other values; the message names point and value.
        """
        changed = [
            (point, difference)
            for point in points
            if self.begun(point) and (difference := self._difference(definition, point))
        ]
        if changed:
            point, difference = changed[0]
            more = f" ({len(changed) - 1} more points differ, too)" if len(changed) > 1 else ""
            raise RunError(
                f"{self.run(point)} was begun with {difference}{more}; name another folder with "
                "--output, set the value back, or remove what was begun"
            )

    def _difference(self, definition, point) -> str:
        """What a point was begun with and is no longer, in words; empty where there is nothing."""
        path = self.plan(point)
        try:
            begun = tomllib.loads(path.read_text(encoding="utf-8"))
            train = TrainConfig(**from_mapping(begun["train"])).file_values()
            facts = begun["point"]
        except (OSError, ValueError, KeyError, CapsHvdError) as error:
            if isinstance(error, FileNotFoundError):
                return f"no {path.name} beside it that says how"
            return f"a plan that cannot be read, {path}"
        now = plan_values(definition, point)
        pairs = [
            (f"train.{name}", train.get(name), now["train"].get(name))
            for name in {**train, **now["train"]}
            if name not in _MAY_CHANGE
        ]
        pairs += [
            (name, facts.get(name), now["point"].get(name))
            for name in ("machines", "ranks", "device", "launcher", "interface")
        ]
        for name, before, after in pairs:
            if before != after:
                return f"{name} = {before!r}, and {definition.path} says {after!r}"
        if train["epochs"] > point.config.epochs:
            return (
                f"epochs = {train['epochs']}, and {definition.path} says {point.config.epochs}; "
                "more would go on, fewer would not be what was trained"
            )
        return ""

    def prepare(self, definition: SweepDefinition, point: Point) -> None:
        """Writes what a point's ranks read: its run directory with the experiment in it.

        Raises:
            RunError: the files cannot be written.
        """
        run = self.run(point)
        try:
            run.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the folder {run}: {error.strerror}") from None
        values = tomli_w.dumps(plan_values(definition, point))
        for path, text in ((self.plan(point), values), (run / CONFIG, point.config.to_toml())):
            with replacing(path) as partial:
                partial.write_text(text, encoding="utf-8")


def plan_values(definition: SweepDefinition, point: Point) -> dict:
    """Everything that decides what a point measures, as the values of a TOML file."""
    facts = {
        "name": point.name,
        "machines": point.machines,
        "ranks": point.ranks,
        "device": point.device,
        "launcher": definition.launcher,
        "axes": point.axes,
    }
    if definition.interface is not None:
        facts["interface"] = definition.interface
    if point.hosts is not None:
        facts["hosts"] = [f"{host.name}:{host.slots}" for host in point.hosts]
    return {"point": facts, "train": point.config.file_values()}


def read_definition(path) -> SweepDefinition:
    """The definition in a file, or the one that was last run in a sweep's folder.

    Raises:
        ConfigError: it cannot be read, or the folder is not that of a sweep.
    """
    if not Path(path).is_dir():
        return definition_file.read(path)
    directory = SweepDirectory.at(path)
    if not directory.definition.is_file():
        raise ConfigError(
            f"DEFINITION: {path} is a folder without a definition.toml; name a TOML file, or the "
            "folder of a sweep that was begun"
        )
    definition = definition_file.read(directory.definition)
    if definition.hostfile is None:
        return definition
    return dataclasses.replace(definition, hostfile=directory.hostfile.name)
