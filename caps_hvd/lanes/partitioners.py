"""Partitioners that place one lane after the other, and never move one again."""

import random
from collections.abc import Callable, Sequence

from caps_hvd.errors import ConfigError
from caps_hvd.lanes.device import Device


class NoRoomError(ConfigError):
    """No device has memory left for a lane."""


class Room:
    """The lanes placed on each device, `lanes`, and the memory that they have left there.

    Args:
        devices: with their memory.
        memory_mib: what each lane occupies.
        names: of the lanes, for errors.
    """

    def __init__(
        self, devices: Sequence[Device], memory_mib: Sequence[float], names: Sequence[str]
    ):
        self.memory_mib = memory_mib
        self._names = names
        self._left = [device.room_mib for device in devices]
        self.lanes: list[list[int]] = [[] for _ in devices]

    def of(self, lane: int) -> list[int]:
        """The devices that have room for a lane, by number.

        Raises:
            NoRoomError: there is none; the message names the lane.
        """
        need = self.memory_mib[lane]
        fitting = [device for device, left in enumerate(self._left) if need <= left]
        if not fitting:
            raise NoRoomError(
                f"{self._names[lane]}: expected a device with {need:,.1f} MiB left beside the "
                f"lanes placed before, received {max(self._left):,.1f} MiB at most; take method "
                "exact, which looks further, more devices, or a smaller batch"
            )
        return fitting

    def take(self, lane: int, device: int) -> None:
        """Puts a lane onto a device."""
        self._left[device] -= self.memory_mib[lane]
        self.lanes[device].append(lane)


def greedy(costs, devices, room, seed=0) -> list[list[int]]:
    """Gives the largest lane that is left to the device that is done with it first."""
    return _largest_first(
        costs, devices, room, lambda device, work, own: (work + own) / device.speed
    )


def greedy_published(costs, devices, room, seed=0) -> list[list[int]]:
    """Gives the largest lane that is left to the device with the least work, whatever its speed."""
    return _largest_first(costs, devices, room, lambda device, work, own: work)


def at_random(costs, devices, room, seed=0) -> list[list[int]]:
    """Gives each lane to any device that has room for it."""
    chance = random.Random(seed)
    # Lanes that occupy most choose first, so that those that follow find room where they can.
    for lane in sorted(range(len(costs)), key=lambda lane: (-room.memory_mib[lane], lane)):
        room.take(lane, chance.choice(room.of(lane)))
    return room.lanes


def _largest_first(costs, devices, room, load: Callable) -> list[list[int]]:
    """Gives the largest lane that is left to the device with the least load, the first of equals.

    Args:
        load: device, work that it has, work of the lane -> what is compared.
    """
    work = [0.0] * len(devices)
    for lane in sorted(range(len(costs)), key=lambda lane: (-costs[lane], lane)):
        best = min(room.of(lane), key=lambda each: load(devices[each], work[each], costs[lane]))
        work[best] += costs[lane]
        room.take(lane, best)
    return room.lanes
