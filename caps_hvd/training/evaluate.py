"""The evaluation of a model by all ranks, exact: whole images are counted, each of them once."""

import time

import keras
import numpy as np
from keras import ops

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.data.evaluation import evaluation_batches
from caps_hvd.records.evaluation import Evaluation, ScoreStatistics


def evaluate(
    model,
    split,
    batch_size,
    communicator,
    reconstruction_weight=TrainConfig.reconstruction_weight,
) -> Evaluation:
    """Classifies a split, each rank its share of it.

    Counts are integers and are summed as integers; losses are summed in float64. So the accuracy
    does not depend on the number of ranks or the batch size.

    Args:
        model: a `Classifier`.
        split: images and labels.
        batch_size: images per step on each rank.
        communicator: the ranks.
        reconstruction_weight: as in training. Defaults to that of a `TrainConfig`.

    Returns:
        The same `Evaluation` on every rank.
    """
    confusion = np.zeros((model.classes, model.classes), np.int64)
    terms = model.loss_terms(reconstruction_weight)
    losses = np.zeros(len(terms), np.float64)
    scores = np.zeros((2, model.classes), np.float64)  # sums of scores and of their squares
    for batch in evaluation_batches(split, batch_size, communicator.rank, communicator.size):
        outputs = model.predict_on_batch(batch.images)
        real = batch.weights > 0
        predicted = np.argmax(outputs["scores"], axis=-1)
        np.add.at(confusion, (batch.labels[real], predicted[real]), 1)
        scores += _sums(outputs["scores"][real])
        expected = {"scores": batch.labels, "reconstruction": batch.images}
        losses += [
            _sum(loss.call(expected[output], outputs[output]), real)
            for output, (loss, _) in terms.items()
        ]
    confusion = communicator.allreduce(confusion, "sum")
    sums = communicator.allreduce(np.concatenate([losses, *scores]), "sum")
    losses, *scores = np.split(sums, [len(terms), len(terms) + model.classes])
    means = (losses / len(split)).tolist()
    lengths = getattr(model, "scores_are_lengths", False)
    return Evaluation(
        confusion=confusion,
        score_loss=means[0],
        reconstruction_loss=None if model.decoder is None else means[1],
        loss=sum(weight * mean for (_, weight), mean in zip(terms.values(), means, strict=True)),
        scores=ScoreStatistics.of_sums(*scores, len(split), lengths),
    )


def _sums(scores) -> np.ndarray:
    scores = np.asarray(scores, np.float64)
    return np.stack([scores.sum(axis=0), np.square(scores).sum(axis=0)])


def _sum(losses, real) -> float:
    return float(np.sum(ops.convert_to_numpy(losses)[real], dtype=np.float64))


class EvaluateEpochs(keras.callbacks.Callback):
    """Evaluates after some of the epochs and adds what it found to their logs.

    These are `evaluation_seconds`, and `test_loss`, `test_accuracy`, `test_balanced_accuracy` and
    `test_score_spread`; of the validation part the same as `val_...`, and the parts of its loss,
    `val_score_loss` and `val_reconstruction_loss`.

    Args:
        run: the evaluation, without arguments.
        every: epochs from one to the next; 0 for the last one only.
        epochs: number of the last epoch.
        part: of the data set that it is of, test or val (validation). Default test.
    """

    def __init__(self, run, every, epochs, part="test"):
        super().__init__()
        self.run, self.every, self.epochs, self.part = run, every, epochs, part
        self.last: Evaluation | None = None

    def on_epoch_end(self, epoch, logs=None):
        self.last = None
        done = epoch + 1
        if done == self.epochs or (self.every and done % self.every == 0):
            began = time.perf_counter()
            self.last = self.run()
            logs["evaluation_seconds"] = time.perf_counter() - began
            logs |= {f"{self.part}_{name}": value for name, value in self._values().items()}

    def _values(self) -> dict[str, float]:
        found = self.last
        values = {
            "loss": found.loss,
            "accuracy": found.accuracy,
            "balanced_accuracy": found.balanced_accuracy,
            "score_spread": found.scores.spread,
        }
        if self.part == "val":
            values["score_loss"] = found.score_loss
            if found.reconstruction_loss is not None:
                values["reconstruction_loss"] = found.reconstruction_loss
        return values
