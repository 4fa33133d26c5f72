"""State of a sweep, `state.json`: what the run records do not tell, for the next invocation."""

import dataclasses
import json
from pathlib import Path

from caps_hvd.errors import RunError
from caps_hvd.io.atomic import write_text
from caps_hvd.io.timestamp import utc_now
from caps_hvd.io.typed import convert


@dataclasses.dataclass
class PointState:
    """The remembered state of a point.

    Args:
        error: why its last attempt failed; empty where it has not.
        job: number of its job in Slurm, `123` or `123_4`; the name of its script in place of the
            number until that is known; None where there is none.
    """

    error: str = ""
    job: str | None = None


@dataclasses.dataclass
class State:
    """The remembered state of a sweep.

    Args:
        created_utc: when it was begun, in ISO 8601.
        points: by name.
    """

    created_utc: str = dataclasses.field(default_factory=utc_now)
    points: dict[str, PointState] = dataclasses.field(default_factory=dict)

    def of(self, name: str) -> PointState:
        """Returns the state of a point, which is made where there is none."""
        return self.points.setdefault(name, PointState())


def read(path) -> State:
    """Reads a state; where there is no file yet, a fresh one.

    Raises:
        RunError: the file is damaged.
    """
    path = Path(path)
    if not path.exists():
        return State()
    try:
        return convert(json.loads(path.read_text(encoding="utf-8")), State)
    except (OSError, ValueError, RunError) as error:
        raise RunError(
            f"{path}: cannot be read ({' '.join(str(error).split())}); remove it: finished points "
            "stay finished, but jobs in Slurm's queue would be forgotten"
        ) from None


def write(path, state: State) -> None:
    """Writes a state, whole or not at all."""
    write_text(path, json.dumps(dataclasses.asdict(state), indent=1) + "\n")
