"""The pictures show every point: looked at as matplotlib's figures, not as pixels."""

import dataclasses
from types import SimpleNamespace

import pytest
from PIL import Image

from caps_hvd.report import plot_style
from caps_hvd.report.scaling import plots
from caps_hvd.report.scaling.table import tabulate
from tests.unit.report.scaling import sweeps

PREDICTED = SimpleNamespace(
    lines=[
        [
            SimpleNamespace(count=n, seconds_per_epoch=600 / n, speed_up=n, efficiency=1.0)
            for n in range(1, 16)
        ]
    ]
    * 2
)


@pytest.fixture(scope="module")
def table():
    return tabulate(sweeps.two_groups())


@pytest.fixture(scope="module")
def drawn(table):
    return plots.figures(table, PREDICTED, with_published=True)


def lines(figure):
    """Legend entry -> (x, y) of its line, without those of its error bars."""
    axes = figure.axes[0]
    named = zip(*reversed(axes.get_legend_handles_labels()), strict=True)
    found = {}
    for name, handle in named:
        line = handle[0] if isinstance(handle, tuple) else handle
        found[name] = list(zip(*(list(each) for each in line.get_data()), strict=True))
    return found


def test_every_plot_is_there(drawn):
    assert list(drawn) == ["seconds-per-epoch", "speed-up", "efficiency", "time-shares"]


def test_seconds_per_epoch(drawn):
    found = lines(drawn["seconds-per-epoch"])
    assert found["measured, batch size 100"] == [(1, 610.0), (5, 182.0), (15, 88.0)]
    assert found["measured, batch size 200"] == [(1, 500.0), (5, 125.0), (15, 50.0)]
    assert len(found["predicted, batch size 100"]) == 15
    assert found["Distributed CapsNet (CPU)"] == [(1, 610.0), (5, 184.4), (15, 88.0)]
    assert found["Distributed CapsNet (GPU)"] == [(1, 390.0), (15, 60.0)]
    assert found["ideal"][0][0] == 1
    assert drawn["seconds-per-epoch"].axes[0].get_yscale() == "log"


def test_published_seconds_only_beside_epochs_of_their_size():
    small = dataclasses.replace(sweeps.point(1, 0, (10.0,)), train_samples=1800)
    drawn = plots.figures(tabulate(sweeps.sweep(small)), with_published=True)
    assert "Distributed CapsNet (CPU)" not in lines(drawn["seconds-per-epoch"])
    assert "Distributed CapsNet (CPU)" in lines(drawn["speed-up"])


def test_speed_up_and_efficiency(drawn):
    found = lines(drawn["speed-up"])
    assert found["ideal"] == [(1, 1.0), (5, 5.0), (15, 15.0)]
    assert found["measured, batch size 200"] == [(1, 1.0), (5, 4.0), (15, 10.0)]
    assert found["Distributed CapsNet (GPU)"] == [(1, 1.0), (15, 6.5)]
    found = lines(drawn["efficiency"])
    assert found["ideal"] == [(1, 100.0), (5, 100.0), (15, 100.0)]
    assert found["measured, batch size 200"][1] == (5, pytest.approx(80.0))


def test_measured_is_solid_predicted_dashed_published_no_line(drawn):
    axes = drawn["speed-up"].axes[0]
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    assert handles["measured, batch size 100"][0].get_linestyle() == "-"
    assert handles["predicted, batch size 100"].get_linestyle() == "--"
    assert handles["Distributed CapsNet (CPU)"].get_linestyle() == "None"
    names = [text.get_text() for text in drawn["speed-up"].legends[0].get_texts()]
    assert names == [
        "measured, batch size 100", "measured, batch size 200", "predicted, batch size 100",
        "predicted, batch size 200", "Distributed CapsNet (CPU)", "Distributed CapsNet (GPU)",
        "ideal",
    ]  # fmt: skip


def test_bars_show_the_spread(drawn):
    container = drawn["seconds-per-epoch"].axes[0].containers[0]
    (bars,) = container.lines[2]
    assert [(low[1], high[1]) for low, high in bars.get_segments()] == [
        (600.0, 620.0), (180.0, 184.0), (86.0, 90.0),
    ]  # fmt: skip


def test_time_shares_have_a_panel_for_each_group_and_fill_it(drawn, table):
    panels = drawn["time-shares"].axes
    assert [axes.get_title() for axes in panels] == ["batch size 100", "batch size 200"]
    for axes, group in zip(panels, table.groups, strict=True):
        assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "5", "15"]
        assert len(axes.containers) == 5
        heights = [[bar.get_height() for bar in container] for container in axes.containers]
        assert [sum(column) for column in zip(*heights, strict=True)] == [pytest.approx(100)] * 3
        assert heights[0][2] == pytest.approx(100 * group.rows[2].shares["compute"])


def test_no_time_shares_without_their_measurement():
    table = tabulate(sweeps.sweep(sweeps.point(1, 0, (10.0,), parts=False)))
    assert list(plots.figures(table)) == ["seconds-per-epoch", "speed-up", "efficiency"]


def test_many_groups_and_machines(tmp_path):
    """The legend moves beside the axes, and hundreds of machines onto a logarithmic one."""
    points = [
        sweeps.point(machines, 0, (1000.0 / machines,), axes={"policy": f"policy {number}"})
        for machines in (1, 2, 4, 8, 16, 32, 64, 128)
        for number in range(9)
    ]
    drawn = plots.figures(tabulate(sweeps.sweep(*points)))
    assert drawn["speed-up"].axes[0].get_xscale() == "log"
    assert drawn["speed-up"].axes[0].get_legend() is None
    assert len(drawn["speed-up"].legends[0].get_texts()) == 10
    assert len(drawn["time-shares"].axes) == 6
    plot_style.write(tmp_path, "many", drawn)


def test_files_are_the_same_every_time_and_large_enough_for_paper(table, tmp_path):
    one_group = dataclasses.replace(table, groups=table.groups[:1])
    contents = []
    for _ in range(2):
        drawn = plots.figures(one_group)
        plot_style.write(tmp_path, "a", drawn, ("png", "pdf", "svg"))
        contents.append([path.read_bytes() for path in sorted(tmp_path.iterdir())])
    assert contents[0] == contents[1]
    assert len(contents[0]) == 12
    with Image.open(tmp_path / "a-speed-up.png") as picture:
        assert picture.size == (1050, 810)
