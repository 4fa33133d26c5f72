"""`caps-hvd schedule`: what a policy does, before anything is trained."""

import click

from caps_hvd.cli.options import ConfigCommand, OneOf, Picture, config_options, given
from caps_hvd.schedules import POLICIES


@click.command(cls=ConfigCommand)
@click.argument("policy", type=OneOf(list(POLICIES)), metavar="POLICY")
@config_options(
    "epochs", "batch_size", "learning_rate", "scale_learning_rate", "warmup_epochs",
    "lr_policy", "batch_policy", "lr_min", "decay", "decay_steps", "decay_epochs", "cycle_epochs",
    "power", "batch_exponent", "growth", "first_epochs", "growth_epochs",
)  # fmt: skip
@click.option("--samples", type=click.IntRange(1), default=60_000, show_default=True,
              help="Training images of an epoch.")  # fmt: skip
@click.option("--ranks", type=click.IntRange(1), default=1, show_default=True)
@click.option("--plot", type=Picture(), help="File to draw rate and batch into.")
@click.pass_context
def schedule(context, policy, samples, ranks, plot, **_):
    """Show learning rate and batch of every epoch under a policy.

    POLICY is fixed, exponential, step-decay, one-cycle, warm-restarts, polynomial-restarts,
    adabatch or warmadabatch.
    """
    from caps_hvd.config.file import load
    from caps_hvd.report import schedule_table
    from caps_hvd.training.build import build_rate

    config = load(overrides={**given(context), "policy": policy})
    planned = config.schedule(samples, ranks)
    rate = build_rate(config, planned, ranks)
    print(schedule_table.to_text(planned, rate, ranks))
    if plot:
        schedule_table.draw(plot, planned, rate, policy)
        print(plot)
