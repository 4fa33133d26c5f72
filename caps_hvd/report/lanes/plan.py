"""Text and picture of a plan of lanes on devices."""

import itertools
from collections.abc import Sequence

from caps_hvd.lanes.device import Device
from caps_hvd.lanes.lane import TYPES, Lane
from caps_hvd.lanes.plan import Plan
from caps_hvd.report.sheet import align

_COLUMNS = 60  # of the longest bar of a text
_POINTS_PER_CHARACTER = 4.6  # of a number in 7 points, with some air


def to_text(
    plan: Plan, costs: Sequence[float], devices: Sequence[Device], title: str, unit: str
) -> str:
    """The bins as bars, a piece with its number for each lane, and how good the plan is.

    Args:
        plan: what to show.
        costs: of the lanes, on a device of speed 1.
        devices: that the plan is for.
        title: the first line.
        unit: of the costs.

    Example:
        >>> print(to_text(plan, [3, 2], [Device("a")], "2 lanes on 1 device", "s"))
        2 lanes on 1 device
        ...
        a  |0                                  |1                       |  5
    """
    rows = []
    for device, lanes, load in zip(devices, plan.assignment, plan.loads, strict=True):
        bar = _bar(lanes, costs, _COLUMNS / (device.speed * plan.makespan)) or "idle"
        rows.append((device.name, bar.ljust(_COLUMNS + 1), f"{load:,.4g}"))
    return "\n".join([title, "", *align(rows, left=2), "", *_verdict(plan, devices, unit)])


def _bar(lanes, costs, columns_per_cost) -> str:
    """`|0    |3  |`, as long as the lanes take."""
    text, ends = "", 0.0
    for lane in lanes:
        ends += costs[lane] * columns_per_cost
        room = max(round(ends) - len(text), 1)
        number = str(lane)
        text += "|" + (number if len(number) < room else "").ljust(room - 1)
    return text + "|" if text else ""


def _verdict(plan, devices, unit) -> list[str]:
    """Lines on how good a plan is: makespan, lower bound, idle devices."""
    if plan.proven:
        quality = "no plan is faster"
    else:
        quality = f"a faster plan would save {100 * plan.gap:.1f} % at most"
    lines = [
        f"makespan     {plan.makespan:,.4g} {unit}, method {plan.method}",
        f"lower bound  {plan.lower_bound:,.4g} {unit}: {quality}",
    ]
    if plan.idle:
        names = ", ".join(devices[index].name for index in plan.idle)
        lines.append(f"idle         {names}: leave such devices out, or take more lanes")
    return lines


def draw(
    path,
    plan: Plan,
    lanes: Sequence[Lane],
    costs: Sequence[float],
    devices: Sequence[Device],
    title: str,
    unit: str,
) -> None:
    """Draws the bins as horizontal bars, a piece for each lane, and the lower bound.

    Args:
        path: of the PNG file.
        lanes: of the plan, for the colours.
        plan, costs, devices, title, unit: see `to_text`.

    Raises:
        RunError: the picture cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    from caps_hvd.report.plot_style import COLOURS, INK, STYLE, save

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.0, 1.2 + 0.34 * len(devices)), layout="constrained")
        axes = figure.subplots()
        axes.set_xlim(0, plan.makespan * 1.04)
        axes.set_title(title, loc="left")
        axes.set_xlabel(unit)
        axes.set_yticks(range(len(devices)), [device.name for device in devices])
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        figure.draw_without_rendering()  # the axes have their size from here on
        points = axes.get_window_extent().width * 72 / figure.dpi
        points_per_cost = points / (plan.makespan * 1.04)
        colours = dict(zip(TYPES, COLOURS, strict=False))
        _pieces(axes, plan, [colours[lane.type] for lane in lanes], costs, devices, points_per_cost)
        line = axes.axvline(plan.lower_bound, color=INK, linewidth=1.0, linestyle=(0, (4, 2)))
        handles = {
            type: Patch(color=colours[type])
            for type in TYPES
            if any(lane.type == type for lane in lanes)
        }
        figure.legend(
            [*handles.values(), line], [*handles, "lower bound"], loc="outside upper right",
            ncols=len(handles) + 1, frameon=False, handlelength=1.4,
        )  # fmt: skip
        save(path, figure)


def _pieces(axes, plan, colours, costs, devices, points_per_cost) -> None:
    for row, (device, own) in enumerate(zip(devices, plan.assignment, strict=True)):
        seconds = [costs[lane] / device.speed for lane in own]
        begins = list(itertools.accumulate(seconds, initial=0.0))[:-1]
        bars = axes.barh(
            [row] * len(own), seconds, left=begins, height=0.72,
            color=[colours[lane] for lane in own], edgecolor="white", linewidth=0.8,
        )  # fmt: skip
        characters = points_per_cost / _POINTS_PER_CHARACTER
        numbers = [
            str(lane) if len(str(lane)) < each * characters else ""
            for lane, each in zip(own, seconds, strict=True)
        ]
        axes.bar_label(bars, numbers, label_type="center", color="white", fontsize=7)
