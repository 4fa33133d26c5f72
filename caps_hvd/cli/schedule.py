"""The command `caps-hvd schedule`: learning rate and batch size of every epoch under a policy."""

import dataclasses

import click

from caps_hvd.cli.options import ConfigCommand, OneOf, Picture, config_options, given
from caps_hvd.config.schedule import ScheduleOptions
from caps_hvd.schedules import POLICIES, scaled_learning_rate

_OPTIONS = [
    field.name
    for field in dataclasses.fields(ScheduleOptions)
    if field.name not in ("policy", "optimizer", "seed", "evaluate_every")
]
_HELP = f"""Show learning rate and batch of every epoch.

POLICY is {", ".join(list(POLICIES)[:-1])} or {list(POLICIES)[-1]}.
"""


@click.command(cls=ConfigCommand, help=_HELP)
@click.argument("policy", type=OneOf(list(POLICIES)), metavar="POLICY")
@config_options(*_OPTIONS)
@click.option("--samples", type=click.IntRange(1), default=60_000, show_default=True,
              help="Training images of an epoch.")  # fmt: skip
@click.option("--ranks", type=click.IntRange(1), default=1, show_default=True)
@click.option("--plot", type=Picture(), help="File to draw rate and batch into.")
@click.pass_context
def schedule(context, policy, samples, ranks, plot, **_):
    from caps_hvd.config.file import load
    from caps_hvd.report import schedule_table

    config = load(overrides={**given(context), "policy": policy})
    planned = config.schedule(samples, ranks)
    rate = scaled_learning_rate(planned, ranks, config.scale_learning_rate, config.warmup_epochs)
    print(schedule_table.to_text(planned, rate, ranks))
    if plot:
        schedule_table.draw(plot, planned, rate, policy)
        print(plot)
