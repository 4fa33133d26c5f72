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

# Part of the package -> what it may import of the heavy libraries and of the package. Parts that
# are not listed put the others together (train, cli and what they are cut into).
RULES = {
    "errors": ({}, {}),
    "ops": ({"keras"}, {"ops"}),
    "losses": ({"keras"}, {"ops"}),
    "layers": ({"keras"}, {"layers", "ops"}),
    "models": ({"keras"}, {"models", "layers", "lanes", "losses", "ops", "errors"}),
    "data": ({"keras"}, {"data", "errors", "files"}),
    "distributed": (
        {"keras", "tensorflow", "horovod", "mpi4py"},
        {"distributed", "schedules", "errors"},
    ),
    "lock": ({}, {"errors"}),
    "run_files": ({}, {}),
    "report": ({}, {"report", "lanes", "scaling", "schedules", "options", "errors", "files"}),
    "json_file": ({}, {"errors", "files"}),
    "lanes": ({}, {"lanes", "errors", "files", "json_file", "options"}),
    "schedules": ({}, {"schedules", "errors"}),
    "scaling": ({}, {"scaling", "errors", "json_file"}),
    "launch": (
        {},
        {
            "launch",
            "report",
            "data",
            "config",
            "config_file",
            "lanes",
            "options",
            "machine",
            "errors",
            "files",
            "lock",
            "run_files",
        },
    ),
    "config": ({}, {"errors", "lanes", "options", "schedules"}),
    "config_file": ({}, {"config", "errors", "options"}),
    "options": ({}, {"errors"}),
}
# Within a part, the only files that may import a library.
ONLY_IN = {
    "horovod": {"distributed/horovod_communicator.py"},
    "mpi4py": {"distributed/horovod_communicator.py"},
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


def part_of(path):
    return path.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sources(), ids=str)
def test_imports_only_what_it_may(path):
    libraries, parts = set(), set()
    for name in imported(path):
        first, *rest = name.split(".")
        if first in HEAVY:
            libraries.add(first)
        if first == "caps_hvd" and rest and rest[0] in OWN:
            parts.add(rest[0])
    if part_of(path) in RULES:
        allowed_libraries, allowed_parts = RULES[part_of(path)]
        assert libraries <= set(allowed_libraries)
        assert parts <= set(allowed_parts)
    for library, files in ONLY_IN.items():
        assert library not in libraries or str(path) in files


LIGHT = [
    "caps_hvd",
    "caps_hvd.config.train_config",
    "caps_hvd.cli",
    "caps_hvd.records.record",
    "caps_hvd.report.scaling.report",
    "caps_hvd.report.scaling.predictor",
    "caps_hvd.search.optimize",
    "caps_hvd.lane_search",
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
