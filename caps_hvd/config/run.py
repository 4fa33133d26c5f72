"""Options of one run: its folder, whether it goes on there, and what it writes beside."""

import dataclasses
import functools

from caps_hvd.io.options import option

_option = functools.partial(option, group="Run")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """The part of a `TrainConfig` that says where the results go."""

    run_dir: str | None = _option(
        None,
        "Folder for the results, runs/<model>-<dataset>-<UTC time> by default.",
        in_file=False,
        decides_result=False,
    )
    resume: bool = _option(
        False,
        "Go on from the checkpoint in --run-dir; starts afresh where there is none.",
        in_file=False,
        decides_result=False,
    )
    tensorboard: bool = _option(
        False, "Write TensorBoard events into the run directory.", decides_result=False
    )
