"""Search space of lanes that fit devices, and MLCN's generator of random candidates."""

import dataclasses
import itertools
import random
from collections.abc import Callable, Sequence

from caps_hvd.errors import ConfigError
from caps_hvd.lanes.cost import lane_costs
from caps_hvd.lanes.lane import Lane, homogeneous
from caps_hvd.lanes.memory import lane_memory_mib

METHODS = ("random", "tpe")  # what proposes candidates: `draw`, or search_sampler.py with Optuna

# The model whose operations are MLCN's unit of a limit; the paper does not name the type, which is
# taken to be the one of its models for CIFAR-10.
BASELINE = homogeneous(4, "mlcn2", width=2, depth=4)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of lane, and what one of it takes of a device.

    Args:
        lane: type, width and depth.
        flops: operations of a forward pass over a batch.
        memory_mib: what it takes while it trains, by the bound of `memory.py`.
    """

    lane: Lane
    flops: float
    memory_mib: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaneSpace:
    """A search space: the lanes that candidates are made of, and the devices that they fit.

    Args:
        types: of lanes to choose from.
        widths, depths: (least, most) to choose from.
        kinds: the lanes in these ranges that fit an empty device.
        devices: how many there are, all alike.
        flops: operations of a forward pass that each device has room for.
        memory_mib: memory for lanes of each device, infinite for no limit.
    """

    types: tuple[str, ...]
    widths: tuple[int, int]
    depths: tuple[int, int]
    kinds: tuple[Kind, ...]
    devices: int
    flops: float
    memory_mib: float

    def fitting(self, own: Sequence[Lane]) -> tuple[Kind, ...]:
        """Returns the kinds that still fit on a device beside these lanes, if any."""
        known = {kind.lane: kind for kind in self.kinds}
        flops = self.flops - sum(known[lane].flops for lane in own)
        memory_mib = self.memory_mib - sum(known[lane].memory_mib for lane in own)
        return tuple(
            kind for kind in self.kinds if kind.flops <= flops and kind.memory_mib <= memory_mib
        )


def lane_space(
    *,
    types: Sequence[str],
    widths: tuple[int, int],
    depths: tuple[int, int],
    devices: int,
    flops: float,
    memory_mib: float = float("inf"),
    image_shape: tuple[int, int, int],
    batch_size: int,
    classes: int = 10,
) -> LaneSpace:
    """Returns the space of lanes in these ranges, without those that no device or image allows.

    Args:
        types: of lanes, such as `("mlcn1", "mlcn2")`.
        widths, depths: (least, most).
        devices: how many, 1 or more.
        flops: what all devices together have room for, in times of the operations of the model of
            4 lanes of type mlcn2, width 2 and depth 4 on such images; each device has its share.
        memory_mib: of each device. Defaults to no limit.
        image_shape: (height, width, channels).
        batch_size: images of a step.
        classes: dimensions of a lane's capsule. Defaults to 10.

    Raises:
        ConfigError: no lane fits; the message names the smallest one, and the limit.

    Example:
        >>> space = lane_space(types=("mlcn2",), widths=(1, 2), depths=(1, 4), devices=4, flops=1,
        ...                    image_shape=(32, 32, 3), batch_size=100)
        >>> len(draw(space)) >= 4
        True
    """
    images = (image_shape, batch_size, classes)
    room = flops * sum(each.flops for each in lane_costs(BASELINE, *images)) / devices
    ranges = (range(least, most + 1) for least, most in (widths, depths))
    kinds = []
    for type, width, depth in itertools.product(types, *ranges):
        lane = Lane(type, width, depth)
        try:
            (cost,), (mib,) = lane_costs((lane,), *images), lane_memory_mib((lane,), *images)
        except ConfigError as error:  # deeper than the image allows
            reason = error
            continue
        kinds.append(Kind(lane, cost.flops, mib))
    if not kinds:
        raise reason
    fitting = tuple(kind for kind in kinds if kind.flops <= room and kind.memory_mib <= memory_mib)
    if not fitting:
        raise _no_room(kinds, room, memory_mib, devices)
    return LaneSpace(
        types=tuple(types),
        widths=tuple(widths),
        depths=tuple(depths),
        kinds=fitting,
        devices=devices,
        flops=room,
        memory_mib=memory_mib,
    )


def _no_room(kinds, room, memory_mib, devices) -> ConfigError:
    least = min(kinds, key=lambda kind: kind.flops)
    if least.flops > room:
        return ConfigError(
            f"flops: expected room for the smallest lane ({least.lane}), "
            f"{least.flops / 1e9:,.3g} GFLOP, received {room / 1e9:,.3g} on each of {devices} "
            "devices; raise flops, or take fewer devices"
        )
    slim = min(kinds, key=lambda kind: kind.memory_mib)
    return ConfigError(
        f"memory_mib: expected room for the smallest lane ({slim.lane}), {slim.memory_mib:,.1f} "
        f"MiB and {slim.flops / 1e9:,.3g} GFLOP, received {memory_mib:,.1f} MiB and "
        f"{room / 1e9:,.3g} GFLOP on each of {devices} devices; raise the limits, or take a "
        "smaller batch"
    )


# A device's number, the number of a lane on it, and the kinds that fit there -> one of them.
Choose = Callable[[int, int, tuple[Kind, ...]], Lane]


def candidate(space: LaneSpace, choose: Choose) -> tuple[Lane, ...]:
    """Returns the lanes of a model that fills one device after the other, until each is full.

    Whatever `choose` does, the model fits: it is asked for one of the kinds that still do.

    Args:
        space: of the search.
        choose: see `Choose`.
    """
    lanes = []
    for device in range(space.devices):
        own = []
        while kinds := space.fitting(own):
            own.append(choose(device, len(own), kinds))
        lanes += own
    return tuple(lanes)


def draw(space: LaneSpace, seed: int = 0, number: int = 0) -> tuple[Lane, ...]:
    """Returns a random candidate: lanes fill every device, each as likely as others that still fit.

    The generator of Rosario, Breternitz and Borin, "Efficiency and scalability of multi-lane
    capsule networks (MLCN)", JPDC 155 (2021).

    Args:
        space: of the search.
        seed: of the search. Defaults to 0.
        number: of the candidate. Defaults to 0.

    Returns:
        The lanes, those of the first device first; the same for the same arguments.
    """
    return candidate(
        space, lambda device, place, kinds: pick(kinds, seed, number, device, place).lane
    )


def pick(kinds: Sequence[Kind], *key: int) -> Kind:
    """Returns one of some kinds, the same for a key in every process and on every machine."""
    return random.Random("-".join(map(str, key))).choice(kinds)
