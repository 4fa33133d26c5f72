"""Epochs of a toy calibration, worked out by hand."""

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.scaling.machine_profile import StepTime
from caps_hvd.scaling.model import predict
from caps_hvd.scaling.networks import Network
from tests.unit.scaling.toy import reduction, toy

# 100 bytes per second and nothing to start; processors have no part in it.
LINK = Network("link", 0.0, 100.0, tcp=False)
JOB = {"images": 80, "batch_size": 10, "evaluation": "none", "network": LINK}


def test_one_machine_computes_and_evaluates():
    epoch = predict(toy(), machines=1, **JOB | {"evaluation": "sharded", "test_images": 100})
    assert (epoch.steps, epoch.ranks) == (8, 1)
    assert epoch.compute_seconds == pytest.approx(8.0)
    assert epoch.evaluation_seconds == pytest.approx(2.0)
    assert epoch.exposed_communication_seconds == epoch.straggler_seconds == 0
    assert epoch.seconds_per_epoch == pytest.approx(10.0)
    assert epoch.training_seconds == pytest.approx(8.0)
    assert (epoch.speed_up, epoch.efficiency) == (1, 1)


def test_four_machines():
    epoch = predict(toy(), machines=4, **JOB)
    # 2 steps. A ring of 4 takes 1.5 times the bytes: 0.6 s for the first group, 0.9 for the
    # second. 0.501 to 1.101, then to 2.001; the backward pass ends at 0.9.
    assert epoch.steps == 2
    assert epoch.compute_seconds == pytest.approx(2.0)
    assert epoch.exposed_communication_seconds == pytest.approx(2 * 1.101)
    assert epoch.seconds_per_epoch == pytest.approx(4.202)
    assert epoch.speed_up == pytest.approx(8 / 4.202)
    assert epoch.efficiency == pytest.approx(2 / 4.202)


def test_strong_scaling_divides_the_batch():
    epoch = predict(toy(), machines=2, **JOB | {"batch_size": 20, "scaling": "strong"})
    assert epoch.steps == 4 and epoch.compute_seconds == pytest.approx(4.0)
    # One machine takes 4 steps of 1.8 s.
    assert epoch.speed_up == pytest.approx(7.2 / epoch.seconds_per_epoch)


def test_stragglers():
    # The median is 1, the larger of two draws 1 in 4 of 9, 2 in 5 of 9 cases.
    slow = toy(step_samples=[1.0, 1.0, 2.0])
    epoch = predict(slow, machines=2, **JOB)
    assert epoch.straggler_seconds == pytest.approx(4 * 5 / 9)
    # Ranks that share cores end together: the mean over the median, 4/3, on half a core each.
    shared = predict(slow, machines=2, **JOB, shared_cores=1)
    assert shared.compute_seconds == pytest.approx(4 * 2.0)
    assert shared.straggler_seconds == pytest.approx(4 * 2.0 / 3)


def test_evaluation_that_everyone_repeats():
    job = JOB | {"test_images": 100}
    assert predict(
        toy(), machines=4, **job | {"evaluation": "repeated"}
    ).evaluation_seconds == pytest.approx(2.0)
    assert predict(
        toy(), machines=4, **job | {"evaluation": "sharded"}
    ).evaluation_seconds == pytest.approx(0.5)


def test_alone_seconds_give_the_speed():
    # Calibrated: 8 s of steps and 2 s of evaluation. A machine that takes 30 s is 3 times slower.
    job = JOB | {"evaluation": "repeated", "test_images": 100, "alone_seconds": 30.0}
    assert predict(toy(), machines=1, **job).seconds_per_epoch == pytest.approx(30.0)
    four = predict(toy(), machines=4, **job)
    assert four.compute_seconds == pytest.approx(6.0)
    assert four.evaluation_seconds == pytest.approx(6.0)
    # The backward pass ends at 2.7 s: 1.501 to 2.101, and 2.701 to 3.601.
    assert four.exposed_communication_seconds == pytest.approx(2 * 0.901)


