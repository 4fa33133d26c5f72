"""Data sets and images that a job or a sweep names: a mistake must not wait in a queue."""

from collections.abc import Iterator
from pathlib import Path

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


def check_image(image: str | None, where: str) -> None:
    """Makes sure that the file of an image is there: login node and nodes see the same files.

    URLs and names of Docker images are not looked up.

    Args:
        image: as for `job.SlurmJob`.
        where: what to call it in an error, such as `--container`.

    Raises:
        ConfigError: it is a file's path, and there is no such file.
    """
    if image is None or "://" in image:
        return
    if (image.endswith(".sif") or image.startswith(("/", "."))) and not Path(image).is_file():
        raise ConfigError(
            f"{where}: expected the file of an image that login node and nodes see, a URL such as "
            f"docker://NAME, or the name of a Docker image; received {image!r}, which is not here; "
            "see docs/hpc.md for how to build one"
        )


def _tables(definition) -> Iterator[tuple]:
    """Options of training that the definition sets together, and what to call them."""
    yield definition.where("train", "dataset"), definition.train
    for axis in definition.axes:
        for choice in axis.choices:
            label = () if axis.name in choice.values else (str(choice.label),)
            yield definition.where("axes", axis.name, *label), choice.values
