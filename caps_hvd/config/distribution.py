"""Options of the distribution: how ranks combine their gradients, and their threads."""

import dataclasses
import functools

from caps_hvd.io.options import option

_option = functools.partial(option, group="Distribution")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistributionOptions:
    """The part of a `TrainConfig` that says how the work is shared by the ranks."""

    reduce_op: str = _option(
        "average",
        "How gradients are combined over the ranks; adasum needs MPI and 2^n ranks.",
        choices=("average", "sum", "adasum"),
    )
    compression: str = _option(
        "auto",
        "Type that gradients travel in; auto takes what is faster on this backend.",
        choices=("auto", "none", "fp16"),
    )
    accumulate_steps: int = _option(
        1, "Steps whose gradients are added up locally.", unit="steps", minimum=1
    )
    reduce_on: str = _option(
        "auto",
        "Device that gradients are reduced on.",
        choices=("auto", "cpu"),
        decides_result=False,
    )
    threads: int | None = _option(
        None,
        "Threads of each rank; auto divides the cores that the ranks of a host may use.",
        minimum=1,
        none="auto",
        decides_result=False,
    )
