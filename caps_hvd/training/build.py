"""The parts of an experiment, made as its configuration asks for them.

Keras is imported when a part needs it: a configuration that asks for data that are not there is
found out before TensorFlow has been loaded.
"""

from caps_hvd import data
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.data.augmentation import Augment


def load_dataset(config: TrainConfig) -> data.Dataset:
    """The data set, with its test images rotated and its splits cut where that is asked for."""
    return data.load(
        config.dataset,
        config.data_dir,
        rotation_degrees=config.rotation_degrees,
        train_samples=config.train_samples,
        test_samples=config.test_samples,
    )


def build_augment(config: TrainConfig, image_shape) -> Augment | None:
    """The augmentation of training images, None for none; colour images are flipped, too."""
    if not config.augment:
        return None
    return Augment(config.max_shift_pixels, config.max_rotation_degrees, flip=image_shape[-1] == 3)


def build_model(config: TrainConfig, image_shape, classes: int, **arguments):
    """The model with fresh weights, in its precision.

    Args:
        config: what it is.
        image_shape: (height, width, channels) of an image.
        classes: how many classes there are.
        **arguments: of its builder, which are the program's and not the user's.
    """
    from caps_hvd import models

    models.set_precision(config.precision)
    return models.build(config.model_options(), tuple(image_shape), classes, **arguments)


def build_optimizer(config: TrainConfig):
    """The Keras optimizer of one rank, before it is distributed."""
    import keras

    from caps_hvd.training import fused_adam

    fast = {"adam": fused_adam.Adam, "adamw": fused_adam.AdamW}.get(config.optimizer)
    if fast is not None:
        return fast(config.learning_rate)
    return keras.optimizers.get(
        {"class_name": config.optimizer, "config": {"learning_rate": config.learning_rate}}
    )
