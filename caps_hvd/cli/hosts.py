"""`caps-hvd hosts`: look at the machines of a host file."""

import click

from caps_hvd.cli.groups import CommandGroup
from caps_hvd.cli.launch import hosts_of


@click.group(cls=CommandGroup)
def hosts():
    """Check the machines of a host file."""


@hosts.command("check")
@click.argument("hostfile", required=False, metavar="FILE")
@click.option("-H", "--hosts", "host_list", metavar="LIST", help="Hosts, instead of a file: h1,h2.")
@click.option("--interface", metavar="NAME", help="Network interface that every host must have.")
@click.option(
    "--seconds", type=click.FloatRange(1), default=30.0, show_default=True,
    help="Time for each host.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(hostfile, host_list, interface, seconds, as_json):
    """Try every host at once, and say which can take part.

    Looks at ssh, environment, versions, memory, cores, network and clock; without a file or a list,
    of the hosts of the batch job around it.

    Ends with 2 and the reasons where a host cannot take part. Run it on the machine that will
    start the ranks, in the folder that they will run in.
    """
    from caps_hvd.errors import ConfigError, SetupError
    from caps_hvd.launch.allocation import allocated_hosts
    from caps_hvd.launch.hosts import check as hosts_check
    from caps_hvd.launch.hosts import table

    wanted, where = hosts_of(hostfile, host_list)
    if wanted is None:
        wanted, where = allocated_hosts()  # of the batch job, if there is one
    if wanted is None:
        raise ConfigError("expected a host file or -H LIST, received neither; give one of them")
    reports = hosts_check.check(wanted, interface, seconds)
    if as_json:
        print(table.to_json(reports))
    else:
        table.print_table(reports)
    failure_line = table.failure_line(reports, where)
    if failure_line:
        raise SetupError(failure_line)


@hosts.command("list")
@click.argument("hostfile", metavar="FILE")
@click.option("-np", "ranks", type=int, metavar="N", help="Only the slots that N ranks need.")
@click.option("--lines", is_flag=True, help="As a file in Open MPI's form.")
def list_(hostfile, ranks, lines):
    """Print the hosts as launchers want them.

    That is, after -H of mpirun and horovodrun: h1:1,h2:4.
    """
    from caps_hvd.launch.hosts.hostfile import read, take, to_list, to_text

    wanted = read(hostfile)
    if ranks is not None:
        wanted = take(wanted, ranks, hostfile)
    print(to_text(wanted) if lines else to_list(wanted), end="" if lines else "\n")
