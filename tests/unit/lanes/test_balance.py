"""Plans, against plans made by hand and against all plans there are."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caps_hvd.errors import ConfigError
from caps_hvd.lanes.balance import METHODS, balance
from caps_hvd.lanes.bounds import lower_bound
from caps_hvd.lanes.device import Device, equal

UNEQUAL = (Device("slow", 1), Device("fast", 4))


def test_greedy_gives_the_largest_lane_to_the_device_that_is_done_first():
    # 8 -> fast, 2 s; 5 -> fast, 3.25 s; 4 -> slow, 4 s, or fast, 4.25 s.
    plan = balance([4, 8, 5], UNEQUAL)
    assert plan.assignment == ((0,), (1, 2))
    assert plan.loads == (4.0, 3.25)
    assert (plan.makespan, plan.method) == (4.0, "greedy")


def test_greedy_as_published_does_not_see_the_speed():
    # 8 -> slow, as both are empty; 5 -> fast; 4 -> fast, with less work.
    plan = balance([4, 8, 5], UNEQUAL, "greedy-published")
    assert plan.assignment == ((1,), (0, 2))
    assert plan.makespan == 8.0


def test_exact_finds_what_greedy_misses():
    # Graham's example, the worst that greedy does on 3 devices: 5 + 3 + 3 on one of them.
    costs = [5, 5, 4, 4, 3, 3, 3]
    greedy, exact = balance(costs, equal(3)), balance(costs, equal(3), "exact")
    assert greedy.makespan == 11.0
    assert greedy.makespan == pytest.approx((4 / 3 - 1 / 9) * exact.makespan)
    assert (exact.makespan, exact.lower_bound, exact.proven) == (9.0, 9.0, True)
    assert sorted(exact.loads) == [9.0, 9.0, 9.0]


def test_random_is_the_same_for_a_seed():
    costs = list(range(1, 20))
    plans = [balance(costs, equal(3), "random", seed=seed) for seed in (1, 1, 2)]
    assert plans[0] == plans[1]
    assert plans[0].assignment != plans[2].assignment


@pytest.mark.parametrize(
    ("costs", "speeds", "bound"),
    [
        ([4, 4, 4], [1, 1, 1], 4),  # all work on all devices
        ([9, 1, 1], [2, 1], 4.5),  # the largest lane on the fastest device
        ([6.5, 6.5, 0.5], [2, 2, 1, 1], 3.25),
        ([3, 3, 3, 3, 3], [1, 1, 1, 1], 6),  # two of five lanes meet
        ([4, 4, 4, 1.5], [1, 1], 8),  # two of the three largest meet
        ([5, 5, 5], [1, 4], 3.75),  # three lanes of 5: 5, 3.75 or 2.5 s + 5 s
        ([3, 2, 2], [1, 1], 4),  # 3.5, and loads are integers
    ],
)
def test_lower_bound(costs, speeds, bound):
    assert lower_bound(costs, speeds) == pytest.approx(bound)


def every_plan(costs, devices, memory_mib):
    """The makespan of each plan that memory allows."""
    for places in itertools.product(range(len(devices)), repeat=len(costs)):
        loads, taken = [0.0] * len(devices), [0.0] * len(devices)
        for place, cost, need in zip(places, costs, memory_mib, strict=True):
            loads[place] += cost / devices[place].speed
            taken[place] += need
        if all(used <= device.room_mib for used, device in zip(taken, devices, strict=True)):
            yield max(loads)


integers, reals = st.integers(1, 125), st.floats(0.1, 9.0)
lanes_of = st.one_of(
    st.lists(st.tuples(cost, st.integers(1, 9)), min_size=1, max_size=6)
    for cost in (integers, reals)
)
devices_of = st.lists(
    st.tuples(st.sampled_from([1, 2, 3.1, 6]), st.sampled_from([None, 12, 15, 20])),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(lanes=lanes_of, machines=devices_of)
def test_against_every_plan_there_is(lanes, machines):
    costs, memory_mib = zip(*lanes, strict=True)
    devices = [Device(str(index), *facts) for index, facts in enumerate(machines)]
    best = min(every_plan(costs, devices, memory_mib), default=math.inf)
    assert lower_bound(costs, [device.speed for device in devices]) <= best * (1 + 1e-9)
    for method in METHODS:
        try:
            plan = balance(costs, devices, method, memory_mib=memory_mib)
        except ConfigError:
            assert method != "exact" or best == math.inf
            continue
        assert sorted(itertools.chain(*plan.assignment)) == list(range(len(costs)))
        for device, own in zip(devices, plan.assignment, strict=True):
            assert sum(memory_mib[lane] for lane in own) <= device.room_mib
        assert plan.makespan >= best * (1 - 1e-9)
        assert plan.lower_bound <= best * (1 + 1e-9)
        if method == "exact":
            assert plan.proven
            assert plan.makespan == pytest.approx(best, rel=1e-4)


def test_exact_for_thousands_of_devices():
    # Graham's example again: the slow devices are too slow for any lane.
    devices = (*(Device(f"fast {each}", 1000) for each in range(3)), *equal(10_000))
    greedy, exact = (balance([5, 5, 4, 4, 3, 3, 3], devices, each) for each in ("greedy", "exact"))
    assert (greedy.makespan, exact.makespan) == (0.011, 0.009)
    assert exact.proven


def test_memory_moves_a_lane():
    devices = (Device("small", 4, memory_mib=10), Device("large", 1, memory_mib=100))
    plan = balance([8, 2], devices, memory_mib=[50, 5])
    assert plan.assignment == ((1,), (0,))


def test_exact_finds_room_where_greedy_finds_none():
    devices = (Device("a", memory_mib=6), Device("b", memory_mib=4))
    costs = memory_mib = [3, 3, 2, 2]
    with pytest.raises(ConfigError, match=r"lane 3: expected a device with 2\.0 MiB left .* exact"):
        balance(costs, devices, memory_mib=memory_mib)
    assert balance(costs, devices, "exact", memory_mib=memory_mib).assignment == ((0, 1), (2, 3))


@pytest.mark.parametrize(
    ("costs", "memory_mib", "devices", "message"),
    [
        ([1, 2], [4, 40], [Device("a", 1, 30)], r"wide: expected a device with 40\.0 MiB .* 30\.0"),
        (
            [1, 2],
            [4, 40],
            [Device("a", 1, 3), Device("b")],
            r"device a: expected memory for the smallest lane, 4\.0 MiB \(slim\), received 3\.0",
        ),
        ([1, 2], [4, 4], [], "devices: expected at least one device"),
        ([], [], [Device("a")], "lanes: expected at least one lane"),
        ([1, 0], [4, 4], [Device("a")], "wide: expected a cost above 0, received 0"),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_names_what_does_not_fit(costs, memory_mib, devices, message, method):
    names = ["slim", "wide"][: len(costs)]
    with pytest.raises(ConfigError, match=message):
        balance(costs, devices, method, memory_mib=memory_mib, names=names)


def test_exact_says_when_no_plan_fits():
    with pytest.raises(ConfigError, match="devices: expected memory for all lanes together"):
        balance([3, 3, 3], [Device("a", 1, 4), Device("b", 1, 4)], "exact", memory_mib=[3, 3, 3])


def test_exact_gives_what_it_has_when_its_time_is_up():
    costs = [5, 5, 4, 4, 3, 3, 3]
    plan = balance(costs, equal(3), "exact", limit_seconds=1e-9)
    assert (plan.makespan, plan.proven) == (11.0, False)
    assert plan.gap == pytest.approx(2 / 11)


def test_refuses_an_unknown_method():
    with pytest.raises(ConfigError, match="method: expected one of .* received 'gredy'; did you"):
        balance([1], equal(1), "gredy")


def test_tells_which_devices_stay_idle():
    assert balance([1, 1], equal(4)).idle == (2, 3)
