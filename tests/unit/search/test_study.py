"""A search shared by processes: none is lost, none is tried twice, whoever dies and when."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caps_hvd.errors import ConfigError, RunError
from caps_hvd.lanes.space import candidate, draw
from caps_hvd.search.sampler import number_of
from caps_hvd.search.study import PutBack, geometric_mean
from tests.unit.search import shared_search
from tests.unit.search.shared_search import SPACE, Pretended, accuracy, lines, search

REPOSITORY = Path(__file__).parents[3]


def start(folder, total, *event, method="random"):
    command = [sys.executable, shared_search.__file__, str(folder), str(total), method, *event]
    return subprocess.Popen(
        command, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}
    )


def wait_for(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def of(total, seed=0):
    """The lines of all random candidates, each once."""
    return sorted(f"{n} {'; '.join(map(str, draw(SPACE, seed, n)))}" for n in range(total))


def test_tries_as_many_as_wanted_and_keeps_what_came_out(tmp_path):
    told = []
    search(tmp_path, total=4, tell=told.append).run(Pretended(tmp_path))
    assert lines(tmp_path, "ended") == of(4)
    again = search(tmp_path, total=4)
    again.run(Pretended(tmp_path))
    assert lines(tmp_path, "ended") == of(4)
    trials = again.study.get_trials()
    assert [trial.value for trial in trials] == pytest.approx(
        [accuracy(draw(SPACE, 0, number)) for number in range(4)]
    )
    assert trials[0].user_attrs["lanes"] == [str(lane) for lane in draw(SPACE, 0, 0)]
    assert trials[0].intermediate_values == pytest.approx(
        {1: trials[0].value / 2, 2: trials[0].value}
    )
    assert told[0] == f"candidate 0: {len(draw(SPACE, 0, 0))} lanes"
    search(tmp_path, total=5).run(Pretended(tmp_path))
    assert lines(tmp_path, "ended") == of(5)


def test_is_compared_by_the_geometric_mean():
    assert geometric_mean([0.4, 0.9]) == pytest.approx(0.6)
    assert geometric_mean([0.0, 1.0]) == 0.0


def test_two_processes_share_the_candidates(tmp_path):
    processes = [start(tmp_path, 12) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert sorted(lines(tmp_path, "ended")) == sorted(of(12))
    assert sorted(lines(tmp_path, "begun")) == sorted(of(12))


def test_the_candidate_of_a_process_that_was_killed_is_tried_again(tmp_path):
    assert start(tmp_path, 6, "kill", "2").wait(60) == -signal.SIGKILL
    assert len(lines(tmp_path, "begun")) == 3 and len(lines(tmp_path, "ended")) == 2
    told = []
    own = search(tmp_path, tell=told.append)
    assert own.reclaim() == [2]
    assert told[0].startswith("candidate 2: queued again, process ")
    assert own.reclaim() == []
    own.run(Pretended(tmp_path))
    assert lines(tmp_path, "ended") == of(6)
    states = [(number_of(trial), trial.state.name) for trial in own.study.get_trials()]
    assert states == [
        (0, "COMPLETE"), (1, "COMPLETE"), (2, "FAIL"), (2, "COMPLETE"), (3, "COMPLETE"),
        (4, "COMPLETE"), (5, "COMPLETE"),
    ]  # fmt: skip


def test_what_a_living_process_tries_is_left_to_it(tmp_path):
    process = start(tmp_path, 3, "wait", "0")
    try:
        wait_for(lambda: lines(tmp_path, "begun"))
        own = search(tmp_path, total=3)
        assert own.reclaim() == [] and own.running() == 1
        own.run(Pretended(tmp_path))
        assert [line[0] for line in lines(tmp_path, "ended")] == ["1", "2"]
    finally:
        process.kill()
        process.wait(60)
    assert own.reclaim() == [0]
    own.run(Pretended(tmp_path))
    assert sorted(lines(tmp_path, "ended")) == of(3)


def test_a_worker_of_another_host_is_left_alone_unless_told(tmp_path):
    assert start(tmp_path, 2, "kill", "0").wait(60) == -signal.SIGKILL
    told = []
    own = search(tmp_path, are_alive=lambda workers: [None] * len(workers), tell=told.append)
    assert own.reclaim() == []
    assert "of which nothing is known here; --reclaim takes it" in told[0]
    assert own.reclaim(unknown=True) == [0]


def test_who_dies_between_taking_a_candidate_and_signing_it_loses_nothing(tmp_path):
    own = search(tmp_path, total=2)
    own.study.ask()
    assert own.reclaim() == [None]
    own.run(Pretended(tmp_path))
    assert lines(tmp_path, "ended") == of(2)


def test_who_dies_between_queueing_a_candidate_and_ending_its_trial_queues_it_once(tmp_path):
    assert start(tmp_path, 2, "kill", "0").wait(60) == -signal.SIGKILL
    own = search(tmp_path, total=2)
    (trial,) = own.study.get_trials()
    own.study.enqueue_trial(trial.params, {"candidate": 0, "successor_of": 0})
    own.reclaim()
    own.run(Pretended(tmp_path))
    assert lines(tmp_path, "ended") == of(2)


def test_ctrl_c_queues_the_candidate_again(tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, total=2).run(Pretended(tmp_path, {1: interrupt}))
    own = search(tmp_path, total=2)
    assert own.reclaim() == []
    own.run(Pretended(tmp_path))
    assert lines(tmp_path, "ended") == of(2)


def test_an_error_that_nobody_foresaw_fails_its_candidate_and_not_the_search(tmp_path):
    def fail():
        raise ZeroDivisionError("by nothing")

    with pytest.raises(ZeroDivisionError):
        search(tmp_path, total=2).run(Pretended(tmp_path, {0: fail}))
    own = search(tmp_path, total=2)
    assert own.reclaim() == []
    own.run(Pretended(tmp_path))
    assert [line[0] for line in lines(tmp_path, "ended")] == ["1"]
    assert own.study.get_trials()[0].user_attrs["error"] == "ZeroDivisionError('by nothing')"


def test_a_candidate_that_cannot_be_tried_now_is_put_back(tmp_path):
    def refuse():
        raise PutBack("in use")

    with pytest.raises(PutBack, match="in use"):
        search(tmp_path, total=2).run(Pretended(tmp_path, {0: refuse}))
    search(tmp_path, total=2).run(Pretended(tmp_path))
    assert sorted(lines(tmp_path, "ended")) == of(2)


def test_what_has_come_out_is_kept_while_nobody_queues_it_again(tmp_path, monkeypatch):
    own = search(tmp_path, total=1)
    tell, locked = own.study.tell, []

    def look(*arguments, **options):
        locked.append((tmp_path / "claim.lock").exists())
        return tell(*arguments, **options)

    monkeypatch.setattr(own.study, "tell", look)
    own.run(Pretended(tmp_path))
    assert locked == [True]


def test_a_worker_that_is_there_after_all_keeps_its_candidate(tmp_path, monkeypatch):
    other = search(tmp_path, total=1)
    own = search(tmp_path, total=1)
    trial = other._claim()
    superseded = own._superseded

    def come_out():  # after its worker was looked for
        other.study.tell(trial.number, 0.5)
        return superseded()

    monkeypatch.setattr(own, "_trials", lambda *states, see=own._trials: see())
    monkeypatch.setattr(own, "_superseded", come_out)
    assert own.reclaim() == []
    assert [each.state.name for each in search(tmp_path).study.get_trials()] == ["COMPLETE"]


def test_a_candidate_that_fails_counts_and_is_tried_again_if_wanted(tmp_path):
    def fail():
        raise ConfigError("no memory")

    with pytest.raises(ConfigError, match="no memory"):
        search(tmp_path, total=2).run(Pretended(tmp_path, {0: fail}))
    own = search(tmp_path, total=2)
    assert own.reclaim() == []
    own.run(Pretended(tmp_path))
    assert [line[0] for line in lines(tmp_path, "ended")] == ["1"]
    told = []
    own = search(tmp_path, total=2, tell=told.append)
    assert own.reclaim(failed=True) == [0]
    assert told == ["candidate 0: queued again, it has failed: no memory"]
    own.run(Pretended(tmp_path))
    assert sorted(lines(tmp_path, "ended")) == of(2)
    assert own.reclaim(failed=True) == []


def test_a_result_that_comes_when_another_has_taken_over_is_dropped(tmp_path):
    other = search(tmp_path, total=1, are_alive=lambda workers: [None] * len(workers))
    told = []
    own = search(tmp_path, total=1, tell=told.append)
    events = {0: lambda: (events.clear(), other.reclaim(unknown=True))}
    own.run(Pretended(tmp_path, events))
    assert told.count("candidate 0: given to another process meanwhile; dropped here") == 1
    assert [t.state.name for t in own.study.get_trials()] == ["FAIL", "COMPLETE"]


def test_tpe_proposes_lanes_that_fit_and_stops_what_is_below_the_median(tmp_path):
    own = search(tmp_path, total=24, method="tpe")
    own.run(Pretended(tmp_path))
    trials = own.study.get_trials()
    assert len(trials) == 24
    assert {trial.state.name for trial in trials} == {"COMPLETE", "PRUNED"}
    known = {str(kind.lane): kind.lane for kind in SPACE.kinds}
    values = []
    for trial in trials:
        lanes = iter([known[text] for text in trial.user_attrs["lanes"]])

        def replay(device, place, kinds, lanes=lanes):
            lane = next(lanes)
            assert lane in [kind.lane for kind in kinds]
            return lane

        assert candidate(SPACE, replay) and next(lanes, None) is None
        values.append(accuracy([known[text] for text in trial.user_attrs["lanes"]]))
    assert [trial.user_attrs["lanes"] for trial in trials[:8]] == [
        [str(lane) for lane in draw(SPACE, 0, number)] for number in range(8)
    ]
    assert sum(values[-8:]) > sum(values[:8])  # it has learnt that mlcn2 is better
    methods = [trial.user_attrs["method"] for trial in trials]
    assert methods == ["random"] * 8 + ["tpe"] * 16


def test_a_candidate_that_is_tried_again_keeps_what_has_proposed_it(tmp_path):
    events = {8: lambda: (_ for _ in ()).throw(RunError("no"))}
    with pytest.raises(RunError, match="no"):
        search(tmp_path, total=9, method="tpe").run(Pretended(tmp_path, events))
    own = search(tmp_path, total=9, method="random")
    own.reclaim(failed=True)
    own.run(Pretended(tmp_path))
    again = own.study.get_trials()[-1].user_attrs
    assert (again["candidate"], again["method"]) == (8, "tpe")


def test_a_folder_belongs_to_one_search(tmp_path):
    search(tmp_path, facts={"limits.flops": 1.0})
    search(tmp_path, facts={"limits.flops": 1.0}, total=99)
    with pytest.raises(ConfigError, match=r"holds a search with limits.flops = 1.0, received 2.0"):
        search(tmp_path, facts={"limits.flops": 2.0})


def test_lanes_queued_under_other_limits_are_refused(tmp_path):
    own = search(tmp_path, total=1)
    own.study.enqueue_trial(
        {f"device_0_lane_{lane}_{part}": value
         for lane in (0, 1) for part, value in (("type", "mlcn2"), ("width", 2), ("depth", 1))}
    )  # fmt: skip
    with pytest.raises(RunError, match="expected a lane that fits on device 0, received mlcn2, w"):
        own.run(Pretended(tmp_path))
