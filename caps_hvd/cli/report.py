"""`caps-hvd report`: the scaling table and the pictures of a sweep."""

import functools

import click

from caps_hvd.cli.estimate import CORES
from caps_hvd.cli.report_options import report_options


@click.command()
@click.argument("sweep")
@click.option(
    "--output", metavar="FOLDER",
    help="Folder to write to.  [default: SWEEP/report; for NAME.h5, NAME-report beside it]",
)  # fmt: skip
@report_options
@click.option(
    "--published", is_flag=True, help="Put the published points of Distributed CapsNet beside ours."
)
@click.option("--calibration", metavar="FILE", help="Put the scale model's prediction beside ours.")
@click.option("--network", metavar="NAME", help="Network to predict for, such as 1gbit.")
@click.option(
    "--cores-per-host", type=CORES, help="Cores to predict for.  [default: as calibrated]"
)
@click.option(
    "--shared-cores", type=CORES,
    help="Cores that all machines share, where they are emulated on one.",
)  # fmt: skip
@click.option(
    "--from-alone", is_flag=True,
    help="Predict from the sweep's own seconds on one machine, and the calibration's shape.",
)  # fmt: skip
def report(
    sweep, kind, output, plots, pictures, published, calibration, network, from_alone, **cores
):
    """Say how training scaled, in tables and pictures.

    SWEEP is a sweep's folder, or its .h5 file.
    """
    from caps_hvd.errors import ConfigError
    from caps_hvd.report import base
    from caps_hvd.report.scaling import report as scaling_report

    if bool(calibration) != bool(network):
        missing = "--network" if calibration else "--calibration"
        raise ConfigError(f"{missing}: expected together with the other of the two; add {missing}")
    if not calibration and (from_alone or any(cores.values())):
        raise ConfigError(
            "--cores-per-host, --shared-cores, --from-alone: of use with --calibration only; add it"
        )
    predictions = None
    if calibration:
        from caps_hvd.report.scaling.predicted_points import predict_table

        predictions = functools.partial(
            predict_table, calibration_file=calibration, network_name=network,
            from_alone=from_alone, **cores,
        )  # fmt: skip
    made = scaling_report.report(
        base.load(sweep), predictions=predictions, with_published=published
    )
    folder = output or base.default_folder(sweep)
    click.echo(made.render(kind), nl=False)
    made.write(folder, pictures if plots else ())
    click.echo(f"Tables{' and pictures' if plots else ''} are in {folder}", err=True)
