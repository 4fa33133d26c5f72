"""Training batches of one rank, for `model.fit`: its part of every global step.

Keras calls a `PyDataset` in this order (3.15, TensorFlow): `[0]` and `[1]` for the signature and
`on_epoch_end` once before the first epoch; then for each epoch `on_epoch_begin`, every item once
from a thread that runs ahead, `on_epoch_end`.  No item of an epoch is asked for before the epoch
before it has ended.  Two things have to be mended:

- `fit` shuffles the order of the items (`shuffle=True` is its default) by Python's own generator,
  in another way on every rank.  Ranks would be in different steps at the same time and only some
  of them in the short last one, which breaks its weights.  So within an epoch the items are
  handed out in their own order, whichever is asked for.
- Under JAX, building the model begins an epoch, takes one item and ends it.  So the epoch moves
  on only when one ends whose items were all handed out.
"""

from collections.abc import Callable

import keras
import numpy as np

from caps_hvd.data.augmentation import Augment, sample_keys
from caps_hvd.data.sharding import epoch_permutation, shard, steps_per_epoch
from caps_hvd.data.split import Split, unit_range


class Batches(keras.utils.PyDataset):
    r"""The training batches of one rank.

    Every epoch has its own permutation of the whole split, the same on every rank, and every
    sample is used exactly once per epoch over all ranks; see `caps_hvd.data.sharding` for the
    short last step and the weights.

    An item is `(inputs, targets, weights)` with

    - inputs `{"image": (p, H, W, C) float32 in [0, 1], "label": (p,) int32}`,
    - targets `{"scores": (p,) int32 labels, "reconstruction": the images}`,
    - weights `(p,)` float32, 0 for padding, times those of the classes where there are any,

    where `p` is this rank's part, and smaller in a short last step. Keras compiles the training
    step for any `p`, so the short step is not compiled again.

    Args:
        split: the training set.
        global_batch: samples per step over all ranks, or a function from epoch to them for a batch
            that changes from epoch to epoch; fewer than ranks leaves some with padding alone.
        rank: this rank, 0 to `size - 1`.
        size: number of ranks, at most the number of samples.
        seed: of the permutation and of the augmentation, 0 or more.
        shuffle: permute the samples, anew in every epoch. Default True.
        augment: changes the images at random, None for not at all. Its draws depend on the seed,
            the epoch and the sample, but not on the number of ranks or the batch size.
        reconstruct: give the images as the target `"reconstruction"`, too. Default True.
        start_epoch: the epoch that comes first, such as the one where training resumes.
            Default 0.
        class_weights: `(classes,)`, by which an image counts according to its label, None for all
            alike. Their mean over the split is to be 1. Default None.

    Raises:
        ConfigError: `global_batch` is below 1, or there are more ranks than samples.

    Example:

    ```python
    batches = Batches(dataset.train, global_batch=100, rank=0, size=1, seed=0, start_epoch=3)
    model.fit(batches, initial_epoch=3, epochs=10)  # without steps_per_epoch
    ```
    """

    def __init__(
        self,
        split: Split,
        global_batch: int | Callable[[int], int],
        rank: int,
        size: int,
        seed: int,
        *,
        shuffle: bool = True,
        augment: Augment | None = None,
        reconstruct: bool = True,
        start_epoch: int = 0,
        class_weights: np.ndarray | None = None,
    ):
        super().__init__(workers=1)  # more would ask in no fixed order
        self.split = split
        self.global_batch = global_batch if callable(global_batch) else lambda epoch: global_batch
        self.rank, self.size, self.seed = rank, size, seed
        self.shuffle, self.augment, self.reconstruct = shuffle, augment, reconstruct
        self.epoch, self.class_weights = start_epoch, class_weights
        shard(len(split), self.global_batch(start_epoch), rank, size, 0)  # refuses what cannot be
        self._order = None
        self._running, self._handed_out = False, 0

    def __len__(self):
        return self.steps(self.epoch)

    def steps(self, epoch: int) -> int:
        """Returns the number of steps of an epoch."""
        return steps_per_epoch(len(self.split), self.global_batch(epoch))

    def __getitem__(self, step):
        if self._running:
            step = self._handed_out
            self._handed_out += 1
        return self.batch(self.epoch, step)

    def batch(self, epoch: int, step: int):
        """Returns the item of any epoch and step, whatever has been asked for before."""
        indices, weights = self.indices(epoch, step)
        images, labels = self.split.take(indices)
        if self.augment is not None:
            images = self.augment(images, sample_keys(self.seed, epoch, indices))
        images = unit_range(images)
        targets = {"scores": labels}
        if self.reconstruct:
            targets["reconstruction"] = images
        if self.class_weights is not None:
            weights = weights * self.class_weights[labels]
        return {"image": images, "label": labels}, targets, weights

    def indices(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns which samples of the split this rank uses, and their weights: `(p,)` each."""
        order = self._epoch_order(epoch)
        part = shard(len(self.split), self.global_batch(epoch), self.rank, self.size, step)
        samples = part.stop - part.start
        # Padding repeats the sample before; a rank that has none takes the rank's before it.
        indices = np.full(part.padded, order[part.stop - 1])
        indices[:samples] = order[part.start : part.stop]
        weights = np.zeros(part.padded, np.float32)
        weights[:samples] = part.weight
        return indices, weights

    def on_epoch_begin(self):
        self._running, self._handed_out = True, 0

    def on_epoch_end(self):
        self.epoch += self._running and self._handed_out == len(self)
        self._running = False

    def _epoch_order(self, epoch: int) -> np.ndarray:
        if self._order is None or self._order[0] != epoch:
            samples = len(self.split)
            order = (
                epoch_permutation(samples, self.seed, epoch) if self.shuffle else np.arange(samples)
            )
            self._order = epoch, order
        return self._order[1]
