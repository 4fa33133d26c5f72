"""The tables of a report on searches for lanes."""

import collections
import dataclasses
import statistics
from collections.abc import Sequence

from caps_hvd.lanes.space import BASELINE
from caps_hvd.records.lane_search import SearchResult
from caps_hvd.report.sheet import PLUS_MINUS, Section, Sheet

_FEWEST_SEEDS = 2  # that say how far seeds alone lead
_SAME_SIZE = 0.9  # of the limit: what a model takes that may be compared with one that fills it


def candidates(searches: Sequence[SearchResult]) -> Sheet:
    """Every candidate with its size, its accuracy and the best so far."""
    return Sheet(
        key="lane-search",
        title=f"Candidates of {', '.join(search.name for search in searches)}",
        columns=(
            ("candidate", ""), ("proposed by", ""), ("", ""), ("lanes", ""), ("GFLOP", "a step"),
            ("of the limit", "%"), ("parameters", "million"), ("test", "%"), ("best so far", "%"),
            ("time", "s"),
        ),
        sections=tuple(
            Section(
                label=_label(search) if len(searches) > 1 else "",
                rows=tuple(
                    (
                        str(each.number),
                        each.method,
                        _status(each),
                        str(len(each.lanes)) if each.lanes else "",
                        f"{search.gflops(each.lanes):.1f}" if each.lanes else "",
                        f"{100 * search.share(each.lanes):.1f}" if each.lanes else "",
                        f"{search.parameters(each.lanes) / 1e6:.2f}" if each.lanes else "",
                        _percent(each.accuracy),
                        _percent(best),
                        "" if each.seconds is None else f"{each.seconds:.0f}",
                    )
                    for each, best in zip(search.tried, search.bests, strict=True)
                ),
            )
            for search in searches
        ),
        notes=(
            "GFLOP: operations of a forward pass over a batch; the limit is that of all devices.",
            "Test: geometric mean over the repetitions. Time: of the last attempt.",
        ),
    ).without_empty_columns()  # fmt: skip


def limits(searches: Sequence[SearchResult]) -> Sheet:
    """Best and mean accuracy of each search, by its limits."""
    return Sheet(
        key="lane-search-limits",
        title="Best and mean against the limits",
        columns=(
            ("FLOPs", "of 4 lanes"), ("devices", ""), ("memory", "MiB"), ("finished", ""),
            ("best", "%"), ("mean", "%"), ("random ones", "%"), ("worst", "%"),
        ),
        sections=(
            Section(
                label="",
                rows=tuple(
                    (
                        f"{search.limit:g}",
                        str(search.facts["limits.devices"]),
                        _memory(search),
                        str(len(search.finished)),
                        _percent(search.best.accuracy),
                        _mean([each.accuracy for each in search.finished]),
                        _percent(search.random_mean) if len(_methods(search)) > 1 else "",
                        _percent(min(each.accuracy for each in search.finished)),
                    )
                    for search in sorted(searches, key=lambda search: search.limit)
                ),
            ),
        ),
        notes=("Mean: with the standard deviation over candidates.",),
    ).without_empty_columns()  # fmt: skip


def lanes(searches: Sequence[SearchResult]) -> Sheet:
    """The lanes of the best candidate of each search, by kind."""
    return Sheet(
        key="lanes-found",
        title="The lanes of the best candidate",
        columns=(
            ("type", ""), ("width", ""), ("depth", ""), ("lanes", ""), ("GFLOP", "each"),
            ("of the model", "%"),
        ),
        sections=tuple(
            Section(
                label=f"{_label(search)}, candidate {search.best.number}",
                rows=tuple(
                    (
                        lane.type,
                        str(lane.width),
                        str(lane.depth),
                        str(count),
                        f"{search.gflops((lane,)):.2f}",
                        f"{100 * search.gflops((lane,) * count) / whole:.1f}",
                    )
                    for whole in [search.gflops(search.best.lanes)]
                    for lane, count in sorted(
                        collections.Counter(search.best.lanes).items(),
                        key=lambda item: dataclasses.astuple(item[0]),
                    )
                ),
            )
            for search in searches
        ),
    )  # fmt: skip


