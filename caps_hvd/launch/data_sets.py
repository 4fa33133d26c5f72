"""The data sets that a sweep names: a mistake must not wait until a rank looks for it."""

from collections.abc import Iterator

from caps_hvd.errors import ConfigError
from caps_hvd.launch.definition import SweepDefinition


def check_data_sets(definition: SweepDefinition) -> None:
    """Refuses the name of a data set that no point will find.

    Raises:
        ConfigError: `data.check_name` refuses it; the message names the file and the line.
    """
    from caps_hvd import data  # brings numpy: a sweep's --help does without

    for where, values in _tables(definition):
        if "dataset" in values:
            folder = values.get("data_dir") or definition.train.get("data_dir")
            try:
                data.check_name(values["dataset"], folder)
            except ConfigError as error:
                reason = str(error).removeprefix("dataset: ")
                raise ConfigError(f"{where}: {reason}") from None


def _tables(definition) -> Iterator[tuple]:
    """Options of training that the definition sets together, and what to call them."""
    yield definition.where("train", "dataset"), definition.train
    for axis in definition.axes:
        for choice in axis.choices:
            label = () if axis.name in choice.values else (str(choice.label),)
            yield definition.where("axes", axis.name, *label), choice.values
