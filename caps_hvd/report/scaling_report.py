"""A sweep's report: its tables in every format, and its pictures."""

import dataclasses
import re
from pathlib import Path

from caps_hvd.errors import RunError
from caps_hvd.files import replacing
from caps_hvd.report import scaling_data, scaling_sheets, sweep_record
from caps_hvd.report.predictions import Predictions
from caps_hvd.report.scaling_table import ScalingTable, tabulate
from caps_hvd.report.sheet import Sheet, to_latex, to_markdown, to_text

# Format -> ending of its file.
FORMATS = {"text": "txt", "csv": "csv", "latex": "tex", "markdown": "md", "json": "json"}
SWEEP_FILE = "sweep.h5"
FOLDER = "report"

_LATEX_HEAD = "% Made by caps-hvd report; needs \\usepackage{booktabs}.\n"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScalingReport:
    """What is reported about a sweep.

    Args:
        predictions: of the scale model, None without a calibration.
        with_published: whether the source's points stand beside ours.
    """

    table: ScalingTable
    predictions: Predictions | None = None
    with_published: bool = False

    @property
    def stem(self) -> str:
        """What the names of its files begin with."""
        return re.sub(r"[^\w.-]+", "-", self.table.name).strip("-.") or "sweep"

    def sheets(self) -> list[Sheet]:
        """Measured first, then what it is compared with."""
        sheets = [scaling_sheets.scaling(self.table), scaling_sheets.shares(self.table)]
        if self.predictions:
            sheets.append(scaling_sheets.beside_predicted(self.table, self.predictions))
        if self.with_published:
            sheets.append(scaling_sheets.beside_published(self.table))
        return [sheet for sheet in sheets if sheet]

    def render(self, kind: str) -> str:
        """The tables as text in one of `FORMATS`; it ends with a newline."""
        if kind in ("csv", "json"):
            rows = scaling_data.rows(self.table, self.predictions, self.with_published)
            return (
                scaling_data.to_csv(rows)
                if kind == "csv"
                else scaling_data.to_json(self.table, rows)
            )
        lay_out = {"text": to_text, "latex": to_latex, "markdown": to_markdown}[kind]
        text = "\n\n".join(map(lay_out, self.sheets())) + "\n"
        return _LATEX_HEAD + text if kind == "latex" else text

    def write_tables(self, folder) -> list[Path]:
        """Writes the tables in every format.

        Raises:
            RunError: a file cannot be written.
        """
        paths = []
        for kind, ending in FORMATS.items():
            path = _folder(folder) / f"{self.stem}-scaling.{ending}"
            with replacing(path) as partial:
                partial.write_text(self.render(kind), encoding="utf-8")
            paths.append(path)
        return paths

    def write_pictures(self, folder, formats=("png",)) -> list[Path]:
        """Writes the pictures; matplotlib takes a second or two.

        Raises:
            RunError: a file cannot be written.
        """
        from caps_hvd.report import plot_style, scaling_plots

        drawn = scaling_plots.figures(self.table, self.predictions, self.with_published)
        return plot_style.write(_folder(folder), self.stem, drawn, formats)


def load(path) -> sweep_record.SweepResult:
    """Reads a sweep.

    Args:
        path: the folder of a sweep, or its HDF5 file.

    Raises:
        RunError: there is none, or it cannot be read.
    """
    return sweep_record.read(_file_of(path))


def report(sweep, *, predictions=None, with_published=False) -> ScalingReport:
    """The report of a sweep.

    Args:
        sweep: as `load` gives it.
        predictions: makes `Predictions` of the table, None for no predictions.

    Raises:
        RunError: no point is finished.
    """
    table = tabulate(sweep)
    return ScalingReport(
        table=table,
        predictions=predictions(table) if predictions else None,
        with_published=with_published,
    )


def default_folder(path) -> Path:
    """Where the report of a sweep goes: into its folder, or beside its file."""
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


def _folder(path) -> Path:
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be made a folder: {error.strerror}; choose another with --output"
        ) from None
    return path
