"""Tables as people and programs read them, whole, and where they are written."""

import csv
import dataclasses
import io
import json
import operator
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from caps_hvd.cli import cli
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.records import sweep_record
from caps_hvd.report import base
from caps_hvd.report.base import FORMATS
from caps_hvd.report.columns import Column, Spread, cells, tabulate
from caps_hvd.report.scaling.predicted_points import Predicted, Predictions
from caps_hvd.report.scaling.report import report
from caps_hvd.report.sheet import latex_text, to_latex, to_markdown, to_text
from tests.unit.report.scaling import sweeps

GOLDENS = Path(__file__).parents[3] / "goldens" / "report"


def predicted_group(*points):
    """Predictions of which three quarters is computation and a quarter communication."""
    alone = points[0][1]
    return tuple(
        Predicted(
            count=count,
            seconds_per_epoch=seconds,
            speed_up=alone / seconds,
            efficiency=alone / seconds / count,
            compute_seconds=0.75 * seconds,
            straggler_seconds=0.0,
            exposed_communication_seconds=0.25 * seconds,
            input_seconds=0.0,
            evaluation_seconds=1.0,
        )
        for count, seconds in points
    )


def predicted(_):
    """610, 190 and 80 s for batch 100, all 10 % below what was measured for batch 200."""
    groups = (
        predicted_group((1, 610.0), (5, 190.0), (15, 80.0)),
        predicted_group((1, 450.0), (5, 112.5), (15, 45.0)),
    )
    return Predictions(of_rows=groups, lines=groups, about="Predicted by hand.")


@pytest.fixture
def made():
    return report(sweeps.two_groups(), predictions=predicted, with_published=True)


@pytest.fixture
def folder(tmp_path):
    """A sweep's folder whose name needs quoting."""
    folder = tmp_path / "it's a sweep"
    folder.mkdir()
    sweep_record.write(folder / "sweep.h5", sweeps.two_groups())
    return folder


@pytest.mark.parametrize(("kind", "ending"), FORMATS.items())
def test_every_format_whole(made, kind, ending):
    golden = (GOLDENS / f"two-groups.{ending}").read_text(encoding="utf-8")
    assert made.render(kind) == golden


def test_text_fits_a_terminal(made):
    for sheet in made.sheets():
        assert max(map(len, to_text(sheet).splitlines())) <= 100, to_text(sheet)


def test_csv_read_again(made):
    rows = list(csv.DictReader(io.StringIO(made.render("csv"))))
    assert [row["kind"] for row in rows] == ["measured"] * 6 + ["predicted"] * 6 + ["published"] * 5
    fifteen = rows[2]
    assert (fifteen["machines"], fifteen["batch_size"]) == ("15", "100")
    assert float(fifteen["seconds_per_epoch_mean"]) == 88.0
    assert float(fifteen["seconds_per_epoch_deviation"]) == 8**0.5
    assert (fifteen["seconds_per_epoch_min"], fifteen["seconds_per_epoch_max"]) == ("86.0", "90.0")
    assert float(fifteen["speed_up"]) == 610.0 / 88.0  # every digit
    assert float(rows[8]["error_percent"]) == pytest.approx(-9.0909, abs=5e-5)
    assert rows[12]["set_up"] == "Distributed CapsNet, set-up 1: CPU, all-reduce on CPU"
    assert rows[12]["ranks"] == ""


def test_json_read_again(made):
    values = json.loads(made.render("json"))
    assert values["failed_points"] == [
        {"name": "15x-200-r1", "error": "host h7: connection refused"}
    ]
    assert values["unfinished_points"] == ["20x-200-r0"]
    assert len(values["rows"]) == 17


def test_latex_is_well_formed(made):
    text = made.render("latex")
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 4
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 4
    for tabular in re.findall(r"\\begin\{tabular\}\{@\{\}(r+)@\{\}\}(.*?)\\end\{tabular\}", text,
                              re.DOTALL):  # fmt: skip
        columns, body = len(tabular[0]), tabular[1]
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert rows
        for row in rows:
            spans = sum(int(each) - 1 for each in re.findall(r"\\multicolumn\{(\d+)\}", row))
            assert len(re.findall(r"(?<!\\)&", row)) + 1 + spans == columns
    unescaped = re.sub(r"\\[&%$#_{}]|\$\\(pm|times)\$", "", text.split("\n", 1)[1])
    assert not re.search(r"[%$#_~^]", unescaped)
    assert unescaped.count("{") == unescaped.count("}")
    text.encode("ascii")


def test_latex_text():
    assert latex_text("50 % & a_b #1 {x} ~ ^ \\ ±") == (
        r"50 \% \& a\_b \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} $\pm$"
    )


