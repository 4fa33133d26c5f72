"""Facts about this machine that decide how, and whether, training runs on it.

Linux only, like Horovod's wheels of this project; a fact that cannot be read is None or empty.
"""

import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

# Horovod's CPU reductions are compiled with these on x86-64.
NEEDED_ON_X86 = ("avx", "f16c", "fma")
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "bf16")


@dataclass(frozen=True)
class Interface:
    """A network interface that is up: name, addresses, speed in Mbit/s (0: unknown)."""

    name: str
    addresses: tuple[str, ...]
    speed_mbit: int


def cpu_model(cpuinfo: str) -> str:
    """Return the processor's name from the text of /proc/cpuinfo, empty where it has none."""
    return next((value for key, value in _pairs(cpuinfo) if key == "model name"), "")


def cpu_features(cpuinfo: str) -> frozenset[str]:
    """Return the processor's instruction sets from the text of /proc/cpuinfo."""
    listed = (value for key, value in _pairs(cpuinfo) if key in ("flags", "Features"))
    return frozenset(next(listed, "").split())


def bfloat16_support(features: frozenset[str]) -> str:
    """Return the instruction sets for bfloat16 among `features`, empty without any."""
    return ", ".join(name for name in _BFLOAT16 if name in features)


def usable_cores(cpu_max: str = "") -> float:
    """Return how many cores this process may use: its affinity, limited by a container's quota.

    Args:
        cpu_max: text of the control group's `cpu.max`, "QUOTA PERIOD" in microseconds.
    """
    cores = float(len(os.sched_getaffinity(0)))
    quota, _, period = cpu_max.strip().partition(" ")
    if quota.isdecimal() and period.isdecimal() and int(period):
        cores = min(cores, int(quota) / int(period))
    return cores


def memory_bytes(meminfo: str) -> tuple[int, int]:
    """Return (total, available) memory in bytes from the text of /proc/meminfo."""
    kib = {key: int(value.split()[0]) for key, value in _pairs(meminfo) if value.split()}
    return kib.get("MemTotal", 0) * 1024, kib.get("MemAvailable", 0) * 1024


def free_bytes(folder: str | Path) -> int | None:
    """Return the free space in a folder in bytes, None where there is no such folder."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def interfaces() -> list[Interface]:
    """Return the network interfaces that are up and have an address."""
    import psutil

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


def read(path: str) -> str:
    """Return the text of a system file, empty where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _pairs(text):
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            yield key.strip(), value.strip()
