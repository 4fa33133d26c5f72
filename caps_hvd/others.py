"""What other programs do to a measurement."""

import sys
import time

_QUIET = 0.05  # of the cores, used by others


class Others:
    """What other programs take of the machine's cores, from the making of this object on.

    Args:
        cores: of the machine, that this program could use.
    """

    def __init__(self, cores: int):
        self.cores = cores
        self._begin = self._now()

    @staticmethod
    def _now():
        import psutil

        machine = psutil.cpu_times()
        idle = machine.idle + getattr(machine, "iowait", 0.0)
        # Guests are counted among the users already.
        guests = getattr(machine, "guest", 0.0) + getattr(machine, "guest_nice", 0.0)
        return time.perf_counter(), sum(machine) - idle - guests - time.process_time()

    def warn(self):
        """Says so where the figures will be those of a busy machine."""
        wall, busy = (now - then for now, then in zip(self._now(), self._begin, strict=True))
        share = busy / wall / self.cores
        if share > _QUIET:
            print(
                f"caps_hvd: warning: other programs used {100 * share:.0f} % of the cores "
                "meanwhile; calibrate again when the machine is quiet",
                file=sys.stderr,
                flush=True,
            )
