"""The command `caps-hvd optimize`: a sweep, a report on trade-offs, a choice by a criterion."""

import dataclasses
import shlex
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import CapsHvdError, ConfigError, RunError
from caps_hvd.io.atomic import write_text
from caps_hvd.records.axes import baseline_axes
from caps_hvd.records.sweep_record import SweepResult
from caps_hvd.report import base
from caps_hvd.report.trade_off import report
from caps_hvd.report.trade_off.configurations import TradeOff
from caps_hvd.report.trade_off.criterion import Criterion
from caps_hvd.sweep import commands, definition_file
from caps_hvd.sweep.definition import SweepDefinition
from caps_hvd.sweep.directory import read_definition
from caps_hvd.sweep.engine import check_complete
from caps_hvd.sweep.options import SweepOptions
from caps_hvd.sweep.points import config_of

CHOSEN = "chosen.toml"
_PROGRAM_OF_RANKS = "python -m caps_hvd.train"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SelectionRequest:
    """A request to choose among the configurations of a sweep, and how to report on them.

    Args:
        baseline: axis -> value of the configuration to compare with.
        choice: what to choose by.
        with_published: whether FasTrCaps' published table follows ours.
        kind: what to print the report as, one of `report.base.FORMATS`.
        pictures: formats to draw in; empty for no pictures.
    """

    baseline: Mapping[str, str]
    choice: Criterion
    with_published: bool
    kind: str
    pictures: Sequence[str]

    def select(self, source, folder) -> None:
        """Prints the report, writes it into a folder, and the configuration chosen beside it.

        Args:
            source: HDF5 file of a sweep, or the folder of one.
            folder: to write into.

        Raises:
            RunError: no point is finished, a file cannot be written, nothing is within the limits,
                or the definition in the file is of another version of the package.
        """
        sweep = base.load(source)
        made = report.report(
            sweep,
            baseline=self.baseline,
            choice=self.choice,
            with_published=self.with_published,
        )
        print(made.render(self.kind), end="", flush=True)
        made.write(folder, self.pictures)
        print(f"Tables{' and pictures' if self.pictures else ''} are in {folder}", file=sys.stderr)
        _choose(sweep, source, made.table, Path(folder, CHOSEN))


def run(path, request: SelectionRequest, options: SweepOptions) -> None:
    """Runs a sweep, or what of it is left, reports on it, and chooses a configuration.

    Args:
        path: of the definition, of the folder of a sweep that was begun, or of its HDF5 file.
        request: what is made of the results.
        options: of this invocation; of an HDF5 file `output` is the folder of the report.

    Raises:
        ConfigError: the definition is wrong, or has nothing to choose from; nothing was started.
        RunError: the folder cannot be used, points failed, or nothing is within the limits.
    """
    if Path(path).is_file() and Path(path).suffix == ".h5":
        _reject_training(path, options)
        request.select(path, options.output or base.default_folder(path))
        return
    definition = read_definition(path)
    _check_grid(definition, request.baseline)
    directory = commands.directory_of(path, definition, options)
    sweep = commands.carry_out(definition, directory, options)
    if sweep is None or options.detach:
        return
    try:
        request.select(directory.path, base.default_folder(directory.path))
    except CapsHvdError:  # points that failed are the last word, whatever was made of the others
        check_complete(sweep, options)
        raise
    check_complete(sweep, options)


def _reject_training(path, options) -> None:
    for name in ("dry_run", "detach", "collect"):
        if getattr(options, name):
            raise ConfigError(
                f"--{name.replace('_', '-')}: {path} holds results, and nothing can be trained "
                "from it; remove the option, or name the definition"
            )


def _check_grid(definition: SweepDefinition, baseline) -> None:
    """Something to choose from, and something to compare it with, before anything is trained."""
    for axis in definition.axes:
        if all(set(value.options) == {"seed"} for value in axis.values):
            raise ConfigError(
                f"{definition.where('axes', axis.name)}: a seed is nothing to choose; for the mean "
                f"over several write repetitions = {len(axis.values)}"
            )
    values = {"machines": list(definition.machine_counts)} | {
        axis.name: [value.label for value in axis.values] for axis in definition.axes
    }
    if all(len(each) == 1 for each in values.values()):
        raise ConfigError(
            f"{definition.where('axes')}: expected a grid of at least 2 configurations to choose "
            'from, received 1; give an axis several values, such as policy = ["fixed", '
            '"warmadabatch"]'
        )
    baseline_axes(values, baseline)


def _choose(sweep: SweepResult, source, trade_off: TradeOff, path: Path) -> None:
    """Writes the configuration chosen as a file that `caps-hvd train` takes.

    Raises:
        RunError: none is within the limits, or the definition cannot be read; a file of an earlier
            choice is removed.
    """
    path.unlink(missing_ok=True)
    if trade_off.chosen is None:
        raise RunError(trade_off.choice.nothing_found(trade_off.configurations))
    point = next(
        point
        for point in sweep.points
        if point.status == "finished" and trade_off.chosen.axes.items() <= point.axes.items()
    )
    config = point.config or _config(sweep, source, point).to_toml()
    write_text(path, _head(trade_off, point) + config)
    alone = point.ranks == 1
    program = (
        "caps-hvd train" if alone else f"caps-hvd launch -np {point.ranks} -- {_PROGRAM_OF_RANKS}"
    )
    print(
        f"Chosen: {trade_off.chosen.name}; {program} --config {shlex.quote(str(path))}",
        file=sys.stderr,
    )


def _config(sweep, source, point) -> TrainConfig:
    """A point's configuration from the definition in the file, which older ones only have."""
    name = f"{sweep.name}.toml"  # names a sweep without a name; there is no such file
    try:
        return config_of(definition_file.parse(sweep.definition, name), point.axes, point.ranks)
    except ConfigError as error:
        version = sweep.versions.get("caps_hvd", "unknown")
        raise RunError(
            f"{source}: the definition inside is of another version of caps_hvd (written by "
            f"{version}; {str(error).removeprefix(f'{name}: ')}), so {CHOSEN} could not be "
            "written; the report is complete: take the options of what is chosen from it"
        ) from None


def _head(trade_off, point) -> str:
    """What the file says of its origin, as comments of TOML."""
    chosen = trade_off.chosen
    spread = f" +- {100 * chosen.best_spread:.2f}" if chosen.seeds > 1 else ""
    lines = (
        f"Chosen by caps-hvd optimize from the sweep {trade_off.name} of {trade_off.created_utc}: "
        f"{chosen.name}.",
        f"Criterion: {trade_off.choice.describe()}.",
        f"Measured: {100 * chosen.best_accuracy:.2f}{spread} % after epoch {chosen.best_epoch}, "
        f"mean of {_count(chosen.seeds, 'seed')}, {chosen.seconds_to_best:.1f} s of training up to "
        f"there, {chosen.seconds_per_epoch:.3g} s per epoch, {chosen.parameters:,} parameters.",
        f"With {_count(point.ranks, 'rank')} on {_count(point.machines, 'machine')}; the seed "
        "below is the first of them.",
    )
    wrapped = (
        part
        for line in lines
        for part in textwrap.wrap(line, 98, break_long_words=False, break_on_hyphens=False)
    )
    return "".join(f"# {line}\n" for line in wrapped) + "\n"


def _count(number, noun) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"
