"""A search whose candidates train in no time, in this process or in one of its own.

    python tests/unit/lanes/shared_search.py FOLDER TOTAL METHOD [kill|wait NUMBER]

kills itself, or waits to be killed, in the middle of the candidate with that number. Every training
that was begun leaves a line in FOLDER/begun, and every one that has ended one in FOLDER/ended.
"""

import os
import signal
import sys
import time
from pathlib import Path

from caps_hvd.lanes.lane import Lane
from caps_hvd.lanes.space import Kind, LaneSpace
from caps_hvd.search.study import Search
from caps_hvd.system import liveness

SPACE = LaneSpace(
    types=("mlcn1", "mlcn2"),
    widths=(1, 2),
    depths=(1, 1),
    kinds=tuple(
        Kind(Lane(type, width), flops, 10.0)
        for type, width, flops in (
            ("mlcn1", 1, 2.0), ("mlcn1", 2, 5.0), ("mlcn2", 1, 3.0), ("mlcn2", 2, 7.0)
        )
    ),
    devices=2,
    flops=10.0,
    memory_mib=60.0,
)  # fmt: skip
EPOCHS = 3


def accuracy(lanes) -> float:
    """Pretended: the share of lanes of type mlcn2, between 0.1 and 0.9."""
    return 0.1 + 0.8 * sum(lane.type == "mlcn2" for lane in lanes) / len(lanes)


class Pretended:
    """Trains a candidate in no time, but for one that something happens to.

    Args:
        folder: that it leaves its lines in.
        events: number of a candidate -> what happens in the middle of it.
    """

    def __init__(self, folder, events=None):
        self.folder, self.events = Path(folder), {} if events is None else events

    def note(self, name, candidate):
        with open(self.folder / name, "a") as file:
            file.write(f"{candidate.number} {'; '.join(map(str, candidate.lanes))}\n")

    def __call__(self, candidate, report):
        self.note("begun", candidate)
        report(1, accuracy(candidate.lanes) / 2)
        if candidate.number in self.events:
            self.events[candidate.number]()
        report(2, accuracy(candidate.lanes))
        self.note("ended", candidate)
        return [accuracy(candidate.lanes)] * 2


def lines(folder, name) -> list[str]:
    path = Path(folder, name)
    return path.read_text().splitlines() if path.exists() else []


def search(folder, total=6, method="random", **options) -> Search:
    options = {"worker": liveness.describe(), "are_alive": liveness.are_alive, **options}
    return Search(folder, SPACE, total=total, method=method, **options)


def main(folder, total, method, what="", number="-1"):
    events = {
        "": lambda: None,
        "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "wait": lambda: time.sleep(60),
    }
    own = search(folder, int(total), method)
    own.reclaim()
    own.run(Pretended(folder, {int(number): events[what]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
