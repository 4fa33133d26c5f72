"""The input pipeline of `model.fit`: batches made in a thread beside the training step.

Keras would do this by itself, but not well under TensorFlow 2.21: it lets tf.data tune the thread,
and the tuner now and then does not hear that an epoch's iterator is given up, which then waits for
its next look: seconds, up to a minute. Seen in about one epoch of ten on a busy machine. Here
nothing is tuned.
"""

import contextlib
import itertools
import math

import keras
import numpy as np

from caps_hvd.data.batches import Batches
from caps_hvd.system.backend import keras_backend

# One batch in the making, one that waits: the step takes longer than a batch, or more would not do.
_AHEAD = 2

# Small batches go from Python to TensorFlow in blocks of about so many images: handing over costs
# half a millisecond, which with one image in a step is felt.
_BLOCK = 64


class Pipeline(keras.callbacks.Callback):
    """The data that `fit` is given, and the callback that keeps it in the right epoch.

    Keras takes the number of steps from a run's first epoch, so each `fit` is given a stretch of
    epochs that have the same batch size, with `source()` called before it.

    Args:
        batches: the training batches of this rank.

    Example:
        >>> pipeline = Pipeline(batches)
        >>> model.fit(pipeline.source(), callbacks=[pipeline], shuffle=False)
    """

    def __init__(self, batches: Batches):
        super().__init__()
        self.batches = batches
        self.epoch = batches.epoch
        self._error: Exception | None = None

    def source(self, epoch: int | None = None):
        """The data from an epoch on, the batches' own by default."""
        if epoch is not None:
            self.epoch = self.batches.epoch = epoch
        return self._dataset() if keras_backend() == "tensorflow" else self.batches

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    @contextlib.contextmanager
    def errors(self):
        """Around `fit`: an error in making a batch comes out as itself, not as TensorFlow's."""
        try:
            yield
        except Exception:
            if self._error is not None:
                raise self._error from None
            raise

    def _dataset(self):
        import tensorflow as tf

        def spec(array):
            return tf.TensorSpec((None, None, *array.shape[1:]), array.dtype)

        options = tf.data.Options()
        options.autotune.enabled = False
        options.deterministic = True
        return (
            tf.data.Dataset.from_generator(
                self._blocks,
                output_signature=keras.tree.map_structure(spec, self.batches.batch(self.epoch, 0)),
            )
            .prefetch(1)
            .unbatch()
            .apply(tf.data.experimental.assert_cardinality(self.batches.steps(self.epoch)))
            .prefetch(_AHEAD)
            .with_options(options)
        )

    def _blocks(self):
        """The batches of an epoch, those of neighbouring steps stacked while they are small."""
        epoch = self.epoch  # iterators are made ahead of time, and asked when their epoch has begun
        steps = range(self.batches.steps(epoch))
        try:
            batches = (self.batches.batch(epoch, step) for step in steps)
            for images, alike in itertools.groupby(batches, _images):  # the last may be short
                while block := list(itertools.islice(alike, math.ceil(_BLOCK / images))):
                    yield _stacked(block)
        except Exception as error:
            self._error = error  # TensorFlow makes a text of it
            raise


def _images(batch):
    return len(batch[0]["image"])


def _stacked(block):
    if len(block) == 1:
        return keras.tree.map_structure(lambda array: array[None], block[0])
    return keras.tree.map_structure(lambda *arrays: np.stack(arrays), *block)
