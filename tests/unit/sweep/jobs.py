"""The definitions that the project has, among the files of jobs/."""

import tomllib
from pathlib import Path

JOBS = Path(__file__).parents[3] / "jobs"


def definitions() -> list[Path]:
    """All sweeps: beside them, jobs/mlcn has lists of lanes, devices and searches."""
    return sorted(path for path in JOBS.rglob("*.toml") if path.parent == JOBS or _trains(path))


def name_of(path: Path) -> str:
    """What a definition must be called: `mlcn_table` for jobs/mlcn/table.toml."""
    return "_".join(path.relative_to(JOBS).with_suffix("").parts)


def _trains(path) -> bool:
    return not path.name.startswith("search") and "train" in tomllib.loads(path.read_text())
