"""Table of how well images were classified: accuracy, losses, confusions."""

import numpy as np

from caps_hvd.records.evaluation import Evaluation
from caps_hvd.report.sheet import align


def to_text(evaluation: Evaluation, class_names) -> str:
    """A few lines and the table of confusions, for people."""
    losses = f"loss         {evaluation.loss:.4f}  (scores {evaluation.score_loss:.4f}"
    if evaluation.reconstruction_loss is not None:
        losses += f", squared error per pixel {evaluation.reconstruction_loss:.4f}"
    correct = f"{evaluation.correct:,} of {evaluation.samples:,} images"
    accuracy = f"accuracy     {evaluation.accuracy:.2%}  ({correct})"
    return "\n".join([accuracy, losses + ")", "", *_confusion_table(evaluation, class_names)])


def _confusion_table(evaluation, class_names) -> list[str]:
    names = [str(name) for name in class_names]
    width = max(len(str(evaluation.confusion.max())), *(len(name[:9]) for name in names))
    rows = [("true class", "accuracy", *(name[:9].rjust(width) for name in names))]
    for name, accuracy, counts in zip(
        names, evaluation.class_accuracies(), evaluation.confusion, strict=True
    ):
        share = "-" if np.isnan(accuracy) else f"{accuracy:.2%}"
        rows.append((name, share, *(str(count) if count else "·" for count in counts)))
    return align(rows, left=1)
