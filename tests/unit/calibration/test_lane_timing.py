"""The speed of a device, and the seconds of a lane on it."""

import time

from caps_hvd.calibration import lane_timing
from caps_hvd.lanes.lane import Lane


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
