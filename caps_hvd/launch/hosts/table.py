"""What `caps-hvd hosts check` prints: a table or JSON, and one line of what is wrong."""

import dataclasses
import json
from collections.abc import Sequence

from caps_hvd.launch.hosts.check import (
    CLOCK_SECONDS,
    Verdict,
    common_interfaces,
    connecting_interface,
)


def to_json(verdicts: Sequence[Verdict]) -> str:
    """All that was found, as JSON."""
    return json.dumps(
        {
            "hosts": [
                {
                    **dataclasses.asdict(verdict.host),
                    "takes_part": not verdict.problems,
                    "problems": verdict.problems,
                    "notes": verdict.notes,
                    "interface": verdict.interface,
                    "clock_seconds": round(verdict.clock_seconds, 3),
                    "facts": verdict.answer.facts,
                }
                for verdict in verdicts
            ],
            "interface": connecting_interface(verdicts),
            "common_interfaces": common_interfaces(verdicts),
        },
        indent=2,
    )


def print_table(verdicts: Sequence[Verdict]) -> None:
    """A row for each host, and a line of what to do next."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("host", "slots", "cores", "free GiB", "interface", "clock", "verdict"):
        right = heading in ("slots", "cores", "free GiB", "clock")
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    for verdict in verdicts:
        # As Text: a bracket in what ssh said is no markup.
        table.add_row(*map(Text, row(verdict)))
    console = Console(soft_wrap=False)
    if not console.is_terminal:
        console = Console(width=160)
    console.print(table)
    console.print(Text(closing_line(verdicts)))


def row(verdict: Verdict) -> tuple[str, ...]:
    """One host's cells."""
    facts = verdict.answer.facts or {}
    free = facts.get("free_memory_bytes")
    clock = verdict.clock_seconds
    asked = "interfaces" in facts
    return (
        verdict.host.name,
        str(verdict.host.slots),
        f"{facts['cores']:g}" if asked else "-",
        f"{free / 2**30:.1f}" if asked else "-",
        (verdict.interface or "local") if asked else "-",
        (f"{clock:+.0f} s" if abs(clock) >= CLOCK_SECONDS else "same") if asked else "-",
        "; ".join([*verdict.problems, *verdict.notes]) or "takes part",
    )


def closing_line(verdicts: Sequence[Verdict]) -> str:
    """How many can take part, and through which interface."""
    able = [verdict for verdict in verdicts if not verdict.problems]
    slots = sum(verdict.host.slots for verdict in able)
    line = f"{len(able)} of {len(verdicts)} hosts can take part, with {slots} slots"
    interface = connecting_interface(able)
    if interface:
        return f"{line}; they talk through {interface}: --interface {interface}"
    common = common_interfaces(able)
    return f"{line}; interfaces in common: {', '.join(common)}" if common else line


def complaint(verdicts: Sequence[Verdict], where: str) -> str | None:
    """One line that names each host that cannot take part, its line and why; None without any.

    Args:
        verdicts: of all hosts.
        where: what to call the hosts, such as their file's path.
    """
    unable = [verdict for verdict in verdicts if verdict.problems]
    if not unable:
        return None
    names: dict[str, list[str]] = {}  # those with the same reason together
    for verdict in unable:
        line = f" (line {verdict.host.line})" if verdict.host.line else ""
        names.setdefault(verdict.problems[0], []).append(verdict.host.name + line)
    each = [f"{', '.join(hosts)}: {reason}" for reason, hosts in names.items()]
    return (
        f"{where}: {len(unable)} of {len(verdicts)} hosts cannot take part: {' | '.join(each)}; "
        "mend them, or leave them out (# in front of their lines)"
    )
