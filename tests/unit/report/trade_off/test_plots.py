"""The pictures show every configuration: looked at as matplotlib's figures, not as pixels."""

import dataclasses
import itertools
import math

import pytest
from PIL import Image

from caps_hvd.report import plot_style
from caps_hvd.report.trade_off import plots
from tests.unit.report.trade_off import configurations


@pytest.fixture(scope="module")
def drawn():
    return plots.figures(configurations.two_by_two())


@pytest.fixture(scope="module")
def sixteen():
    return plots.figures(configurations.sixteen())


def panels(figure):
    """Title -> panel, of those that are in use."""
    return {axes.get_title(): axes for axes in figure.axes if axes.axison}


def lines(axes):
    """Name -> (x, y) of the points of its line."""
    named = zip(*reversed(axes.get_legend_handles_labels()), strict=True)
    return {name: list(zip(*map(list, line.get_data()), strict=True)) for name, line in named}


def near(points):
    return [pytest.approx(each) for each in points]


def test_every_picture_is_there(drawn):
    assert list(drawn) == ["pareto", "accuracy", "accuracy-by-seconds", "learning-rate"]


def test_accuracy_over_epochs(drawn):
    """The axis is that of the error, its ticks say the accuracy."""
    found = panels(drawn["accuracy"])
    assert list(found) == ["sharing no", "sharing yes"]
    left, right = map(lines, found.values())
    assert left["fixed"] == near([(1, 10), (2, 5), (3, 6)])
    assert left["one-cycle"] == near([(1, 10), (2, 5), (3, 3)])
    assert right["one-cycle"] == near([(1, 4), (2, 5), (3, 5)])
    axes = found["sharing no"]
    bottom, top = axes.get_ylim()
    assert bottom > 12 and top < 3
    texts = [axes.yaxis.get_major_formatter()(tick) for tick in axes.get_yticks()]
    assert texts == ["97", "96", "95", "94", "93", "92", "91", "90"]


def test_the_baseline_is_in_every_panel(drawn):
    left, right = map(lines, panels(drawn["accuracy"]).values())
    assert "baseline" not in left
    assert right["baseline"] == near([(1, 10), (2, 5), (3, 6)])
    for panel in (left, right):
        assert [y for _, y in panel["baseline's best"]] == near([5, 5])


def test_the_best_epoch_is_marked_and_the_spread_a_band(drawn):
    axes = panels(drawn["accuracy"])["sharing no"]
    marked = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    assert marked["fixed"].get_markevery() == [1]
    assert marked["one-cycle"].get_markevery() == [2]
    low, high = axes.collections[0].get_paths()[0].get_extents().get_points()[:, 1]
    assert (low, high) == (pytest.approx(4.9), pytest.approx(10.1))


def test_accuracy_over_seconds(drawn):
    found = lines(panels(drawn["accuracy-by-seconds"])["sharing yes"])
    assert found["fixed"] == near([(20, 12), (30, 7), (40, 7)])
    assert found["one-cycle"] == near([(10, 4), (15, 5), (20, 5)])
    assert found["baseline"] == near([(20, 10), (30, 5), (40, 6)])


def test_the_same_rates_are_drawn_once(drawn):
    (axes,) = panels(drawn["learning-rate"]).values()
    assert lines(axes) == {
        "fixed": [(1, 0.001), (2, 0.001), (3, 0.001)],
        "one-cycle": [(1, 0.0002), (2, 0.0002), (3, 0.0002)],
    }


def test_rates_that_differ_have_panels():
    whole = configurations.two_by_two()
    *others, last = whole.configurations
    last = dataclasses.replace(last, learning_rates=(0.001, 0.0005, 0.00001))
    figures = plots.figures(configurations.trade_off(*others, last))
    found = panels(figures["learning-rate"])
    assert list(found) == ["sharing no", "sharing yes"]
    axes = found["sharing yes"]
    assert lines(axes)["one-cycle"] == [(1, 0.001), (2, 0.0005), (3, 0.00001)]
    texts = [axes.yaxis.get_major_formatter()(tick) for tick in axes.get_yticks()]
    assert texts == ["0.00001", "0.00002", "0.00005", "0.0001", "0.0002", "0.0005", "0.001"]