def confirmation(searches: Sequence[SearchResult]) -> Sheet:
    """Best candidates and the baseline with new seeds, and what the search was worth."""
    rows, notes = [], []
    pairs = [(search, each) for search in searches for each in search.confirmed_candidates]
    for search, candidate in pairs:
        best, baseline = (
            search.confirmed_accuracies(candidate.number, model) for model in ("best", "baseline")
        )
        rows.append(
            Section(
                label=_label(search),
                rows=(
                    _model(f"candidate {candidate.number}", search, candidate.lanes, best),
                    _model("4 lanes, width 2, depth 4", search, BASELINE, baseline),
                    (
                        "mean of the random candidates", "", "", "", "in the search",
                        _percent(search.random_mean),
                    ),
                ),
            )
        )  # fmt: skip
        if best and baseline:
            notes.append(_verdict(search, candidate, best, baseline))
    return Sheet(
        key="lane-search-confirmation",
        title="Trained anew, with seeds that the search has not used",
        columns=(
            ("model", ""), ("lanes", ""), ("GFLOP", "a step"), ("of the limit", "%"),
            ("seeds", ""), ("test", "%"),
        ),
        sections=tuple(rows),
        notes=(
            *notes,
            "Spread: the larger one of two standard deviations, over the seeds of a model or over "
            "the random candidates.",
        ),
    )  # fmt: skip


def _model(name, search, lanes, accuracies) -> tuple[str, ...]:
    return (
        name,
        str(len(lanes)),
        f"{search.gflops(lanes):.1f}",
        f"{100 * search.share(lanes):.1f}",
        ", ".join(_percent(each) for each in accuracies),
        _mean(accuracies),
    )


def _verdict(search, candidate, best: list[float], baseline: list[float]) -> str:
    """Whether the search was worth it, in words, and whether seeds alone may have done it."""
    name = f"{search.name}: candidate {candidate.number}"
    if min(len(best), len(baseline)) < _FEWEST_SEEDS:
        return f"{name}: one seed, no verdict."
    drawn = [each.accuracy for each in search.finished if each.method == "random"]
    share = search.share(BASELINE)
    four = "the model with 4 lanes"
    if not _SAME_SIZE <= share <= 1:
        four += f", which takes {100 * share:.0f} % of the limit"
    texts = []
    for others, whose in ((baseline, four), (drawn, "the mean at random")):
        if len(others) >= _FEWEST_SEEDS:
            points = 100 * (statistics.mean(best) - statistics.mean(others))
            spread = 100 * max(map(statistics.stdev, (best, others)))
            result = "a gain" if points > 0 else "a loss"
            if abs(points) <= spread:
                result += f" of no more than the spread, {spread:.2f}"
            word = "above" if points > 0 else "below"
            texts.append(f"{abs(points):.2f} points {word} {whose}, {result}")
    later = ""
    if candidate.number != search.best.number:
        later = f" Candidate {search.best.number} was better in the search."
    return f"{name} is {'; '.join(texts)}.{later}"


def _label(search) -> str:
    devices, memory = search.facts["limits.devices"], search.facts["limits.memory_mib"]
    return (
        f"{search.name}: {search.limit:g} × the FLOPs of 4 lanes, {devices} devices"
        f"{f' of {_memory(search)} MiB' if memory else ''}"
    )


def _memory(search) -> str:
    memory = search.facts["limits.memory_mib"]
    return "unlimited" if memory is None else f"{memory:g}"


def _methods(search) -> set[str]:
    return {each.method for each in search.finished}


def _status(tried) -> str:
    again = f", begun {tried.attempts} times" if tried.attempts > 1 else ""
    status = "" if tried.status == "finished" else tried.status
    return f"{status}{again}".removeprefix(", ")


def _percent(value) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def _mean(values) -> str:
    if not values:
        return ""
    spread = f"{PLUS_MINUS}{100 * statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return _percent(statistics.mean(values)) + spread
