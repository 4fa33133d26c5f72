"""The speed of a device, and the seconds of a lane on it."""

import time

import keras

from caps_hvd.calibration import lane_timing
from caps_hvd.lanes.lane import Lane


def test_device_speed_is_steps_per_second_and_takes_under_two_seconds():
    begin = time.perf_counter()
    speed = lane_timing.device_speed(0.1)
    assert time.perf_counter() - begin < 2
    # 157 million operations a step: between a slow core and a fast GPU.
    assert 1 < speed < 1_000_000


def test_device_speed_leaves_random_numbers_and_names_alone():
    def drawn_and_named():
        return keras.random.normal((3,)).numpy().tolist(), keras.layers.Dense(1).name

    keras.utils.set_random_seed(1)
    keras.utils.clear_session(free_memory=False)
    expected = drawn_and_named()
    keras.utils.set_random_seed(1)
    keras.utils.clear_session(free_memory=False)
    lane_timing.device_speed(0.01)
    assert drawn_and_named() == expected


def test_steps_are_counted_over_a_time():
    # 20 ms a step over 0.1 s: five steps, or one more, or one less on a busy machine.
    assert 20 < lane_timing._count(lambda: time.sleep(0.02), 0.1) <= 50


def test_one_step_is_counted_where_it_takes_longer_than_the_time():
    assert 5 < lane_timing._count(lambda: time.sleep(0.05), 0.001) <= 20


def test_a_step_of_a_lane_trains_it():
    step = lane_timing.lane_step(Lane("mlcn1", 1, 2), (28, 28, 1), 3)
    losses = [step() for _ in range(5)]
    assert losses[-1] < losses[0]  # Adam makes the sum of squares smaller


def test_the_least_seconds_of_each_step_count(monkeypatch):
    # A clock that steps move on; the second one of the first lane is disturbed.
    now = [0.0]
    seconds = {"a": iter([9.0, 3.0, 5.0]), "b": iter([9.0, 8.0, 7.0])}

    def step(name):
        now[0] += next(seconds[name])

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    said = []
    found = lane_timing.time_steps([lambda: step("a"), lambda: step("b")], 2, said.append)
    assert found == (3.0, 7.0)  # the round of 9 s warms up
    assert said == ["warming up: 18 s", "round 1 of 2: 11 s", "round 2 of 2: 12 s"]


def test_a_short_step_is_repeated(monkeypatch):
    now, calls = [0.0], []

    def step():
        calls.append(0)
        now[0] += 0.0625

    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    assert lane_timing.time_steps([step], 1, lambda text: None) == (0.0625,)
    assert len(calls) == 2 * 4  # begun within 0.2 s, in two rounds
