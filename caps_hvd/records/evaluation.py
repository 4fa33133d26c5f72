"""Evaluation of a classifier: exact counts by class, and the accuracies that follow from them."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class ScoreStatistics:
    """Mean and standard deviation over the images of the score of each class.

    Args:
        means, deviations: float64 of shape (classes,).
        lengths: whether scores are lengths of class capsules; otherwise they are probabilities.
    """

    means: np.ndarray
    deviations: np.ndarray
    lengths: bool

    @classmethod
    def of_sums(cls, sums, squares, samples: int, lengths: bool) -> "ScoreStatistics":
        """Returns the statistics of `samples` images, from sums over them of scores and squares."""
        means = sums / samples
        variances = np.maximum(squares / samples - np.square(means), 0)
        return cls(means, np.sqrt(variances), lengths)

    @property
    def spread(self) -> float:
        """The largest deviation: near 0 where an image has no influence on any score."""
        return float(np.max(self.deviations))


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The outcome of an evaluation on a whole data set.

    Args:
        confusion: int64 of shape (classes, classes): images by true class (rows) and predicted
            class (columns).
        score_loss: mean over the images of what the model's scores are trained with.
        reconstruction_loss: mean over the images of the mean squared error per pixel, None for a
            model without a decoder.
        loss: mean over the images of the loss that was trained: score loss plus weighted
            reconstruction loss.
        scores: mean and deviation of the scores; None where they were not looked at.
    """

    confusion: np.ndarray
    score_loss: float
    reconstruction_loss: float | None
    loss: float
    scores: ScoreStatistics | None = None

    @property
    def samples(self) -> int:
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """Share of images whose highest score is that of their class, 0 to 1."""
        return self.correct / self.samples

    def class_accuracies(self) -> np.ndarray:
        """Accuracy of each class, NaN for a class without images; shape (classes,)."""
        images = self.confusion.sum(axis=1)
        with np.errstate(invalid="ignore"):
            return np.diag(self.confusion) / images

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the accuracies of those classes that have images, 0 to 1."""
        return float(np.nanmean(self.class_accuracies()))

    def uneven(self) -> bool:
        """Returns whether one class has more than twice the images of another that has any."""
        images = self.confusion.sum(axis=1)
        images = images[images > 0]
        return bool(images.max() > 2 * images.min())

    def worst_classes(self, count: int) -> list[int]:
        """Returns the classes of lowest accuracy, the lowest first; those without images never."""
        accuracies = self.class_accuracies()
        order = np.argsort(accuracies, kind="stable")  # NaN comes last
        return [int(each) for each in order[:count] if not np.isnan(accuracies[each])]

    def to_dict(self, class_names) -> dict:
        """Everything as plain values that JSON has."""
        return {
            "samples": self.samples,
            "correct": self.correct,
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "loss": self.loss,
            "score_loss": self.score_loss,
            "reconstruction_loss": self.reconstruction_loss,
            "class_accuracies": {
                name: None if np.isnan(accuracy) else float(accuracy)
                for name, accuracy in zip(class_names, self.class_accuracies(), strict=True)
            },
            "confusion": self.confusion.tolist(),
        }
