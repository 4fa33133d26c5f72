"""`caps-hvd optimize`: train a grid, see what accuracy costs, choose a configuration."""

import click

from caps_hvd.cli.report_options import report_options
from caps_hvd.cli.sweep import sweep_options
from caps_hvd.errors import ConfigError


def _values_by_axis(context, parameter, texts) -> dict[str, str]:
    """`policy=fixed` -> an axis of a grid and one of its values."""
    found = {}
    for text in texts:
        axis, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(
                "--baseline: expected an axis and its value, such as policy=fixed, received "
                f"{text!r}"
            )
        if axis in found:
            raise ConfigError(
                f"--baseline: expected each axis once, received {axis}={found[axis]} and "
                f"{axis}={value}; keep one of them"
            )
        found[axis] = value
    return found


@click.command()
@click.argument("definition", metavar="DEFINITION")
@sweep_options
@click.option(
    "--baseline", metavar="AXIS=VALUE", multiple=True, callback=_values_by_axis,
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
    definition, options, baseline, minimise, maximise, weights, published, kind, plots, pictures,
    **limits,
):  # fmt: skip
    """Train a grid of options, and choose by accuracy, time and size.

    DEFINITION is a TOML file as `caps-hvd sweep` takes it, the folder of a sweep that was begun, or
    the .h5 file of one, which is reported on. docs/optimize.md says what the figures mean.
    """
    from caps_hvd.report.trade_off.criterion import Criterion
    from caps_hvd.search import optimize as optimize_command

    request = optimize_command.SelectionRequest(
        baseline=baseline,
        choice=Criterion.from_options(
            minimise=minimise, maximise=maximise, weights=weights, **limits
        ),
        with_published=published,
        kind=kind,
        pictures=pictures if plots else (),
    )
    return optimize_command.run(definition, request, options)
