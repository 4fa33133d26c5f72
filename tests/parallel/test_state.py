"""What ranks share stays the same on all of them, and what is a rank's own stays its own."""

import functools
from pathlib import Path

import numpy as np
import pytest

from tests.parallel.launch import launch

WORKER = Path(__file__).with_name("state_worker.py")
pytestmark = [pytest.mark.parallel, pytest.mark.timeout(200)]
JOBS = {"mpirun": "step,accumulation,adasum,metrics", "horovodrun --gloo": "step,accumulation"}
BOTH = pytest.mark.parametrize("launcher", JOBS)


@functools.cache
def records(launcher):
    job = launch(launcher, 2, WORKER, JOBS[launcher], seconds=180)
    assert job.code == 0, job.text
    return job.records


def same(launcher, key):
    first, second = (record[key] for record in records(launcher))
    assert first == second, key
    return first


@BOTH
def test_a_measured_step_changes_nothing(launcher):
    """Two optimizers, variables beside the model, seeds, moving averages and metrics."""
    for record in records(launcher):
        assert record["timed_rounds"] >= 3
        for key in ("shared", "own", "moments", "history", "counts"):
            assert record[f"timed_{key}"] == record[f"plain_{key}"], key
    assert same(launcher, "timed_counts") == [16, 16, 116, 132, 108]


@BOTH
def test_ranks_share_every_optimizer_and_variable(launcher):
    for key in ("shared", "moments"):
        same(launcher, f"timed_{key}")
    first, second = (record["timed_own"] for record in records(launcher))
    assert first != second  # moving averages are those of each rank's own batches


@BOTH
@pytest.mark.parametrize("case", ["calls", "kept"])
def test_gradients_that_wait_are_each_ranks_own(launcher, case):
    whole = same(launcher, "accumulation_whole")
    assert same(launcher, f"accumulation_{case}") == whole
    assert records(launcher)[0]["accumulation_kept_said"] == ""


@BOTH
def test_gradients_that_only_rank_0_has_are_dropped_with_a_word(launcher):
    assert same(launcher, "accumulation_lost") != same(launcher, "accumulation_whole")
    said = [record["accumulation_lost_said"] for record in records(launcher)]
    assert "dropped" in said[0] and "load_rank_state" in said[0] and said[1] == ""


@BOTH
def test_a_rank_whose_batches_were_empty_keeps_that_nothing_waits(launcher):
    assert same(launcher, "empty_calls") == same(launcher, "empty_whole")


@pytest.mark.parametrize("case", ["calls", "kept"])
def test_moments_of_adasum_are_each_ranks_own(case):
    for value, whole in zip(
        same("mpirun", f"adasum_{case}"), same("mpirun", "adasum_whole"), strict=True
    ):
        # A broadcast takes away in which last bit the ranks' weights differ.
        np.testing.assert_allclose(value, whole, rtol=0, atol=1e-14)


def test_moments_of_adasum_that_only_rank_0_has_are_given_to_all():
    assert np.all(np.isfinite(np.concatenate(list(map(np.ravel, same("mpirun", "adasum_lost"))))))
    assert same("mpirun", "adasum_lost_said") == ""


@pytest.mark.parametrize("key", ["found", "fitted"])
def test_metrics_of_several_values_and_of_extremes(key):
    expected, found = same("mpirun", "expected"), same("mpirun", key)
    assert expected.keys() == found.keys()
    assert np.shape(found["f1_score"]) == (3,) and np.shape(found["precision"]) == (2,)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)
