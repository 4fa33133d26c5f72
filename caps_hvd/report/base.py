"""Base class of all reports, with the formats and files that they have in common."""

import abc
import re
from collections.abc import Sequence
from pathlib import Path

from caps_hvd.errors import RunError
from caps_hvd.io.atomic import replacing
from caps_hvd.records import sweep_record
from caps_hvd.report import values
from caps_hvd.report.sheet import Sheet, to_latex, to_markdown, to_text

# Format -> ending of its file.
FORMATS = {"text": "txt", "csv": "csv", "latex": "tex", "markdown": "md", "json": "json"}
SWEEP_FILE = "sweep.h5"
FOLDER = "report"


class SweepReport(abc.ABC):
    """The tables of a sweep in every format, and its pictures.

    Attributes:
        kind: what the names of its tables end with.
        command: that makes it.
    """

    kind: str
    command: str

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """The sweep's name."""

    @abc.abstractmethod
    def sheets(self) -> Sequence[Sheet]:
        """The tables as people read them."""

    @abc.abstractmethod
    def rows(self) -> list[dict]:
        """The tables as data: a dict of plain values for each row."""

    @abc.abstractmethod
    def values(self) -> dict:
        """The rows, and what is not among them, as plain values."""

    @abc.abstractmethod
    def figures(self) -> dict:
        """Name -> picture; imports matplotlib, which takes a second or two."""

    @property
    def stem(self) -> str:
        """The beginning of the names of its files."""
        return re.sub(r"[^\w.-]+", "-", self.name).strip("-.") or "sweep"

    def to_json(self) -> str:
        """The report as data for other programs, units in the names."""
        return values.to_json(self.values())

    def render(self, kind: str) -> str:
        """The tables as text in one of `FORMATS`; it ends with a newline."""
        if kind == "csv":
            return values.to_csv(self.rows())
        if kind == "json":
            return self.to_json()
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
        folder = _made(folder)
        for kind, ending in FORMATS.items():
            with replacing(folder / f"{self.stem}-{self.kind}.{ending}") as partial:
                partial.write_text(self.render(kind), encoding="utf-8")
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
    return sweep_record.read(_file_of(path))


def default_folder(path) -> Path:
    """The folder for the report of a sweep: inside its folder, or beside its file."""
    path = Path(path)
    return path / FOLDER if path.is_dir() else path.with_name(f"{path.stem}-{FOLDER}")


def _file_of(path) -> Path:
    path = Path(path)
    remedy = "give a folder that `caps-hvd sweep` has made, or its .h5 file"
    if path.is_dir():
        file = path / SWEEP_FILE
        if not file.is_file():
            raise RunError(f"{path}: no {SWEEP_FILE} in this folder; {remedy}")
        return file
    if not path.exists():
        raise RunError(f"{path}: no such file or folder; {remedy}")
    return path


def _made(path) -> Path:
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be made a folder: {error.strerror}; choose another with --output"
        ) from None
    return path
