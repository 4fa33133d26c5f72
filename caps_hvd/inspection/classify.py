"""The command `classify`, once its options are read: images in, a line for each out.

Images go through one batch at a time, so memory does not grow with their number.
"""

import contextlib
import dataclasses
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from caps_hvd.errors import ConfigError, DataError, RunError
from caps_hvd.inspection.image_sources import PIPE, FoundImage, ImageSources
from caps_hvd.inspection.run_data import PartImages, check_fits
from caps_hvd.io.atomic import replacing
from caps_hvd.io.one_line import one_line
from caps_hvd.report.predictions import Prediction, PredictionLines
from caps_hvd.system.backend import start_keras
from caps_hvd.training.build import read_options
from caps_hvd.training.run_directory import RunDirectory, check_has_weights, read_config


@dataclasses.dataclass(frozen=True)
class Classified:
    """An image that was classified: as prepared for the network, drawn again, and what it is."""

    prediction: Prediction
    image: np.ndarray
    reconstruction: np.ndarray | None


def classify(
    run,
    sources: ImageSources | PartImages,
    *,
    batch_size: int,
    form: str = "text",
    output: str | None = None,
    reconstructions: str | None = None,
) -> int:
    """Classifies images with a run's network and prints, or writes, a line for each.

    Args:
        run: run directory.
        sources: where the images are; those of a data set get a column of their true class.
        batch_size: images that are computed at once.
        form: of the lines: "text", "csv" or "jsonl".
        output: file to write the lines to, whole or not at all. Default: standard output.
        reconstructions: folder for pictures of images beside their reconstructions. Default: none.

    Returns:
        The exit code: 1 where an image could not be read, else 0.

    Raises:
        ConfigError: there is no image at all, or the data set does not fit the network, or the
            network draws no images.
        RunError: the run has no weights that can be used, or a file cannot be written.
    """
    check_has_weights(RunDirectory.at(run))  # before Keras loads, which takes seconds
    count = sources.count() if _shows_bar(output) else None
    start_keras()
    from caps_hvd.inspection.network import load_network

    network = load_network(run)
    labelled = isinstance(sources, PartImages)
    if labelled:
        check_fits(sources.dataset, network.image_shape, len(network.class_names))
    pictures = None
    if reconstructions is not None:
        if network.model.decoder is None:
            raise ConfigError(
                f"--reconstructions: expected a network that has a decoder to draw images with, "
                f"received {network.model.name} without one; leave the option out"
            )
        pictures = _Pictures(reconstructions)
    lines = PredictionLines(
        form, network.class_names, network.model.decoder is not None, true_class=labelled
    )
    unreadable = []

    def refuse(name, reason):
        unreadable.append(None)
        name = one_line(name)
        reason = reason if reason.startswith(name) else f"{name}: {reason}"
        print(f"caps_hvd: not classified: {reason}", file=sys.stderr)

    done = 0
    with contextlib.ExitStack() as opened:
        advance = opened.enter_context(_progress(count, _shows_bar(output)))
        images = sources.images(network.image_shape)
        for batch in classified(network, images, batch_size, refuse):
            if not done:  # no file is left where there is no line for it
                file = opened.enter_context(_written_to(output))
                file.write(lines.header())
            for each in batch:
                file.write(lines.line(each.prediction))
                if pictures is not None:
                    pictures.draw(each)
            file.flush()
            done += len(batch)
            advance(done + len(unreadable))
        if not done and not unreadable:
            raise ConfigError(
                "IMAGES: expected at least one image, received none"
                + ("; see that the command before the pipe names some" * (PIPE in sources.words))
            )
    if unreadable:
        total = done + len(unreadable)
        print(
            f"caps_hvd: {len(unreadable):,} of {total:,} images could not be classified",
            file=sys.stderr,
        )
    return 1 if unreadable else 0


def sources_of(run, words, array, overrides: dict, pipe) -> ImageSources:
    """Where the images of a command line are, read as those of the run were.

    Args:
        run: run directory.
        words: of the command line.
        array: name of the array in a file of arrays, or None.
        overrides: values of the configuration that count instead of the run's.
        pipe: binary stream that "-" stands for.

    Raises:
        ConfigError: the folder is not a run directory, a pattern matches nothing, or a folder holds
            no picture.
    """
    config = dataclasses.replace(read_config(RunDirectory.at(run)), **overrides)
    return ImageSources(tuple(words), array, read_options(config), pipe)


def classified(
    network,
    images: Iterable[FoundImage],
    batch_size: int,
    refuse: Callable[[str, str], None],
) -> Iterator[list[Classified]]:
    """Yields images in batches as they are classified; none is read before its batch's turn.

    Args:
        network: a `Network`.
        images: that were found.
        batch_size: images of a batch; the last may have fewer.
        refuse: called with the name of an image that cannot be read, and the reason.
    """
    prepared = _readable(network, images, refuse)
    while batch := list(islice(prepared, batch_size)):
        images, values = zip(*batch, strict=True)
        values = np.stack(values)
        found = network.predict(values)
        yield [
            Classified(
                _prediction(image, row, found, network.class_names),
                values[row],
                None if found.reconstructions is None else found.reconstructions[row],
            )
            for row, image in enumerate(images)
        ]


def _readable(network, images, refuse) -> Iterator[tuple[FoundImage, np.ndarray]]:
    for found in images:
        try:
            yield found, network.prepare(found.read())
        except DataError as error:
            refuse(found.name, str(error))


def _prediction(image, row, found, class_names) -> Prediction:
    best = found.classes[row]
    second = None if found.runners_up is None else found.runners_up[row]
    return Prediction(
        image=image.name,
        true_class=image.true_class,
        class_name=class_names[best],
        score=float(found.scores[row, best]),
        runner_up=None if second is None else class_names[second],
        runner_up_score=None if second is None else float(found.scores[row, second]),
        distance=None if found.distances is None else float(found.distances[row]),
    )


class _Pictures:
    """A folder of pictures, of each image one: what the network sees beside what it draws."""

    def __init__(self, folder):
        self.folder, self.number = Path(folder), 0
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"--reconstructions: cannot make the folder {self.folder}: {error.strerror}; name "
                "another one"
            ) from None

    def draw(self, each: Classified) -> None:
        from caps_hvd.report.images import side_by_side

        self.number += 1
        name = re.sub(r"[^\w.-]+", "-", Path(each.prediction.image).name)[:80]
        path = self.folder / f"{self.number:06d}-{name}.png"
        side_by_side(path, each.image, each.reconstruction)


@contextlib.contextmanager
def _written_to(output):
    """The file of the lines, or standard output, whose reader may go away."""
    if output is not None:
        with replacing(output) as partial, open(partial, "w", encoding="utf-8") as file:
            yield file
        return
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:  # such as `| head`; what is left in the buffer goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _shows_bar(output) -> bool:
    """Whether there is a terminal for a bar, on which no lines appear."""
    return sys.stderr.isatty() and (output is not None or not sys.stdout.isatty())


@contextlib.contextmanager
def _progress(count, shown):
    """Gives a function that is told how many images are done; shows a bar where that is asked."""
    if not shown:
        yield lambda done: None
        return
    bar = Progress(
        TextColumn("classify"), BarColumn(), MofNCompleteColumn(), TextColumn("images"),
        TimeRemainingColumn(), console=Console(stderr=True), redirect_stdout=False, transient=True,
    )  # fmt: skip
    with bar:
        task = bar.add_task("", total=count)
        yield lambda done: bar.update(task, completed=done)
