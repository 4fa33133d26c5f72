"""Report on searches for lanes: candidates, limits, the lanes found, and their confirmation."""

import collections
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import tomli_w

from caps_hvd.errors import ConfigError
from caps_hvd.io.atomic import write_text
from caps_hvd.records import lane_search
from caps_hvd.records.lane_search import SearchResult
from caps_hvd.report.base import SweepReport
from caps_hvd.report.lanes import search_sheets
from caps_hvd.report.sheet import Sheet


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchReport(SweepReport):
    """A report on searches, which may differ in their limits.

    Args:
        searches: at least one, each with a finished candidate.
    """

    kind: ClassVar[str] = "search"
    command: ClassVar[str] = "caps-hvd lanes search-report"

    searches: tuple[SearchResult, ...]

    @property
    def name(self) -> str:
        return self.searches[0].name

    def sheets(self) -> list[Sheet]:
        confirmed = [each for each in self.searches if each.confirmed]
        return [
            search_sheets.candidates(self.searches),
            search_sheets.limits(self.searches),
            search_sheets.lanes(self.searches),
            *([search_sheets.confirmation(confirmed)] if confirmed else []),
        ]

    def rows(self) -> list[dict]:
        return [
            {
                "search": search.name,
                "flops_limit": search.limit,
                "devices": search.facts["limits.devices"],
                "memory_mib_limit": search.facts["limits.memory_mib"],
                "candidate": each.number,
                "method": each.method,
                "status": each.status,
                "accuracy": each.accuracy,
                "best_accuracy": best,
                "gflops": search.gflops(each.lanes) if each.lanes else None,
                "parameters": search.parameters(each.lanes) if each.lanes else None,
                "seconds": each.seconds,
                "attempts": each.attempts,
                "lanes": "; ".join(map(str, each.lanes)),
            }
            for search in self.searches
            for each, best in zip(search.tried, search.bests, strict=True)
        ]

    def values(self) -> dict:
        return {"searches": [lane_search.to_values(each) for each in self.searches]}

    def figures(self) -> dict:
        from caps_hvd.report.lanes import search_plots

        return search_plots.figures(self.searches)

    def write(self, folder, pictures: Sequence[str] = ()) -> None:
        """Writes what every report does, and the best lanes of each search as a lane list."""
        super().write(folder, pictures)
        for search in self.searches:
            write_text(Path(folder, f"{search.name}-lanes.toml"), lane_list(search.best.lanes))


def report(searches: Sequence[SearchResult]) -> SearchReport:
    """The report on searches.

    Raises:
        ConfigError: two have the same name.
        RunError: one has no finished candidate.
    """
    names = [search.name for search in searches]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(
                f"SEARCH: expected searches of different names, received {name!r} twice; name "
                "each search in its definition"
            )
    for search in searches:
        _ = search.best
    return SearchReport(searches=tuple(searches))


def lane_list(lanes) -> str:
    """Lanes as the text of a TOML file that `caps-hvd train --lane-list` takes.

    Example:
        >>> print(lane_list((Lane("mlcn2", 2),)))
        [[lane]]
        type = "mlcn2"
        width = 2
        depth = 1
        count = 1
    """
    tables = (
        {**dataclasses.asdict(lane), "count": count}
        for lane, count in collections.Counter(lanes).items()
    )
    return "\n".join(f"[[lane]]\n{tomli_w.dumps(table)}" for table in tables)