def test_hosts_that_share_cores():
    # 3 hosts on one core, and 1.2 core-seconds a step where cores are crowded.
    steps = [*toy().steps, StepTime(batch_size=10, ranks=2, seconds=2.4)]
    epoch = predict(toy(steps=steps), machines=4, **JOB, shared_cores=1)
    assert epoch.compute_seconds == pytest.approx(2 * 4 * 1.2)
    same = predict(toy(steps=steps), machines=4, **JOB, cores_per_host=0.25)
    assert same.compute_seconds == epoch.compute_seconds
    # Of 3 hosts on two cores two are on one: 2 steps of 2 x 1.2 core-seconds, as two at once take.
    two_cores = toy(steps=[*toy().steps, StepTime(batch_size=10, ranks=2, seconds=1.2)], cores=2)
    three = predict(two_cores, machines=3, **JOB | {"images": 60}, shared_cores=2)
    assert three.compute_seconds == pytest.approx(2 * 2 * 1.2)
    # Alone the host has the core for itself.
    assert predict(toy(steps=steps), machines=1, **JOB, shared_cores=1).compute_seconds == 8


def test_processors_that_copy_slow_a_crowded_host_down():
    tcp = Network("tcp", 0.0, 1e9, tcp=True)
    # Two ranks of one machine: 10 ms per byte that each sends, on a core of its own.
    busy = toy(allreduces=[reduction(100, 1.0), reduction(200, 2.0)])
    epoch = predict(busy, machines=2, **JOB | {"network": tcp}, shared_cores=1)
    # Half a core each: the steps take 2 s, and nothing is sent before the backward pass is over:
    # then 0.8 and 1.2 s, and 1 ms until Horovod looks.
    assert epoch.compute_seconds == pytest.approx(4 * 2.0)
    assert epoch.exposed_communication_seconds == pytest.approx(4 * 2.001)


def test_processors_that_copy_slow_a_busy_host_down():
    tcp = Network("tcp", 0.0, 1e9, tcp=True)
    busy = toy(allreduces=[reduction(100, 0.5), reduction(200, 1.0)])
    epoch = predict(busy, machines=2, **JOB | {"network": tcp})
    # A core each, 5 ms per byte: 0.2 and 0.3 s. From 0.501 to 0.701 steals 0.2 of the pass: the
    # second is ready at 1.101 and goes to 1.401, and the pass ends at 1.1, not 0.9.
    assert epoch.exposed_communication_seconds == pytest.approx(4 * 0.501)


def test_input_takes_the_cores_or_the_time():
    slow = toy(input_seconds_per_image=0.01)
    assert predict(slow, machines=1, **JOB).input_seconds == pytest.approx(8 * 0.1)
    # With a second core the thread is faster than the step, and then slower.
    assert predict(slow, machines=1, **JOB, cores_per_host=2).input_seconds == 0
    slower = toy(input_seconds_per_image=0.15)
    assert predict(slower, machines=1, **JOB, cores_per_host=2).input_seconds == pytest.approx(
        8 * 0.5
    )


def test_bytes_and_ranks_per_machine():
    epoch = predict(toy(), machines=2, **JOB, message_bytes=200, cores_per_host=2,
                    ranks_per_machine=2, algorithm="ring")  # fmt: skip
    # As with four machines, and twice the bytes: 0.501 to 1.701 to 3.501.
    assert epoch.exposed_communication_seconds == pytest.approx(2 * 2.601)
    assert epoch.ranks == 4


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({"machines": 0}, "machines: expected 1 or more, received 0"),
        ({"batch_size": 0}, "batch_size: expected 1 or more, received 0"),
        ({"cores_per_host": 0.0}, "cores_per_host: expected a number above 0"),
        ({"evaluation": "never"}, "evaluation: expected one of sharded, repeated, none"),
        ({"cores_per_host": 1.0, "shared_cores": 2.0}, "expected one of them, received both"),
    ],
)
def test_mistakes(job, words):
    with pytest.raises(ConfigError, match=words):
        predict(toy(), **{"machines": 2, "network": LINK} | job)
