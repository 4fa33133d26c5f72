"""Export of a trained network to a file that other programs read: Keras, SavedModel or ONNX.

What is exported takes `images` and gives `scores`, and on request `reconstruction` and `capsules`.
It says what it is in its metadata, as JSON under the name `caps_hvd`:

    image_shape     height, width and channels
    input_range     the values that are black and white, such as [0, 255]
    class_names     in the order of the scores
    outputs         names of the outputs
    run, version    the run directory, and the version of this package
"""

import contextlib
import dataclasses
import io
import json
import os
import shutil
import uuid
import warnings
import zipfile
from pathlib import Path

import keras

from caps_hvd import __version__
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.inspection.export_formats import METADATA, check_format
from caps_hvd.layers import RoutedCapsules
from caps_hvd.layers.convolution import choose_convolutions
from caps_hvd.native.library import without_native
from caps_hvd.ops.small_batch import one_form_for_all_batches
from caps_hvd.training.build import build_model
from caps_hvd.training.run_directory import with_kept_model

_OPSET = 18  # of ONNX; what runtimes of 2023 and later read


@dataclasses.dataclass(frozen=True)
class ExportedFacts:
    """The metadata of an exported network; the head of this file says what the fields are."""

    image_shape: tuple[int, int, int]
    input_range: tuple[int, int]
    class_names: tuple[str, ...]
    outputs: tuple[str, ...]
    run: str
    version: str = __version__

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))


def export(model, facts: ExportedFacts, kind: str, path) -> None:
    """Writes a trained network, whole or not at all.

    The graph of a SavedModel and of an ONNX file consists of plain operations: none in C++, one
    form of convolution and routing for all batches.

    Args:
        model: a `Classifier` in float32, with its weights.
        facts: what goes with it.
        kind: one of `FORMATS`.
        path: file to write, or folder for "saved-model", which must not be there.

    Raises:
        ConfigError: the network lacks an output, or this Keras backend cannot write the format.
        SetupError: the package that writes the format is not installed.
        RunError: the file cannot be written.
    """
    check_format(kind)
    path = Path(path)
    if path.is_dir() and (kind != "saved-model" or any(path.iterdir())):
        raise RunError(f"--output: {path} is a folder that is there already; name another one")
    _make_plain(model)
    whole = exported_model(model, facts)
    with _replacing(path) as partial:
        _WRITERS[kind](whole, facts, partial)


def exported_model(model, facts: ExportedFacts) -> keras.Model:
    """The network as a function of images in the range that the metadata say.

    Raises:
        ConfigError: the network has no such output.
    """
    images = keras.Input(facts.image_shape, name="images")
    low, high = facts.input_range
    scaled = images
    if (low, high) != (0, 1):
        scale = 1 / (high - low)
        scaled = keras.layers.Rescaling(scale, -low * scale, name="to_0_1")(images)
    found = model(scaled)
    if hasattr(model, "encode"):
        found = found | {"capsules": model.encoder(scaled)}
    missing = [name for name in facts.outputs if name not in found]
    if missing:
        raise ConfigError(
            f"--outputs: expected some of {', '.join(found)}, which the model {model.name} has; "
            f"received {', '.join(missing)}"
        )
    outputs = {name: found[name] for name in facts.outputs}
    return keras.Model(images, outputs, name=model.name)


def in_float32(network):
    """The model of a network, computing in float32 whatever it was trained in.

    Args:
        network: a `caps_hvd.inspection.network.Network`.
    """
    config = with_kept_model(network.directory, network.config)
    if config.precision == "float32":
        return network.model
    config = dataclasses.replace(config, precision="float32")
    model = build_model(config, network.image_shape, len(network.class_names))
    model.set_weights(network.model.get_weights())
    return model


def _make_plain(model) -> None:
    choose_convolutions(model, "direct")
    for layer in model._flatten_layers():
        if isinstance(layer, RoutedCapsules):
            layer.memory_mib = None  # blocks are for training


def _write_keras(model, facts, path) -> None:
    # Keras asks for a name that ends in .keras; what it writes is a zip file.
    content = path.with_name(f"{path.name}.keras")
    try:
        model.save(content)
        with zipfile.ZipFile(content, "a") as archive:
            archive.writestr(f"{METADATA}.json", facts.to_json())
        os.replace(content, path)
    finally:
        content.unlink(missing_ok=True)


def _write_saved_model(model, facts, path) -> None:
    with _as_plain_operations(model, "saved-model"):
        model.export(path, format="tf_saved_model", verbose=False)
    extra = path / "assets.extra"  # the folder that SavedModel leaves to others
    extra.mkdir()
    (extra / f"{METADATA}.json").write_text(facts.to_json(), encoding="utf-8")


def _write_onnx(model, facts, path) -> None:
    with _as_plain_operations(model, "onnx"):
        images = keras.InputSpec(shape=(None, *facts.image_shape), dtype="float32", name="images")
        model.export(
            path, format="onnx", verbose=False, input_signature=[images], opset_version=_OPSET
        )
    import onnx

    proto = onnx.load(path)
    with _as_plain_operations(model, "onnx"):
        onnx.checker.check_model(proto)
    proto.metadata_props.add(key=METADATA, value=facts.to_json())
    onnx.save(proto, path)


_WRITERS = {"keras": _write_keras, "saved-model": _write_saved_model, "onnx": _write_onnx}


@contextlib.contextmanager
def _as_plain_operations(model, kind):
    """Around what traces and converts a model, which prints what it does."""
    try:
        with without_native(), one_form_for_all_batches(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with contextlib.redirect_stdout(io.StringIO()):
                yield
    except OSError:
        raise
    except Exception as error:  # whatever Keras or a converter raises
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"--format {kind}: the model {model.name} cannot be written in this format: {reason}; "
            "take --format keras"
        ) from error


@contextlib.contextmanager
def _replacing(path: Path):
    """`replacing`, for what may be a folder."""
    partial = path.with_name(f".partial-{uuid.uuid4().hex}")
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise RunError(
            f"cannot write {path}: {error.strerror or error}; make room or choose another place"
        ) from error
    finally:
        if partial.is_dir():
            shutil.rmtree(partial)
        partial.unlink(missing_ok=True)
