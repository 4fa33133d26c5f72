"""Tables of a report on searches for lanes."""

import collections
import dataclasses
import statistics
from collections.abc import Sequence

from caps_hvd.lanes.space import BASELINE
from caps_hvd.records.lane_search import SearchResult
from caps_hvd.report.columns import Column, percent, tabulate
from caps_hvd.report.sheet import Sheet

_FEWEST_SEEDS = 2  # that say how far seeds alone lead
_SAME_SIZE = 0.9  # of the limit: what a model takes that may be compared with one that fills it

_Candidate = collections.namedtuple("_Candidate", ("search", "lanes", "tried", "best"))
_Lanes = collections.namedtuple("_Lanes", ("search", "lane", "count"))
_Model = collections.namedtuple("_Model", ("search", "lanes", "name", "seeds", "mean"))


def _size(quantity):
    """The value of a column that is empty for a row without lanes."""
    return lambda row: quantity(row.search, row.lanes) if row.lanes else None


_SIZES = (
    Column("lanes", "", lambda row: len(row.lanes) or None),
    Column("GFLOP", "a step", _size(SearchResult.gflops), 1, 1),
    Column("of the limit", "%", _size(SearchResult.share), 100, 1),
)


def candidates(searches: Sequence[SearchResult]) -> Sheet:
    """Every candidate with its size, its accuracy and the best so far."""
    groups = []
    for search in searches:
        rows = zip(search.tried, search.bests, strict=True)
        label = _label(search) if len(searches) > 1 else ""
        groups.append((label, [_Candidate(search, each.lanes, each, best) for each, best in rows]))
    return tabulate(
        (
            Column("candidate", "", lambda row: row.tried.number),
            Column("proposed by", "", lambda row: row.tried.method),
            Column("", "", lambda row: _status(row.tried)),
            *_SIZES,
            Column("parameters", "million", _size(SearchResult.parameters), 1e-6, 2),
            Column(searches[0].part, "%", lambda row: row.tried.accuracy, 100, 2),
            Column("best so far", "%", lambda row: row.best, 100, 2),
            Column("time", "s", lambda row: row.tried.seconds, 1, 0),
        ),
        groups,
        key="lane-search",
        title=f"Candidates of {', '.join(search.name for search in searches)}",
        notes=(
            "GFLOP: operations of a forward pass over a batch; the limit is that of all devices.",
            f"{searches[0].part.capitalize()}: geometric mean over the repetitions. Time: of the "
            "last attempt.",
        ),
    )


def limits(searches: Sequence[SearchResult]) -> Sheet:
    """Best and mean accuracy of each search, by its limits."""
    return tabulate(
        (
            Column("FLOPs", "of 4 lanes", lambda search: f"{search.limit:g}"),
            Column("devices", "", lambda search: search.facts["limits.devices"]),
            Column("memory", "MiB", _memory),
            Column("finished", "", lambda search: len(search.finished)),
            Column("best", "%", lambda search: percent(search.best.accuracy)),
            Column("mean", "%", lambda search: _mean(_accuracies(search))),
            Column("random ones", "%", _random_mean),
            Column("worst", "%", lambda search: percent(min(_accuracies(search)))),
        ),
        [("", sorted(searches, key=lambda search: search.limit))],
        key="lane-search-limits",
        title="Best and mean against the limits",
        notes=("Mean: with the standard deviation over candidates.",),
    )


def lanes(searches: Sequence[SearchResult]) -> Sheet:
    """The lanes of the best candidate of each search, by kind."""
    groups = []
    for search in searches:
        counts = collections.Counter(search.best.lanes).items()
        rows = sorted(counts, key=lambda item: dataclasses.astuple(item[0]))
        label = f"{_label(search)}, candidate {search.best.number}"
        groups.append((label, [_Lanes(search, *row) for row in rows]))

    def share(row):
        whole = row.search.gflops(row.search.best.lanes)
        return row.search.gflops((row.lane,) * row.count) / whole

    return tabulate(
        (
            Column("type", "", lambda row: row.lane.type),
            Column("width", "", lambda row: row.lane.width),
            Column("depth", "", lambda row: row.lane.depth),
            Column("lanes", "", lambda row: row.count),
            Column("GFLOP", "each", lambda row: row.search.gflops((row.lane,)), 1, 2),
            Column("of the model", "%", share, 100, 1),
        ),
        groups,
        key="lanes-found",
        title="The lanes of the best candidate",
    )


def confirmation(searches: Sequence[SearchResult]) -> Sheet:
    """Best candidates and the baseline, trained with new seeds."""
    groups, verdicts = [], []
    pairs = [(search, each) for search in searches for each in search.confirmed_candidates]
    for search, candidate in pairs:
        best, baseline = (
            search.confirmed_accuracies(candidate.number, model) for model in ("best", "baseline")
        )
        rows = [
            _Model(search, lanes, name, ", ".join(map(percent, found)), _mean(found))
            for lanes, name, found in (
                (candidate.lanes, f"candidate {candidate.number}", best),
                (BASELINE, "4 lanes, width 2, depth 4", baseline),
            )
        ]
        random = percent(search.random_mean)
        rows.append(_Model(search, (), "mean of the random candidates", "in the search", random))
        groups.append((_label(search), rows))
        if best and baseline:
            verdicts.append(_verdict(search, candidate, best, baseline))
    return tabulate(
        (
            Column("model", "", lambda row: row.name),
            *_SIZES,
            Column("seeds", "", lambda row: row.seeds),
            Column("test", "%", lambda row: row.mean),
        ),
        groups,
        key="lane-search-confirmation",
        title="Trained anew, with seeds that the search has not used",
        notes=(
            *verdicts,
            "Spread: the larger one of two standard deviations, over the seeds of a model or over "
            "the random candidates.",
        ),
    )


def _verdict(search, candidate, best: list[float], baseline: list[float]) -> str:
    """A sentence on what the search gained, and whether that exceeds the spread of the seeds."""
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


def _accuracies(search) -> list[float]:
    return [each.accuracy for each in search.finished]


def _random_mean(search) -> str:
    """Empty where all candidates are random, whose mean is in a column of its own."""
    methods = {each.method for each in search.finished}
    return percent(search.random_mean) if len(methods) > 1 else ""


def _status(tried) -> str:
    again = f", begun {tried.attempts} times" if tried.attempts > 1 else ""
    status = "" if tried.status == "finished" else tried.status
    return f"{status}{again}".removeprefix(", ")


def _mean(accuracies) -> str:
    if not accuracies:
        return ""
    spread = statistics.stdev(accuracies) if len(accuracies) > 1 else None
    return percent(statistics.mean(accuracies), spread)
