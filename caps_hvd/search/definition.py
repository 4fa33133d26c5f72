"""The definition of a search for lanes: a TOML file, a sweep's definition with two more tables.

name = "search"
trials = 64                  # candidates that all processes together try
sampler = "random"           # or tpe
repetitions = 4              # a candidate's value is the geometric mean of so many trainings

[train]                      # any option of `caps-hvd train` but those of its lanes
dataset = "cifar10"

[limits]
flops = 1.0                  # of the model with 4 lanes, width 2, depth 4
devices = 4
memory_mib = 2048            # of each

[lanes]
types = ["mlcn1", "mlcn2"]
widths = [1, 4]              # least, most
depths = [1, 4]
"""

import dataclasses
import functools
import math
import tomllib
from collections.abc import Sequence
from pathlib import Path

import tomli_w

from caps_hvd.config.file import from_mapping
from caps_hvd.config.train_config import TrainConfig, fields
from caps_hvd.errors import ConfigError
from caps_hvd.io import toml
from caps_hvd.io.options import check_keys, option, option_of
from caps_hvd.lanes import space as sampler
from caps_hvd.lanes.lane import TYPES, Lane
from caps_hvd.lanes.space import LaneSpace
from caps_hvd.sweep import definition_file
from caps_hvd.sweep.definition import Axis, AxisValue, SweepDefinition, keys

# The search gives these to each candidate.
_LANE_OPTIONS = ("model", "lanes", "lane_type", "lane_width", "lane_depth", "lane_list")


def _types(values) -> tuple[str, ...]:
    if not values or not set(values) <= set(TYPES):
        raise ConfigError(f"expected types of {', '.join(TYPES)}, received {list(values)!r}")
    return tuple(dict.fromkeys(values))


def _range(values) -> tuple[int, int]:
    whole = len(values) == 2 and all(type(each) is int for each in values)
    if not whole or not 1 <= values[0] <= values[1] <= 64:
        raise ConfigError(
            f"expected [least, most], two integers from 1 to 64, received {list(values)!r}"
        )
    return tuple(values)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """The table `[limits]`: what the devices have room for."""

    flops: float = option(
        1.0,
        "Operations of a model, over all devices.",
        unit="of the model with 4 lanes, width 2, depth 4",
        above=0,
    )
    memory_mib: float | None = option(
        None, "Memory for lanes on each device.", unit="MiB", above=0, none="unlimited"
    )
    devices: int = option(4, "Devices, all alike.", minimum=1, maximum=1024)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ranges:
    """The table `[lanes]`: what a lane may be."""

    types: tuple[str, ...] = option(TYPES, "Types.", check_items=_types)
    widths: tuple[int, ...] = option((1, 4), "Widths.", check_items=_range)
    depths: tuple[int, ...] = option((1, 4), "Depths.", check_items=_range)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchDefinition:
    """The definition of a search.

    Args:
        trials: candidates that all processes together try.
        sampler: one of `lanes.space.METHODS`.
        limits, lanes: tables of the file.
        sweep: all the rest: options of training, repetitions, and how ranks are started.

    Raises:
        ConfigError: the sampler is tpe, and no accuracy is measured before the end.
    """

    trials: int = option(64, "Candidates, over all processes.", minimum=1)
    sampler: str = option("random", "What proposes candidates.", choices=sampler.METHODS)
    limits: Limits = Limits()
    lanes: Ranges = Ranges()
    sweep: SweepDefinition

    def __post_init__(self):
        if self.sampler == "tpe" and self.sweep.train.get("evaluate_every") == 0:
            raise ConfigError(
                f"{self.sweep.where('train', 'evaluate_every')}: expected at least 1, so that the "
                "sampler tpe can stop candidates early, received 0; set it to 1, or take the "
                "sampler random"
            )

    @property
    def name(self) -> str:
        return self.sweep.name

    @property
    def seed(self) -> int:
        """The seed of the candidates, and of their first training."""
        return self.sweep.train.get("seed", TrainConfig.seed)

    def space(self, image_shape: tuple[int, int, int], classes: int) -> LaneSpace:
        """Returns what candidates are made of, for images of a data set.

        Raises:
            ConfigError: no lane fits; the message names the file and the line.
        """
        try:
            return sampler.lane_space(
                **vars(self.lanes),
                **{**vars(self.limits), "memory_mib": self.limits.memory_mib or math.inf},
                image_shape=image_shape,
                batch_size=self.sweep.train.get("batch_size", TrainConfig.batch_size),
                classes=classes,
            )
        except ConfigError as error:
            raise ConfigError(f"{self.sweep.where('limits')}: {error}") from None

    def facts(self, image_shape: tuple[int, int, int], classes: int) -> dict:
        """Returns what must be the same for all that work on the search, as JSON takes it."""
        defaults = TrainConfig()
        return {
            "name": self.name,
            "image_shape": list(image_shape),
            "classes": classes,
            "batch_size": self.sweep.train.get("batch_size", TrainConfig.batch_size),
            "seed": self.seed,
            "repetitions": self.sweep.repetitions,
            "ranks_per_machine": self.sweep.ranks_per_machine,
            "scaling": self.sweep.scaling,
            # Options of training without which candidates could not be compared, those that are not
            # given as a whole configuration has them; one that says what searches did before it was
            # added is left out at that value.
            **{
                f"train.{field.name}": value
                for field in sorted(fields(), key=lambda field: field.name)
                if option_of(field).decides_result or field.name == "epochs"
                if field.name not in ("batch_size", "seed", *_LANE_OPTIONS)
                if (value := self.sweep.train.get(field.name, getattr(defaults, field.name)))
                != option_of(field).value_before_added
            },
            **{f"limits.{name}": value for name, value in vars(self.limits).items()},
            **{f"lanes.{name}": list(value) for name, value in vars(self.lanes).items()},
        }

    def kept_text(self) -> str:
        """Returns the definition for the search's folder, to which its paths are relative."""
        values = tomllib.loads(self.sweep.text)
        full = {"name": self.name, **values, **self._hostfile}
        return self.sweep.text if full == values else tomli_w.dumps(full)

    @property
    def _hostfile(self) -> dict:
        """The key `hostfile` with a path that is the same from every folder; none without one."""
        if self.sweep.hostfile is None:
            return {}
        return {"hostfile": str((self.sweep.path.parent / self.sweep.hostfile).resolve())}

    def candidate(self, number: int, lanes: Sequence[Lane], path) -> SweepDefinition:
        """Returns the sweep that trains a candidate: a point for each repetition.

        Args:
            number, lanes: of the candidate.
            path: what errors call the definition.
        """
        return self._sweep(f"{self.name}-{number:04d}", path, train=_lane_list(lanes))

    def confirmation(self, best: Sequence[Lane], repetitions: int, path) -> SweepDefinition:
        """Returns the sweep that trains the best model and the baseline anew, with new seeds.

        Args:
            best: lanes of the best model.
            repetitions: seeds for each of the two; none of them is one of the search.
            path: what errors call the definition.
        """
        models = {"best": best, "baseline": sampler.BASELINE}
        values = tuple(AxisValue(label, _lane_list(lanes)) for label, lanes in models.items())
        return self._sweep(
            f"{self.name}-confirmation",
            path,
            repetitions=repetitions,
            train={"seed": self.seed + self.sweep.repetitions},
            axes=(Axis("lanes", values),),
        )

    def _sweep(self, name, path, train, **changes) -> SweepDefinition:
        train = {**self.sweep.train, "model": "mlcn", **train}
        changes |= {"name": name, "path": Path(path), "train": train, **self._hostfile}
        sweep = dataclasses.replace(self.sweep, **changes)
        return dataclasses.replace(sweep, text=definition_file.to_toml(sweep))


