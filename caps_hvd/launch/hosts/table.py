"""The output of `caps-hvd hosts check`: a table or JSON, and one line of what is wrong."""

import dataclasses
import json
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from caps_hvd.launch.hosts.check import (
    CLOCK_SECONDS,
    HostReport,
    common_interfaces,
    connecting_interface,
)


def to_json(reports: Sequence[HostReport]) -> str:
    """All that was found, as JSON."""
    return json.dumps(
        {
            "hosts": [
                {
                    **dataclasses.asdict(report.host),
                    "takes_part": not report.problems,
                    "problems": report.problems,
                    "notes": report.notes,
                    "interface": report.interface,
                    "clock_seconds": round(report.clock_seconds, 3),
                    "facts": report.answer.facts,
                }
                for report in reports
            ],
            "interface": connecting_interface(reports),
            "common_interfaces": common_interfaces(reports),
        },
        indent=2,
    )


def print_table(reports: Sequence[HostReport]) -> None:
    """A row for each host, and a line of what to do next."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("host", "slots", "cores", "free GiB", "interface", "clock", "result"):
        right = heading in ("slots", "cores", "free GiB", "clock")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for report in reports:
        # As Text: a bracket in what ssh said is no markup.
        table.add_row(*map(Text, row(report)))
    console = Console(soft_wrap=False)
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)
    console.print(Text(closing_line(reports)))


def row(report: HostReport) -> tuple[str, ...]:
    """One host's cells."""
    facts, clock = report.answer.facts or {}, report.clock_seconds
    found = ["-"] * 4
    if "interfaces" in facts:
        found = [
            f"{facts['cores']:g}",
            f"{facts['free_memory_bytes'] / 2**30:.1f}",
            report.interface or "local",
            f"{clock:+.0f} s" if abs(clock) >= CLOCK_SECONDS else "same",
        ]
    result = "; ".join([*report.problems, *report.notes]) or "takes part"
    return (report.host.name, str(report.host.slots), *found, result)


def closing_line(reports: Sequence[HostReport]) -> str:
    """How many can take part, and through which interface."""
    able = [report for report in reports if not report.problems]
    slots = sum(report.host.slots for report in able)
    line = f"{len(able)} of {len(reports)} hosts can take part, with {slots} slots"
    interface = connecting_interface(able)
    if interface:
        return f"{line}; they talk through {interface}: --interface {interface}"
    common = common_interfaces(able)
    return f"{line}; interfaces in common: {', '.join(common)}" if common else line


def failure_line(reports: Sequence[HostReport], where: str) -> str | None:
    """One line that names each host that cannot take part, its line and why; None without any.

    Args:
        reports: of all hosts.
        where: what to call the hosts, such as their file's path.
    """
    unable = [report for report in reports if report.problems]
    if not unable:
        return None
    names: dict[str, list[str]] = {}  # those with the same reason together
    for report in unable:
        line = f" (line {report.host.line})" if report.host.line else ""
        names.setdefault(report.problems[0], []).append(report.host.name + line)
    each = [f"{', '.join(hosts)}: {reason}" for reason, hosts in names.items()]
    return (
        f"{where}: {len(unable)} of {len(reports)} hosts cannot take part: {' | '.join(each)}; "
        "mend them, or leave them out (# in front of their lines)"
    )
