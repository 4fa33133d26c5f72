"""Evaluation of a classifier: exact counts by class, and the accuracies that follow from them."""

import dataclasses

import numpy as np


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
    """

    confusion: np.ndarray
    score_loss: float
    reconstruction_loss: float | None
    loss: float

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

    def to_dict(self, class_names) -> dict:
        """Everything as plain values that JSON has."""
        return {
            "samples": self.samples,
            "correct": self.correct,
            "accuracy": self.accuracy,
            "loss": self.loss,
            "score_loss": self.score_loss,
            "reconstruction_loss": self.reconstruction_loss,
            "class_accuracies": {
                name: None if np.isnan(accuracy) else float(accuracy)
                for name, accuracy in zip(class_names, self.class_accuracies(), strict=True)
            },
            "confusion": self.confusion.tolist(),
        }
