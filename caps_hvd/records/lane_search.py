"""Results of a search for lanes, read from its journal or from a report's JSON."""

import dataclasses
import itertools
import json
import statistics
from collections.abc import Mapping
from pathlib import Path

from caps_hvd.errors import ConfigError, RunError
from caps_hvd.lanes import space
from caps_hvd.lanes.cost import lane_costs, model_parameters
from caps_hvd.lanes.lane import Lane, from_texts
from caps_hvd.records import sweep_record

_SCHEMA = "caps_hvd.lane_search/1"
_STATUS = {"COMPLETE": "finished", "PRUNED": "stopped", "FAIL": "failed"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tried:
    """A candidate and its accuracy.

    Args:
        number: counted from 0.
        method: what proposed it, random or tpe.
        status: finished, stopped (early), failed, running or waiting.
        lanes: of the model; none while they are not known.
        accuracies: on the test images, 0 to 1, of each repetition.
        accuracy: their geometric mean; None unless it is finished.
        seconds: from its start, or last resumption, to its end.
        attempts: how often it was begun, 2 where a process has died at it.
    """

    number: int
    method: str
    status: str
    lanes: tuple[Lane, ...]
    accuracies: tuple[float, ...] = ()
    accuracy: float | None = None
    seconds: float | None = None
    attempts: int = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Confirmed:
    """A training with a seed that the search has not used.

    Args:
        candidate: that was the best one when `caps-hvd lanes confirm` was called.
        model: "best", which is that candidate, or "baseline", beside it.
        seed: of the training.
        accuracy: on the test images, 0 to 1.
    """

    candidate: int
    model: str
    seed: int
    accuracy: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The results of a search.

    Args:
        facts: see `search.definition.SearchDefinition.facts`.
        tried: candidates in the order of their numbers.
        confirmed: what `caps-hvd lanes confirm` has trained; may be empty.
    """

    facts: Mapping
    tried: tuple[Tried, ...]
    confirmed: tuple[Confirmed, ...] = ()

    @property
    def name(self) -> str:
        return self.facts["name"]

    @property
    def limit(self) -> float:
        """FLOPs of all devices, in those of the baseline."""
        return self.facts["limits.flops"]

    @property
    def part(self) -> str:
        """The part of the data set that candidates are compared by: validation, or test."""
        return "validation" if self.facts.get("train.validation_fraction") else "test"

    @property
    def finished(self) -> tuple[Tried, ...]:
        return tuple(each for each in self.tried if each.status == "finished")

    @property
    def best(self) -> Tried:
        """The finished candidate of the highest accuracy, the first of equal ones.

        Raises:
            RunError: none is finished.
        """
        if not self.finished:
            raise RunError(
                f"{self.name}: no candidate is finished yet; go on with `caps-hvd lanes search`"
            )
        return max(self.finished, key=lambda each: each.accuracy)

    @property
    def bests(self) -> list[float | None]:
        """The best accuracy up to each candidate; None before the first one is finished."""

        def better(best, accuracy):
            return best if accuracy is None else max(accuracy, best or 0.0)

        return list(itertools.accumulate((each.accuracy for each in self.tried), better))

    @property
    def random_mean(self) -> float | None:
        """Mean accuracy of the finished candidates that were drawn at random."""
        values = [each.accuracy for each in self.finished if each.method == "random"]
        return statistics.mean(values) if values else None

    @property
    def confirmed_candidates(self) -> list[Tried]:
        """Candidates that were trained anew, from the best in the search on."""
        numbers = {each.candidate for each in self.confirmed}
        found = [each for each in self.finished if each.number in numbers]
        return sorted(found, key=lambda each: -each.accuracy)

    def confirmed_accuracies(self, candidate: int, model: str) -> list[float]:
        """Accuracies with new seeds, of a candidate ("best") or of the "baseline" beside it."""
        return [
            each.accuracy
            for each in self.confirmed
            if (each.candidate, each.model) == (candidate, model)
        ]

    def gflops(self, lanes) -> float:
        """Operations of a forward pass over a batch of the search, in thousands of millions."""
        shape, batch, classes = self._images
        return sum(cost.flops for cost in lane_costs(lanes, shape, batch, classes)) / 1e9

    def share(self, lanes) -> float:
        """Operations of a model, over the limit of all devices."""
        return self.gflops(lanes) / (self.limit * self.gflops(space.BASELINE))

    def parameters(self, lanes) -> int:
        """Parameters of a model, its decoder included."""
        shape, _, classes = self._images
        return model_parameters(lanes, shape, classes)

    @property
    def _images(self):
        facts = self.facts
        return tuple(facts["image_shape"]), facts["batch_size"], facts["classes"]


def load(path) -> SearchResult:
    """Reads a search.

    Args:
        path: its folder, or the JSON file of a report on it alone.

    Raises:
        RunError: there is none, it is damaged, or the report is on several.
    """
    found = load_all(path)
    if len(found) > 1:
        raise RunError(
            f"{path}: expected a report on one search, received one on {len(found)}; name the "
            "folder of one of them"
        )
    return found[0]


def load_all(path) -> tuple[SearchResult, ...]:
    """Reads the search in a folder, or all that the JSON file of a report is on.

    Raises:
        RunError: there is none, or it is damaged.
    """
    path = Path(path)
    return (_from_folder(path),) if path.is_dir() else _from_json(path)


def to_values(result: SearchResult) -> dict:
    """A search as JSON takes it; `load` reads it back."""
    return {
        "schema": _SCHEMA,
        "facts": dict(result.facts),
        "tried": [
            {**dataclasses.asdict(each), "lanes": [str(lane) for lane in each.lanes]}
            for each in result.tried
        ],
        "confirmed": [dataclasses.asdict(each) for each in result.confirmed],
    }


def _from_folder(folder) -> SearchResult:
    from caps_hvd.records.optuna_journal import read_study

    study = read_study(folder)
    trials = {}  # number of a candidate -> its trials
    for trial in study.get_trials(deepcopy=False):
        if (number := trial.user_attrs.get("candidate")) is not None:
            trials.setdefault(number, []).append(trial)
    try:
        return SearchResult(
            facts=study.user_attrs["facts"],
            tried=tuple(_tried(number, trials[number]) for number in sorted(trials)),
            confirmed=_confirmed(folder, study.user_attrs["facts"]),
        )
    except (KeyError, TypeError, ConfigError) as error:
        raise RunError(
            f"{folder}: expected the journal of a search for lanes, received one with a wrong or "
            f"missing entry: {error}; name another folder"
        ) from None


def _tried(number, trials) -> Tried:
    last = trials[-1]
    known = {**trials[0].user_attrs, **last.user_attrs}
    status = _STATUS.get(last.state.name, last.state.name.lower())
    return Tried(
        number=number,
        method=known.get("method", "random"),
        status=status,
        lanes=from_texts(known.get("lanes", [])),
        accuracies=tuple(known.get("accuracies", [])),
        accuracy=last.value if status == "finished" else None,
        seconds=round(last.duration.total_seconds(), 1) if last.duration else None,
        attempts=len(trials),
    )


def confirmation_folder(folder, candidate: int) -> Path:
    """Where `caps-hvd lanes confirm` trains a candidate of the search in a folder anew."""
    return Path(folder, "confirmation", f"{candidate:04d}")


def _confirmed(folder, facts) -> tuple[Confirmed, ...]:
    first = facts["seed"] + facts["repetitions"]
    records = confirmation_folder(folder, 0).parent.glob("*/sweep.h5")
    return tuple(
        Confirmed(
            candidate=int(path.parent.name),
            model=point.axes["lanes"],
            seed=first + int(point.axes["repetition"]),
            accuracy=point.test_accuracy,
        )
        for path in sorted(path for path in records if path.parent.name.isdecimal())
        for point in sweep_record.read(path).points
        if point.status == "finished"
    )


def _from_json(path) -> tuple[SearchResult, ...]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if found := tuple(map(_from_values, values.get("searches", [values]))):
            return found
        raise ValueError("no search")
    except (AttributeError, OSError, KeyError, TypeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise RunError(
            f"{path}: expected the folder of a search, or the .json file of a report on one: "
            f"{reason}; name a folder that `caps-hvd lanes search` has made"
        ) from None


def _from_values(values) -> SearchResult:
    if values["schema"] != _SCHEMA:
        raise ValueError(f"schema {values['schema']!r}")
    tried = (
        {**each, "lanes": from_texts(each["lanes"]), "accuracies": tuple(each["accuracies"])}
        for each in values["tried"]
    )
    result = SearchResult(facts=values["facts"], tried=tuple(Tried(**each) for each in tried))
    # Reports that do not name the candidate that was confirmed are of the best one.
    confirmed = tuple(
        Confirmed(**each if "candidate" in each else {**each, "candidate": result.best.number})
        for each in values["confirmed"]
    )
    return dataclasses.replace(result, confirmed=confirmed)
