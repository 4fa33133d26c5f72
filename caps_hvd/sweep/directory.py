"""The folder of a sweep: its files, and which of its points are finished.

definition.toml      the definition that was last run here
hostfile             the hosts that it named
sweep.h5             all results; see `caps_hvd.records.sweep_record`
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
import json
import tomllib
from pathlib import Path

import tomli_w

from caps_hvd.config.file import added_since
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.io import lock
from caps_hvd.io.atomic import remove_partial, write_text
from caps_hvd.launch.hosts import hostfile
from caps_hvd.records import record
from caps_hvd.records.record import Record
from caps_hvd.records.run_files import RunFiles
from caps_hvd.sweep import definition_file
from caps_hvd.sweep.definition import SweepDefinition
from caps_hvd.sweep.executors.base import SweepTask
from caps_hvd.sweep.plan_check import different_option, plan_values
from caps_hvd.sweep.points import Point


class SweepDirectory:
    """The folder of a sweep, with the names of its files.

    Args:
        path: the folder, as the user gave it.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.definition = self.path / "definition.toml"
        self.hostfile = self.path / "hostfile"
        self.record = self.path / "sweep.h5"
        self.state = self.path / "state.json"
        self.lock = self.path / "lock"
        self.points = self.path / "points"

    def __str__(self):
        return str(self.path)

    def run(self, point: Point) -> Path:
        """The point's run directory."""
        return self.points / point.name

    def files(self, point: Point) -> RunFiles:
        """The names of the files in it."""
        return RunFiles.at(self.run(point))

    def plan(self, point: Point) -> Path:
        """The file that says what the point was planned to be."""
        return self.points / f"{point.name}.toml"

    def log(self, point: Point) -> Path:
        """The file that the point's ranks write to."""
        return self.points / f"{point.name}.log"

    def task(self, point: Point, job: str | None = None) -> SweepTask:
        """Returns what an executor is told of a point."""
        return SweepTask(point, self.run(point), self.log(point), job)

    def as_begun(self, definition: SweepDefinition) -> SweepDefinition:
        """The definition, with what its points did that were begun before an option was added."""
        for path in sorted(self.points.glob("*.toml")):
            try:
                known = tomllib.loads(path.read_text(encoding="utf-8"))["train"]
            except (OSError, ValueError, KeyError):
                return definition  # the check of the points tells
            before = added_since(known, definition.train)
            return dataclasses.replace(definition, train=definition.train | before)
        return definition

    @contextlib.contextmanager
    def locked(self):
        """Makes the folder and keeps every other `caps-hvd sweep` out of it.

        Raises:
            RunError: another one is in it, or the folder cannot be made.
        """
        with contextlib.ExitStack() as held:
            try:
                self.points.mkdir(parents=True, exist_ok=True)
                held.enter_context(lock.held(self.lock, self._in_use))
            except OSError as error:
                raise RunError(
                    f"--output: cannot use the folder {self}: {error.strerror}; name another one"
                ) from None
            remove_partial(self.path)
            remove_partial(self.points)
            yield

    def _in_use(self, owner) -> RunError:
        return RunError(
            f"{self}: another `caps-hvd sweep` works in it ({owner}); wait for its end, or name "
            "another folder with --output"
        )

    def adopt(self, definition: SweepDefinition, hosts) -> None:
        """Keeps a copy of the definition, and of its host file.

        Raises:
            RunError: the folder belongs to a sweep of another name.
        """
        with contextlib.suppress(OSError, ValueError):
            found = tomllib.loads(self.definition.read_text(encoding="utf-8"))
            if (name := found.get("name", definition.name)) != definition.name:
                raise RunError(
                    f"{self}: holds the sweep {name!r}, not {definition.name!r}; name another "
                    "folder with --output"
                )
        text = definition.text
        if "name" not in tomllib.loads(text):
            text = f"name = {json.dumps(definition.name)}\n{text}"
        write_text(self.definition, text)
        if definition.hostfile is not None:
            write_text(self.hostfile, hostfile.to_text(hosts))

    def recorded(self, point: Point) -> Record | None:
        """Returns the record of a point; fewer epochs than are planned by now are no error.

        None is returned for a point that has failed, too: it is not finished.

        Raises:
            RunError: the record is damaged, or that of another run.
        """
        path = self.files(point).record
        if not path.exists():
            return None
        found = record.read(path)
        try:
            different = different_option(found.config, point.config)
        except ConfigError as error:
            raise RunError(f"{path}: {error}") from None
        if different:
            name, value, planned = different
            raise RunError(
                f"{self.run(point)}: holds a run with {name} = {value!r}, planned is {planned!r}"
            )
        return None if found.failure else found

    def epochs_done(self, point: Point) -> int:
        """Returns the epochs that a point has behind it, finished or not."""
        try:
            with open(self.files(point).history, encoding="utf-8") as file:
                return max(0, sum(1 for _ in file) - 1)
        except OSError:
            return 0

    def begun(self, point: Point) -> bool:
        """Returns whether a point has trained at least one epoch."""
        files = self.files(point)
        return files.checkpoint.exists() or files.record.exists()

    def prepare(self, definition: SweepDefinition, point: Point) -> None:
        """Writes what a point's ranks read: its run directory with the experiment in it.

        A file that says so already is left alone, for the point's job may start at any moment and
        clear its run directory of half-written files.

        Raises:
            RunError: the files cannot be written.
        """
        files = self.files(point)
        try:
            files.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the folder {files}: {error.strerror}") from None
        values = tomli_w.dumps(plan_values(definition, point))
        for path, text in ((self.plan(point), values), (files.config, point.config.to_toml())):
            with contextlib.suppress(OSError, ValueError):
                if path.read_text(encoding="utf-8") == text:
                    continue
            write_text(path, text)


def read_definition(path) -> SweepDefinition:
    """Returns the definition in a file, or the one that was last run in a sweep's folder.

    Raises:
        ConfigError: it cannot be read, or the folder is not that of a sweep.
    """
    directory = SweepDirectory(path)
    if not directory.path.is_dir():
        return definition_file.read(path)
    if not directory.definition.is_file():
        raise ConfigError(
            f"DEFINITION: {path} is a folder without a definition.toml; name a TOML file, or the "
            "folder of a sweep that was begun"
        )
    definition = definition_file.read(directory.definition)
    if definition.hostfile is None:
        return definition
    return dataclasses.replace(definition, hostfile=directory.hostfile.name)
