"""Starting a launcher's command: exit codes, signals, names; and the watchdog of a rank."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from caps_hvd.errors import ConfigError, SetupError
from caps_hvd.launch import start
from caps_hvd.launch.dialects import Launch
from caps_hvd.launch.hosts.hostfile import Host, parse_list

# horovodrun's last words, when rank 1 ended with 7.
FAILURE = """\
[1]<stderr>:caps_hvd: error: no such data set
Process 1 exit with status code 7.
Traceback (most recent call last):
  File "/env/bin/horovodrun", line 6, in <module>
    sys.exit(run_commandline())
RuntimeError: Horovod detected that one or more processes exited with non-zero status, thus [...]
Process name: 1
Exit code: 7

"""


def caps_hvd(*arguments, **options):
    """Runs `caps-hvd` in a process, because `launch` may replace it."""
    return subprocess.run(
        [sys.executable, "-m", "caps_hvd.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        **options,
    )


def horovodrun(tmp_path, text):
    program = tmp_path / "horovodrun"
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return Launch((str(program), "--gloo"), {"GIVEN": "it's"}, attended=True)


@pytest.mark.parametrize("code", [0, 7])
def test_passes_the_exit_code_on(code):
    done = caps_hvd("launch", "-np", "1", "--", "sh", "-c", f"echo ran; exit {code}")
    assert (done.returncode, done.stdout, done.stderr) == (code, "ran\n", "")


def test_a_program_that_is_not_there():
    done = caps_hvd("launch", "-np", "1", "--", "no-such-program")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "caps_hvd: error: no-such-program: cannot be started: No such file or directory; correct "
        "the program's name, or put it on PATH\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["launch", "-np", "2", "--hostfile", "lab", "--", "x"], "lab: line 2: slots: expected"),
        (["launch", "-np", "3", "-H", "h1,h2", "--", "x"], "-H: 3 ranks but 2 slots on 2 hosts; "),
        (["launch", "-H", "h1", "--hostfile", "lab", "x"], "expected one of them, received both"),
        (["launch", "--hostfle", "lab", "--", "x"], "--hostfle: no such option; did you mean --h"),
        (["launch", "-np", "1", "-H", "h1,", "--", "x"], "-H: expected a host on both sides"),
        (["launch", "--", "x"], "-np: expected the number of ranks, received nothing; give -np 2"),
        (["hosts", "check", "lab"], "lab: line 2: slots: expected an integer"),
        (["hosts", "check"], "expected a host file or -H LIST, received neither; give one of them"),
        (["hosts", "list", "none"], "none: cannot read the host file: No such file"),
    ],
)
def test_mistakes_are_one_line(arguments, words, tmp_path):
    (tmp_path / "lab").write_text("h1\nh2 slots=0\n")
    done = caps_hvd(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("caps_hvd: error: ") and words in done.stderr
    assert done.stderr.count("\n") == 1


def test_help_comes_at_once():
    before = os.times()
    done = caps_hvd("hosts", "check", "--help")
    after = os.times()
    assert done.returncode == 0 and "Try every host at once" in done.stdout
    # Processor time, which other work on the machine does not change much; 0.2 s on a quiet one.
    spent = after.children_user + after.children_system
    assert spent - before.children_user - before.children_system < 1


def test_lists_hosts(tmp_path):
    lab = tmp_path / "my lab"
    lab.write_text("h1 # first\nh2 slots=3\n")
    assert caps_hvd("hosts", "list", str(lab)).stdout == "h1:1,h2:3\n"
    done = caps_hvd("hosts", "list", str(lab), "-np", "2", "--lines")
    assert done.stdout == "h1 slots=1\nh2 slots=1\n"


def test_finds_out_how_horovodruns_rank_ended(tmp_path, capfdbinary):
    (tmp_path / "words").write_text(FAILURE)
    launch = horovodrun(tmp_path, f'echo "got $GIVEN"; cat "{tmp_path}/words" >&2; exit 1')
    assert start.start(launch) == 7
    out, err = capfdbinary.readouterr()
    assert out == b"got it's\n"
    assert err.decode().splitlines() == FAILURE.splitlines()[:2]


def test_keeps_horovodruns_other_failures(tmp_path, capfdbinary):
    words = "Traceback (most recent call last):\nRuntimeError: could not connect to some hosts"
    launch = horovodrun(tmp_path, f"echo '{words}' >&2; exit 1")
    assert start.start(launch) == 1
    assert capfdbinary.readouterr()[1].decode() == words + "\n"


def test_hides_what_tensorflow_says_to_horovodrun(tmp_path, capfdbinary):
    noise = "I0000 00:00:1.5 1 port.cc:153] oneDNN custom operations are on. You may"
    launch = horovodrun(tmp_path, f"echo '{noise}' >&2; echo '[0]<stderr>:{noise}' >&2")
    assert start.start(launch) == 0
    assert capfdbinary.readouterr()[1].decode() == f"[0]<stderr>:{noise}\n"


def test_a_signal_reaches_horovodrun(tmp_path):
    waiting = "sleep 0.5; echo up; while :; do sleep 0.1; done"
    launch = horovodrun(tmp_path, f"trap 'echo told; exit 1' TERM; {waiting}")
    code = (
        "import sys; from caps_hvd.launch.start import start; "
        "from caps_hvd.launch.dialects import Launch; "
        f"sys.exit(start(Launch({launch.argv!r}, {{}}, attended=True)))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "told\n"
    assert process.wait(timeout=10) == 130


def test_an_unknown_name_has_its_line(monkeypatch):
    monkeypatch.setattr(start, "_resolves", lambda name: name == "known")
    monkeypatch.setattr(start, "_name_for_ssh", lambda name: {"alias": "known"}.get(name, name))
    start.check_names([Host("known", 1, 2), Host("alias", 1, 3)], "lab")
    start.check_names([])
    with pytest.raises(ConfigError) as caught:
        start.check_names([Host("known", 1, 2), Host("h33", 1, 4)], "lab")
    assert str(caught.value) == (
        "lab: line 4: no host of the name h33 is known here; correct it, or add it to /etc/hosts, "
        "or as HostName to ~/.ssh/config"
    )


def test_ranks_without_a_number(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_TASKS_PER_NODE", "2(x3)")
    monkeypatch.delenv("SLURM_JOB_NODELIST", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/env/bin/{name}")
    assert start.plan(["x"], None, None).argv[:3] == ("/env/bin/mpirun", "-np", "6")
    hosts = parse_list("h1:2,h2:3")
    assert start.plan(["x"], None, hosts).argv[1:5] == ("-np", "5", "-H", "h1:2,h2:3")
    monkeypatch.delenv("SLURM_JOB_ID")
    with pytest.raises(ConfigError, match="^-np: expected the number of ranks"):
        start.plan(["x"], None, None)
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    with pytest.raises(SetupError):
        start.plan(["x"], 2, None)


def test_the_hosts_of_a_job_around_it(monkeypatch, tmp_path):
    (tmp_path / "nodes").write_text("n1\nn1\nn2\nn2\n")
    monkeypatch.setenv("PBS_NODEFILE", str(tmp_path / "nodes"))
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/env/bin/{name}")
    assert start.plan(["x"], None, None).argv[1:5] == ("-np", "4", "-H", "n1:2,n2:2")
    assert start.plan(["x"], 3, None).argv[1:5] == ("-np", "3", "-H", "n1:2,n2:1")
    assert start.plan(["x"], 2, parse_list("a,b")).argv[1:5] == ("-np", "2", "-H", "a:1,b:1")
    assert start.plan(["x"], 1, None).argv == ("x",)
    assert start.plan(["x"], 1, None, launcher="local").argv == ("x",)
    assert "n1:2,n2:2" in start.plan(["x"], 4, None, launcher="horovodrun").argv
    with pytest.raises(ConfigError, match=r"^-np: 5 ranks, but this job has 4 slots \(PBS_NODE"):
        start.plan(["x"], 5, None)


def test_horovodrun_goes_to_the_nodes_of_a_slurm_job(monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_JOB_NODELIST", "n[1-2]")
    monkeypatch.setenv("SLURM_TASKS_PER_NODE", "2(x2)")
    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/env/bin/{name}")
    assert "n1:2,n2:2" in start.plan(["x"], None, None, launcher="horovodrun").argv
    assert "-H" not in start.plan(["x"], None, None).argv  # mpirun asks Slurm itself


WATCHDOG = [sys.executable, "-m", "caps_hvd.launch.ssh_watchdog"]


@pytest.mark.parametrize(("text", "code"), [("exit 7", 7), ("kill -KILL $$", 137)])
def test_the_watchdog_gives_the_exit_code(text, code):
    assert subprocess.run([*WATCHDOG, "sh", "-c", text], timeout=30).returncode == code


def test_the_watchdog_without_a_program():
    done = subprocess.run([*WATCHDOG, "no-such"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 127
    assert done.stderr == "no-such: cannot be started: No such file or directory\n"


@pytest.mark.parametrize("shell", [[], ["sh", "-c", '"$@"; true', "sh"]], ids=["direct", "shell"])
def test_the_watchdog_ends_with_what_is_behind_it(shell, tmp_path):
    """The stand-in for sshd is killed; the rank ends, through a shell that lives on as well."""
    rank = ["sh", "-c", f"echo $$ > '{tmp_path}/pid'; exec sleep 30"]
    code = f"import subprocess; subprocess.Popen({[*shell, *WATCHDOG, *rank]!r}).wait()"
    served = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 20
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    served.kill()
    served.wait()
    pid = int((tmp_path / "pid").read_text())
    while _is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _is_running(pid):
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
