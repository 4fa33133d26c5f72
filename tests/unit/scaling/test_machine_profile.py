"""The calibration's file, and what is read between its points."""

import json

import pytest

from caps_hvd.errors import RunError
from caps_hvd.scaling import machine_profile as calibrations
from caps_hvd.scaling.machine_profile import StepTime, merge
from tests.unit.scaling.toy import reduction, toy


def test_a_file_comes_back_the_same(tmp_path):
    whole = toy(allreduces=[reduction(1000, 0.25)])
    calibrations.write(tmp_path / "c.json", whole)
    assert calibrations.read(tmp_path / "c.json") == whole


def test_the_one_that_comes_with_the_package():
    shipped = calibrations.read(calibrations.DEFAULT)
    assert shipped.gradient_bytes == 4 * shipped.parameters == 4 * 8_215_568
    assert shipped.cpu_model and shipped.allreduces
    assert 0 < shipped.backward_share < 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.update(schema="caps_hvd.record/1"), "schema: expected 'caps_hvd.calibration"),
        (lambda v: v.pop("steps"), "expected the keys schema, created_utc"),
        (lambda v: v.update(more=1), "'more'"),
        (lambda v: v.update(cores="2"), "cores: expected an integer of at least 1, received '2'"),
        (lambda v: v.update(cores=0), "cores: expected an integer of at least 1, received 0"),
        (lambda v: v["steps"][1].update(seconds=-1), r"steps \[1\] seconds: expected a number"),
        (lambda v: v.update(groups=[]), "groups: expected at least one, received none"),
        (lambda v: v.update(groups={}), "groups: expected a list, received {}"),
        (lambda v: v.update(steps=v["steps"][:0]), "steps: expected at least one"),
        (lambda v: v["steps"].pop(0) and v["steps"][0].update(ranks=2), "a rank alone"),
    ],
)
def test_damage_is_named(tmp_path, change, words):
    path = tmp_path / "c.json"
    calibrations.write(path, toy())
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    with pytest.raises(RunError, match=words) as error:
        calibrations.read(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(RunError, match=r"no\.json: .*No such file.*caps-hvd calibrate"):
        calibrations.read(tmp_path / "no.json")
    path = tmp_path / "c.json"
    calibrations.write(path, toy())
    path.write_text(path.read_text()[:-20])
    with pytest.raises(RunError, match="not a JSON file"):
        calibrations.read(path)
    path.write_text("[1]")
    with pytest.raises(RunError, match="schema"):
        calibrations.read(path)


@pytest.mark.parametrize(
    ("batch_size", "seconds"), [(10, 1.0), (20, 1.8), (15, 1.4), (30, 2.6), (5, 0.6)]
)
def test_steps_lie_on_a_line(batch_size, seconds):
    assert toy().step_seconds(batch_size) == pytest.approx(seconds)


def test_one_batch_size_is_proportional():
    one = toy(steps=[StepTime(batch_size=10, ranks=1, seconds=1.0)])
    assert one.step_seconds(25) == pytest.approx(2.5)


def test_crowding():
    # Two cores, one thread: two ranks need 1.2 s where one needs 1, four need 2.6: 1.2 and 1.3
    # core-seconds.
    steps = [
        StepTime(batch_size=10, ranks=ranks, seconds=seconds)
        for ranks, seconds in ((1, 1.0), (2, 1.2), (4, 2.6))
    ]
    crowded = toy(cores=2, steps=steps)
    assert crowded.crowding(1) == pytest.approx(1.2)
    assert crowded.crowding(1.5) == pytest.approx(1.25)
    assert crowded.crowding(7.5) == pytest.approx(1.3)
    assert toy(cores=2).crowding(3) == 1


def test_processor():
    # 0.1 s to start, and 2 ms per byte, half a byte added at 1 ms in it.
    both = [reduction(100, 0.3), reduction(200, 0.5), reduction(400, 7.0, ranks=4)]
    found = toy(allreduces=both, add_seconds_per_byte=0.001).processor
    assert found.add_seconds_per_byte == 0.001
    assert found.copy_seconds_per_byte == pytest.approx(0.0015)
    assert toy().processor.copy_seconds_per_byte == 0


def test_merging_keeps_both_and_the_later_wins():
    earlier = toy(allreduces=[reduction(100, 0.3)])
    again = toy(
        backend="none",
        steps=[
            StepTime(batch_size=10, ranks=1, seconds=2.0),
            StepTime(batch_size=10, ranks=2, seconds=3.0),
        ],
    )
    both = merge(earlier, again)
    assert [(s.ranks, s.batch_size, s.seconds) for s in both.steps] == [
        (1, 10, 2.0), (1, 20, 1.8), (2, 10, 3.0),
    ]  # fmt: skip
    assert both.allreduces == earlier.allreduces and both.backend == "mpi"
    with pytest.raises(RunError, match="threads was 1 and is 4 now"):
        merge(earlier, toy(threads=4))
