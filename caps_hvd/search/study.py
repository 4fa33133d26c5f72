"""A search for lanes that many processes share, kept in a journal of Optuna.

Optuna keeps the trials and proposes the next one. What its journal does not know is added here: how
many candidates all processes together should try, and which process works on which trial, so that
the candidates of a process that has died are tried again, from their last epoch on.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import optuna
from optuna.trial import TrialState

from caps_hvd.errors import CapsHvdError, ConfigError, RunError
from caps_hvd.lanes.lane import Lane
from caps_hvd.lanes.space import LaneSpace
from caps_hvd.records import optuna_lock
from caps_hvd.records.optuna_journal import JOURNAL, open_study
from caps_hvd.search.sampler import LaneSampler, number_of, suggest

_CLAIM = "claim"  # lock for taking a candidate or giving one back
_STOPPED_FROM = 2  # the first epoch after which a candidate may be stopped
_NEVER_STOPPED = 4  # finished candidates, before one may be stopped
_KEPT = ("candidate", "method")  # of a candidate that is tried again
_UNKNOWN = "of which nothing is known here; --reclaim takes it"
_TAKEN = "given to another process meanwhile; dropped here"


class PutBack(RunError):
    """A candidate cannot be tried now, and is queued again; it has not failed."""


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A candidate: lanes to be tried.

    Args:
        number: the same when it is tried again.
        lanes: of the model.
    """

    number: int
    lanes: tuple[Lane, ...]


# Step and accuracy of a candidate that trains; raises what ends it early.
Report = Callable[[int, float], None]
# A candidate -> the accuracy of each repetition, from 0 to 1.
Objective = Callable[[Candidate, Report], Sequence[float]]
# Workers, as they were described -> whether they still work; None where that is not known.
AreAlive = Callable[[Sequence[dict]], Sequence[bool | None]]


