"""Who may import what; docs/architecture.md gives the reasons."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import caps_hvd

PACKAGE = Path(caps_hvd.__file__).parent
HEAVY = {"tensorflow", "keras", "horovod", "mpi4py", "jax", "torch"}
OWN = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()} - {
    "__init__",
    "__pycache__",
}

# Room -> what it may import of the heavy libraries and of the other rooms. `errors` is for all.
RULES = {
    "native": ("tensorflow", "system"),
    "ops": ("keras", "native"),
    "io": ("", ""),
    "system": ("jax keras tensorflow", ""),
    "schedules": ("", ""),
    "layers": ("keras", "ops"),
    "lanes": ("", "io"),
    "scaling": ("", "io"),
    "config": ("", "io lanes schedules"),
    "models": ("keras", "config lanes layers ops"),
    "data": ("keras tensorflow", "io system"),
    "distributed": ("horovod keras mpi4py tensorflow torch", "schedules system"),
    "records": ("", "io lanes"),
    "report": ("", "io lanes records scaling schedules"),
    "launch": ("", "config data io records system"),
    "training": (
        "keras tensorflow",
        "config data distributed io lanes layers models ops records schedules system",
    ),
    "calibration": (
        "keras tensorflow",
        "config data distributed io lanes layers models records scaling schedules system training",
    ),
    "inspection": (
        "keras tensorflow",
        "config data distributed io layers models native ops records report system training",
    ),
    "sweep": ("", "config data io lanes launch records system"),
    "search": ("", "config data io lanes launch records report sweep system"),
    "cli": (
        "",
        "calibration config data distributed inspection io lanes launch models records report "
        "scaling schedules search sweep system training",
    ),
    "train": ("", "cli"),
    "errors": ("", ""),
}
# The only files that may import a library; tensorflow and keras load in seconds.
ONLY_IN = {
    "horovod": ("distributed/horovod.py",),
    "mpi4py": ("distributed/horovod.py",),
    "torch": ("distributed/threads.py",),
    "optuna": ("records/optuna_journal.py", "records/optuna_lock.py", "search/"),
    "click": ("cli/",),
}


def sources():
    return sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def imported(path):
    """Every module that a file imports, at its head or inside a function, as dotted names."""
    for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError(f"{path}: relative import")
            if node.module == "caps_hvd":
                yield from (f"caps_hvd.{alias.name}" for alias in node.names)
            else:
                yield node.module


def room_of(path):
    return path.parts[0].removesuffix(".py")


def test_every_room_is_in_the_table():
    """A folder or file that the table does not name belongs into a room, or the table is old."""
    assert {room_of(path) for path in sources()} - {"__init__"} == set(RULES)


@pytest.mark.parametrize("path", sources(), ids=str)
def test_imports_only_what_it_may(path):
    libraries, rooms = set(), set()
    for name in imported(path):
        first, *rest = name.split(".")
        libraries.add(first)
        if first == "caps_hvd" and rest and rest[0] in OWN:
            rooms.add(rest[0])
    if room_of(path) in RULES:
        allowed_libraries, allowed_rooms = map(str.split, RULES[room_of(path)])
        assert libraries & HEAVY <= set(allowed_libraries)
        assert rooms - {room_of(path), "errors"} <= set(allowed_rooms)
    for library, places in ONLY_IN.items():
        assert library not in libraries or path.as_posix().startswith(places)


def test_the_table_has_no_circle():
    """Rooms form floors: each can be put above all those that it may import."""
    left = {room: set(rooms.split()) for room, (_, rooms) in RULES.items()}
    while left:
        ground = {room for room, below in left.items() if not below & left.keys()}
        assert ground, f"a circle among {sorted(left)}"
        left = {room: below for room, below in left.items() if room not in ground}


LIGHT = [
    "caps_hvd",
    "caps_hvd.config.train_config",
    "caps_hvd.cli",
    "caps_hvd.records.record",
    "caps_hvd.report.scaling.report",
    "caps_hvd.report.scaling.predicted_points",
    "caps_hvd.search.optimize",
    "caps_hvd.search.run",
    "caps_hvd.search.study",
]


@pytest.mark.parametrize("module", LIGHT)
def test_answers_on_a_login_node(module):
    """Importing it brings in none of the libraries that a login node may lack."""
    code = (
        f"import sys, {module}; print(*(name for name in {sorted(HEAVY)} if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""


def test_no_assert_in_the_package():
    """`python -O` drops them, and they are no message for a person."""
    for path in sources():
        for node in ast.walk(ast.parse((PACKAGE / path).read_text())):
            assert not isinstance(node, ast.Assert), f"{path}:{node.lineno}"
