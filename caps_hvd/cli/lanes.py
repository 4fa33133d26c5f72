"""`caps-hvd lanes`: lanes of a multi-lane capsule network, before anything is trained."""

import click

from caps_hvd.cli import lane_search
from caps_hvd.cli.options import OneOf, Picture

_METHODS = ("greedy", "exact", "greedy-published", "random")


class ImageShape(click.ParamType):
    """Height, width and channels of an image: `28x28x1`."""

    name = "HxWxC"

    def convert(self, value, param, ctx):
        if not isinstance(value, str):
            return value
        try:
            shape = tuple(int(part) for part in value.split("x"))
        except ValueError:
            shape = ()
        if len(shape) != 3 or min(shape) < 1:
            self.fail(f"expected height, width and channels, such as 28x28x1; received {value!r}")
        return shape


@click.group()
def lanes():
    """Plan which device computes which lanes of a multi-lane capsule network."""


@lanes.command("published")
def published():
    """Print the source's models, with the parameters that our count gives them."""
    from caps_hvd.report import published_lanes, sheet

    print(sheet.to_text(published_lanes.table()))


@lanes.command("balance")
@click.argument("lanes", metavar="LANES")
@click.option("--devices", required=True, metavar="FILE", help="TOML with a [[device]] for each.")
@click.option("--method", type=OneOf(_METHODS), default="greedy", show_default=True)
@click.option(
    "--cost", type=OneOf(["flops", "published"]), default="flops", show_default=True,
    help="What lanes are weighed by: operations of a forward pass, or depth × width².",
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
    lanes, devices, method, cost, image_shape, classes, batch_size, seed, seconds, output, plot
):
    """Divide the lanes of the TOML file LANES among devices, so that the last is done early.

    Prints the plan, its makespan, and a lower bound that no plan can go below.
    """
    from caps_hvd.lanes import balance as partition
    from caps_hvd.lanes import device, lane, plan
    from caps_hvd.lanes.cost import lane_costs, published_cost
    from caps_hvd.report import lane_plan

    own, machines = lane.read(lanes), device.read(devices)
    counted = lane_costs(own, image_shape, batch_size, classes)
    if cost == "flops":
        weights, unit = [each.flops / 1e9 for each in counted], "GFLOP at speed 1"
    else:
        weights, unit = [published_cost(each) for each in own], "depth × width² at speed 1"
    made = partition.balance(
        weights,
        machines,
        method,
        memory_mib=[each.memory_mib for each in counted],
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


for command in (lane_search.search, lane_search.search_report, lane_search.confirm):
    lanes.add_command(command)
