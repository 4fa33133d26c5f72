"""`caps-hvd launch`: start a program on many ranks."""

import os

import click

from caps_hvd.cli.usage_errors import Misplaced, not_a_program
from caps_hvd.errors import ConfigError
from caps_hvd.launch.hosts.hostfile import parse_list, read
from caps_hvd.launch.launchers import LAUNCHERS


@click.command(
    context_settings={"allow_interspersed_args": False},
    options_metavar="[OPTIONS] --",
)
@click.option("-np", "ranks", type=int, metavar="N", help="Ranks to start; default: every slot.")
@click.option("--hostfile", metavar="FILE", help="Hosts, one per line: `host slots=4`.")
@click.option("-H", "--hosts", "host_list", metavar="LIST", help="Hosts: h1:1,h2:4.")
@click.option(
    "--launcher", default="auto", show_default=True,
    metavar="|".join(LAUNCHERS),
    help="What starts the ranks; horovodrun is the one over Gloo.",
)  # fmt: skip
@click.option("--interface", metavar="NAME", help="Network interface to talk through, as eth0.")
@click.option(
    "--forward", multiple=True, metavar="VARIABLE",
    help="Environment variable to hand to the ranks, beside PATH, CAPS_HVD_*, NCCL_* and the like.",
)  # fmt: skip
@click.option(
    "--cores-per-host", type=click.IntRange(1), metavar="N",
    help="Cores of a host, to see whether ranks outnumber them; default: this machine's.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print the command and the environment it adds.")
@click.argument("program", nargs=-1, type=click.UNPROCESSED, metavar="PROGRAM [ARGUMENT]...")
@click.pass_context
def launch(context, ranks, hostfile, host_list, launcher, interface, forward, cores_per_host,
           dry_run, program):  # fmt: skip
    """Start a program on many ranks.

    It is started with mpirun, horovodrun or srun, whichever fits.
    The ranks go to the hosts of a file or a list, slot by slot; else to those of the job of Slurm,
    PBS, SGE or LSF around it; else they stay here.

    \b
    Example:
      caps-hvd launch -np 15 --hostfile hostfiles/lab15 -- python -m caps_hvd.train --epochs 5
    """
    from caps_hvd.launch import allocation, start
    from caps_hvd.system.backend import use_onednn

    hosts, where = hosts_of(hostfile, host_list)
    known = ranks is not None or hosts is not None or allocation.in_job()
    if program and (line := not_a_program(program, known, context)):
        raise Misplaced(line)
    use_onednn(os.environ)  # whatever loads TensorFlow first in the program
    command = start.plan(
        program, ranks, hosts, where, launcher=launcher, interface=interface, forward=forward,
        cores_per_host=cores_per_host,
    )  # fmt: skip
    if dry_run:
        print(command)
        return 0
    if hosts is None:
        allocation.check_running()
    start.check_names(hosts or (), where)
    return start.start(command)


def hosts_of(hostfile, host_list):
    """The hosts of a file or of a list, and what to call them in an error; None without either."""
    if hostfile and host_list:
        raise ConfigError("--hostfile and -H: expected one of them, received both; leave one out")
    if hostfile:
        return read(hostfile), hostfile
    if host_list is not None:
        return parse_list(host_list), "-H"
    return None, "hosts"
