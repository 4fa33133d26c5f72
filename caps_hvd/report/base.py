"""Base class of all reports, with the formats and files that they have in common."""

import abc
import re
from collections.abc import Sequence
from pathlib import Path

from caps_hvd.errors import RunError
from caps_hvd.io.atomic import write_text
from caps_hvd.records import sweep_record
from caps_hvd.report import values
from caps_hvd.report.sheet import Sheet, to_latex, to_markdown, to_text
from caps_hvd.report.sweep_table import SweepTable

# Format -> ending of its file.
FORMATS = {"text": "txt", "csv": "csv", "latex": "tex", "markdown": "md", "json": "json"}
SWEEP_FILE = "sweep.h5"
FOLDER = "report"


class SweepReport(abc.ABC):
    """The tables of a sweep in every format, and its pictures.

    Attributes:
        kind: what the names of its tables end with.
        command: that makes it.
        table: what it reports on.
    """

    kind: str
    command: str
    table: SweepTable

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.table.name

    @abc.abstractmethod
    def sheets(self) -> Sequence[Sheet]:
        """The tables as people read them."""

    @abc.abstractmethod
    def rows(self) -> list[dict]:
        """The tables as data: a dict of plain values for each row."""

    @abc.abstractmethod
    def values(self) -> dict:
        """The rows, and what is not among them, as plain values; units in the names."""

    @abc.abstractmethod
    def figures(self) -> dict:
        """Name -> picture; imports matplotlib, which takes a second or two."""

    @property
    def stem(self) -> str:
        """The beginning of the names of its files."""
        return re.sub(r"[^\w.-]+", "-", self.name).strip("-.") or "sweep"

    def render(self, kind: str) -> str:
        """The tables as text in one of `FORMATS`; it ends with a newline."""
        if kind == "csv":
            return values.to_csv(self.rows())
        if kind == "json":
            return values.to_json(self.values())
        lay_out = {"text": to_text, "latex": to_latex, "markdown": to_markdown}[kind]
        text = "\n\n".join(map(lay_out, self.sheets())) + "\n"
        head = f"% Made by {self.command}; needs \\usepackage{{booktabs}}.\n"
        return head + text if kind == "latex" else text

    def write(self, folder, pictures: Sequence[str] = ()) -> None:
        """Writes the tables in every format, and the pictures.

        Args:
            folder: made if there is none.
            pictures: formats to draw in, of png, pdf and svg; empty for no pictures.

        Raises:
            RunError: a file cannot be written.
        """
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"{folder}: cannot be made a folder: {error.strerror}; choose another with --output"
            ) from None
        for kind, ending in FORMATS.items():
            write_text(folder / f"{self.stem}-{self.kind}.{ending}", self.render(kind))
        if pictures:
            from caps_hvd.report import plot_style

            plot_style.write(folder, self.stem, self.figures(), pictures)


def load(path) -> sweep_record.SweepResult:
    """Reads a sweep.

    Args:
        path: the folder of a sweep, or its HDF5 file.

    Raises:
        RunError: there is none, or it cannot be read.
    """
    path = Path(path)
    file = path / SWEEP_FILE if path.is_dir() else path
    if not file.exists():
        missing = f"no {SWEEP_FILE} in this folder" if path.is_dir() else "no such file or folder"
        raise RunError(
            f"{path}: {missing}; give a folder that `caps-hvd sweep` has made, or its .h5 file"
        )
    return sweep_record.read(file)


def default_folder(path) -> Path:
    """The folder for the report of a sweep: inside its folder, or beside its file."""
    path = Path(path)
    return path / FOLDER if path.is_dir() else path.with_name(f"{path.stem}-{FOLDER}")
