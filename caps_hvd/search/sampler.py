"""Sampler of Optuna for lanes that always fit their device, at random or by TPE.

A lane has three parameters, `device_0_lane_2_type`, `..._width` and `..._depth`: with those
of a trial the same candidate can be queued again.
"""

import random

from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import TrialState

from caps_hvd.errors import RunError
from caps_hvd.lanes.lane import Lane
from caps_hvd.lanes.space import LaneSpace, candidate, pick

_STARTUP = 8  # candidates at random, before TPE has something to learn from
_TRIES = 20  # of TPE for a value that fits
_PARTS = ("type", "width", "depth")


def suggest(trial, space: LaneSpace) -> tuple[Lane, ...]:
    """Returns the lanes of a trial: those it was queued with, then those of its study's sampler.

    Raises:
        RunError: a lane that it was queued with does not fit.
    """

    def choose(device, place, kinds):
        name = _prefix(device, place)
        lane = Lane(
            trial.suggest_categorical(f"{name}_type", space.types),
            trial.suggest_int(f"{name}_width", *space.widths),
            trial.suggest_int(f"{name}_depth", *space.depths),
        )
        if lane not in [kind.lane for kind in kinds]:
            raise RunError(
                f"candidate {number_of(trial)}: expected a lane that fits on device {device}, "
                f"received {lane}; the journal was written under other limits"
            )
        return lane

    return candidate(space, choose)


def number_of(trial) -> int | None:
    """The number of a trial's candidate, which trials that try it again share; None without one."""
    return trial.user_attrs.get("candidate")


class LaneSampler(BaseSampler):
    """A sampler of values for lanes that still fit on their device.

    At random it gives what `space.draw` gives for the number of the candidate, whichever process
    asks. TPE, the tree-structured Parzen estimator of Bergstra et al., "Algorithms for
    Hyper-Parameter Optimization", NeurIPS 2011, is asked again where its value does not fit; where
    it insists, the value is a random one.

    Args:
        space: of the search.
        seed: of the search.
        method: one of `space.METHODS`.
    """

    def __init__(self, space: LaneSpace, seed: int = 0, method: str = "random"):
        self._space = space
        self._seed = seed
        self._method = method
        self._tpes = {}  # of the trial that is sampled now

    def method_of(self, study, trial) -> str:
        """What proposes the values of a trial that has none yet: random for TPE's first ones."""
        return "random" if self._tpe_of(study, trial) is None else "tpe"

    def infer_relative_search_space(self, study, trial):
        return {}

    def sample_relative(self, study, trial, search_space):
        return {}

    def sample_independent(self, study, trial, param_name, param_distribution):
        _, device, _, place, part = param_name.split("_")
        own = [_parts(trial, device, each) for each in range(int(place))]
        kinds = self._space.fitting([Lane(**parts) for parts in own])
        chosen = _parts(trial, device, place)
        left = [kind for kind in kinds if _agrees(kind, chosen)]
        if tpe := self._tpe_of(study, trial):
            values = {getattr(kind.lane, part) for kind in left}
            for _ in range(_TRIES):
                value = tpe.sample_independent(study, trial, param_name, param_distribution)
                if value in values:
                    return value
        key = (self._seed, number_of(trial), int(device), int(place))
        kind = pick(kinds, *key)  # the same for all parts of a lane
        return getattr((kind if _agrees(kind, chosen) else pick(left, *key)).lane, part)

    def _tpe_of(self, study, trial) -> TPESampler | None:
        """TPE for a trial, None where it is a random one.

        Each has a generator of its own, so that processes do not repeat each other. Trials that run
        count as bad ones, and are not proposed again.
        """
        if trial.number not in self._tpes:
            ended = study.get_trials(
                deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)
            )
            tpe = None
            if self._method == "tpe" and len(ended) >= _STARTUP:
                seed = random.Random(f"tpe-{self._seed}-{number_of(trial)}").getrandbits(31)
                tpe = TPESampler(seed=seed, n_startup_trials=1)
            self._tpes = {trial.number: tpe}
        return self._tpes[trial.number]


def _agrees(kind, chosen) -> bool:
    return all(getattr(kind.lane, part) == value for part, value in chosen.items())


def _parts(trial, device, place) -> dict:
    """What is known of a lane: all of its parts, but of the one that is sampled now."""
    names = {part: f"{_prefix(device, place)}_{part}" for part in _PARTS}
    return {part: trial.params[name] for part, name in names.items() if name in trial.params}


def _prefix(device, place) -> str:
    return f"device_{device}_lane_{place}"
