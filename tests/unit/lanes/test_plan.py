"""The file of a plan, and files that are none."""

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.lanes import plan as plans
from caps_hvd.lanes.plan import Plan

PLAN = Plan(
    assignment=((1, 2), (0,)),
    loads=(3.5, 3.0),
    makespan=3.5,
    method="exact",
    lower_bound=3.25,
    proven=True,
    names=("a", "b"),
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "plan.toml"
    plans.write(path, PLAN, PLAN.names)
    return path


@pytest.mark.parametrize("load", ["nan", "-1.0", "inf"])
def test_a_load_that_is_none(path, load):
    path.write_text(path.read_text().replace("load = 3.0", f"load = {load}"))
    with pytest.raises(ConfigError, match="device b: load: expected a number of at least 0"):
        plans.read(path)


def test_comes_back_as_it_was(path):
    assert plans.read(path) == PLAN
    assert plans.read(path, ranks=2, lanes=3) == PLAN
    assert (PLAN.ranks, PLAN.lanes) == (2, 3)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"ranks": 4}, "expected a plan for 4 ranks, received one for 2"),
        ({"lanes": 8}, "expected a plan for 8 lanes, received one for 3"),
    ],
)
def test_refuses_a_plan_for_something_else(path, wanted, message):
    with pytest.raises(ConfigError, match=rf"plan\.toml: {message}; make it anew"):
        plans.read(path, **wanted)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ranks = 2", "ranks = 3", "expected each of the lanes 0 to 2 on one of 3 devices"),
        ("    1,", "    0,", r"received \[0, 0, 2\] on 2"),
        (
            'method = "exact"\n',
            "",
            "not a plan: a method is missing; expected the keys ranks, lanes",
        ),
        ("makespan = 3.5", 'makespan = "long"', "not a plan: makespan: expected float, .* 'long'"),
        ("[[device]]", "[[device", "not a plan: "),
    ],
)
def test_refuses_a_damaged_plan(path, old, new, message):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(ConfigError, match=message) as caught:
        plans.read(path)
    assert "\n" not in str(caught.value)


def test_says_that_there_is_no_plan(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the plan: No such file"):
        plans.read(tmp_path / "nothing.toml")
