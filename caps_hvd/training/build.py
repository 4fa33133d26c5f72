"""The parts of a run, built as its configuration asks for them.

Keras is imported when a part needs it: a configuration that asks for data that are not there is
found out before TensorFlow has been loaded.
"""

import math
from collections.abc import Callable

from caps_hvd import data
from caps_hvd.config.data import parse_array_names, parse_image_shape, parse_pixel_range
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.data.augmentation import Augment
from caps_hvd.data.class_weights import balanced_class_weights
from caps_hvd.data.split import unit_range
from caps_hvd.data.statistics import channel_statistics, evenly
from caps_hvd.distributed.comm import RankGrid
from caps_hvd.errors import ConfigError
from caps_hvd.lanes.groups import group_size, model_lanes
from caps_hvd.system.backend import jit_compile, keras_backend

_FIRST_IMAGES = 100  # that say how long class capsules are at the start


def load_dataset(config: TrainConfig) -> data.Dataset:
    """The data set, its test images rotated and its parts cut or held out as is asked for."""
    return data.load(
        config.dataset,
        config.data_dir,
        rotation_degrees=config.rotation_degrees,
        train_samples=config.train_samples,
        test_samples=config.test_samples,
        options=read_options(config),
    )


def read_options(config: TrainConfig) -> data.ReadOptions:
    """How a file of one's own is read, as far as the configuration says so."""
    return data.ReadOptions(
        image_shape=config.image_shape and parse_image_shape(config.image_shape),
        image_layout=config.image_layout,
        pixel_range=config.pixel_range and parse_pixel_range(config.pixel_range),
        first_label=config.first_label,
        array_names=config.array_names and parse_array_names(config.array_names),
        test_fraction=config.test_fraction,
        validation_fraction=config.validation_fraction,
        seed=config.seed,
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


def parameter_count(variables) -> int:
    """The numbers in some variables, such as the trained ones of a model, which records count.

    Frozen layers and what is only kept, such as the mean of the images, are not trained.
    """
    return sum(math.prod(variable.shape) for variable in variables)


def build_strategy(config: TrainConfig, image_shape, classes: int, ranks: RankGrid):
    """The strategy that spreads the model over the ranks; collective.

    Args:
        config: of the run.
        image_shape: (height, width, channels) of an image.
        classes: how many classes there are.
        ranks: of the job, in teams of `group_size(config, ...)`.

    Raises:
        ConfigError: a lane does not fit the images, the plan is for other ranks or lanes, or the
            ranks were started for other groups.
    """
    with ranks.world.raise_on_all_ranks():
        expected = group_size(config, ranks.world.size)
        if expected != ranks.within.size:
            raise ConfigError(
                f"lane_groups: rank 0 was told {expected}, and rank {ranks.world.rank} "
                f"{ranks.within.size}; give all ranks the same"
            )
        model_lanes(config)
    if expected == 1:
        from caps_hvd.training.strategies.data_parallel import DataParallelStrategy

        return DataParallelStrategy(ranks)
    from caps_hvd.training.strategies.lane_division import divide
    from caps_hvd.training.strategies.lane_parallel import LaneParallelStrategy

    return LaneParallelStrategy(ranks, divide(config, image_shape, classes, ranks))


def build_compiled_model(
    config: TrainConfig,
    dataset: data.Dataset,
    strategy,
    compression: str = "auto",
    before_optimizer: Callable = lambda model: None,
):
    """The compiled model, or this rank's part of it, with weights that follow from the seed.

    Args:
        config: of the run.
        dataset: that the model is for.
        strategy: how the model is spread over the ranks.
        compression: what gradients travel in: "auto", "none" or "fp16". Default "auto".
        before_optimizer: called with the model, with its first weights, before its optimizer takes
            memory, too.

    Raises:
        ConfigError: a layer that is to be frozen is not there, or nothing would be trained.
    """
    import keras

    from caps_hvd.models import compile_arguments

    keras.utils.set_random_seed(config.seed)
    arguments = strategy.model_arguments()
    with strategy.ranks.world.raise_on_all_ranks():
        model = build_model(config, dataset.image_shape, dataset.classes, **arguments)
    before_optimizer(model)
    if config.freeze is not None:
        from caps_hvd.training.fine_tuning import freeze

        freeze(config.freeze, model, strategy.ranks.world)
    optimizer = strategy.distribute(build_optimizer(config), config, compression)
    model.compile(
        optimizer,
        **compile_arguments(model, config.reconstruction_weight),
        jit_compile=jit_compile(),
        auto_scale_loss=False,
    )
    optimizer.build(model.trainable_variables)
    return model


def initialize(model, split: data.Split, communicator, taken=frozenset()) -> None:
    """Starts a fresh model at initialization "scaled" by its training images; collective.

    Args:
        model: with fresh weights; at "published" nothing happens.
        split: the training images, which rank 0 looks at.
        communicator: of all ranks.
        taken: paths of weights that are another network's, and stay as they are. Default none.
    """
    from caps_hvd.models import initialization

    if not initialization.needs_images(model):
        return
    found = None
    with communicator.raise_on_all_ranks():
        if communicator.rank == 0:
            images, _ = split.take(evenly(len(split), _FIRST_IMAGES))
            found = *channel_statistics(split), images
    mean, deviation, images = communicator.broadcast_object(found)
    initialization.initialize(model, mean, deviation, unit_range(images), taken)


def build_batches(
    config: TrainConfig, dataset: data.Dataset, model, ranks, global_batch, start_epoch: int = 0
):
    """This rank's share of the training batches, augmented.

    Args:
        config: of the run.
        dataset: whose training images are taken.
        model: that trains on them; one without a decoder needs no images as targets.
        ranks: communicator of the ranks that share a step.
        global_batch: images per step over all ranks, or a function from epoch to them.
        start_epoch: that comes first. Default 0.
    """
    from caps_hvd.data.batches import Batches

    return Batches(
        dataset.train,
        global_batch,
        ranks.rank,
        ranks.size,
        config.seed,
        augment=build_augment(config, dataset.image_shape),
        reconstruct=model.decoder is not None,
        start_epoch=start_epoch,
        class_weights=(
            balanced_class_weights(dataset.train, dataset.classes)
            if config.class_weights == "balanced"
            else None
        ),
    )


def build_optimizer(config: TrainConfig):
    """The Keras optimizer of one rank, before it is distributed."""
    import keras

    if keras_backend() == "tensorflow":
        from caps_hvd.training import fused_adam

        fast = {"adam": fused_adam.Adam, "adamw": fused_adam.AdamW}.get(config.optimizer)
        if fast is not None:
            return fast(config.learning_rate)
    return keras.optimizers.get(
        {"class_name": config.optimizer, "config": {"learning_rate": config.learning_rate}}
    )