def test_the_pareto_set_in_space(drawn):
    (axes,) = drawn["pareto"].axes
    shown = [line.get_data_3d() for line in axes.get_lines()]
    stems = [list(zip(*data, strict=True)) for data in shown if len(data[0]) == 2]
    floor = axes.get_zlim()[0]
    assert [(foot[2], head) for foot, head in stems] == [
        (floor, pytest.approx((30, 0.8, 95))),
        (floor, pytest.approx((30, 0.8, 93))),
        (floor, pytest.approx((40, 0.8, 97))),
        (floor, pytest.approx((10, 0.5, 96))),
    ]
    heads = [line for line in axes.get_lines() if line.get_markersize() == 5.5]
    fillings = [line.get_markerfacecolor() != "white" for line in heads]
    assert fillings == [False, False, True, True]
    (ring,) = (line for line in axes.get_lines() if line.get_markersize() == 10)
    assert [each[0] for each in ring.get_data_3d()] == pytest.approx([10, 0.5, 96])


def test_the_list_resolves_the_numbers(drawn):
    (axes,) = drawn["pareto"].axes
    assert [text.get_text() for text in axes.texts] == ["1", "2", "3", "4"]
    (legend,) = drawn["pareto"].legends
    assert legend.get_title().get_text() == "policy, sharing"
    assert [text.get_text() for text in legend.get_texts()] == [
        "1  fixed, no", "2  fixed, yes", "3  one-cycle, no", "4  one-cycle, yes", "Pareto set",
        "chosen",
    ]  # fmt: skip


def test_numbers_keep_apart(sixteen):
    figure = sixteen["pareto"]
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 16
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_seconds_far_apart_in_space(sixteen):
    (axes,) = sixteen["pareto"].axes
    texts = [text.get_text() for text in axes.get_xticklabels()]
    assert texts == ["50", "100", "200", "500"]
    heads = [line.get_data_3d()[0][0] for line in axes.get_lines() if line.get_markersize() == 5.5]
    assert heads[0] == pytest.approx(math.log10(30))
    assert heads[15] == pytest.approx(math.log10(600))


def test_more_policies_than_colours(sixteen):
    """The policies have the panels then, and seconds far apart a logarithmic axis."""
    found = panels(sixteen["accuracy-by-seconds"])
    assert list(found) == [f"policy policy-{number}" for number in range(8)]
    assert {"no", "yes"} <= set(lines(found["policy policy-3"]))
    assert found["policy policy-3"].get_xscale() == "log"
    assert sixteen["accuracy-by-seconds"].legends[0].get_title().get_text() == "sharing"


@pytest.mark.parametrize("accuracies", [(1.0,), (0.5, 1.0)])
def test_one_configuration_without_an_error_or_a_baseline(accuracies):
    single = configurations.configuration({"policy": "fixed"}, accuracies, spread=0.0)
    drawn = plots.figures(configurations.trade_off(single, baseline=None))
    (axes,) = panels(drawn["accuracy"]).values()
    assert lines(axes)["policy fixed"][-1] == (len(accuracies), pytest.approx(0.01))
    for figure in drawn.values():
        figure.draw_without_rendering()


def test_files_are_the_same_every_time(tmp_path):
    contents = []
    for _ in range(2):
        pareto = plots.figures(configurations.two_by_two())["pareto"]
        plot_style.write(tmp_path, "a", {"pareto": pareto}, ("png", "svg"))
        contents.append([path.read_bytes() for path in sorted(tmp_path.iterdir())])
    assert contents[0] == contents[1]
    with Image.open(tmp_path / "a-pareto.png") as picture:
        assert picture.size == (1950, 1110)
