"""The configuration of a training run: one frozen dataclass, composed of a section a file."""

import dataclasses
import hashlib
import json

import tomli_w

from caps_hvd import schedules
from caps_hvd.config import validation
from caps_hvd.config.data import DataOptions
from caps_hvd.config.distribution import DistributionOptions
from caps_hvd.config.fine_tuning import FineTuningOptions
from caps_hvd.config.lanes import LaneOptions
from caps_hvd.config.model import ModelOptions
from caps_hvd.config.network import NetworkOptions
from caps_hvd.config.optimization import OptimizationOptions
from caps_hvd.config.run import RunOptions
from caps_hvd.config.schedule import ScheduleOptions
from caps_hvd.config.validation import ValidationOptions
from caps_hvd.io.options import check, option_of, plain


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainConfig(
    # Python puts the fields of the last base first: people read them from the model to the run.
    RunOptions,
    DistributionOptions,
    ScheduleOptions,
    OptimizationOptions,
    FineTuningOptions,
    ValidationOptions,
    DataOptions,
    LaneOptions,
    NetworkOptions,
    ModelOptions,
):
    """A complete description of one training run.

    The fields are the keys of a TOML file and, with dashes, the options of `caps-hvd train`.
    `docs/training.md` has them all with their units, ranges and defaults.

    Raises:
        ConfigError: a value has the wrong type or is out of range, or the options of the policy
            do not fit together.

    Example:
        >>> config = TrainConfig(dataset="mnist", batch_size=128)
        >>> config.epochs
        10
    """

    def __post_init__(self):
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, check(field, getattr(self, field.name)))
        if self.decoder == "auto":
            # Written down as what it is, as before there was "auto": files and digests stay.
            object.__setattr__(self, "decoder", self.published_decoder())
        schedules.check(self, self.epochs)
        validation.check(self)

    def to_toml(self) -> str:
        """The experiment as the text of a TOML file, which `config.file.load` reads back."""
        return tomli_w.dumps(self.file_values())

    def digest(self) -> str:
        """Hexadecimal SHA-256 of the values that decide a run's result.

        An option that says what runs did before it was added is left out at that value, so that
        they can be resumed.
        """
        described = {field.name: option_of(field) for field in dataclasses.fields(self)}
        values = {name: getattr(self, name) for name in self.deciding_names()}
        counted = {
            name: plain(value)
            for name, value in values.items()
            if value != described[name].value_before_added
        }
        return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()

    def deciding_names(self) -> list[str]:
        """Names of the values that a resumed run must share with the run that it goes on with."""
        fields = dataclasses.fields(self)
        names = [field.name for field in fields if option_of(field).decides_result]
        return [*names, "epochs"] if schedules.depends_on_epochs(self) else names

    def file_values(self) -> dict:
        """What describes the experiment: all values but those of one invocation."""
        values = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is None:
                value = option_of(field).none
            if value is not None and option_of(field).in_file:
                values[field.name] = plain(value)
        return values


def fields() -> tuple[dataclasses.Field, ...]:
    """The fields of a `TrainConfig` in the order in which people read them."""
    return dataclasses.fields(TrainConfig)
