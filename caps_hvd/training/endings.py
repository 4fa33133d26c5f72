"""The words at an early end of a run: what is kept of it, and how to go on."""

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import DivergedError, StuckError
from caps_hvd.training.run_directory import RunDirectory, resume_command


def kept(directory: RunDirectory, epochs: int) -> str:
    """Returns what a run directory holds after so many whole epochs."""
    if not epochs:
        return f"no epoch was whole, so {directory} holds no weights"
    which = "epoch 1 is" if epochs == 1 else f"epochs 1 to {epochs} are"
    return f"{which} kept in {directory}"


def diverged(
    error: DivergedError, config: TrainConfig, directory: RunDirectory, epochs: int, ranks: int = 1
) -> DivergedError:
    """Returns the error with what is kept, and what to try.

    Args:
        error: as it was found.
        config: of the run.
        directory: of the run.
        epochs: that were whole.
        ranks: whose number scales the rate. Default 1, where there is nothing to warm up to.
    """
    scaled = ranks > 1 and config.scale_learning_rate != "none"
    warm_up = f", more --warmup-epochs ({config.warmup_epochs:g} here)" if scaled else ""
    half = "" if config.precision == "float32" else ", --precision float32"
    message = (
        f"{error}; {kept(directory, epochs)}; start another run with a smaller --learning-rate "
        f"({config.learning_rate:g} here){warm_up}{half}"
    )
    return DivergedError(message, error.what, error.epoch, error.step)


def stuck(error: StuckError, directory: RunDirectory, epochs: int) -> StuckError:
    """Returns the error with what is kept.

    Args:
        error: as it was found.
        directory: of the run.
        epochs: that were whole.
    """
    message = f"stopped, as --stop-when-stuck asks: {error}; {kept(directory, epochs)}"
    return StuckError(message, error.epoch)


def interrupted(by: str, directory: RunDirectory, epochs: int, ranks: int) -> str:
    """Returns the line of a run that was told to end.

    Args:
        by: what told it, such as `SIGTERM`.
        directory: of the run.
        epochs: that were whole.
        ranks: that trained.
    """
    command = resume_command(directory)
    again = f"caps-hvd launch -np {ranks} -- {command}" if ranks > 1 else command
    return f"caps_hvd: ended by {by}; {kept(directory, epochs)}; go on with: {again}"
