"""The commands `estimate` and `calibrate`: seconds per epoch on machines that are not there."""

import functools

import click
from click.core import ParameterSource

from caps_hvd.cli.groups import FormerName
from caps_hvd.cli.options import READING, ConfigCommand, OneOf, config_options, given


class Parsed(click.ParamType):
    """A type of option whose text a function reads.

    Args:
        name: in the help.
        parse: text -> value; raises ValueError.
        expected: what is expected, in words.
    """

    def __init__(self, name, parse, expected):
        self.name, self._parse, self._expected = name, parse, expected

    def convert(self, value, param, ctx):
        try:
            return self._parse(value) if isinstance(value, str) else value
        except (ValueError, ZeroDivisionError):
            self.fail(f"expected {self._expected}; received {value!r}")


def _numbers(text) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(","))
    if min(numbers) < 1:
        raise ValueError
    return numbers


def _cores(text) -> float:
    above, _, below = text.partition("/")
    number = float(above) / float(below or 1)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


NUMBERS = Parsed("N,N,...", _numbers, "integers of at least 1, such as 1,5,15")
CORES = Parsed("CORES", _cores, "a number above 0, such as 8 or 2/15")
_COUNT = click.IntRange(1)
_POSITIVE = click.FloatRange(0, min_open=True)
_option = functools.partial(click.option, show_default=True)


@click.command()
@_option("--machines", type=NUMBERS, default="1,5,10,15", help="Their numbers, a row for each.")
@_option(
    "--network",
    metavar="NAME",
    default="1gbit",
    help="Between the machines: 1gbit, 10gbit, 25gbit, 100gbit, ib-fdr, ib-edr, ib-hdr, ib-ndr.",
)
@_option(
    "--calibration",
    metavar="FILE",
    help="From `caps-hvd calibrate`. [default: the one "
    "that comes with the package, of a machine with 2 cores]",
)
@_option("--ranks-per-machine", type=_COUNT, default=1, help="Processes on each machine.")
@_option(
    "--cores-per-host",
    type=CORES,
    help="Cores of each machine, such as 8, or 2/15 "
    "where 15 emulated hosts share 2. [default: as calibrated]",
)
@_option("--shared-cores", type=CORES, help="Cores that all machines share, however many.")
@_option(
    "--batch-size",
    type=_COUNT,
    default=100,
    help="Images per step, of each rank; of all ranks with --scaling strong.",
)
@_option("--images", type=_COUNT, default=60_000, help="Training images of an epoch.")
@_option(
    "--scaling",
    type=OneOf(["weak", "strong"]),
    default="weak",
    help="Whether the batch of a rank stays (weak), or that of all ranks together.",
)
@_option(
    "--evaluation",
    type=OneOf(["sharded", "repeated", "none"]),
    default="sharded",
    help="After each epoch: shared by the ranks, repeated by each of them, or none.",
)
@_option("--test-images", type=_COUNT, default=10_000, help="Images of an evaluation.")
@_option(
    "--alone-seconds",
    type=_POSITIVE,
    help="Measured seconds of an epoch on one "
    "machine, evaluation included, instead of the calibrated ones.",
)
@_option(
    "--bytes",
    "message_bytes",
    type=_POSITIVE,
    help="That a rank reduces per step. [default: as calibrated]",
)
@_option(
    "--algorithm",
    type=OneOf(["auto", "ring", "hierarchical", "rabenseifner"]),
    default="auto",
    help="Of the all-reduce; auto is the faster one of ring and hierarchical, "
    "rabenseifner what Open MPI from 4.1 does by itself.",
)
@_option(
    "--published",
    is_flag=True,
    help="The measurements of Distributed CapsNet beside predictions from nothing but its time on "
    "one machine.",
)
@_option("--format", "form", type=OneOf(["text", "csv", "json"]), default="text")
@click.pass_context
def estimate(context, published, form, **options):
    """Estimate seconds per epoch on other machines.

    Their number and their network are given.

    A machine computes as fast as the calibrated one with the calibrated threads; more
    cores per host only leave more of them to communication.

    Starts from a calibration on one machine; docs/scale_model.md has the equations.
    """
    from caps_hvd.report.scaling import prediction_table

    if published:
        _refuse_beside_published(context)
        prediction_table.print_published(options["calibration"], form)
    else:
        prediction_table.print_predictions(form=form, **options)


predict = FormerName("predict", estimate)


def _refuse_beside_published(context):
    from caps_hvd.errors import ConfigError

    for parameter in context.command.params:
        chosen = context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
        if chosen and parameter.name not in ("published", "calibration", "form"):
            raise ConfigError(
                f"{parameter.opts[0]}: --published predicts the machines of Distributed "
                "CapsNet, its network and training, and takes no other; remove one of the two"
            )


@click.command(cls=ConfigCommand)
@_option("--output", metavar="FILE", required=True, help="Calibration to write, or to add to.")
@_option(
    "--batch-sizes",
    type=NUMBERS,
    help="To time steps at. [default: a fifth of --batch-size and itself]",
)
@_option(
    "--steps",
    type=click.IntRange(5),
    default=20,
    help="Steps that the spread of their times is taken from.",
)
@config_options(
    "model",
    "preset",
    "routing_iterations",
    "decoder",
    "precision",
    "dataset",
    "data_dir",
    *READING,
    "batch_size",
    "optimizer",
    "compression",
    "threads",
)
@click.pass_context
def calibrate(context, output, batch_sizes, steps, **_):  # fmt: skip
    """Measure here what `estimate` needs.

    Alone it times steps, evaluation, input and when gradients are ready. Under a launcher, with all
    ranks on this machine, it times steps that run at once, with two ranks the all-reduce over TCP,
    too, and adds them to the same file. Two ranks on two hosts time the all-reduce only: between
    hosts whose network is faster than their processors, emulated ones for instance.
    """
    from caps_hvd.calibration import scale_model as program
    from caps_hvd.config.file import load

    settings = load(None, given(context))
    program.calibrate(
        settings,
        output,
        batch_sizes=batch_sizes,
        samples=steps,
        command_line=context.meta["command_line"],
    )
