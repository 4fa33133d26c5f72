"""A `TrainConfig` from a TOML file, from a mapping, or from a run that is resumed."""

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError
from caps_hvd.io.options import FROM_THE_START, check, option_of, unknown_key


def from_mapping(values: Mapping, where=lambda name: name) -> dict:
    """Checked values of a mapping with a configuration's keys, which need not be complete.

    Args:
        values: key -> value.
        where: key -> what to call it in an error, such as `run.toml: line 3: epochs`.

    Raises:
        ConfigError: a key is unknown, or a value is of the wrong type or out of range.
    """
    known = {field.name: field for field in dataclasses.fields(TrainConfig)}
    for name in values:
        if name not in known:
            raise ConfigError(f"{where(name)}: {unknown_key(name, known, 'docs/training.md')}")
    return {name: check(known[name], value, where(name)) for name, value in values.items()}


def read_file(path) -> dict:
    """Checked values of a TOML file with a configuration's keys.

    Raises:
        ConfigError: the file cannot be read, is not TOML, or holds what it must not; the message
            names the file and the line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file: {error}") from None
    return from_mapping(values, lambda name: f"{path}: {_line_of(name, text)}{name}")


def of_run(values: dict) -> dict:
    """The values of a run that was begun, which say nothing of options that were added later.

    Args:
        values: of the run's `config.toml`.
    """
    fields = dataclasses.fields(TrainConfig)
    before = {field.name: option_of(field).value_before_added for field in fields}
    return {name: each for name, each in before.items() if each is not FROM_THE_START} | values


def _line_of(name: str, text: str) -> str:
    for number, line in enumerate(text.splitlines(), start=1):
        key = line.split("=")[0].strip().strip("[]\"'")
        if key == name:
            return f"line {number}: "
    return ""


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