def test_a_sheet_in_each_layout():
    sheet = tabulate(
        (
            Column("n", "", operator.itemgetter(0)),
            Column("time", "s", operator.itemgetter(1)),
            Column("none", "", operator.itemgetter(2)),
        ),
        [("a|b", [("1", "9.0 ± 0.5", ""), ("2", "10.0", "")])],
        key="k",
        title="T",
        notes=("Note of a_b.", "Sum"),
    )
    assert to_text(sheet) == (
        "T\n\nn        time\n            s\n-------------\n"
        "a|b\n1   9.0 ± 0.5\n2  10.0\n-------------\nNote of a_b.\nSum"
    )
    assert to_markdown(sheet) == (
        "### T\n\na\\|b:\n\n| n | time (s) |\n| ---: | ---: |\n| 1 | 9.0 ± 0.5 |\n| 2 | 10.0 |\n\n"
        "Note of a_b. Sum."
    )
    assert to_latex(sheet).splitlines()[4:12] == [
        r"  \begin{tabular}{@{}rr@{}}",
        r"    \toprule",
        r"    n & time \\",
        r"     & (s) \\",
        r"    \midrule",
        r"    \multicolumn{2}{@{}l}{\emph{a|b}} \\",
        r"    1 & 9.0 $\pm$ 0.5 \\",
        r"    2 & 10.0 \\",
    ]


def test_cells_have_the_decimals_of_the_smallest():
    assert cells([610.0, None, 88.0]) == ["610.0", "", "88.0"]
    assert cells([1234.4, 321.0]) == ["1234", "321"]
    assert cells([0.01234, 0.0]) == ["0.0123", "0.0000"]
    assert cells([Spread((0.99, 0.992))], scale=100, decimals=2) == ["99.10 ± 0.10"]


def test_measured_alone_without_a_source_or_a_model():
    text = report(sweeps.two_groups()).render("text")
    assert "predicted" not in text
    assert "Distributed CapsNet" not in text


def test_epochs_of_another_size_than_the_source_s():
    small = dataclasses.replace(sweeps.point(1, 0, (10.0,)), train_samples=1800)
    text = report(sweeps.sweep(small), with_published=True).render("text")
    assert "has 60,000 images, here 1,800: compare speed-up and efficiency, not seconds" in text


def test_of_many_points_that_are_missing_some_are_named():
    missing = [sweeps.left_out(f"p{number}", 2, "planned") for number in range(14)]
    failed = [sweeps.left_out(f"f{number}", 2, "failed", "no\nroute") for number in range(13)]
    text = report(sweeps.sweep(sweeps.point(1, 0, (10.0,)), *missing, *failed)).render("text")
    assert "p10, p11 and 2 more." in text
    assert "Failed: f11: no route\nFailed as well: 1 more.\n" in text


def test_one_repetition_has_no_spread_and_no_empty_column():
    text = report(sweeps.sweep(sweeps.point(1, 0, (10.0,), parts=False))).render("text")
    assert "±" not in text
    assert "energy" not in text
    assert "communication" not in text


def test_the_command_prints_and_writes(folder):
    done = CliRunner().invoke(cli, ["report", str(folder), "--format", "markdown", "--no-plots"])
    assert done.exit_code == 0, done.output
    written = folder / "report"
    assert sorted(path.name for path in written.iterdir()) == [
        f"lab15-scaling.{ending}" for ending in ("csv", "json", "md", "tex", "txt")
    ]
    assert done.stdout == (written / "lab15-scaling.md").read_text(encoding="utf-8")
    assert str(written) in done.stderr


def test_the_command_takes_a_file_and_a_folder_to_write_to(folder, tmp_path):
    arguments = ["report", str(folder / "sweep.h5"), "--output", str(tmp_path / "new" / "x"),
                 "--published", "--pictures", "png,svg"]  # fmt: skip
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    assert "Distributed CapsNet, set-up 1: CPU, all-reduce on CPU." in done.stdout
    names = {path.name for path in (tmp_path / "new" / "x").iterdir()}
    for plot in ("seconds-per-epoch", "speed-up", "efficiency", "time-shares"):
        assert {f"lab15-{plot}.png", f"lab15-{plot}.svg"} <= names
    assert not (folder / "report").exists()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "no such file or folder; give a folder that `caps-hvd sweep` has made"),
        ("empty", "no sweep.h5 in this folder"),
        ("text.h5", "text.h5: not a sweep's HDF5 file; give the sweep.h5 of a folder"),
    ],
)
def test_what_is_no_sweep(tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(RunError, match=message):
        base.load(tmp_path / name)


def test_a_folder_that_cannot_be_written(folder):
    (folder / "report").write_text("a file is in the way")
    with pytest.raises(RunError, match="report: cannot be made a folder: File exists; choose"):
        report(sweeps.two_groups()).write(folder / "report")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pictures", "gif"], "--pictures: expected formats among png, pdf, svg, received 'gif'"),
        (["--network", "1gbit"], "add --calibration"),
        (["--calibration", "c.json"], "add --network"),
        (["--shared-cores", "2"], "of use with --calibration only"),
    ],
)
def test_options_that_do_not_fit(folder, options, message):
    with pytest.raises(ConfigError, match=message):
        cli.main(["report", str(folder), *options], standalone_mode=False)
