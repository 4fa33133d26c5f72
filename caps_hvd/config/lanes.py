"""Options of multi-lane networks: the lanes, and how ranks divide them."""

import dataclasses
import functools

from caps_hvd.io.options import option
from caps_hvd.lanes import balance, lane

_option = functools.partial(option, group="Lanes")
ROUTINGS = ("published", "classes")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaneOptions:
    """The part of a `TrainConfig` that says what the lanes of `mlcn` are, and who has which."""

    lanes: int = _option(4, "Lanes of mlcn, all of one kind.", minimum=1, maximum=1024)
    lane_type: str = _option("mlcn2", "Kind of the lanes.", choices=lane.TYPES)
    lane_width: int = _option(
        4, "Width of the lanes.", unit="16 filters each", minimum=1, maximum=64
    )
    lane_depth: int = _option(
        1, "Depth of the lanes.", unit="levels of primary capsules", minimum=1, maximum=64
    )
    lane_list: tuple[lane.Lane, ...] | None = _option(
        None,
        "Lanes of several kinds, in place of the four above.",
        unit="of texts; on the command line the name of a TOML file",
        none="none",
        check_items=lane.checked,
        read=lane.read,
    )
    lane_dropout: float = _option(
        0.0, "Share of the lanes that a step leaves out at random.", minimum=0, maximum=0.9
    )
    lane_routing: str = _option(
        "published",
        "What a lane routes to: published is one capsule, and iterations change nothing; classes "
        "is a capsule for each class, which compete.",
        choices=ROUTINGS,
    )
    lane_groups: int | None = _option(
        1,
        "Groups that the lanes are divided into, each on a rank of its own; so many ranks share a "
        "batch, and exchange what their lanes give. ranks makes one group for each rank.",
        minimum=1,
        maximum=1024,
        none="ranks",
        decides_result=False,
    )
    balance: str = _option(
        "greedy",
        "How lanes are divided into groups, where there are several, by what they take and how "
        "fast the ranks are.",
        choices=balance.METHODS,
        decides_result=False,
    )
    lane_plan: str | None = _option(
        None,
        "File of a plan that `caps-hvd lanes balance` has made, in place of --balance.",
        in_file=False,
        decides_result=False,
    )