def _lane_list(lanes) -> dict:
    return from_mapping({"lane_list": [str(lane) for lane in lanes]})


_OWN = ("trials", "sampler", "limits", "lanes")


def read(path) -> SearchDefinition:
    """Reads and checks a definition.

    Raises:
        ConfigError: the file cannot be read or holds what it must not; the message names the file,
            the line and the key.
    """
    remedy = "name a TOML file such as jobs/mlcn/search_small.toml"
    return _from_document(toml.read(path, "the search's definition", remedy))


def parse(text: str, path="search.toml") -> SearchDefinition:
    """Returns the definition in a text; `path` is what errors call it.

    Raises:
        ConfigError: it holds what it must not.

    Example:
        >>> parse("trials = 8").limits.devices
        4
    """
    return _from_document(toml.parse(text, path))


def _from_document(document) -> SearchDefinition:
    sweep = definition_file.from_document(document, others=_OWN)
    where = document.where
    if sweep.axes or sweep.machine_counts != (1,):
        key = "axes" if sweep.axes else "machine_counts"
        raise ConfigError(
            f"{where(key)}: a search has no axes, and one machine count; remove it, or take "
            "`caps-hvd sweep`"
        )
    if sweep.launcher == "slurm":
        raise ConfigError(
            f"{where('launcher')}: a search waits for its candidates, which would outlive it in "
            "Slurm's queue; take 'auto', and start the search itself as jobs of Slurm, such as "
            "`sbatch --array=0-7 --wrap 'caps-hvd lanes search FILE --output FOLDER'`"
        )
    for name in _LANE_OPTIONS:
        if name in sweep.train:
            raise ConfigError(
                f"{where('train', name)}: the search chooses it for each candidate; remove the line"
            )
    own = {key: value for key, value in document.values.items() if key in ("trials", "sampler")}
    limits, lanes = document.table("limits"), document.table("lanes")
    return SearchDefinition(
        **_checked(SearchDefinition, own, where),
        limits=Limits(**_checked(Limits, limits, functools.partial(where, "limits"))),
        lanes=Ranges(**_checked(Ranges, lanes, functools.partial(where, "lanes"))),
        sweep=sweep,
    )


def _checked(kind, values, where) -> dict:
    return check_keys(values, keys(kind).values(), where, "docs/lane_search.md")
