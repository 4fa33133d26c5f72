"""Accuracy with other weights of absent classes in the margin loss, for 2 to 200 classes.

    python -m benchmarks.margin_balance

The margin loss has one present class and K - 1 absent ones, each with the weight lambda; the
published 0.5 was chosen for K = 10, where the absent ones have 4.5 times the weight of the present
one. Compared are, with the same images and seeds,

    published   0.5
    constant    4.5 / (K - 1), so that all absent classes together weigh 4.5 for every K
    root        1.5 / sqrt(K - 1), between the two; all three are 0.5 for K = 10

An image is a digit of MNIST with a digit or an item of Fashion-MNIST at its right, 14 x 14 pixels
each. The classes are: 2, whether the item is a T-shirt or a shirt; 10, the item; 50, a digit below
5 and a digit; 200, a digit and a digit or item. Networks have the preset small and no decoder.
"""

import statistics

import numpy as np

from benchmarks import harness
from caps_hvd import data
from caps_hvd.data.split import ArraySplit

CLASSES = (2, 10, 50, 200)
WEIGHTS = {
    "published": lambda classes: 0.5,
    "constant": lambda classes: 4.5 / (classes - 1),
    "root": lambda classes: 1.5 / (classes - 1) ** 0.5,
}
SHIRTS = (0, 6)  # T-shirt and shirt among Fashion-MNIST's classes


def halves(classes, of):
    """The digit, and the kind (0 a digit, 1 an item) and class of its neighbour, of a class.

    Args:
        classes: how many there are.
        of: numbers of classes.
    """
    chance = np.random.default_rng(1).integers(0, 10, len(of))  # of a digit that does not matter
    if classes == 2:
        return chance, np.ones_like(of), np.asarray(SHIRTS)[of]
    if classes == 10:
        return chance, np.ones_like(of), of
    return of // 10 % 10, of // 100, of % 10


def pairs(classes, samples, digits, items, seed):
    """A split of pairs, with as many images of each class as of any other, or one more.

    Args:
        classes: 2, 10, 50 or 200.
        samples: number of images.
        digits, items: splits of MNIST and Fashion-MNIST.
        seed: of the choice of images.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(samples) % classes)
    left, kinds, right = halves(classes, labels)
    images = np.zeros((samples, 14, 28, 1), np.uint8)
    for kind, split in ((0, digits), (1, items)):
        rows = np.flatnonzero(kinds == kind)
        images[rows, :, 14:] = small(split, right[rows], rng)
    images[:, :, :14] = small(digits, left, rng)
    return ArraySplit(images, labels)


def small(split, labels, rng):
    """An image at random for each label, of half the height and width."""
    rows = np.zeros(len(labels), int)
    for label in range(10):
        wanted = labels == label
        rows[wanted] = rng.choice(np.flatnonzero(split.labels == label), wanted.sum())
    images, _ = split.take(rows)
    return images.reshape(len(rows), 14, 2, 14, 2, 1).mean((2, 4)).round().astype(np.uint8)


def accuracy(train, test, classes, weight, seed, epochs):
    """The accuracy of a network after training, its learning rate that of a `TrainConfig`."""
    import keras

    from caps_hvd import models
    from caps_hvd.config.model import CapsNetOptions
    from caps_hvd.config.train_config import TrainConfig
    from caps_hvd.data.batches import Batches
    from caps_hvd.distributed import comm
    from caps_hvd.models.losses import MarginLoss
    from caps_hvd.training.build import build_optimizer
    from caps_hvd.training.evaluate import evaluate

    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    options = CapsNetOptions(preset="small", decoder="none")
    model = models.build(options, train.image_shape, classes)
    model.score_loss = MarginLoss(down_weight=weight)
    model.compile(build_optimizer(TrainConfig()), **models.compile_arguments(model))
    batches = Batches(train, 100, 0, 1, seed, reconstruct=False)
    model.fit(batches, epochs=epochs, verbose=0, shuffle=False)
    return evaluate(model, test, 500, comm.init()).accuracy


def main():
    options = harness.arguments(
        __doc__,
        classes=(list(CLASSES), "numbers of classes"),
        train_samples=(4000, "images"),
        test_samples=(2000, "images"),
        epochs=(3, "of each training"),
        seeds=(2, "trainings of each"),
    )
    digits, items = data.load("mnist"), data.load("fashion_mnist")
    figures = vars(options)
    for classes in options.classes:
        train = pairs(classes, options.train_samples, digits.train, items.train, seed=0)
        test = pairs(classes, options.test_samples, digits.test, items.test, seed=1)
        found = {name: [] for name in WEIGHTS}
        for seed in range(options.seeds):
            for name, weight_of in WEIGHTS.items():
                given = (classes, weight_of(classes), seed, options.epochs)
                found[name].append(accuracy(train, test, *given))
                print(f"{classes} classes, {name}, seed {seed}: {found[name][-1]:.2%}", flush=True)
        for name, accuracies in found.items():
            about = f"{classes} classes, {name} ({WEIGHTS[name](classes):.3g})"
            figures[f"{about}: accuracy"] = statistics.fmean(accuracies)
            figures[f"{about}: lowest, highest"] = [min(accuracies), max(accuracies)]
    harness.write_record("margin_balance", figures)


if __name__ == "__main__":
    main()
