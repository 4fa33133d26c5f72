"""Plans as text and as pictures."""

from PIL import Image

from caps_hvd.lanes.balance import balance
from caps_hvd.lanes.device import Device
from caps_hvd.lanes.lane import Lane
from caps_hvd.report.lanes import plan

DEVICES = (Device("slow", 1), Device("fast", 2), Device("spare", 0.01))
COSTS = [4, 8, 2]


def test_bars_are_as_long_as_lanes_take():
    # fast: 8 / 2 + 2 / 2 s, that is 48 and 12 of 60 columns; slow: 4 s.
    text = plan.to_text(balance(COSTS, DEVICES), COSTS, DEVICES, "3 lanes", "s")
    lines = text.splitlines()
    assert lines[0] == "3 lanes"
    assert lines[2] == f"slow   |0{' ' * 46}|{' ' * 12}  4"
    assert lines[3] == f"fast   |1{' ' * 46}|2{' ' * 10}|  5"
    assert lines[4] == f"spare  idle{' ' * 57}  0"
    assert lines[6:] == [
        "makespan     5 s, method greedy",
        "lower bound  5 s: no plan is faster",
        "idle         spare: leave such devices out, or take more lanes",
    ]


def test_says_how_much_a_faster_plan_could_save():
    costs, devices = [5, 5, 4, 4, 3, 3, 3], [Device(name) for name in "abc"]
    text = plan.to_text(balance(costs, devices), costs, devices, "7 lanes", "s")
    assert "lower bound  9 s: a faster plan would save 18.2 % at most" in text


def test_draws_a_picture(tmp_path):
    path = tmp_path / "bins.png"
    lanes = [Lane("mlcn1", 2), Lane("mlcn2", 2), Lane("mlcn2", 1)]
    plan.draw(path, balance(COSTS, DEVICES), lanes, COSTS, DEVICES, "3 lanes", "s")
    with Image.open(path) as picture:
        assert picture.size[0] == 960
