"""Exact partitioner: the best plan there is, by the solver of integer programs HiGHS in SciPy."""

import collections
import itertools
import time

from caps_hvd.errors import ConfigError
from caps_hvd.lanes.bounds import EPSILON, common_unit, whole
from caps_hvd.lanes.partitioners import NoRoomError, Room, greedy
from caps_hvd.lanes.plan import loads_of

# Where costs have no common unit, the best is what comes this close to the proven bound.
_TOLERANCE = 1e-4
# A load of more units than this is as good as a real number to the solver.
_MOST_UNITS = 10_000
_SLACK = 1e-6  # of a constraint, in thousandths of all work, or in MiB
_SOLVED, _INFEASIBLE = 0, 2  # status of `scipy.optimize.milp`


def solve(costs, devices, memory_mib, names, low, limit_seconds):
    """Returns the fastest plan that memory allows.

    Lanes of one cost and memory are one kind k of n_k lanes, x_kd of them on device d. There is a
    plan that takes T where these integers exist:

        sum_d x_kd = n_k     sum_k c_k x_kd <= T s_d     sum_k m_k x_kd <= M_d

    T starts at the lower bound, which often is attained, and then halves what is left between the
    longest T without a plan and the best plan. A solver that is asked for a plan within T answers
    sooner than one that is asked for the least T.

    Args:
        costs, memory_mib, names: of each lane; see `balance`.
        devices: with speed and memory.
        low: seconds that no plan can go below.
        limit_seconds: for all of it.

    Returns:
        The lanes of each device; the seconds that no plan can go below, as far as it is known; and
        whether the plan is proven to be the best.

    Raises:
        ConfigError: memory allows no plan, or none was found in time.
    """
    problem = _Problem(costs, devices, memory_mib)
    deadline = time.monotonic() + limit_seconds
    try:
        best = greedy(costs, devices, Room(devices, memory_mib, names))
    except NoRoomError:
        best = _any(problem, deadline, limit_seconds)
    high, target = problem.makespan(best), low
    while low < high * (1 - problem.tolerance):
        status, found = problem.plan_within(target, deadline)
        if found is not None:
            best, high = found, problem.makespan(found)
        elif status == _INFEASIBLE:
            low = problem.next_after(target)
        else:
            break
        target = (low + high) / 2
    return best, min(low, high), low >= high * (1 - problem.tolerance)


def _any(problem, deadline, limit_seconds):
    """A plan that memory allows, however long it takes."""
    status, found = problem.plan_within(problem.longest, deadline)
    if found is not None:
        return found
    if status == _INFEASIBLE:
        raise ConfigError(
            "devices: expected memory for all lanes together, received less: however they are put, "
            "one finds no room; take more devices, or a smaller batch"
        )
    raise ConfigError(
        f"method exact: expected a plan within {limit_seconds:g} s, received none; give it more "
        "time, or take more devices"
    )


class _Problem:
    """The integer program: kinds of lanes, devices, and plans within a time."""

    def __init__(self, costs, devices, memory_mib):
        self._lanes = collections.defaultdict(list)
        for lane, kind in enumerate(zip(costs, memory_mib, strict=True)):
            self._lanes[kind].append(lane)
        self._costs = costs
        self._devices = devices
        self._total = sum(costs)
        self.longest = self._total / min(device.speed for device in devices)
        unit = common_unit(costs)
        if unit is not None and self._total > _MOST_UNITS * unit:
            unit = None
        self._unit = unit
        self.tolerance = _TOLERANCE if unit is None else EPSILON

    def makespan(self, found) -> float:
        return max(loads_of(found, self._costs, self._devices))

    def next_after(self, seconds) -> float:
        """The least makespan that may have a plan where `seconds` has none."""
        if self._unit is None:
            return seconds
        return min(
            (capacity + self._unit) / device.speed
            for capacity, device in zip(self._capacities(seconds), self._devices, strict=True)
        )

    def plan_within(self, seconds, deadline):
        """The solver's status, and the lanes of each device where it found a plan, or None."""
        from scipy.optimize import milp

        left = deadline - time.monotonic()
        if left <= 0:
            return None, None
        program = self._program(seconds)
        # With its presolve, HiGHS 1.12 fails on one in 2,000 instances of benchmarks.lane_balance.
        answer = milp(**program, options={"time_limit": left, "presolve": False})
        if answer.status != _SOLVED:
            return answer.status, None
        counts = answer.x.round()
        slacks = [each.residual(counts) for each in program["constraints"]]
        if min(slack.min() for slack in itertools.chain(*slacks)) < -_SLACK:
            return None, None  # what the solver's tolerances let through is no plan
        return answer.status, self._of_counts(counts.astype(int))

    def _program(self, seconds) -> dict:
        import numpy as np
        from scipy import sparse
        from scipy.optimize import Bounds, LinearConstraint

        # Relative to a thousandth of all work: the solver's tolerances are absolute.
        scale = self._unit or self._total / 1000
        costs, memory_mib = np.array(list(self._lanes)).T
        lanes = np.array([len(lanes) for lanes in self._lanes.values()])
        capacities = np.array(self._capacities(seconds)) / scale
        kinds, devices = len(lanes), len(capacities)
        # Variable k * devices + d is x_kd. Sparse: dense, thousands of devices take gigabytes.
        each_device = sparse.eye_array(devices)
        every_kind = sparse.kron(sparse.eye_array(kinds), np.ones((1, devices)))
        load = sparse.kron([costs / scale], each_device)
        occupied = sparse.kron([memory_mib], each_device)
        # What a device leaves free, the others must have room for.
        spare = capacities.sum() - self._total / scale
        return {
            "c": np.zeros(kinds * devices),
            "integrality": np.ones(kinds * devices),
            "bounds": Bounds(0, np.repeat(lanes, devices)),
            "constraints": [
                LinearConstraint(every_kind, lanes, lanes),
                LinearConstraint(load, capacities - spare, capacities),
                LinearConstraint(occupied, -np.inf, [each.room_mib for each in self._devices]),
            ],
        }

    def _capacities(self, seconds) -> list[float]:
        """The work that each device can do in that time."""
        if self._unit is None:
            return [seconds * device.speed for device in self._devices]
        return [self._unit * whole(seconds * device.speed / self._unit) for device in self._devices]

    def _of_counts(self, counts) -> list[list[int]]:
        """The lanes of each device for a solution of the program."""
        found = [[] for _ in self._devices]
        numbers = iter(counts)
        for lanes in self._lanes.values():
            waiting = iter(lanes)
            for own in found:
                own.extend(itertools.islice(waiting, next(numbers)))
        return found
