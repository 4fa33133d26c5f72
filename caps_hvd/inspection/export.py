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
import importlib.util
import io
import json
import os
import shutil
import uuid
import zipfile
from pathlib import Path

import keras

from caps_hvd import __version__
from caps_hvd.errors import ConfigError, RunError, SetupError
from caps_hvd.layers import RoutedCapsules
from caps_hvd.layers.convolution import choose_convolutions
from caps_hvd.native.library import without_native
from caps_hvd.ops.small_batch import one_form_for_all_batches
from caps_hvd.system.backend import keras_backend

METADATA = "caps_hvd"
# Format -> the ending of its file, which for SavedModel is a folder.
FORMATS = {"keras": ".keras", "saved-model": "", "onnx": ".onnx"}
INPUT_RANGES = {"0-255": (0, 255), "0-1": (0, 1)}
OUTPUTS = ("scores", "reconstruction", "capsules")
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
    with replacing_any(path) as partial:
        _WRITERS[kind](whole, facts, partial)


def check_format(kind: str) -> None:
    """Refuses a format that cannot be written here, before anything is loaded.

    Raises:
        ConfigError: this Keras backend cannot write it.
        SetupError: the package that writes it is not installed.
    """
    backend = keras_backend()
    if kind == "keras":
        return
    if backend != "tensorflow":
        raise ConfigError(
            f"--format: expected keras on the Keras backend {backend}, received {kind!r}; export "
            "with KERAS_BACKEND=tensorflow, which loads the run as well"
        )
    if kind == "onnx" and missing_packages():
        raise SetupError(
            f"--format onnx: expected {' and '.join(missing_packages())} to be installed; "
            'run `pip install "caps_hvd[onnx]"`, or '
            "`pip install onnx tf2onnx` into this environment"
        )


def missing_packages() -> list[str]:
    """The packages for ONNX that are not installed."""
    return [name for name in ("onnx", "tf2onnx") if importlib.util.find_spec(name) is None]


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
    if "capsules" in facts.outputs and hasattr(model, "encode"):
        found = found | {"capsules": model.encoder(scaled)}
    missing = [name for name in facts.outputs if name not in found]
    if missing:
        raise ConfigError(
            f"--outputs: expected some of {', '.join(found)}, which the model {model.name} has; "
            f"received {', '.join(missing)}"
        )
    outputs = {name: found[name] for name in facts.outputs}
    return keras.Model(images, outputs, name=model.name)


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
    with without_native(), one_form_for_all_batches(), _quietly():
        model.export(path, format="tf_saved_model", verbose=False)
    extra = path / "assets.extra"  # the folder that SavedModel leaves to others
    extra.mkdir()
    (extra / f"{METADATA}.json").write_text(facts.to_json(), encoding="utf-8")


def _write_onnx(model, facts, path) -> None:
    with without_native(), one_form_for_all_batches(), _quietly():
        images = keras.InputSpec(shape=(None, *facts.image_shape), dtype="float32", name="images")
        model.export(
            path, format="onnx", verbose=False, input_signature=[images], opset_version=_OPSET
        )
    import onnx

    proto = onnx.load(path)
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise ConfigError(
            f"--format onnx: a layer of {model.name} computes what ONNX has no operation for "
            f"({reason}); export with --format saved-model or keras"
        ) from error
    proto.metadata_props.add(key=METADATA, value=facts.to_json())
    onnx.save(proto, path)


_WRITERS = {"keras": _write_keras, "saved-model": _write_saved_model, "onnx": _write_onnx}


@contextlib.contextmanager
def _quietly():
    """Keras and its converters print what they do."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


@contextlib.contextmanager
def replacing_any(path: Path):
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
