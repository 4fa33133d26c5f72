"""The command `caps-hvd lanes search`: candidates, and their training as sweeps.

definition.toml          the definition that was last run here
journal.log              Optuna's journal: candidates, which process tries them, what came out
trials/0007/             the sweep of candidate 7: a point for each repetition
confirmation/0007/       the sweep of `caps-hvd lanes confirm` while candidate 7 was the best
report/                  tables, pictures and best lanes of `caps-hvd lanes search-report`
"""

import csv
import dataclasses
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from caps_hvd.config.file import added_since
from caps_hvd.data import known
from caps_hvd.errors import ConfigError
from caps_hvd.io import lock
from caps_hvd.io.atomic import write_text
from caps_hvd.records import lane_search
from caps_hvd.records.optuna_journal import JOURNAL, read_study
from caps_hvd.search import definition as lane_search_definition
from caps_hvd.search.definition import SearchDefinition
from caps_hvd.search.study import Objective, PutBack, Search
from caps_hvd.sweep import commands
from caps_hvd.sweep.directory import SweepDirectory
from caps_hvd.sweep.engine import Sweep, check_complete, hosts_of
from caps_hvd.sweep.options import SweepOptions
from caps_hvd.sweep.points import plan
from caps_hvd.sweep.references import check_data_sets
from caps_hvd.system import liveness

DEFINITION = "definition.toml"
_TRIALS = "trials"
# A training ends a moment after its search; a gone host's lock over NFSv4 after some 90 s.
_WAIT_SECONDS = 120.0
_LOOK_SECONDS = 0.2


def run(path, *, output=None, trials=None, sampler=None, reclaim=False, retry_failed=False) -> Path:
    """Searches, or goes on with a search, until all candidates are tried or being tried.

    The same command may run many times at once, on any machine that sees the folder.

    Args:
        path: of the definition, or of the folder of a search that was begun.
        output: the search's folder, None for `searches/<name>`, or for `path` if that is one.
        trials, sampler: in place of the definition's.
        reclaim: whether candidates are taken from workers of which nothing is known.
        retry_failed: whether candidates that have failed are tried again.

    Returns:
        The folder.

    Raises:
        ConfigError: the definition is wrong.
        RunError: the journal is damaged, the folder cannot be used, or a candidate has failed or
            is in use.
    """
    definition = read_definition(path)
    given = {"trials": trials, "sampler": sampler}
    definition = dataclasses.replace(
        definition, **{name: value for name, value in given.items() if value is not None}
    )
    folder = Path(output or (path if Path(path).is_dir() else Path("searches", definition.name)))
    definition = _as_begun(definition, folder)
    images = _images(definition)
    space = definition.space(*images)
    check_data_sets(definition.sweep, plan(definition.sweep, hosts_of(definition.sweep)))
    search = Search(
        folder,
        space,
        total=definition.trials,
        seed=definition.seed,
        method=definition.sampler,
        facts=definition.facts(*images),
        worker=liveness.describe(),
        are_alive=liveness.are_alive,
        tell=_tell,
    )
    write_text(folder / DEFINITION, definition.kept_text())
    search.reclaim(unknown=reclaim, failed=retry_failed)
    try:
        search.run(training(definition, folder))
    except KeyboardInterrupt:
        _tell("stopped; the same command goes on")
        raise
    if left := search.running():
        _tell(f"nothing left to begin; others are still at {left} candidates")
    return folder


def _as_begun(definition: SearchDefinition, folder: Path) -> SearchDefinition:
    """The definition, with what candidates did if the search was begun before an option was added.

    A search does not note an option at its value from before it was added.
    """
    if not (folder / JOURNAL).exists():
        return definition
    facts = read_study(folder).user_attrs.get("facts", {})
    noted = [name.removeprefix("train.") for name in facts if name.startswith("train.")]
    train = definition.sweep.train
    sweep = dataclasses.replace(definition.sweep, train=train | added_since(noted, train))
    return dataclasses.replace(definition, sweep=sweep)


