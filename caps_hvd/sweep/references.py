"""Check of the data sets and models that a sweep names, before anything waits in a queue."""

import dataclasses
import os
from collections.abc import Mapping, Sequence

from caps_hvd.config import own_model
from caps_hvd.data import known
from caps_hvd.errors import ConfigError
from caps_hvd.sweep.definition import SweepDefinition
from caps_hvd.sweep.points import Point


def check_data_sets(definition: SweepDefinition, points: Sequence[Point]) -> None:
    """Refuses the name of a data set that a point will not find.

    A folder that is not here may be on the nodes, so its data sets are not judged.

    Args:
        definition: where the names were written.
        points: planned from it; only they tell which name meets which folder.

    Raises:
        ConfigError: `known.check_name` refuses it; the message names the file and the line.
    """
    pairs = {(point.config.dataset, point.config.data_dir): point for point in points}
    for (name, data_dir), point in pairs.items():
        folder = known.data_folder(data_dir)
        if folder is not None and not os.path.isdir(folder):
            continue
        try:
            known.check_name(name, data_dir)
        except ConfigError as error:
            where = _where(definition, point) + (f" in {data_dir}" if data_dir else "")
            reason = str(error).removeprefix("dataset: ")
            raise ConfigError(f"{where}: {reason}") from None


def with_model_digests(definition: SweepDefinition) -> SweepDefinition:
    """The definition with the digests of the files that build its models.

    All points then train what the file holds now, or say that it has changed.

    Raises:
        ConfigError: there is no such file, or it has another digest than the definition says.
    """

    def pinned(options: Mapping, *place) -> Mapping:
        model = options.get("model", "")
        if not own_model.is_own(model):
            return options
        try:
            found = own_model.read(model, options.get("model_sha256"))
        except ConfigError as error:
            reason = str(error).removeprefix("model: ")
            raise ConfigError(f"{definition.where(*place)}: {reason}") from None
        return {**options, "model_sha256": found.sha256}

    axes = tuple(
        dataclasses.replace(
            axis,
            values=tuple(
                dataclasses.replace(value, options=pinned(value.options, "axes", axis.name))
                for value in axis.values
            ),
        )
        for axis in definition.axes
    )
    return dataclasses.replace(
        definition, train=pinned(definition.train, "train", "model"), axes=axes
    )


def _where(definition, point) -> str:
    """What to call the place that names the data set of a point: the last axis that does."""
    for axis in reversed(definition.axes):
        for value in axis.values:
            if "dataset" in value.options and value.label == point.axes[axis.name]:
                label = () if axis.name in value.options else (str(value.label),)
                return definition.where("axes", axis.name, *label)
    return definition.where("train", "dataset")
