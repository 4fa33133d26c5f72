"""`caps-hvd lanes`: lanes of a multi-lane capsule network, before anything is trained."""

import click

from caps_hvd.cli import lane_search
from caps_hvd.cli.groups import CommandGroup
from caps_hvd.cli.options import ImageShape, OneOf, Picture, Remembering
from caps_hvd.lanes.balance import METHODS
from caps_hvd.lanes.lane import TYPES


@click.group(cls=CommandGroup)
def lanes():
    """Plan and search the lanes of a multi-lane network."""


@lanes.command("published")
def published():
    """Print the published models, with their parameters."""
    from caps_hvd.report import sheet
    from caps_hvd.report.published import mlcn

    print(sheet.to_text(mlcn.sheet()))


@lanes.command("balance")
@click.argument("lanes", metavar="LANES")
@click.option("--devices", required=True, metavar="FILE", help="TOML with a [[device]] for each.")
@click.option("--method", type=OneOf(METHODS), default="greedy", show_default=True)
@click.option(
    "--cost", type=OneOf(["calibrated", "flops", "published"]), default="calibrated",
    show_default=True,
    help="What lanes are weighed by: seconds of a step by a calibration, operations of a forward "
    "pass, or depth × width².",
)  # fmt: skip
@click.option(
    "--calibration", metavar="FILE",
    help="From `caps-hvd lanes calibrate`.  [default: the one that comes with the program]",
)  # fmt: skip
@click.option("--image-shape", type=ImageShape(), default="28x28x1", show_default=True)
@click.option("--classes", type=click.IntRange(1), default=10, show_default=True)
@click.option(
    "--batch-size", type=click.IntRange(1), default=100, show_default=True,
    help="Images of a step; the memory of a lane grows with them.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of method random.")
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), default=10.0, show_default=True,
    help="Time for method exact.",
)  # fmt: skip
@click.option("--output", metavar="FILE", help="TOML file to write the plan to.")
@click.option("--plot", type=Picture(), help="File to draw the bins into.")
def balance(
    lanes, devices, method, cost, calibration, image_shape, classes, batch_size, seed, seconds,
    output, plot,
):  # fmt: skip
    """Divide the lanes of a TOML file among devices.

    The plan is one with which the last device is done early.

    Prints the plan, its makespan, and a lower bound that no plan can go below.
    """
    from caps_hvd.lanes import balance as partition
    from caps_hvd.lanes import device, lane, plan
    from caps_hvd.lanes.memory import lane_memory_mib
    from caps_hvd.report.lanes import plan as lane_plan

    own, machines = lane.read(lanes), device.read(devices)
    weights, unit = _weights(own, cost, calibration, image_shape, batch_size, classes)
    made = partition.balance(
        weights,
        machines,
        method,
        memory_mib=lane_memory_mib(own, image_shape, batch_size, classes),
        names=[lane.lane_name(index, each) for index, each in enumerate(own)],
        seed=seed,
        limit_seconds=seconds,
    )
    title = f"{len(own)} lanes on {len(machines)} device{'s' if len(machines) > 1 else ''}"
    print(lane_plan.to_text(made, weights, machines, title, unit))
    if output:
        plan.write(output, made, [machine.name for machine in machines])
        print(output)
    if plot:
        lane_plan.draw(plot, made, own, weights, machines, title, unit)
        print(plot)


def _weights(own, cost, calibration, image_shape, batch_size, classes):
    """What each lane is weighed by, and the unit."""
    from caps_hvd.errors import ConfigError
    from caps_hvd.lanes import lane_times
    from caps_hvd.lanes.cost import lane_costs, published_cost
    from caps_hvd.lanes.time_model import lane_seconds

    if calibration and cost != "calibrated":
        raise ConfigError(
            f"--calibration: --cost {cost} takes none, received {calibration}; remove one of them"
        )
    counted = lane_costs(own, image_shape, batch_size, classes)  # which names a lane too deep
    if cost == "flops":
        return [each.flops / 1e9 for each in counted], "GFLOP at speed 1"
    if cost == "published":
        return [published_cost(each) for each in own], "depth × width² at speed 1"
    given = lane_times.read(calibration) if calibration else None
    return lane_seconds(own, image_shape, batch_size, classes, given), "seconds at speed 1"


@lanes.command("calibrate", cls=Remembering)
@click.option("--output", metavar="FILE", help="JSON file to write the calibration to.")
@click.option(
    "--lane-type", "types", type=OneOf(TYPES), multiple=True, default=TYPES,
    help="May be given several times.  [default: all]",
)  # fmt: skip
@click.option("--image-shape", type=ImageShape(), default="28x28x1", show_default=True)
@click.option(
    "--batch-size", type=click.IntRange(1), default=10, show_default=True,
    help="Images of a step; 10 keep the largest lane below 3 GiB.",
)  # fmt: skip
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True,
    help="Threads to compute with.",
)  # fmt: skip
@click.option(
    "--rounds", type=click.IntRange(1), default=3, show_default=True,
    help="In which each lane is timed; the least seconds count.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Time 16 other lanes as well, and judge by them.")
@click.pass_context
def calibrate(context, output, **options):
    """Time lanes here, and fit a model of their seconds.

    Steps of nine lanes of each type, of width and depth 1, 3 and 5. Prints what was measured beside
    what was fitted, and the published form, a · depth · width², fitted on the same lanes.
    """
    from caps_hvd.calibration import lanes as lane_calibration
    from caps_hvd.report import sheet
    from caps_hvd.report.lanes import times

    words = context.meta["command_line"]
    made = lane_calibration.calibrate(output, command_line=words, **options)
    print(sheet.to_text(times.table(made)))
    if output:
        print(output)


for command in (lane_search.search, lane_search.search_report, lane_search.confirm):
    lanes.add_command(command)
