"""`caps-hvd optimize`: train a grid, see what accuracy costs, choose a configuration."""

import click

from caps_hvd.cli.report_options import report_options
from caps_hvd.cli.sweep import sweep_options
from caps_hvd.errors import ConfigError


class AxisValue(click.ParamType):
    """An axis of a grid and one of its values: `policy=fixed`."""

    name = "AXIS=VALUE"

    def convert(self, value, param, ctx):
        axis, equals, text = value.partition("=")
        if not equals:
            raise ConfigError(
                "--baseline: expected an axis and its value, such as policy=fixed, received "
                f"{value!r}"
            )
        return axis, text


@click.command()
@click.argument("definition", metavar="DEFINITION")
@sweep_options
@click.option(
    "--baseline", type=AxisValue(), multiple=True,
    help="Configuration to compare with; each axis' first value by default.",
)  # fmt: skip
@click.option("--minimise", "--minimize", metavar="CRITERION",
              help="Choose the least time (to its own best epoch), parameters, epochs or "
                   "seconds-per-epoch.")  # fmt: skip
@click.option("--maximise", "--maximize", metavar="CRITERION",
              help="Choose the highest accuracy; so it is by default.")  # fmt: skip
@click.option("--weight", "weights", metavar="CRITERION=WEIGHT", multiple=True,
              help="Choose the highest weighted sum of criteria.")  # fmt: skip
@click.option("--accuracy-at-least", type=float, metavar="PERCENT",
              help="Only among those that reach it.")  # fmt: skip
@click.option("--time-at-most", type=float, metavar="SECONDS",
              help="Only among those whose best epoch ends by then.")  # fmt: skip
@click.option("--parameters-at-most", type=int, metavar="NUMBER",
              help="Only among those that are not larger.")  # fmt: skip
@click.option("--published", is_flag=True, help="Print the published table of FasTrCaps, too.")
@report_options
def optimize(
    definition, output, dry_run, detach, collect, retry_failed,
    baseline, minimise, maximise, weights, published, kind, plots, pictures, **limits,
):  # fmt: skip
    """Train a grid of policies or other options, and choose by accuracy, time and size.

    DEFINITION is a TOML file as `caps-hvd sweep` takes it, the folder of a sweep that was begun, or
    the .h5 file of one, which is reported on. docs/optimize.md says what the figures mean.
    """
    from caps_hvd.report.trade_off.criterion import Criterion
    from caps_hvd.search import optimize as optimize_command

    wish = optimize_command.Wish(
        baseline=_by_axis(baseline),
        choice=Criterion.from_options(
            minimise=minimise, maximise=maximise, weights=weights, **limits
        ),
        with_published=published,
        kind=kind,
        pictures=pictures if plots else (),
    )
    return optimize_command.run(
        definition,
        wish,
        output=output,
        dry_run=dry_run,
        detach=detach,
        collect=collect,
        retry_failed=retry_failed,
    )


def _by_axis(baseline) -> dict[str, str]:
    found = {}
    for axis, value in baseline:
        if axis in found:
            raise ConfigError(
                f"--baseline: expected each axis once, received {axis}={found[axis]} and "
                f"{axis}={value}; keep one of them"
            )
        found[axis] = value
    return found
