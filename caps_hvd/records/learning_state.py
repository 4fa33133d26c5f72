"""Signs in an evaluation that training has got stuck: saturated or dead capsules, guessing.

The signs are read from what an evaluation has counted anyway. Class capsules that are `SATURATED`
or `DEAD`, and that no image moves any more, do not learn: `is_certain`. The other states may also
be those of a run that is merely slow, and are worded so.
"""

import math

import numpy as np

from caps_hvd.records.evaluation import Evaluation

SATURATED, DEAD, SAME_SCORES = "saturated", "dead", "same scores"
ONE_CLASS, GUESSING, CLASS_NEVER_PREDICTED = "one class", "guessing", "class never predicted"
STATES = (SATURATED, DEAD, SAME_SCORES, ONE_CLASS, GUESSING, CLASS_NEVER_PREDICTED)

# A deviation over the images that is no more than rounding and noise: a score that learns moves by
# tenths.
SAME = 0.001
# Lengths that class capsules are trained to exceed where present, and far below that of absent ones
# (0.1), to which a network shortens them while it has learnt nothing else.
LONG, SHORT = 0.9, 0.01
# Fewer images do not tell: of all together, and of a class that is never predicted.
LEAST_IMAGES, LEAST_OF_A_CLASS = 50, 20
# Standard errors by which a balanced accuracy must be above that of guessing. Where they are more
# than this, and images fewer, slow cannot be told from stuck.
ERRORS, LARGEST_MARGIN, ENOUGH_IMAGES = 3, 0.06, 1000
# Mean accuracy of the other classes from which on one that is never predicted is no matter of time.
LEARNT = 0.75


def state_of(evaluation: Evaluation) -> str | None:
    """Returns the state that an evaluation shows, one of `STATES`.

    None stands for no sign, and for too few images to tell.

    Args:
        evaluation: on any part of the data.
    """
    present = evaluation.confusion.sum(axis=1) > 0
    if evaluation.samples < LEAST_IMAGES or present.sum() < 2:
        return None
    return (
        _of_scores(evaluation)
        or _of_accuracy(evaluation)
        or (CLASS_NEVER_PREDICTED if never_predicted(evaluation) else None)
    )


def _of_scores(evaluation) -> str | None:
    scores = evaluation.scores
    if scores is None or scores.spread >= SAME:
        return None
    if scores.lengths and np.max(scores.means) > LONG:
        return SATURATED
    return DEAD if scores.lengths and np.max(scores.means) < SHORT else SAME_SCORES


def _of_accuracy(evaluation) -> str | None:
    chance, margin = chance_and_margin(evaluation)
    too_few = margin > LARGEST_MARGIN and evaluation.samples < ENOUGH_IMAGES
    if too_few or evaluation.balanced_accuracy > chance + margin:
        return None
    scores = evaluation.scores
    if scores is not None and scores.lengths and np.min(scores.means) > LONG:
        return SATURATED  # on the way there: some image still moves a length a little
    return ONE_CLASS if np.count_nonzero(evaluation.confusion.sum(axis=0)) == 1 else GUESSING


def is_certain(state: str | None, evaluation: Evaluation) -> bool:
    """Returns whether no gradient comes through any more, so that a run can hardly leave a state.

    Args:
        state: of `state_of`.
        evaluation: that it was found in.
    """
    return state in (SATURATED, DEAD) and evaluation.scores.spread < SAME


def chance_and_margin(evaluation: Evaluation) -> tuple[float, float]:
    """Returns the balanced accuracy of guessing, and how far above it chance may go.

    With K classes of n_k images: `1/K`, and three times `sqrt(1/K (1 - 1/K) sum_k 1/n_k) / K`.
    """
    images = evaluation.confusion.sum(axis=1)
    images = images[images > 0]
    chance = 1 / len(images)
    error = math.sqrt(chance * (1 - chance) * np.sum(1 / images)) / len(images)
    return chance, ERRORS * error


def never_predicted(evaluation: Evaluation) -> list[int]:
    """Returns the classes that no image is taken for, where the others have been learnt."""
    images, predicted = evaluation.confusion.sum(axis=1), evaluation.confusion.sum(axis=0)
    missing = (predicted == 0) & (images >= LEAST_OF_A_CLASS)
    others = evaluation.class_accuracies()[(predicted > 0) & (images > 0)]
    if not missing.any() or not len(others) or np.mean(others) < LEARNT:
        return []
    return np.flatnonzero(missing).tolist()


def describe(state: str, evaluation: Evaluation, class_names) -> str:
    """Returns what an evaluation shows of a state, in words.

    Args:
        state: of `state_of`.
        evaluation: that it was found in.
        class_names: one for each class.
    """
    if state in (SATURATED, DEAD, SAME_SCORES):
        means = evaluation.scores.means
        low, high = (f"{value:.3g}" for value in (means.min(), means.max()))
        scores = "lengths" if evaluation.scores.lengths else "scores"
        values = f"{scores} of {low if low == high else f'{low} to {high}'}"
        subject = {SATURATED: "class capsules are saturated", DEAD: "class capsules are dead"}
        return (
            f"{subject.get(state, 'the scores do not depend on the image')}: {values} "
            f"on all of {evaluation.samples:,} images (deviation {evaluation.scores.spread:.2g})"
        )
    if state == CLASS_NEVER_PREDICTED:
        return f"no image is taken for {_names(never_predicted(evaluation), class_names)}"
    chance, margin = chance_and_margin(evaluation)
    known = (
        f"balanced accuracy {evaluation.balanced_accuracy:.2%} of {evaluation.samples:,} images, "
        f"guessing gives {chance:.2%} ± {margin / ERRORS:.2%}"
    )
    if state == ONE_CLASS:
        (only,) = np.flatnonzero(evaluation.confusion.sum(axis=0))
        return f"every image is taken for {class_names[only]} ({known})"
    return f"not better than guessing ({known})"


def _names(classes, class_names, most=5) -> str:
    names = ", ".join(str(class_names[each]) for each in classes[:most])
    return names if len(classes) <= most else f"{names} and {len(classes) - most} more classes"
