"""A `TrainConfig` from a TOML file, from a mapping, or from a run that is resumed."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.io import toml
from caps_hvd.io.options import FROM_THE_START, check_keys, option_of


def from_mapping(values: Mapping, where=lambda name: name) -> dict:
    """Checked values of a mapping with a configuration's keys, which need not be complete.

    Args:
        values: key -> value.
        where: key -> what to call it in an error, such as `run.toml: line 3: epochs`.

    Raises:
        ConfigError: a key is unknown, or a value is of the wrong type or out of range.
    """
    return check_keys(values, dataclasses.fields(TrainConfig), where, "docs/training.md")


def read_file(path) -> dict:
    """Checked values of a TOML file with a configuration's keys.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or holds what it must not; the message
            names the file and the line.
    """
    document = toml.read(path, "the configuration")
    return from_mapping(document.values, document.where)


def of_run(values: dict) -> dict:
    """The values of a run that was begun, which say nothing of options that were added later.

    Args:
        values: of the run's `config.toml`.
    """
    fields = dataclasses.fields(TrainConfig)
    before = {field.name: option_of(field).value_before_added for field in fields}
    return {name: each for name, each in before.items() if each is not FROM_THE_START} | values


def added_since(known, given=()) -> dict:
    """What was done without the options that were added since a plan was written.

    Args:
        known: names of the options that the plan has.
        given: names of those that are given now, and count as they are. Defaults to none.

    Returns:
        Option -> its value before it was added, where that is not its default.
    """
    return {
        field.name: before
        for field in dataclasses.fields(TrainConfig)
        if (before := option_of(field).value_before_added) is not FROM_THE_START
        if field.name not in {*known, *given} and before != field.default
    }


def load(path=None, overrides: Mapping | None = None) -> TrainConfig:
    """A configuration from a file, with some values put over it.

    A run that is resumed brings its own `config.toml`, below both.

    Args:
        path: TOML file, or None.
        overrides: values that win over the file's, such as the command line's.

    Example:
        >>> load(overrides={"epochs": 3}).epochs
        3
    """
    values = {**(read_file(path) if path else {}), **from_mapping(overrides or {})}
    if values.get("resume") and values.get("run_dir"):
        begun = Path(values["run_dir"], "config.toml")
        if begun.exists():
            values = of_run(read_file(begun)) | values
    return TrainConfig(**values)
