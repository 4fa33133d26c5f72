"""Pictures of what a capsule network reconstructs, as PNG files.

Images of one, three and four channels are grey, RGB and RGB with alpha. The channels of others are
drawn in grey beside each other while they are few, else as their mean; the headline says which.
"""

import math

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from caps_hvd.errors import RunError
from caps_hvd.report.plot_style import INK, QUIET, save

_WRONG, _FRAME = "#c2410c", "#2563eb"
_MOST_BESIDE = 6
_LEAST_HEIGHT = 112  # in pixels, of a picture without words


def reconstructions(path, images, drawn, labels, predictions, class_names, pairs_per_row=5):
    """Real images, each beside what the network draws of it; wrong predictions stand out.

    Args:
        path: PNG file to write.
        images: float of shape (n, height, width, channels), values in [0, 1].
        drawn: reconstructions, of the same shape.
        labels, predictions: integers of shape (n,).
        class_names: what the classes are called.
        pairs_per_row: pairs beside each other. Defaults to 5.

    Raises:
        RunError: the file cannot be written.
    """
    wide, about = _panels(images.shape[-1])
    columns = min(max(1, pairs_per_row // wide), len(images))
    rows = math.ceil(len(images) / columns)
    figure = Figure(figsize=(2.1 * columns * wide, 1.28 * rows + 0.5), facecolor="white")
    grid = figure.add_gridspec(
        rows, columns, left=0.01, right=0.99, bottom=0.01, top=1 - 0.5 / (1.28 * rows + 0.5),
        wspace=0.08, hspace=0.26,
    )  # fmt: skip
    for index in range(len(images)):
        pair = grid[index].subgridspec(1, 2, wspace=0.03)
        left, right = (figure.add_subplot(cell) for cell in pair)
        _show(left, images[index])
        _show(right, drawn[index])
        true, predicted = (class_names[k] for k in (labels[index], predictions[index]))
        right_one = labels[index] == predictions[index]
        left.set_title(true, fontsize=8, color=INK, pad=3)
        right.set_title(
            predicted, fontsize=8, pad=3, color=INK if right_one else _WRONG,
            fontweight="normal" if right_one else "bold",
        )  # fmt: skip
    correct = int(np.sum(np.asarray(labels) == np.asarray(predictions)))
    _headline(
        figure,
        f"Left: image and its class.  Right: reconstruction and predicted class "
        f"({correct} of {len(images)} right).{about}",
    )
    save(path, figure)


def perturbations(path, sweeps, offsets, names, title):
    """One row for each dimension of a capsule, one column for each offset.

    Args:
        path: PNG file to write.
        sweeps: float of shape (dimensions, offsets, height, width, channels), values in [0, 1].
        offsets: what was added to the dimension, one for each column.
        names: what the dimensions are called, one for each row.
        title: line above the picture.

    Raises:
        RunError: the file cannot be written.
    """
    rows, columns = sweeps.shape[:2]
    cell = 0.62
    wide, about = _panels(sweeps.shape[-1])
    width, height = cell * columns * wide + 1.0, cell * rows + 0.75
    figure = Figure(figsize=(width, height), facecolor="white")
    grid = figure.add_gridspec(
        rows, columns, left=0.9 / width, right=1 - 0.1 / width, bottom=0.08 / height,
        top=1 - 0.67 / height, wspace=0.06, hspace=0.06,
    )  # fmt: skip
    for (row, column), axes in np.ndenumerate(grid.subplots(squeeze=False)):
        unchanged = math.isclose(offsets[column], 0.0, abs_tol=1e-9)
        _show(axes, sweeps[row, column], _FRAME if unchanged else None)
        if row == 0:
            axes.set_title(
                "0" if unchanged else f"{offsets[column]:+.2f}", fontsize=7, pad=3,
                color=_FRAME if unchanged else QUIET,
            )  # fmt: skip
        if column == 0:
            axes.set_ylabel(
                names[row], fontsize=7, color=INK, rotation=0, ha="right", va="center", labelpad=5,
            )  # fmt: skip
    _headline(figure, title + about)
    save(path, figure)


def _panels(channels: int) -> tuple[int, str]:
    """How many panels wide an image is drawn, and what the headline says of it."""
    if channels in (1, 3, 4):
        return 1, ""
    if channels <= _MOST_BESIDE:
        return channels, f"  Channels 1 to {channels} beside each other."
    return 1, f"  Mean of {channels} channels."


def as_picture(image) -> np.ndarray:
    """An image as it is drawn: (height, width) in grey, or (height, width, 3 or 4) in colour.

    Args:
        image: of shape (height, width, channels); what is outside of [0, 1] is cut off.
    """
    image = np.clip(np.asarray(image, np.float32), 0.0, 1.0)
    channels = image.shape[-1]
    if channels in (3, 4):
        return image
    if channels > _MOST_BESIDE:
        return image.mean(axis=-1)
    gap = np.ones((len(image), max(1, image.shape[1] // 14)), np.float32)
    panels = [panel for channel in range(channels) for panel in (gap, image[..., channel])]
    return np.concatenate(panels[1:], axis=1)


def side_by_side(path, image, drawn) -> None:
    """An image beside its reconstruction, as a small picture without words.

    Args:
        path: PNG file to write.
        image: float of shape (height, width, channels), values in [0, 1].
        drawn: its reconstruction, of the same shape.

    Raises:
        RunError: the file cannot be written.
    """
    left, right = as_picture(image), as_picture(drawn)
    gap = np.ones((len(left), max(1, len(left) // 14), *left.shape[2:]), np.float32)
    pixels = np.rint(np.concatenate([left, gap, right], axis=1) * 255).astype(np.uint8)
    larger = max(1, math.ceil(_LEAST_HEIGHT / len(pixels)))
    pixels = pixels.repeat(larger, axis=0).repeat(larger, axis=1)
    try:
        Image.fromarray(pixels).save(path, "PNG")
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}; make room") from error


def _show(axes, image, frame=None):
    axes.imshow(as_picture(image), cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=frame is not None, color=frame, linewidth=1.2)


def _headline(figure, text):
    height = figure.get_figheight()
    figure.text(0.5, 1 - 0.2 / height, text, ha="center", va="center", fontsize=9, color=INK)
