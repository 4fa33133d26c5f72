"""The command for each launcher, compared whole, and what is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from caps_hvd.errors import ConfigError, SetupError
from caps_hvd.launch.hosts.hostfile import Host, parse_list
from caps_hvd.launch.launchers import LAUNCHERS, Launch, command

GOLDENS = Path(__file__).parents[2] / "goldens"
TRAIN = ("python", "-m", "caps_hvd.train", "--epochs", "5")
ODD = ("python", "it's here/train me.py", '--run-dir="a b"', "$(touch x)", "")
LAB = tuple(Host(f"h{number}") for number in range(1, 16))
UNEVEN = parse_list("big:8,middle:3,small")
MANY = tuple(Host(f"node{number}", 4) for number in range(1, 65))
ENVIRON = {
    "PATH": "/env/bin:/usr/bin",
    "HOME": "/home/me",
    "VIRTUAL_ENV": "/env",
    "CAPS_HVD_DATA_DIR": "/data/of mine",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "SECRET_TOKEN": "x",
    "BASH_FUNC_CAPS_HVD_%%": "() { :; }",
}
SLURM = {**ENVIRON, "SLURM_JOB_ID": "7", "SLURM_TASKS_PER_NODE": "4(x2)"}
SGE = {**ENVIRON, "SGE_ROOT": "/sge", "ARC": "x", "PE_HOSTFILE": "/sge/hosts", "JOB_ID": "7"}
EVERYTHING = {"mpirun", "horovodrun", "srun"}


def on_path(*names):
    """A `which` that finds these programs."""

    def which(name, path=None):
        assert path == "/env/bin:/usr/bin"
        return f"/env/bin/{name}" if name in names else None

    return which


def build(program=TRAIN, *, ranks, found=EVERYTHING, environ=ENVIRON, root=False, **options):
    directory = options.pop("directory", "/home/me/work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "which", on_path(*found))
        patch.setattr(os, "geteuid", lambda: 0 if root else 1000)
        patch.setattr(os, "getcwd", lambda: directory)
        patch.setattr(sys, "executable", "/env/bin/python")
        return command(program, ranks=ranks, environ=environ, **options)


CASES = {
    "local": {"ranks": 1},
    "here": {"ranks": 4, "cores_per_host": 2},
    "mpirun": {"ranks": 15, "hosts": LAB, "interface": "eth0", "root": True},
    "mpirun_odd": {"program": ODD, "ranks": 9, "hosts": UNEVEN, "forward": ["SECRET_TOKEN"]},
    "mpirun_many": {"ranks": 256, "hosts": MANY, "cores_per_host": 2},
    "mpirun_slurm": {"ranks": 8, "environ": SLURM},
    "mpirun_sge": {"ranks": 15, "hosts": LAB, "environ": SGE},
    "horovodrun": {"ranks": 15, "hosts": LAB, "interface": "eth0", "launcher": "horovodrun"},
    "horovodrun_odd": {
        "program": ODD,
        "ranks": 9,
        "hosts": UNEVEN,
        "launcher": "horovodrun",
        "directory": "/home/me/it's my work",
    },
    "horovodrun_mpi": {
        "program": ODD,
        "ranks": 9,
        "hosts": UNEVEN,
        "launcher": "horovodrun-mpi",
        "interface": "eth0",
        "cores_per_host": 4,
        "root": True,
    },
    "srun": {
        "ranks": 8,
        "launcher": "srun",
        "environ": {**SLURM, "SLURM_CPUS_PER_TASK": "16"},
        "root": True,
    },
    "srun_hosts": {
        "program": ODD,
        "ranks": 8,
        "launcher": "srun",
        "environ": SLURM,
        "hosts": parse_list("n1:4,n2:4,n3:4"),
        "interface": "ib0",
        "cores_per_host": 2,
    },
}


@pytest.mark.parametrize("name", CASES)
def test_the_whole_command(name):
    expected = (GOLDENS / f"launch_{name}.txt").read_text()
    launch = build(**CASES[name])
    settings = [f"{key}={value}" for key, value in launch.environment.items()]
    assert "\n".join([*settings, *launch.argv, ""]) == expected


def test_every_golden_is_compared():
    assert {path.stem for path in GOLDENS.glob("launch_*")} == {f"launch_{name}" for name in CASES}


@pytest.mark.parametrize(
    ("variables", "ssh"),
    [
        ({}, True),
        ({"OMPI_MCA_plm_rsh_agent": "/usr/bin/ssh -q"}, True),
        ({"OMPI_MCA_plm_rsh_agent": "blaunch"}, False),
        (SGE | {"OMPI_MCA_plm_rsh_disable_qrsh": "1"}, True),
        (SGE | {"JOB_ID": ""}, True),
    ],
)
def test_ssh_gets_its_options_and_nobody_else(variables, ssh):
    argv = build(ranks=15, hosts=LAB, environ=ENVIRON | variables).argv
    assert ("plm_rsh_args" in argv) is ssh


def test_a_shell_reads_the_printed_command_back():
    launch = Launch(("printf", "[%s]", *ODD), {"WHERE": "it's here"})
    shell = ["sh", "-c", f'{launch}; printf %s "$WHERE"']
    shown = subprocess.run(shell, capture_output=True, text=True, check=True).stdout
    assert shown == '[python][it\'s here/train me.py][--run-dir="a b"][$(touch x)][]'


@pytest.mark.parametrize(
    ("options", "chosen"),
    [
        ({"ranks": 1}, "python"),
        ({"ranks": 1, "environ": SLURM}, "python"),
        ({"ranks": 1, "hosts": parse_list("h2")}, "/env/bin/mpirun"),
        ({"ranks": 2}, "/env/bin/mpirun"),
        ({"ranks": 2, "found": {"horovodrun", "srun"}}, "/env/bin/horovodrun"),
        ({"ranks": 2, "environ": SLURM}, "/env/bin/mpirun"),
        ({"ranks": 2, "environ": SLURM, "found": {"horovodrun", "srun"}}, "/env/bin/srun"),
        ({"ranks": 2, "environ": SLURM, "hosts": LAB}, "/env/bin/mpirun"),
    ],
)
def test_auto_takes_what_fits(options, chosen):
    assert build(**options).argv[0] == chosen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ranks": 0}, "-np: expected an integer of at least 1, received 0"),
        ({"ranks": 16, "hosts": LAB}, "hosts: 16 ranks but 15 slots on 15 hosts; ask for at most"),
        ({"ranks": 9, "environ": SLURM}, "-np: 9 ranks, but this Slurm allocation has 8 tasks; "),
        ({"ranks": 2, "launcher": "mpiexec"}, "--launcher: expected one of auto, local, mpirun, "),
        ({"ranks": 2, "launcher": "local"}, "it starts one process here, received 2 ranks; "),
        ({"ranks": 1, "launcher": "local", "hosts": LAB}, "received a list of hosts; "),
        ({"ranks": 12, "launcher": "srun", "hosts": UNEVEN}, "received big:8,middle:3,small:1; "),
        ({"ranks": 2, "interface": "-x"}, "--interface: expected the name of a network interface"),
        ({"ranks": 2, "interface": "eth0;id"}, "received 'eth0;id'; `caps-hvd hosts check`"),
        ({"ranks": 2, "interface": ""}, "received ''"),
        ({"ranks": 2, "forward": ["A=b"]}, "--forward: expected the name of an environment var"),
        ({"ranks": 2, "program": ()}, "expected a program after --, received nothing; "),
        ({"ranks": 2, "program": ("-x",)}, "expected a program after --, received '-x'; "),
    ],
)
def test_refuses_in_one_line(options, message):
    with pytest.raises(ConfigError) as caught:
        build(**options)
    assert message in str(caught.value)
    assert ";" in str(caught.value) or "expected" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("launcher", [name for name in LAUNCHERS if name != "local"])
def test_a_launcher_that_is_not_there(launcher):
    with pytest.raises(SetupError, match="on PATH.*;") as caught:
        build(ranks=2, launcher=launcher, found=())
    assert launcher.removesuffix("-mpi") in str(caught.value) or launcher == "auto"


def test_no_host_name_becomes_an_option():
    """Whatever is in argv behind -H went through the parser of host names."""
    for name in ("-oProxyCommand=id", "--help", "h1;rm", "$(id)", "a b"):
        with pytest.raises(ConfigError):
            parse_list(name)
