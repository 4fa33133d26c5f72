"""What a step will take of memory and time, said before the first one where it is too much.

Rough: it tells minutes from seconds, and what fits from what does not. What cannot work is refused
here, since TensorFlow's convolutions on CPUs crash where they are refused memory.
"""

import contextlib
import dataclasses
import math
import re
from collections.abc import Callable

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError
from caps_hvd.training.build import parameter_count

# A core with AVX2 makes so many operations in a step: 61e9 were measured on the paper's network.
_FLOPS_PER_CORE = 50e9
# A forward pass and a backward pass, which is two of them.
_PASSES = 3
# An activation, its gradient, and what one operation works with.
_COPIES = 3
# Tensors of the size of the couplings that routing holds at its peak: 84 MiB at 4.6 MB each.
_ROUTING_TENSORS = 18
_SLOTS = {"sgd": 0, "rmsprop": 1}  # of an optimizer for each weight; those of Adam's kind have two
_LONG_STEP, _LONG_EPOCH = 20, 2 * 3600
_HOPELESS = 2  # times what is available: no forecast is so wrong
_REFUSED = re.compile(
    r"ResourceExhausted|RESOURCE_EXHAUSTED|MemoryError|OOM when|[Oo]ut of memory|out_of_memory|"
    r"bad_alloc|[Nn]ot enough memory"
)


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What a step takes on one host.

    Args:
        parameters: of the model, trained ones.
        fixed_bytes: of weights, gradients and optimizer, on all ranks of the host.
        image_bytes: of activations for one image on each rank of the host.
        batch_size: images of a step on each rank.
        step_seconds: of a step, None where that cannot be told.
        steps: of an epoch.
    """

    parameters: int
    fixed_bytes: float
    image_bytes: float
    batch_size: int
    step_seconds: float | None
    steps: int

    @property
    def memory_bytes(self) -> float:
        """What a step holds at its peak."""
        return self.fixed_bytes + self.batch_size * self.image_bytes

    def largest_batch(self, available: float) -> int:
        """How many images a step may have on each rank to fit into so many bytes."""
        return max(0, math.floor((available - self.fixed_bytes) / max(1, self.image_bytes)))


def forecast(
    model,
    config: TrainConfig,
    steps: int,
    *,
    images: int | None = None,
    ranks: int = 1,
    cores: float | None = None,
) -> Forecast:
    """Returns what a step of a model will take.

    Args:
        model: built `Classifier`, or a rank's part of one.
        config: of the run.
        steps: of an epoch.
        images: that a rank has for training, where a batch may be more. Default None: enough.
        ranks: on this host. Default 1.
        cores: of a rank; None where another device computes. Default None.
    """
    from caps_hvd.layers.convolution import slot_bytes
    from caps_hvd.models import summary
    from caps_hvd.models.summary import leaf_layers

    layers = summary(model)
    batch_size = min(config.batch_size, images or config.batch_size)
    of_image, of_kernels = (0, 0) if config.convolution == "direct" else slot_bytes(model)
    flops = _PASSES * sum(layer.forward_flops_per_image or 0 for layer in layers)  # or more
    image_bytes = _COPIES * sum(layer.activation_bytes_per_image for layer in layers)
    # The configuration bounds routing's memory for the whole batch, if it does at all.
    routing = sum(map(_routing_bytes, leaf_layers(model.encoder)))
    if config.routing_memory_mib is not None:
        routing = min(routing, config.routing_memory_mib * 2**20 / batch_size)
    copies = 2 + _SLOTS.get(config.optimizer, 2)
    parameters = parameter_count(model.trainable_variables)
    return Forecast(
        parameters=parameters,
        fixed_bytes=(4.0 * parameters * copies + of_kernels) * ranks,
        image_bytes=(image_bytes + of_image + routing) * ranks,
        batch_size=batch_size,
        step_seconds=cores and flops * batch_size / (cores * _FLOPS_PER_CORE),
        steps=steps,
    )


def _routing_bytes(layer) -> float:
    from caps_hvd.layers import RoutedCapsules

    if not isinstance(layer, RoutedCapsules):
        return 0
    classes, in_capsules = layer.kernel.shape[1], layer.input.shape[1]
    return 4.0 * classes * in_capsules * _ROUTING_TENSORS


def warning(forecast: Forecast, config: TrainConfig, available: float) -> str:
    """Returns the line that says that a run is far beyond this machine, empty where it is not.

    Args:
        forecast: of a step.
        config: of the run.
        available: bytes of memory that this host has left for its ranks, 0 where it is unknown.

    Raises:
        ConfigError: a step takes at least twice the memory that is available.
    """
    if 0 < _HOPELESS * available < forecast.memory_bytes:
        raise ConfigError(describe(forecast, config, available))
    seconds = forecast.step_seconds or 0
    too_large = 0 < available < forecast.memory_bytes
    if not (too_large or seconds > _LONG_STEP or seconds * forecast.steps > _LONG_EPOCH):
        return ""
    return f"caps_hvd: warning: {describe(forecast, config, available)}"


def describe(forecast: Forecast, config: TrainConfig, available: float) -> str:
    """Returns what a step takes, and what to choose instead; the arguments are as of `warning`."""
    memory = f"about {_gib(forecast.memory_bytes)} of memory"
    if available:
        memory += f" ({_gib(available)} are free here)"
    time = ""
    if forecast.step_seconds:
        epoch = _duration(forecast.step_seconds * forecast.steps)
        time = f" and {_duration(forecast.step_seconds)}, an epoch {epoch}"
    return (
        f"a step of {forecast.batch_size} images with {forecast.parameters:,} parameters takes "
        f"{memory}{time}; choose {', or '.join(_instead(forecast, config, available))}"
    )


def _instead(forecast, config, available) -> list[str]:
    options = config.model_options()
    choices = ["smaller images"]
    if getattr(options, "preset", "") in ("auto", "paper") and hasattr(options, "weight_sharing"):
        choices.append("--preset slim")
    if getattr(options, "weight_sharing", True) is False:
        choices.append("--weight-sharing")
    if config.model != "lenet5":
        choices.append("--model lenet5")
    batch_size = forecast.largest_batch(available)
    if 0 < batch_size < forecast.batch_size:
        choices.append(f"--batch-size {batch_size}")
    return choices


@contextlib.contextmanager
def refused_allocations(describe: Callable[[], str]):
    """Around what allocates: where the machine refuses, an error says what a step takes.

    Args:
        describe: returns what a step takes and what to choose instead; empty where it is unknown.

    Raises:
        ConfigError: the machine has refused an allocation.
    """
    try:
        yield
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        if _REFUSED.search(text) is None:
            raise
        about = describe() or "choose smaller images, another model or a smaller --batch-size"
        raise ConfigError(
            f"this machine has refused memory that training needs: {about}"
        ) from error


def _gib(count: float) -> str:
    return f"{count / 2**30:.1f} GiB"


def _duration(seconds: float) -> str:
    for unit, length in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"about {seconds / length:.0f} {unit}"
    return f"about {max(1, seconds):.0f} s"
