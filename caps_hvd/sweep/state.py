"""`state.json` of a sweep: what the run records do not tell, kept between two invocations."""

import dataclasses
import json
from pathlib import Path

from caps_hvd.errors import RunError
from caps_hvd.io.atomic import replacing
from caps_hvd.io.timestamp import utc_now


@dataclasses.dataclass
class PointState:
    """What is remembered of a point.

    Args:
        error: why its last attempt failed; empty where it has not.
        job: number of its job in Slurm, `123` or `123_4`; the name of its script in place of the
            number until that is known; None where there is none.
    """

    error: str = ""
    job: str | None = None


@dataclasses.dataclass
class State:
    """What is remembered of a sweep.

    Args:
        created_utc: when it was begun, in ISO 8601.
        points: by name.
    """

    created_utc: str = dataclasses.field(default_factory=utc_now)
    points: dict[str, PointState] = dataclasses.field(default_factory=dict)

    def of(self, name: str) -> PointState:
        """The state of a point, which is made where there is none."""
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
        values = json.loads(path.read_text(encoding="utf-8"))
        points = {name: PointState(**each) for name, each in values["points"].items()}
        return State(str(values["created_utc"]), points)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path}: cannot be read ({' '.join(str(error).split())}); remove it: finished points "
            "stay finished, but jobs in Slurm's queue would be forgotten"
        ) from None


def write(path, state: State) -> None:
    """Writes a state, whole or not at all."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(dataclasses.asdict(state), indent=1) + "\n")