class Search:
    """A study of lanes in a search's folder, as one of the processes that share it sees it.

    Args:
        folder: that the journal is in; made if there is none.
        space: what candidates are made of.
        total: candidates that all processes together try.
        seed: of the candidates. Defaults to 0.
        method: "random" or "tpe", which also stops candidates early: those whose best accuracy so
            far is below the median of the finished ones' after the same epoch (the rule of Golovin
            et al., "Google Vizier", KDD 2017, without its averages over epochs).
        facts: what must be the same for all that work on the search.
        worker: who this is: any dict that JSON takes.
        are_alive: asked about the workers of trials that run.
        tell: is given a line for what happens.

    Raises:
        ConfigError: the folder holds a search with other facts.
        RunError: the journal is damaged or cannot be used.

    Example:
        >>> search = Search("searches/a", space, total=8)
        >>> search.run(lambda candidate, report: [train(candidate.lanes)])
    """

    def __init__(
        self,
        folder,
        space: LaneSpace,
        *,
        total: int,
        seed: int = 0,
        method: str = "random",
        facts: dict | None = None,
        worker: dict | None = None,
        are_alive: AreAlive = lambda workers: [None] * len(workers),
        tell: Callable[[str], None] = lambda line: None,
    ):
        self.folder = Path(folder)
        self._space = space
        self._total = total
        self._worker = worker or {}
        self._are_alive = are_alive
        self._tell = tell
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"--output: cannot use the folder {self.folder}: {error.strerror}; name another one"
            ) from None
        pruner = optuna.pruners.NopPruner()
        if method == "tpe":
            pruner = optuna.pruners.MedianPruner(_NEVER_STOPPED, _STOPPED_FROM)
        self.study = open_study(self.folder / JOURNAL, LaneSampler(space, seed, method), pruner)
        with self._alone():
            self._adopt(facts or {})

    def run(self, objective: Objective) -> None:
        """Tries candidates until there are as many as wanted, those of other processes included.

        A candidate that fails ends this process, so that a machine with a fault does not use up
        the search; its error is kept, and it counts as tried.

        Args:
            objective: see `Objective`.

        Raises:
            PutBack: a candidate cannot be tried now.
            Exception: what else the objective has raised.
        """
        while (trial := self._claim()) is not None:
            self._carry_out(trial, objective)

    def reclaim(self, unknown: bool = False, failed: bool = False) -> list[int]:
        """Queues the candidates of workers that have died again.

        Args:
            unknown: also those of workers of which it is not known. Defaults to False.
            failed: also those that have failed. Defaults to False.

        Returns:
            Numbers of the candidates.
        """
        works = self._works()
        queued = []
        with self._alone():
            superseded = self._superseded()
            for trial in self._trials(TrialState.RUNNING):
                # Who has died between taking a candidate and signing it has left no name: nobody
                # is at it now, since the lock is ours.
                at_work = works.get(trial.number, "worker" in trial.user_attrs)
                if at_work is None and not unknown:
                    self._say(trial, f"left to {_who(trial)}, {_UNKNOWN}")
                elif not at_work:
                    queued.append(trial)
            if failed:
                ended = self._trials(TrialState.FAIL)
                queued += [trial for trial in ended if trial.number not in superseded]
            queued = [each for each in queued if self._queue_again(each.number, superseded)]
            for trial in queued:
                self._say(trial, f"queued again, {_why(trial)}")
        return [number_of(trial) for trial in queued]

    def _works(self) -> dict[int, bool | None]:
        """Number of a trial that runs -> whether its worker is at it; None if that is not known."""
        signed = [t for t in self._trials(TrialState.RUNNING) if "worker" in t.user_attrs]
        workers = [trial.user_attrs["worker"] for trial in signed]
        alive = zip(workers, self._are_alive(workers), strict=True)
        # This process is alive, but here.
        at_work = [False if worker == self._worker else known for worker, known in alive]
        return dict(zip((trial.number for trial in signed), at_work, strict=True))

    def running(self) -> int:
        """Returns how many candidates are being tried, by all processes."""
        return len(self._trials(TrialState.RUNNING))

    def _claim(self):
        """The next trial, signed; None where there are as many as wanted."""
        with self._alone():
            waiting = self._trials(TrialState.WAITING)
            taken = len(self._trials()) - len(self._superseded())
            if not waiting and taken >= self._total:
                return None
            trial = self.study.ask()
            if number_of(trial) is None:
                numbers = [n for each in self._trials() if (n := number_of(each)) is not None]
                trial.set_user_attr("candidate", max(numbers, default=-1) + 1)
            if "method" not in trial.user_attrs:
                trial.set_user_attr("method", self.study.sampler.method_of(self.study, trial))
            trial.set_user_attr("worker", self._worker)  # last: who has signed has a number
            return trial

    def _carry_out(self, trial, objective) -> None:
        try:
            lanes = suggest(trial, self._space)
            trial.set_user_attr("lanes", [str(lane) for lane in lanes])
            self._say(trial, f"{len(lanes)} lanes")
            accuracies = list(objective(Candidate(number_of(trial), lanes), _reporter(trial)))
            value = geometric_mean(accuracies)
        except optuna.TrialPruned:
            self._end(trial, "stopped early, below the median", state=TrialState.PRUNED)
        except optuna.exceptions.UpdateFinishedTrialError:
            self._say(trial, _TAKEN)
        except (PutBack, KeyboardInterrupt, SystemExit):
            with self._alone():
                self._queue_again(trial.number, self._superseded())
            raise
        except Exception as error:
            reason = str(error) if isinstance(error, CapsHvdError) else repr(error)
            self._end(trial, "has failed", state=TrialState.FAIL, error=reason)
            raise
        else:
            facts = self.study.user_attrs.get("facts", {})
            part = "validation" if facts.get("train.validation_fraction") else "test"
            best = max([value, *(each.value for each in self._trials(TrialState.COMPLETE))])
            self._end(
                trial, f"{part} {value:.2%}; best {best:.2%}", value=value, accuracies=accuracies
            )

    def _end(self, trial, words, value=None, state=None, **attributes) -> None:
        """Keeps what has come out, unless the candidate is another worker's by now."""
        try:
            with self._alone():  # nobody queues it again meanwhile
                for name, attribute in attributes.items():
                    trial.set_user_attr(name, attribute)
                self.study.tell(trial, value, state)
        except (optuna.exceptions.UpdateFinishedTrialError, ValueError):
            words = _TAKEN
        self._say(trial, words)

    def _say(self, trial, words) -> None:
        self._tell(f"candidate {number_of(trial)}: {words}")

    def _queue_again(self, number, superseded) -> bool:
        """A successor with the same parameters, then the end of this one; False if it has come out.

        In this order, and only once: who is killed in between has lost nothing.
        """
        trial = self._trials()[number]
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
            return False
        if number not in superseded:
            kept = {name: each for name, each in trial.user_attrs.items() if name in _KEPT}
            self.study.enqueue_trial(trial.params, {**kept, "successor_of": number})
        self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)
        return True

    def _superseded(self) -> set[int]:
        """Numbers of the trials whose candidates another trial has taken over."""
        return {
            trial.user_attrs["successor_of"]
            for trial in self._trials()
            if "successor_of" in trial.user_attrs
        }

    def _trials(self, *states):
        return self.study.get_trials(deepcopy=False, states=states or None)

    def _alone(self):
        return optuna_lock.held(self.folder / _CLAIM)

    def _adopt(self, facts) -> None:
        known = self.study.user_attrs.get("facts")
        if known is None:
            self.study.set_user_attr("facts", facts)
            return
        for name in {**known, **facts}:
            if known.get(name) != facts.get(name):
                raise ConfigError(
                    f"{self.folder}: holds a search with {name} = {known.get(name)!r}, received "
                    f"{facts.get(name)!r}; set it back, or name another folder with --output"
                )


def geometric_mean(values: Sequence[float]) -> float:
    """Returns the mean by which MLCN compares candidates; 0 where a value is 0.

    Example:
        >>> geometric_mean([0.4, 0.9])
        0.6
    """
    return math.prod(values) ** (1 / len(values))


def _reporter(trial) -> Report:
    def report(step, accuracy):
        trial.report(accuracy, step)
        if trial.should_prune():
            raise optuna.TrialPruned

    return report


def _why(trial) -> str:
    if trial.state == TrialState.FAIL:
        return f"it has failed: {trial.user_attrs.get('error', 'for a reason that is not kept')}"
    return f"{_who(trial)} has ended"


def _who(trial) -> str:
    """The worker of a trial in words."""
    worker = trial.user_attrs.get("worker", {})
    if "pid" not in worker:
        return "whoever took it"
    job = f"Slurm's job {worker['slurm_job']}, " if "slurm_job" in worker else ""
    return f"{job}process {worker['pid']} on {worker['host']}"
