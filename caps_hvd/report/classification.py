"""Table of how well images were classified: accuracy, losses, confusions, or the worst classes."""

import numpy as np

from caps_hvd.records.evaluation import Evaluation
from caps_hvd.records.learning_state import describe, state_of
from caps_hvd.report.sheet import align

_MOST_CLASSES = 20  # whose confusions are shown as a table
_WORST = 10  # classes that are shown where there are more


def to_text(evaluation: Evaluation, class_names) -> str:
    """A few lines and the table of confusions, for people; of many classes the worst ones."""
    losses = f"loss         {evaluation.loss:.4f}  (scores {evaluation.score_loss:.4f}"
    if evaluation.reconstruction_loss is not None:
        losses += f", squared error per pixel {evaluation.reconstruction_loss:.4f}"
    correct = f"{evaluation.correct:,} of {evaluation.samples:,} images"
    accuracy = f"accuracy     {evaluation.accuracy:.2%}  ({correct})"
    lines = [accuracy, f"balanced     {evaluation.balanced_accuracy:.2%}  (mean of the classes)"]
    state = state_of(evaluation)
    if state is not None:
        lines.append(f"state        {describe(state, evaluation, class_names)}")
    few = len(class_names) <= _MOST_CLASSES
    table = _confusion_table if few else _worst_classes
    return "\n".join([*lines, losses + ")", "", *table(evaluation, class_names)])


def _worst_classes(evaluation, class_names) -> list[str]:
    """The classes of lowest accuracy, each with what its images are taken for most."""
    rows = [("worst classes", "accuracy", "images", "mostly taken for")]
    for each in evaluation.worst_classes(_WORST):
        counts = evaluation.confusion[each].copy()
        images, counts[each] = counts.sum(), 0
        wrong = int(np.argmax(counts))
        taken = f"{class_names[wrong]} ({counts[wrong]})" if counts[wrong] else "·"
        share = f"{evaluation.class_accuracies()[each]:.2%}"
        rows.append((str(class_names[each]), share, str(images), taken))
    return align(rows, left=1)


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
