"""Options of each model by name, taken from a configuration that has those of all models."""

import dataclasses
import re
from typing import ClassVar

from caps_hvd.config import own_model
from caps_hvd.config.lanes import LaneOptions
from caps_hvd.config.network import NetworkOptions
from caps_hvd.errors import ConfigError
from caps_hvd.io.options import option, plain
from caps_hvd.lanes.lane import Lane


@dataclasses.dataclass(frozen=True, kw_only=True)
class DecoderOptions:
    """The decoder of a model; "auto" becomes that of the paper when the options are made."""

    published_decoder: ClassVar[str] = "full"
    decoder: str = NetworkOptions.decoder

    def __post_init__(self):
        if self.decoder == "auto":
            object.__setattr__(self, "decoder", self.published_decoder)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RoutingOptions(DecoderOptions):
    """What networks with routing by agreement share; `NetworkOptions` describes the fields."""

    initialization: str = NetworkOptions.initialization
    routing_iterations: int = NetworkOptions.routing_iterations
    stop_gradient: bool = NetworkOptions.stop_gradient
    routing_memory_mib: float | None = NetworkOptions.routing_memory_mib


@dataclasses.dataclass(frozen=True, kw_only=True)
class CapsNetOptions(RoutingOptions):
    """What `caps_hvd.models.capsnet` is built from."""

    preset: str = NetworkOptions.preset
    weight_sharing: bool = NetworkOptions.weight_sharing


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlexCapsNetOptions(RoutingOptions):
    """What `caps_hvd.models.alexcapsnet` is built from."""

    published_decoder: ClassVar[str] = "none"
    weight_sharing: bool = NetworkOptions.weight_sharing


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResCapsNetOptions(RoutingOptions):
    """What `caps_hvd.models.rescapsnet` is built from."""

    published_decoder: ClassVar[str] = "none"
    weight_sharing: bool = NetworkOptions.weight_sharing


@dataclasses.dataclass(frozen=True, kw_only=True)
class EfficientCapsNetOptions(DecoderOptions):
    """What `caps_hvd.models.efficient_capsnet` is built from."""

    initialization: str = NetworkOptions.initialization


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeNet5Options:
    """What `caps_hvd.models.lenet5` is built from."""

    initialization: str = NetworkOptions.initialization


@dataclasses.dataclass(frozen=True, kw_only=True)
class MlcnOptions(RoutingOptions):
    """What `caps_hvd.models.mlcn` is built from; `LaneOptions` describes the fields of lanes."""

    preset: str = NetworkOptions.preset
    lanes: int = LaneOptions.lanes
    lane_type: str = LaneOptions.lane_type
    lane_width: int = LaneOptions.lane_width
    lane_depth: int = LaneOptions.lane_depth
    lane_list: tuple[Lane, ...] | None = LaneOptions.lane_list
    lane_dropout: float = LaneOptions.lane_dropout
    lane_routing: str = LaneOptions.lane_routing


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnModelOptions:
    """What `caps_hvd.models.own_model` builds a user's model from.

    Args:
        model: name of the function, as of `caps_hvd.config.own_model`.
        sha256: that its file must have. Default None, any.
    """

    model: str
    sha256: str | None = None


def parse_sha256(text: str) -> str:
    """Sixty-four hexadecimal digits."""
    if re.fullmatch("[0-9a-f]{64}", text) is None:
        raise ConfigError(f"expected 64 hexadecimal digits, received {text!r}")
    return text


# Name of a model -> its options; `models.build` knows the model by their class.
MODELS = {
    "capsnet": CapsNetOptions,
    "alexcapsnet": AlexCapsNetOptions,
    "rescapsnet": ResCapsNetOptions,
    "efficient_capsnet": EfficientCapsNetOptions,
    "lenet5": LeNet5Options,
    "mlcn": MlcnOptions,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """The part of a `TrainConfig` that says which model is trained."""

    model: str = option(
        "capsnet",
        "Model to train; your own by the file, or the installed module, and the function that "
        "builds it.",
        "Model",
        choices=tuple(MODELS),
        form=own_model.FORM,
        parse=own_model.parse,
    )
    model_sha256: str | None = option(
        None,
        "SHA-256 of the file of a model of your own, which a run writes down; with another file "
        "it does not go on.",
        "Model",
        parse=parse_sha256,
        value_before_added=None,
    )

    def published_decoder(self) -> str:
        """What "auto" stands for as a decoder: that of the model's paper, "full" where none is."""
        return getattr(MODELS.get(self.model), "published_decoder", "full")

    def model_options(self):
        """The options of the chosen model: one of `MODELS`, or an `OwnModelOptions`.

        Raises:
            ConfigError: an option that the model does not have is not at its default.
        """
        names = {
            model: [field.name for field in dataclasses.fields(options)]
            for model, options in MODELS.items()
        }
        own = names.get(self.model, ())
        for name in dict.fromkeys(name for each in names.values() for name in each):
            value, default = getattr(self, name), getattr(type(self), name)
            if name == "decoder":
                default = self.published_decoder()
            if name not in own and value != default:
                raise ConfigError(
                    f"{name}: expected {default!r}, since model {self.model} does not have this "
                    f"option; received {plain(value)!r}; remove it, or choose a model that has it: "
                    f"{', '.join(model for model in names if name in names[model])}"
                )
        if own_model.is_own(self.model):
            return OwnModelOptions(model=self.model, sha256=self.model_sha256)
        return MODELS[self.model](**{name: getattr(self, name) for name in own})
