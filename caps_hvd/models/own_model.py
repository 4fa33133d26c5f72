"""The builder of a user's own model: his function is run, and what it returns is checked."""

import contextlib
import functools
import hashlib
import importlib
import sys
import traceback
import types

import keras

from caps_hvd.config import own_model as names
from caps_hvd.config.model import OwnModelOptions
from caps_hvd.errors import ConfigError
from caps_hvd.models.classifier import Classifier
from caps_hvd.models.keras_classifier import KerasClassifier

_OUTPUTS = {"softmax": "softmax", "sigmoid": "sigmoid", "linear": "logits"}


def own_model(options: OwnModelOptions, image_shape, classes):
    """Builds the model that a user's function returns.

    The function is called with the shape of an image, (height, width, channels), and the number of
    classes. It returns a Keras model from images, float32 with values in [0, 1], to an output of
    shape (batch, classes), or a `Classifier`, such as a `CapsuleClassifier`. What the outputs of a
    Keras model mean, and so the loss, follows from the activation of its last layer: softmax and
    sigmoid are probabilities, and outputs without an activation are logits; see `KerasClassifier`.

    Args:
        options: the function's name, and the digest that its file must have.
        image_shape: (height, width, channels) of an image.
        classes: how many classes there are.

    Returns:
        A `Classifier` with the preset "own".

    Raises:
        ConfigError: the file or the function is not there, its code raises an error, or what it
            returns is no such model; the message has one line.
    """
    found = names.read(options.model, options.sha256)
    function = _function(found)
    shape = tuple(image_shape)
    with _errors_of(found, f"{found.function}({shape}, {classes})"):
        model = function(shape, classes)
    if not isinstance(model, Classifier):
        model = _classifier(found.name, model, shape, classes)
    _check_shapes(found.name, model, shape, classes)
    model.preset = "own"
    return model


def _function(found: names.OwnModel):
    with _errors_of(found, "importing it"):
        if found.module is None:
            module = _run_file(str(found.path), found.source)
        else:
            module = importlib.import_module(found.module)
    function = getattr(module, found.function, None)
    if not callable(function):
        there = [
            name
            for name, each in vars(module).items()
            if isinstance(each, types.FunctionType) and each.__module__ == module.__name__
        ]
        raise ConfigError(
            f"model: expected a function {found.function} in {found.path}, whose functions are "
            f"{', '.join(there) or 'none'}; correct --model {found.name}"
        )
    return function


@functools.cache
def _run_file(path: str, source: bytes):
    """The module that a file makes, run once in a process: exactly the bytes that were digested."""
    module = types.ModuleType(f"caps_hvd_own_model_{hashlib.sha256(source).hexdigest()[:12]}")
    module.__file__ = path
    sys.modules[module.__name__] = module  # where dataclasses and pickle look it up
    exec(compile(source, path, "exec"), vars(module))
    return module


@contextlib.contextmanager
def _errors_of(found: names.OwnModel, doing: str):
    """Around a user's code: an error of his becomes a line that says where it was raised."""
    try:
        yield
    except Exception as error:
        path = str(found.path)
        frames = [
            frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path
        ]
        line = error.lineno if isinstance(error, SyntaxError) else frames and frames[-1].lineno
        where = f" in line {line}" if line else ""
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(
            f"model: {path}: {doing} raised {type(error).__name__}{where}: {reason}"
        ) from error


def _classifier(name, model, image_shape, classes) -> KerasClassifier:
    if not isinstance(model, keras.Model):
        raise ConfigError(
            f"model: expected {name} to return a Keras model or a Classifier of caps_hvd.models, "
            f"received {type(model).__name__}; return the model"
        )
    model = _with_shapes(name, model, image_shape)
    output = model.output
    if not hasattr(output, "shape"):
        raise ConfigError(
            f"model: expected the model of {name} to have one output of shape (batch, {classes}), "
            f"received {len(keras.tree.flatten(output))} outputs; return a model with one"
        )
    if tuple(output.shape) == (None, classes):  # else the check of the shapes says more
        return KerasClassifier(model, _meaning(name, model), name=model.name)
    return KerasClassifier(model, name=model.name)


def _with_shapes(name, model, image_shape):
    """The model as a function of an image, which a subclass of `keras.Model` is not by itself."""
    try:
        if hasattr(model.input, "shape") and model.outputs:
            return model
    except AttributeError:
        pass
    images = keras.Input(image_shape)
    try:
        return keras.Model(images, model(images), name=model.name)
    except Exception as error:  # whatever the user's `call` raises
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(
            f"model: expected the model of {name} to take images of {_times(image_shape)}: "
            f"{type(error).__name__}: {reason}"
        ) from error


def _meaning(name, model) -> str:
    """What the outputs are, by the activation of the operation that makes them."""
    last = _last_operation(model)
    activation = getattr(last, "activation", None)
    kind = getattr(activation, "__name__", type(last).__name__.lower())
    if kind not in _OUTPUTS:
        raise ConfigError(
            f"model: expected the last layer of {name} to have the activation softmax or sigmoid, "
            f"or none, received {type(last).__name__} ({kind}); end the model with such a layer, "
            "or return caps_hvd.models.KerasClassifier(model, outputs), which says what its "
            "outputs are"
        )
    return _OUTPUTS[kind]


def _last_operation(model):
    """What makes a model's output: a layer or an operation, that of a model inside included."""
    operations = getattr(model, "operations", model.layers)
    names = getattr(model, "output_names", ())
    last = ([each for each in operations if each.name in names] or model.layers)[-1]
    return _last_operation(last) if isinstance(last, keras.Model) and last.layers else last


def _check_shapes(name, model, image_shape, classes) -> None:
    expected = f"from images of {_times(image_shape)} to {classes} classes, (batch, {classes})"
    given, made = tuple(model.encoder.input_shape), tuple(model.encoder.output_shape)
    ranks = len(made) in ((2,) if isinstance(model, KerasClassifier) else (2, 3))
    if given[1:] != image_shape or not ranks or made[1] != classes:
        raise ConfigError(
            f"model: expected {name} to return a model {expected}, received one from {given} to "
            f"{made}; build it from the image shape and the classes that the function is given"
        )


def _times(shape) -> str:
    return " x ".join(map(str, shape))
