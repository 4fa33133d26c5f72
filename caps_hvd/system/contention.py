"""Processor time that other programs take during a measurement."""

import os
import sys
import time

import psutil

_QUIET = 0.05  # of the cores, used by others


class CpuContention:
    """The share of this program's cores that other programs use, from its making on."""

    def __init__(self):
        self._cores = sorted(os.sched_getaffinity(0))
        self._begin = self._now()

    def _listed(self):
        listed = psutil.cpu_times(percpu=True)
        # A container may list its own cores alone, under other numbers.
        return [listed[core] for core in self._cores if core < len(listed)] or listed

    def _now(self):
        """Seconds on a clock, and seconds that others were at the cores, added up."""
        busy = sum(map(_busy, self._listed()))
        return time.perf_counter(), busy - time.process_time()

    def warn(self):
        """Warns where the figures will be those of a busy machine."""
        wall, busy = (now - then for now, then in zip(self._now(), self._begin, strict=True))
        share = busy / wall / len(self._listed())
        if share > _QUIET:
            print(
                f"caps_hvd: warning: other programs used {100 * share:.0f} % of the cores "
                "meanwhile; calibrate again when the machine is quiet",
                file=sys.stderr,
                flush=True,
            )


def _busy(core) -> float:
    idle = core.idle + getattr(core, "iowait", 0.0)
    # Guests are counted among the users already.
    guests = getattr(core, "guest", 0.0) + getattr(core, "guest_nice", 0.0)
    return sum(core) - idle - guests
