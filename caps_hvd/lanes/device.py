"""Devices as plans see them: a name, a speed and a memory."""

import dataclasses
import math

from caps_hvd.errors import ConfigError
from caps_hvd.io import toml
from caps_hvd.io.options import check, option


@dataclasses.dataclass(frozen=True)
class Device:
    """A device that computes lanes: a GPU, or the cores of a rank.

    Args:
        name: what plans and errors call it.
        speed: how often faster than a device of speed 1, above 0. Defaults to 1.
        memory_mib: memory for lanes in MiB. Defaults to None, no limit.

    Raises:
        ConfigError: if an argument is out of range.

    Example:
        >>> Device("V100", speed=6, memory_mib=16_384).speed
        6.0
    """

    name: str = option(dataclasses.MISSING, "Name.", "Distribution")
    speed: float = option(1.0, "Speed.", "Distribution", unit="times the slowest", above=0)
    memory_mib: float | None = option(
        None, "Memory for lanes.", "Distribution", unit="MiB", minimum=0
    )

    def __post_init__(self):
        for field in dataclasses.fields(self):
            # `check` gives a float for an integer.
            object.__setattr__(self, field.name, check(field, getattr(self, field.name)))

    @property
    def room_mib(self) -> float:
        """Memory for lanes in MiB, infinite where there is no limit."""
        return math.inf if self.memory_mib is None else self.memory_mib


def equal(count: int) -> tuple[Device, ...]:
    """Returns that many devices of speed 1, without limits.

    Example:
        >>> [device.name for device in equal(2)]
        ['device 0', 'device 1']
    """
    return tuple(Device(f"device {index}") for index in range(count))


def read(path) -> tuple[Device, ...]:
    """Reads the devices of a TOML file, in its order: device k is rank k of a lane group.

        [[device]]
        name = "V100"
        speed = 6.0           # the default is 1
        memory_mib = 16384    # the default is no limit
        count = 2             # the default is 1; they are then called V100-0 and V100-1

    Raises:
        ConfigError: the file cannot be read, holds no device, or holds what it must not; the
            message names the file, the line and the key.
    """
    devices = {}
    for entry in toml.read_list(path, "device", Device, "docs/lanes.md"):
        name = entry.value.name
        for each in [name] if entry.count == 1 else [f"{name}-{i}" for i in range(entry.count)]:
            if each in devices:
                raise ConfigError(
                    f"{entry.where}: name: {each!r} is there twice; give each device a name of its "
                    "own"
                )
            devices[each] = dataclasses.replace(entry.value, name=each)
    return tuple(devices.values())
