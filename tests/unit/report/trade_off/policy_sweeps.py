"""A small sweep of policies with figures that can be checked by hand.

Times in seconds, accuracies in per cent, by epoch; two seeds each:

| policy, weight sharing | epoch 1 | 2 | 3 | accuracy of seed 0 | of seed 1 | mean |
|---|---|---|---|---|---|---|
| fixed, no         | 12 | 10 | 10 | 90, 94, 96 | 92, 96, 96 | 91, 95, 96 |
| fixed, yes        | 10 |  8 |  8 | 88, 92, 93 | 88, 94, 93 | 88, 93, 93 |
| warmadabatch, no  | 40 | 10 | 10 | 96, 97, 98 | 96, 98, 98 | 96, 97.5, 98 |
| warmadabatch, yes | 30 |  8 |  8 | 95, 97, 96 | 95, 96, 97 | 95, 96.5, 96.5 |
"""

import dataclasses

from caps_hvd.records.sweep_record import EpochResult, PointResult, SweepResult

DEFINITION = """
name = "policies"
repetitions = 2

[train]
dataset = "digits"
epochs = 3
first_epochs = 1
seed = 5

[axes]
policy = ["fixed", "warmadabatch"]
weight_sharing = [false, true]
"""

FIGURES = {
    ("fixed", False): ((12.0, 10.0, 10.0), ((90, 94, 96), (92, 96, 96)), 2000),
    ("fixed", True): ((10.0, 8.0, 8.0), ((88, 92, 93), (88, 94, 93)), 1000),
    ("warmadabatch", False): ((40.0, 10.0, 10.0), ((96, 97, 98), (96, 98, 98)), 2000),
    ("warmadabatch", True): ((30.0, 8.0, 8.0), ((95, 97, 96), (95, 96, 97)), 1000),
}
RATES = {"fixed": (0.001, 0.001, 0.001), "warmadabatch": (0.0001, 0.0006, 0.0001)}


def epoch(number, seconds, rate, per_cent):
    return EpochResult(
        epoch=number,
        seconds=seconds,
        first_of_session=number == 1,
        compute_seconds=None,
        exposed_communication_seconds=None,
        input_seconds=None,
        other_seconds=None,
        evaluation_seconds=1.0,
        images_per_second=6000 / seconds,
        learning_rate=rate,
        train_loss=0.1,
        test_accuracy=None if per_cent is None else per_cent / 100,
    )


def point(policy, sharing, seed, *, accuracies=None):
    """A finished point of the table above; `accuracies` (None where untested) win over it."""
    seconds, runs, parameters = FIGURES[policy, sharing]
    figures = zip(seconds, RATES[policy], accuracies or runs[seed], strict=True)
    return dataclasses.replace(
        left_out(policy, sharing, seed, "finished"),
        epochs=[epoch(number, *each) for number, each in enumerate(figures, start=1)],
        parameters=parameters,
        test_accuracy=runs[seed][-1] / 100,
        backend="none",
    )


def left_out(policy, sharing, seed, status, error=""):
    """A point that has measured nothing."""
    return PointResult(
        name=f"m1-policy_{policy}-weight_sharing_{sharing}-rep{seed}",
        axes={"machines": 1, "policy": policy, "weight_sharing": sharing, "repetition": seed},
        status=status,
        error=error,
        ranks=1,
        machines=1,
    )


def sweep(points=None):
    """The whole table, or a sweep of other points."""
    if points is None:
        points = [point(*each, seed) for seed in (0, 1) for each in FIGURES]
    return SweepResult(
        name="policies",
        definition=DEFINITION,
        created_utc="2026-11-21T08:00:00+00:00",
        versions={"caps_hvd": "0.1.0"},
        points=points,
    )
