"""Energy that training took, where the machine tells: the processors' counters and the GPUs'.

Linux shows the counters of RAPL (Intel and AMD processors, packages without their parts) under
/sys/class/powercap; most machines let root alone read them.  NVIDIA's GPUs are asked through NVML
where `pynvml` is installed.  Both count the whole host, whoever else computes on it.
"""

import time
from pathlib import Path

import keras

_POWERCAP = Path("/sys/class/powercap")
# Counters of RAPL start again from 0 after 2**18 J, which a large host spends in ten minutes.
_SECONDS_BETWEEN_READINGS = 60


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


class EnergyMeter(keras.callbacks.Callback):
    """Adds `energy_joules` to each epoch's logs: all hosts together, nothing if one does not tell.

    From the begin of the epoch to its end, what comes before this callback at the end (such as
    evaluation) included.

    Args:
        communicator: the ranks; the first one on each host reads its counters.
        find: gives the counters of a host. Defaults to `counters`.
    """

    def __init__(self, communicator, find=counters):
        super().__init__()
        self.communicator = communicator
        self._find = find if communicator.local_rank == 0 else list

    def on_train_begin(self, logs=None):
        self._counters = self._find()

    def on_epoch_begin(self, epoch, logs=None):
        self._begin = self._read()

    def on_train_batch_end(self, batch, logs=None):
        if self._counters and time.monotonic() - self._read_at > _SECONDS_BETWEEN_READINGS:
            self._read()

    def on_epoch_end(self, epoch, logs=None):
        own = self._read() - self._begin if self._counters else None
        every = self.communicator.allgather_object((self.communicator.local_rank, own))
        hosts = [joules for local_rank, joules in every if local_rank == 0]
        if None not in hosts:
            logs["energy_joules"] = sum(hosts)

    def _read(self):
        self._read_at = time.monotonic()
        return sum(counter.read() for counter in self._counters)
