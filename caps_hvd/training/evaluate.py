"""Evaluation shared by the ranks, and exact: whole images are counted, each of them once."""

import time

import keras
import numpy as np
from keras import ops

from caps_hvd.data.evaluation import evaluation_batches
from caps_hvd.models.losses import reconstruction_loss
from caps_hvd.records.evaluation import Evaluation


def evaluate(model, split, batch_size, communicator, reconstruction_weight=0.0005) -> Evaluation:
    """Classifies a split, each rank its share of it.

    Counts are integers and are summed as integers; losses are summed in float64. So the accuracy
    does not depend on the number of ranks or the batch size.

    Args:
        model: a `Classifier`.
        split: images and labels.
        batch_size: images per step on each rank.
        communicator: the ranks.
        reconstruction_weight: as in training. Defaults to 0.0005.

    Returns:
        The same `Evaluation` on every rank.
    """
    confusion = np.zeros((model.classes, model.classes), np.int64)
    losses = np.zeros(2, np.float64)
    score_loss = model.score_loss
    for batch in evaluation_batches(split, batch_size, communicator.rank, communicator.size):
        outputs = model.predict_on_batch(batch.images)
        real = batch.weights > 0
        predicted = np.argmax(outputs["scores"], axis=-1)
        np.add.at(confusion, (batch.labels[real], predicted[real]), 1)
        losses += [
            _sum(score_loss.call(batch.labels, outputs["scores"]), real),
            _sum(reconstruction_loss(batch.images, outputs["reconstruction"]), real)
            if model.decoder is not None
            else 0.0,
        ]
    confusion = communicator.allreduce(confusion, "sum")
    scores, squared_error = communicator.allreduce(losses, "sum") / len(split)
    pixels = np.prod(model.image_shape)
    return Evaluation(
        confusion=confusion,
        score_loss=float(scores),
        reconstruction_loss=None if model.decoder is None else float(squared_error),
        loss=float(scores + reconstruction_weight * pixels * squared_error),
    )


def _sum(losses, real) -> float:
    return float(np.sum(ops.convert_to_numpy(losses)[real], dtype=np.float64))


class EvaluateEpochs(keras.callbacks.Callback):
    """Evaluates after some of the epochs and adds what it found to their logs.

    These are `test_loss`, `test_accuracy` and `evaluation_seconds`.

    Args:
        run: the evaluation, without arguments.
        every: epochs from one to the next; 0 for the last one only.
        epochs: number of the last epoch.
    """

    def __init__(self, run, every, epochs):
        super().__init__()
        self.run, self.every, self.epochs = run, every, epochs
        self.last: Evaluation | None = None

    def on_epoch_end(self, epoch, logs=None):
        self.last = None
        done = epoch + 1
        if done == self.epochs or (self.every and done % self.every == 0):
            began = time.perf_counter()
            self.last = self.run()
            logs |= {
                "test_loss": self.last.loss,
                "test_accuracy": self.last.accuracy,
                "evaluation_seconds": time.perf_counter() - began,
            }
