"""`caps-hvd submit`: train in a Slurm job."""

import click

from caps_hvd.cli.options import given
from caps_hvd.cli.usage_errors import Misplaced, not_options

_COUNT = click.IntRange(1)


class SubmitCommand(click.Command):
    """A command that says where options belong that it does not have itself."""

    def parse_args(self, ctx, args):
        from caps_hvd.cli.training import train

        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if any(error.option_name in parameter.opts for parameter in train.params):
                raise Misplaced(
                    f"{error.option_name}: an option of training; put it after --: "
                    f"`caps-hvd submit [OPTIONS] -- {error.option_name} ...`"
                ) from None
            raise


@click.command(
    cls=SubmitCommand,
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS] --",
)
@click.option("--nodes", type=_COUNT, default=1, show_default=True, metavar="N", help="Machines.")
@click.option(
    "--gpus-per-node", type=click.IntRange(0), default=0, show_default=True, metavar="N",
    help="GPUs of each node, one rank for each.",
)  # fmt: skip
@click.option(
    "--tasks-per-node", type=_COUNT, metavar="N",
    help="Ranks on each node; default: one, or one for each GPU.",
)  # fmt: skip
@click.option("--cpus-per-task", type=_COUNT, metavar="N", help="Cores of each rank.")
@click.option("--exclusive", is_flag=True, help="Take whole nodes, with all their cores.")
@click.option("--time", metavar="TIME", help="Limit: minutes, hours:minutes:seconds or days-hours.")
@click.option("--partition", metavar="NAME", help="Partition, or several with commas.")
@click.option("--account", metavar="NAME", help="Account to charge.")
@click.option("--qos", metavar="NAME", help="Quality of service.")
@click.option(
    "--container", metavar="IMAGE",
    help="Run in a .sif file or a URL (Apptainer), or in a Docker image; see docs/hpc.md.",
)  # fmt: skip
@click.option("--name", metavar="NAME", help="Name of the job; default: model and data set.")
@click.option("--dependency", metavar="WHAT", help="Wait, in Slurm's words: afterok:1234.")
@click.option(
    "--output", default="%x-%j.out", show_default=True, metavar="FILE",
    help="What the job prints; %x is its name, %j its number.",
)  # fmt: skip
@click.option(
    "--requeue/--no-requeue", default=True, show_default=True,
    help="Go back into the queue when preempted or out of time, and go on with the last epoch.",
)  # fmt: skip
@click.option(
    "--directive", "directives", multiple=True, metavar="OPTION",
    help="Any other option of sbatch, as --directive=--constraint=a100; repeatable.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print the script and submit nothing.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED, metavar="[TRAIN OPTION]...")
@click.pass_context
def submit(context, options, dry_run, **settings):
    """Submit a Slurm job that trains.

    The job runs `caps-hvd train` on every rank of as many nodes as wanted.
    Options of `caps-hvd train` follow `--`; they are checked before anything is submitted.

    \b
    Example:
      caps-hvd submit --nodes 4 --gpus-per-node 2 --time 2:00:00 -- --dataset mnist --epochs 5
    """
    from caps_hvd.launch.jobs import slurm_script
    from caps_hvd.launch.jobs import submit as program

    if options and (line := not_options(options, context)):
        raise Misplaced(line)
    venv = program.active_environment()
    job = program.describe(_train_config(options), options, venv=venv, **settings)
    if dry_run:
        print(slurm_script.render(job), end="")
    else:
        print(program.submit(job))


def _train_config(options):
    """What the training program will make of its options: a mistake must not wait in a queue."""
    from caps_hvd import data
    from caps_hvd.cli.training import train
    from caps_hvd.config.file import load

    with train.make_context("caps-hvd train", list(options)) as context:
        loaded = load(context.params["config_file"], given(context))
    data.check_name(loaded.dataset, loaded.data_dir)
    return loaded
