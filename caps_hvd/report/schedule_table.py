"""Text and picture of a schedule: batch and learning rate of each epoch."""

from collections.abc import Callable

from caps_hvd.schedules import Schedule

_POINTS = 2000


def to_text(schedule: Schedule, rate: Callable[[int], float], ranks: int) -> str:
    """One line for each epoch: its steps, batch, and its first and last learning rate.

    Args:
        schedule: of the run.
        rate: step -> learning rate, as scaled for the ranks.
        ranks: number of processes.
    """
    calendar = schedule.calendar
    lines = [f"{'epoch':>5} {'batch':>7} {'steps':>9} {'first rate':>11} {'last rate':>11}"]
    for epoch, steps in enumerate(calendar.steps):
        batch, start = schedule.global_batch(epoch), calendar.starts[epoch]
        empty = f"  {ranks - batch} of {ranks} ranks empty" if batch < ranks else ""
        lines.append(
            f"{epoch + 1:>5} {batch:>7,} {steps:>9,} {rate(start):>11.3g} "
            f"{rate(start + steps - 1):>11.3g}{empty}"
        )
    scaled = f"rate scaled for {ranks} ranks" if schedule.follows_ranks and ranks > 1 else ""
    lines.append("; ".join(filter(None, [f"{calendar.total:,} steps", scaled])))
    return "\n".join(lines)


def draw(path, schedule: Schedule, rate: Callable[[int], float], title: str) -> None:
    """Draws learning rate and batch over the epochs.

    Raises:
        RunError: the picture cannot be written.
    """
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    from caps_hvd.report.plot_style import COLOURS, STYLE, plain, save

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.0, 3.6), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        above.plot(*_points(schedule, rate), color=COLOURS[0], linewidth=1.2)
        above.set_yscale("log")
        above.yaxis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
        above.set_ylabel("learning rate")
        above.set_title(title)
        epochs = schedule.calendar.epochs
        batches = [schedule.global_batch(epoch) for epoch in range(epochs)]
        below.stairs(batches, range(epochs + 1), baseline=None, color=COLOURS[1], linewidth=1.6)
        below.set_yscale("log", base=2)
        below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        below.set_ylim(min(batches) / 2, max(batches) * 2)
        below.set_ylabel("images per step")
        below.set_xlabel("epochs")
        below.xaxis.set_major_locator(MaxNLocator(integer=True))
        save(path, figure)


def _points(schedule, rate):
    """Epochs and rates of steps spread evenly over the epochs, however many steps each has."""
    calendar = schedule.calendar
    each = max(2, _POINTS // calendar.epochs)
    times, rates = [], []
    for epoch, (start, steps) in enumerate(zip(calendar.starts, calendar.steps, strict=False)):
        offsets = sorted({int(steps * part / each) for part in range(each)} | {steps - 1})
        times += [epoch + offset / steps for offset in offsets]
        rates += [rate(start + offset) for offset in offsets]
    return times, rates
