"""Progress of a run for people: one line per epoch, and a bar on a terminal."""

import os
import sys
from pathlib import Path

import keras
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from caps_hvd.records.record import Epoch

_PROC = Path("/proc")
_WORTH_TELLING = 0.01  # between accuracy and balanced accuracy


def epoch_line(epoch: Epoch, epochs: int) -> str:
    """Returns one line for an epoch of `epochs`."""
    width = len(str(epochs))
    parts = [
        f"epoch {epoch.epoch:>{width}}/{epochs}",
        f"{epoch.seconds:7.2f} s",
        f"{epoch.images_per_second:9,.0f} images/s",
        f"loss {epoch.train_loss:.4f}",
        f"accuracy {epoch.train_accuracy:7.2%}",
    ]
    if epoch.val_accuracy is not None:
        parts.append(f"validation {epoch.val_accuracy:7.2%}")
    if epoch.test_accuracy is not None:
        parts.append(f"test {epoch.test_accuracy:7.2%}")
    for part in ("val", "test"):
        balanced = getattr(epoch, f"{part}_balanced_accuracy")
        plain = getattr(epoch, f"{part}_accuracy")
        if balanced is not None and abs(balanced - plain) > _WORTH_TELLING:
            parts.append(f"balanced {balanced:7.2%}")
    if epoch.state is not None:
        parts.append(epoch.state)
    return "  ".join(parts)


def on_a_terminal(ranks: int) -> bool:
    """Whether a bar on standard output would be seen as one.

    mpirun gives its ranks a terminal of its own making, whatever becomes of their output; then the
    launcher's standard output tells. Where it writes the rank before every line, as horovodrun has
    it do, a bar would be many lines.
    """
    if not sys.stdout.isatty():
        return False
    if ranks == 1 and "OMPI_COMM_WORLD_SIZE" not in os.environ:  # mpirun starts one rank, too
        return True
    launcher = _PROC / str(os.getppid())
    try:
        tagged = b"tag-output" in (launcher / "cmdline").read_bytes()
        output = os.readlink(launcher / "fd" / "1")
    except OSError:
        return False
    return not tagged and output.startswith(("/dev/pts/", "/dev/tty"))


class ProgressBar(keras.callbacks.Callback):
    """A bar over the steps of an epoch, which is gone before the epoch's line is printed.

    It comes before the callback that prints the line.
    """

    bar: Progress | None = None

    def close(self):
        """Takes the bar away, and gives the terminal its cursor back."""
        if self.bar is not None:
            self.bar.stop()

    def on_epoch_begin(self, epoch, logs=None):
        self.bar = Progress(
            TextColumn(f"epoch {epoch + 1}/{self.params['epochs']}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeRemainingColumn(),
            transient=True,
        )
        self.task = self.bar.add_task("", total=self.params["steps"])
        self.bar.start()

    def on_train_batch_end(self, batch, logs=None):
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch, logs=None):
        self.close()
