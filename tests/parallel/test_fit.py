"""Ranks that were told different things end together, and with a sentence that says what."""

import functools
from pathlib import Path

import pytest

from tests.parallel.launch import launch

WORKER = Path(__file__).with_name("fit_worker.py")
pytestmark = [pytest.mark.parallel, pytest.mark.timeout(150)]


@functools.cache
def mistakes():
    job = launch("mpirun", 2, WORKER, "mistakes", seconds=120)
    assert job.code == 0, job.text
    assert job.records[0] == job.records[1]
    return job.records[0]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("batches", ["batches: expected on rank 1", "has, 2, received 3"]),
        ("epochs", ["epochs: expected on rank 1", "has, 2, received 3"]),
        ("initial_epoch", ["parted", "epoch 1 (BroadcastState)", "rank 1 at the begin of epoch 2"]),
        (
            "stop",
            ["rank 0 is at the end of training", "at the begin of epoch 2", "Stopping"],
        ),
        ("rate", ["learning_rate: expected on rank 1", "callbacks that change it"]),
        ("validation", ["rank 1 has no val_loss", "validation_data"]),
        ("metrics", ["loss, mae", "same metrics"]),
        ("timer", ["begin of training (EpochTimer)", "same callbacks"]),
        ("average", ["end of epoch 1 (AverageMetrics)", "begin of epoch 2"]),
        ("broadcast", ["begin of training (BroadcastState)", "its first step"]),
        ("order", ["(AverageMetrics)", "(FiniteLoss)", "same order"]),
        ("model", ["model: expected on rank 1", "(2, 3) float32", "(2, 4) float32"]),
        ("frozen", ["model: expected on rank 1", "same optimizers"]),
        ("optimizer", ["SGD 2, received SGD 3"]),
        ("plain", ["model.second_optimizer: expected one from", "distribute()"]),
        ("diverged", ["DivergedError", "since step", "of epoch 1"]),
        ("declared", ['reductions={Largest: "max"}']),
    ],
)
def test_a_sentence_for_what_differs(case, words):
    said = mistakes()[case]
    for word in words:
        assert word in said, said
    assert "\n" not in said


def test_rows_of_a_batch_may_differ():
    assert "rows" in mistakes()  # and are the same weights on both ranks


@pytest.mark.core
@pytest.mark.parametrize("launcher", ["mpirun", "horovodrun --gloo"])
def test_the_lowest_rank_that_is_left_speaks(launcher):
    job = launch(launcher, 2, WORKER, "alone", seconds=100)
    assert job.code != 0
    (line,) = [line for line in job.text.splitlines() if "caps_hvd: error:" in line]
    assert "rank 1: another rank ended" in line and "same callbacks" in line


def test_data_of_unknown_length_that_ends_early_on_one_rank():
    environ = {
        "HOROVOD_STALL_CHECK_TIME_SECONDS": "2",
        "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": "5",
        "CAPS_HVD_WAIT_NOTICE_SECONDS": "1",
    }
    job = launch("mpirun", 2, WORKER, "uneven", seconds=100, environ=environ)
    assert job.code == 2
    assert "rank 0 has waited 1 s for other ranks at the end of epoch 1" in job.text
    assert "as many batches" in job.text