def confirm(folder, *, repetitions=2) -> Sweep:
    """Trains the best candidate of a search and the baseline anew, with seeds that are new to it.

    Args:
        folder: of the search.
        repetitions: seeds for each of the two.

    Returns:
        The sweep, in a folder of the candidate's number in `confirmation/`.

    Raises:
        RunError: no candidate is finished, or a training has failed.
    """
    if not Path(folder).is_dir():
        raise ConfigError(
            f"SEARCH: expected the folder of a search, received {folder}, which is none; name one "
            "that `caps-hvd lanes search` has made"
        )
    definition = _as_begun(read_definition(folder), Path(folder))
    best = lane_search.load(folder).best
    directory = SweepDirectory(lane_search.confirmation_folder(folder, best.number))
    options = SweepOptions()
    confirmation = definition.confirmation(best.lanes, repetitions, directory.definition)
    sweep = commands.carry_out(confirmation, directory, options)
    check_complete(sweep, options)
    return sweep


def read_definition(path) -> SearchDefinition:
    """Returns the definition in a file, or the one that was last run in a search's folder.

    Raises:
        ConfigError: it cannot be read, or the folder is not that of a search.
    """
    file = Path(path, DEFINITION)
    if not file.parent.is_dir():
        return lane_search_definition.read(path)
    if not file.is_file():
        raise ConfigError(
            f"{path}: expected the folder of a search, but it has no {DEFINITION}; name one that "
            "`caps-hvd lanes search` has begun"
        )
    return lane_search_definition.read(file)


def training(definition: SearchDefinition, folder: Path) -> Objective:
    """Returns the objective: it trains a candidate as a sweep of its repetitions, in its folder.

    A candidate that was interrupted goes on where it was; whatever ends this process ends what it
    has started.

    Args:
        definition: of the search.
        folder: of the search.
    """

    def train(candidate, report):
        directory = SweepDirectory(folder / _TRIALS / f"{candidate.number:04d}")
        points = definition.candidate(candidate.number, candidate.lanes, directory.definition)
        deadline = time.monotonic() + _WAIT_SECONDS
        _wait_until_free(directory.lock, deadline)
        with directory.locked():
            sweep = Sweep(points, directory, hosts_of(points))
            for point in sweep.points:
                _wait_until_free(directory.files(point).lock, deadline)
            options = SweepOptions()
            executor = commands.executor_for(points)
            sweep.run(executor, options, on_poll=_reporter(sweep, report))
            check_complete(sweep, options)
        return [sweep.progress[point.name].result.compared_accuracy for point in sweep.points]

    return train


def _wait_until_free(path, deadline) -> None:
    """Waits for the end of what a search that was killed has left, or of its locks."""

    def in_use(owner):
        return PutBack(
            f"{path.parent}: expected a folder that nobody trains in, but it is in use by {owner}; "
            "the candidate is put back: go on with the same command once that has ended"
        )

    while path.exists():
        try:
            with lock.held(path, in_use):
                return
        except PutBack:
            if time.monotonic() >= deadline:
                raise
            time.sleep(_LOOK_SECONDS)


def _reporter(sweep, report) -> Callable[[], None]:
    """Reports each evaluated epoch of all repetitions, but the last, which ends it anyway."""
    told = set()

    def report_new_epochs():
        for index, point in enumerate(sweep.points):
            for epoch, accuracy in _evaluated(sweep.directory.files(point).history):
                step = index * point.config.epochs + epoch
                if step not in told and step < point.config.epochs * len(sweep.points):
                    told.add(step)
                    report(step, accuracy)

    return report_new_epochs


def _evaluated(history) -> list[tuple[int, float]]:
    """(epoch, accuracy) of a run's history, as far as it is there.

    The accuracy is that of the validation part where there is one, else of the test part.
    """
    try:
        with open(history, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return []
    found = ((row["epoch"], row.get("val_accuracy") or row.get("test_accuracy")) for row in rows)
    return [(int(epoch), float(accuracy)) for epoch, accuracy in found if accuracy]


def _images(definition) -> tuple[tuple[int, int, int], int]:
    """Image shape and number of classes of the search's data set, without reading it."""
    dataset = definition.sweep.train.get("dataset", "digits")
    if dataset not in known.KNOWN:
        raise ConfigError(
            f"{definition.sweep.where('train', 'dataset')}: expected one of "
            f"{', '.join(known.KNOWN)}, whose images are large enough for lanes, received "
            f"{dataset!r}"
        )
    found = known.KNOWN[dataset]
    return found.image_shape, len(found.class_names)


def _tell(line) -> None:
    print(f"{datetime.now():%H:%M:%S}  {line}", flush=True)
