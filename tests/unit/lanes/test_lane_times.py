"""The file of a calibration of lanes."""

import json

import pytest

from caps_hvd.errors import RunError
from caps_hvd.lanes import lane_times as calibrations
from tests.unit.lanes.toy import toy


def test_a_file_comes_back_the_same(tmp_path):
    calibrations.write(tmp_path / "c.json", toy())
    assert calibrations.read(tmp_path / "c.json") == toy()


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RunError, match=r"no\.json: .*No such file.*`caps-hvd lanes calibrate"):
        calibrations.read(tmp_path / "no.json")


def coefficients_of_zero(values):
    own = values["types"][0]["coefficients"]
    own.update(dict.fromkeys(("layers", "head_convolutions", "first_capsules"), 0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda v: v.update(schema="caps_hvd.calibration/1"), "expected 'caps_hvd.lane_times/1'"),
        (lambda v: v.update(types=[]), "types: expected at least one"),
        (lambda v: v.update(types=2 * v["types"]), "each once, received mlcn1, mlcn1"),
        (lambda v: v["types"][0].update(type="mlcn3"), "mlcn1, mlcn2, each once, received mlcn3"),
        (lambda v: v["types"][0]["coefficients"].update(layers=-1), "layers: expected a number"),
        (lambda v: v["types"][0]["timed"][0].pop("depth"), "expected the keys width, depth"),
        (coefficients_of_zero, "mlcn1: coefficients: expected one above 0 for layers"),
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


def test_half_a_file(tmp_path):
    path = tmp_path / "c.json"
    calibrations.write(path, toy())
    path.write_text(path.read_text()[:-20])
    with pytest.raises(RunError, match="not a JSON file: .*lanes calibrate"):
        calibrations.read(path)
