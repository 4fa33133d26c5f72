"""A `TrainConfig` from a TOML file, from a mapping, or from a run that is resumed."""

from collections.abc import Mapping
from pathlib import Path

from caps_hvd.config.train_config import TrainConfig, fields
from caps_hvd.io import toml
from caps_hvd.io.options import check_keys


def from_mapping(values: Mapping, where=lambda name: name) -> dict:
    """Checked values of a mapping with a configuration's keys, which need not be complete.

    Args:
        values: key -> value.
        where: key -> what to call it in an error, such as `run.toml: line 3: epochs`.

    Raises:
        ConfigError: a key is unknown, or a value is of the wrong type or out of range.
    """
    return check_keys(values, fields(), where, "docs/training.md")


def read_file(path) -> dict:
    """Checked values of a TOML file with a configuration's keys.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or holds what it must not; the message
            names the file and the line.
    """
    document = toml.read(path, "the configuration")
    return from_mapping(document.values, document.where)


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
            values = {**read_file(begun), **values}
    return TrainConfig(**values)
