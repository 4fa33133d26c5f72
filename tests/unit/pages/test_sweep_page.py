"""docs/sweeps.md names every key, option, file and definition, as the code has them."""

import re
import typing
from pathlib import Path

import pytest

from caps_hvd.cli.sweep import sweep
from caps_hvd.io.options import describe_expected, option_of
from caps_hvd.launch.hosts import hostfile
from caps_hvd.records import sweep_record
from caps_hvd.sweep import definition_file
from caps_hvd.sweep.definition import SlurmTable, SweepDefinition, keys
from caps_hvd.sweep.directory import SweepDirectory
from caps_hvd.sweep.engine import hosts_of
from caps_hvd.sweep.points import plan
from tests.unit.sweep.jobs import JOBS, definitions, name_of

REPOSITORY = Path(__file__).parents[3]
PAGE = REPOSITORY.joinpath("docs", "sweeps.md").read_text(encoding="utf-8")
LANES_PAGE = REPOSITORY.joinpath("docs", "lane_experiments.md").read_text(encoding="utf-8")
FIELDS = [*keys(SweepDefinition).values(), *keys(SlurmTable).values()]


def row(field) -> str:
    option = option_of(field)
    if typing.get_origin(field.type) is tuple:
        takes = {"machine_counts": "a list of integers of at least 1"}.get(
            field.name, "a list of texts"
        )
        default = ", ".join(map(str, field.default)) or "none"
    else:
        takes = describe_expected(field)
        default = option.none if field.default is None else field.default
    return f"| `{field.name}` | {takes} | {'' if default is None else default} | {option.help} |"


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_key_has_its_row(field):
    assert row(field) in PAGE, f"put this line into docs/sweeps.md:\n{row(field)}"


def test_every_option_has_its_row():
    for parameter in sweep.params[1:]:
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
        assert names.replace("`--output`", "`--output DIR`") in PAGE


def test_every_file_has_its_row():
    directory = SweepDirectory("DIR")
    for path in (directory.definition, directory.hostfile, directory.record, directory.state,
                 directory.lock):  # fmt: skip
        assert f"| `{path.name}` |" in PAGE


def test_every_column_is_named():
    for kind in (sweep_record.PointResult, sweep_record.EpochResult):
        for name in kind.__dataclass_fields__:
            assert name in ("axes", "epochs", "hosts") or f"`{name}`" in PAGE or "_seconds" in name


@pytest.mark.parametrize("path", definitions(), ids=name_of)
def test_every_definition_has_its_number_of_points(path):
    page = PAGE if path.parent == JOBS else LANES_PAGE
    link = re.escape(f"[{path.name}](../{path.relative_to(REPOSITORY)})")
    (line,) = re.findall(rf"^\|.*{link}.*$", page, re.MULTILINE)
    names = re.findall(r"\[(\w+\.toml)\]", line)
    counts = re.findall(r"\d+", line.split("|")[2])
    expected = int(counts[names.index(path.name)] if len(counts) > 1 else counts[0])
    definition = definition_file.read(path)
    hosts = hosts_of(definition, environ={})
    if path.name == "scaling_sweep.toml":  # it runs inside an allocation
        hosts = hostfile.parse_list("n1,n2,n3,n4")
    assert len(plan(definition, hosts)) == expected
