"""Energy counters of this host: those of its processors (RAPL) and of its GPUs (NVML).

Linux shows the counters of RAPL (Intel and AMD processors, packages without their parts) under
/sys/class/powercap; most machines let root alone read them. NVIDIA's GPUs are asked through NVML
where `pynvml` is installed. Both count the whole host, whoever else computes on it.
"""

from pathlib import Path

_POWERCAP = Path("/sys/class/powercap")
# Counters of RAPL start again from 0 after 2**18 J, which a large host spends in ten minutes:
# whoever counts for longer reads them this often.
SECONDS_BETWEEN_READINGS = 60


class ProcessorEnergy:
    """Joules of one processor package since this object was made.

    Args:
        folder: of the counter, such as /sys/class/powercap/intel-rapl:0.

    Raises:
        OSError: the counter may not be read.
    """

    def __init__(self, folder: Path):
        self._counter = folder / "energy_uj"
        self._range = int((folder / "max_energy_range_uj").read_text())
        self._last = int(self._counter.read_text())
        self._microjoules = 0

    def read(self) -> float:
        now = int(self._counter.read_text())
        self._microjoules += (now - self._last) % (self._range + 1)
        self._last = now
        return self._microjoules / 1e6


class GpuEnergy:
    """Joules of one GPU since this object was made.

    Args:
        nvml: the module `pynvml`, initialised.
        index: number of the GPU on this host.

    Raises:
        nvml.NVMLError: this GPU does not count (those before Volta do not).
    """

    def __init__(self, nvml, index: int):
        self._nvml, self._handle = nvml, nvml.nvmlDeviceGetHandleByIndex(index)
        self._first = self._millijoules()

    def _millijoules(self) -> int:
        return self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)

    def read(self) -> float:
        return (self._millijoules() - self._first) / 1e3


def counters(powercap: Path = _POWERCAP) -> list:
    """The energy counters that this process may read on this host, from now on."""
    return [*_processors(powercap), *_gpus()]


def _processors(powercap):
    # Packages only: intel-rapl:0, not its parts intel-rapl:0:0; a second tree, -mmio, repeats them.
    for folder in sorted(powercap.glob("*-rapl:*")):
        if folder.name.count(":") == 1 and "mmio" not in folder.name:
            try:
                yield ProcessorEnergy(folder)
            except (OSError, ValueError):
                continue


def _gpus():
    try:
        import pynvml
    except ImportError:
        return
    try:
        pynvml.nvmlInit()
        for index in range(pynvml.nvmlDeviceGetCount()):
            yield GpuEnergy(pynvml, index)
    except pynvml.NVMLError:
        return
