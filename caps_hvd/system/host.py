"""Facts about this machine that decide how, and whether, training runs on it.

Linux only, like Horovod's wheels of this project; a fact that cannot be read is None or empty.
"""

import math
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

import psutil

# Horovod's CPU reductions are compiled with these on x86-64.
NEEDED_ON_X86 = ("avx", "f16c", "fma")
_CPUINFO, _MEMINFO = "/proc/cpuinfo", "/proc/meminfo"
_CPU_MAX = "/sys/fs/cgroup/cpu.max"
_MEMORY_MAX = "/sys/fs/cgroup/memory.max"
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")


@dataclass(frozen=True)
class Interface:
    """A network interface that is up: name, addresses, speed in Mbit/s (0: unknown)."""

    name: str
    addresses: tuple[str, ...]
    speed_mbit: int


def cpu_model(text: str | None = None) -> str:
    """Returns the processor's name, empty where it has none.

    Args:
        text: what to read it from. Defaults to that of /proc/cpuinfo.
    """
    return next((value for key, value in _pairs(text, _CPUINFO) if key == "model name"), "")


def cpu_features(text: str | None = None) -> frozenset[str]:
    """Returns the processor's instruction sets.

    Args:
        text: what to read them from. Defaults to that of /proc/cpuinfo.
    """
    listed = (value for key, value in _pairs(text, _CPUINFO) if key in ("flags", "Features"))
    return frozenset(next(listed, "").split())


def bfloat16_support(features: frozenset[str]) -> str:
    """Returns the instruction sets for bfloat16 among `features`, empty without any."""
    return ", ".join(name for name in _BFLOAT16 if name in features)


def usable_cores(text: str | None = None) -> float:
    """Returns how many cores this process may use: its affinity, limited by a container's quota.

    Args:
        text: as for `cpu_quota`.
    """
    return min(float(len(os.sched_getaffinity(0))), cpu_quota(text))


def cpu_quota(text: str | None = None) -> float:
    """Returns the cores that the control group's CPU quota amounts to, infinite without a quota.

    Args:
        text: "QUOTA PERIOD" in microseconds. Defaults to that of /sys/fs/cgroup/cpu.max.
    """
    quota, _, period = (read(_CPU_MAX) if text is None else text).strip().partition(" ")
    limited = quota.isdecimal() and period.isdecimal() and int(period)
    return int(quota) / int(period) if limited else math.inf


def memory_bytes(text: str | None = None) -> tuple[int, int]:
    """Returns (total, available) memory in bytes.

    Args:
        text: what to read them from. Defaults to that of /proc/meminfo.
    """
    kib = {key: int(value.split()[0]) for key, value in _pairs(text, _MEMINFO) if value.split()}
    return kib.get("MemTotal", 0) * 1024, kib.get("MemAvailable", 0) * 1024


def available_memory(text: str | None = None, limit: str | None = None) -> int:
    """Returns the bytes of memory that are available, at most the control group's limit.

    Args:
        text: as for `memory_bytes`.
        limit: in bytes, "max" for none. Defaults to that of /sys/fs/cgroup/memory.max.
    """
    limit = (read(_MEMORY_MAX) if limit is None else limit).strip()
    _, available = memory_bytes(text)
    return min(available, int(limit)) if limit.isdecimal() else available


def free_bytes(folder: str | Path) -> int | None:
    """Returns the free space in a folder in bytes, None where there is no such folder."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def interfaces() -> list[Interface]:
    """Returns the network interfaces that are up and have an address."""
    states = psutil.net_if_stats()
    found = []
    for name, addresses in psutil.net_if_addrs().items():
        numeric = tuple(
            entry.address.partition("%")[0]
            for entry in addresses
            if entry.family in (socket.AF_INET, socket.AF_INET6)
        )
        if numeric and name in states and states[name].isup:
            found.append(Interface(name, numeric, states[name].speed))
    return found


def read(path: str | Path) -> str:
    """Returns the text of a system file, empty where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _pairs(text, path):
    """The `key: value` lines of a text; of the file in its place where it is None."""
    for line in (read(path) if text is None else text).splitlines():
        key, colon, value = line.partition(":")
        if colon:
            yield key.strip(), value.strip()
