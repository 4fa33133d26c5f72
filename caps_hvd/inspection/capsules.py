"""Reconstructions of images, and perturbations of class capsules, by a trained network."""

import numpy as np
from keras import ops

from caps_hvd.errors import ConfigError

# The sweep of the paper's figure 4: -0.25 to 0.25 in steps of 0.05.
OFFSETS = tuple(round(step * 0.05, 2) for step in range(-5, 6))


def reconstruct(model, images) -> tuple[np.ndarray, np.ndarray]:
    """Classifies images and draws each again from its longest capsule.

    Args:
        model: a `CapsuleClassifier` with a decoder.
        images: float32 of shape (batch, height, width, channels), values in [0, 1].

    Returns:
        Reconstructions, of the images' shape, and predicted classes, integers of shape (batch,).
    """
    _require_decoder(model)
    outputs = model.predict_on_batch(images)
    return outputs["reconstruction"], np.argmax(outputs["scores"], axis=-1)


def perturb(model, image, label, offsets=OFFSETS) -> np.ndarray:
    """Draws an image from its class capsule with one dimension changed at a time.

    Args:
        model: a `CapsuleClassifier` with a decoder.
        image: float32 of shape (height, width, channels), values in [0, 1].
        label: class whose capsule is changed.
        offsets: what is added to a dimension; a capsule is shorter than 1.

    Returns:
        Float32 of shape (capsule_dim, len(offsets), height, width, channels).
    """
    _require_decoder(model)
    capsules = ops.convert_to_numpy(model.encode(image[None])).astype(np.float32)[0]
    dims, steps = capsules.shape[-1], len(offsets)
    changed = np.tile(capsules, (dims, steps, 1, 1))
    every = np.arange(dims)
    changed[every, :, label, every] += np.asarray(offsets, np.float32)
    flat = changed.reshape(dims * steps, *capsules.shape)
    images = ops.convert_to_numpy(model.decode(flat, np.full(len(flat), label, np.int32)))
    return images.reshape(dims, steps, *images.shape[1:])


def _require_decoder(model):
    if model.decoder is None:
        raise ConfigError(
            f"RUN: expected a model that has a decoder to draw images with, received {model.name} "
            "without one; name a run of a capsule network with --decoder full"
        )
