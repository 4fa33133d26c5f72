"""`caps-hvd submit`, and the words with Slurm, here a Slurm that only pretends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from caps_hvd.cli import main
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.errors import ConfigError, SetupError
from caps_hvd.launch.jobs import submit
from caps_hvd.system import slurm_queue

GOLDEN = Path(__file__).parents[3] / "goldens" / "launch" / "submitted.sh"
JOB = ("submit", "--nodes", "4", "--gpus-per-node", "2", "--cpus-per-task", "8", "--time", "2-12")
SITE = ("--partition", "gpu", "--account", "p1", "--qos", "high", "--directive=--constraint=a 100")
TRAIN = ("--dataset", "mnist", "--epochs", "5", "--data-dir", "/my data", "--augment")


def cli(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    captured = capsys.readouterr()
    return ended.value.code or 0, captured.out, captured.err


@pytest.fixture
def in_an_environment(monkeypatch):
    monkeypatch.setattr(sys, "prefix", "/home/me/caps hvd/.venv")


def test_dry_run_prints_the_script(capsys, in_an_environment):
    code, out, err = cli(capsys, *JOB, *SITE, "--dry-run", "--", *TRAIN)
    assert (code, err) == (0, "")
    assert out == GOLDEN.read_text()


def test_dry_run_answers_at_once_without_tensorflow_and_slurm(tmp_path):
    blocked = "import sys; sys.modules.update(dict.fromkeys(('tensorflow', 'keras', 'horovod')));"
    code = f"{blocked} from caps_hvd.cli import main; main(['submit', '--dry-run'])"
    began = time.process_time(), os.times()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PATH": str(tmp_path)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    now = os.times()
    used = now.children_user - began[1].children_user + now.children_system
    used -= began[1].children_system
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("#!/bin/bash\n# Train capsnet on digits.")
    assert used < 1  # processor time: the machine may be busy


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--", "--epoch", "5"], "--epoch: no such option; did you mean --epochs?"),
        (["--", "--epochs", "0"], "--epochs: expected an integer of at least 1, received 0"),
        (["--", "--optimizer", "adm"], "did you mean 'adam'?"),
        (["--", "--config", "/no/such.toml"], "/no/such.toml: cannot read the configuration"),
        (["--", "--dataset", "mnits"], "received 'mnits'; did you mean 'mnist'?"),
        (
            ["--", "--model", "lenet"],
            "--model: expected one of capsnet, alexcapsnet, rescapsnet, "
            "efficient_capsnet, lenet5, mlcn or FILE.py:FUNCTION, received 'lenet'",
        ),
        (["--epochs", "5"], "--epochs: an option of training; put it after --"),
        (["--node", "5"], "--node: no such option; did you mean --nodes?"),
        (["--nodes", "0"], "--nodes: expected an integer of at least 1, received 0"),
        (["--time", "soon"], "--time: expected minutes"),
        (["--partition", "a b"], "partition: expected a name"),
        (["--directive", "id"], "directive: expected --option or --option=value, received 'id'"),
        (["--container", "no.sif"], "received 'no.sif', which is not here; see docs/hpc.md"),
        (["--container", "/images/none"], "--container: expected the file of an image"),
        (["--name", "$(id)"], "name: expected letters, digits"),
    ],
)
def test_a_mistake_is_one_line(capsys, arguments, words):
    code, out, err = cli(capsys, "submit", "--dry-run", *arguments)
    assert (code, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("caps_hvd: error: ")
    assert words in line


def test_no_slurm_is_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    code, out, err = cli(capsys, "submit")
    assert (code, out) == (2, "")
    assert err == (
        "caps_hvd: error: sbatch: not on PATH; submit from a login node of a Slurm cluster, or use "
        "`caps-hvd launch` with a host file\n"
    )


@pytest.mark.parametrize(
    "text, minutes",
    [
        ("1", 1),
        ("90", 90),
        ("90:01", 91),
        ("0:30", 1),
        ("1:30:00", 90),
        ("1:30:01", 91),
        ("2-0", 2880),
        ("2-12", 3600),
        ("2-12:30", 3630),
        ("1-00:00:59", 1441),
    ],
)
def test_time(text, minutes):
    assert submit.parse_time(text) == minutes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0:00:00",
        "-1",
        "1.5",
        "1h",
        "1:2:3:4",
        "1-",
        "٣",
        "1:99:99",
        "1:60",
        "1-24",
        "1-0:60",
    ],
)
def test_what_is_no_time(text):
    with pytest.raises(ConfigError, match=r"--time: expected"):
        submit.parse_time(text)


@pytest.mark.parametrize(
    "dataset, name",
    [("mnist", "capsnet-mnist"), ("/data/my set's.h5", "capsnet-my-set-s")],
)
def test_the_name_of_a_job(dataset, name):
    assert submit.describe(TrainConfig(dataset=dataset), []).name == name


def test_a_folder_of_results_that_was_asked_for():
    job = submit.describe(TrainConfig(run_dir="my run"), ["--run-dir", "my run"])
    assert job.tasks[0].run_dir == "my run"


class Pretence:
    """Slurm's commands, each a script on PATH that answers as told and notes its arguments."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def says(self, command, out="", err="", code=0):
        (self.folder / f"{command}.out").write_text(out)
        (self.folder / f"{command}.err").write_text(err)
        path = self.folder / command
        path.write_text(
            f'#!/bin/sh\necho "$@" >>"$0.log"\ncat "$0.out"\ncat "$0.err" >&2\nexit {code}\n'
        )
        path.chmod(0o755)

    def heard(self, command):
        path = self.folder / f"{command}.log"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def pretence(tmp_path, monkeypatch):
    return Pretence(tmp_path, monkeypatch)


def test_submission(pretence):
    pretence.says("sbatch", out="12;cluster\n")
    assert slurm_queue.sbatch("#!/bin/sh\n", test_only=True, arguments=["--epochs", "5"]) is None
    assert slurm_queue.sbatch("#!/bin/sh\n", name="mine", arguments=["--epochs", "5"]) == 12
    asked, submitted = pretence.heard("sbatch")
    assert asked.startswith("--test-only /") and asked.endswith("/job.sh --epochs 5")
    assert submitted.startswith("--parsable /") and submitted.endswith("/mine.sh --epochs 5")


def test_slurm_is_asked_once_before_a_job_is_submitted(capsys, pretence):
    pretence.says("sbatch", out="12\n")
    assert cli(capsys, "submit")[:2] == (
        0, "submitted job 12; output in capsnet-digits-12.out, results in runs/capsnet-digits-12\n"
    )  # fmt: skip
    assert [line.split()[0] for line in pretence.heard("sbatch")] == ["--test-only", "--parsable"]


def test_a_job_is_found_by_the_name_of_its_script(pretence):
    pretence.says("squeue", out="7|/tmp/caps_hvd-1/a.sh\n8|/my tmp/x/b.sh --epochs 5\n8|/x/b.sh\n")
    assert slurm_queue.find(["b", "c"]) == {"b": "8"}
    assert slurm_queue.find([]) == {} and len(pretence.heard("squeue")) == 1


def test_a_refusal_has_slurms_own_words(pretence):
    words = "sbatch: error: Batch job submission failed: Invalid account\nsbatch: See the manual\n"
    pretence.says("sbatch", err=words, code=1)
    with pytest.raises(ConfigError) as caught:
        slurm_queue.sbatch("#!/bin/sh\n")
    assert str(caught.value) == (
        "Slurm refuses the job: Batch job submission failed: Invalid account; See the manual; "
        "change the option, or see `sinfo` for what the cluster has; nothing was submitted"
    )
    assert len(pretence.heard("sbatch")) == 1


def test_states_of_jobs_arrays_and_tasks(pretence):
    pretence.says(
        "squeue",
        out="1|RUNNING\n2|PENDING\n3|COMPLETED\n4_0|COMPLETED\n4_1|TIMEOUT\n5_0|COMPLETED\n"
        "5_1|CANCELLED\n6_0|COMPLETED\n6_1|COMPLETING\n7|PREEMPTED\n8|OUT_OF_MEMORY\n",
    )
    pretence.says("sacct", err="Slurm accounting storage is disabled\n", code=1)
    assert slurm_queue.states([1, 2, 3, 4, "4_0", "4_1", 5, 6, 7, 8, 9]) == {
        "1": "running",
        "2": "pending",
        "3": "finished",
        "4": "failed",
        "4_0": "finished",
        "4_1": "failed",
        "5": "cancelled",
        "6": "running",
        "7": "failed",
        "8": "failed",
        "9": "unknown",
    }


def test_a_heterogeneous_job_is_as_its_parts(pretence):
    pretence.says("squeue", out="12+0|RUNNING\n12+1|COMPLETED\n")
    assert slurm_queue.states([12, "12+1"]) == {"12": "running", "12+1": "finished"}
    assert "--jobs=12" in pretence.heard("squeue")[-1]


def test_accounting_knows_what_the_controller_forgot(pretence):
    pretence.says("squeue", err="slurm_load_jobs error: Invalid job id specified\n", code=1)
    pretence.says("sacct", out="12|CANCELLED by 1000\n")
    assert slurm_queue.states([12]) == {"12": "cancelled"}


def test_the_name_of_the_cluster(pretence):
    pretence.says("scontrol", out="Configuration data\nClusterName             = here\nA = b\n")
    assert slurm_queue.cluster() == "here"
    pretence.says("scontrol", err="scontrol: error: no answer\n", code=1)
    with pytest.raises(SetupError, match="scontrol: no answer; is the Slurm controller up"):
        slurm_queue.cluster()


@pytest.mark.parametrize("jobs", [[12], [12, 13]])
def test_a_controller_that_is_down(pretence, jobs):
    pretence.says(
        "squeue", err="slurm_load_jobs error: Unable to contact slurm controller\n", code=1
    )
    with pytest.raises(SetupError, match="Unable to contact slurm controller"):
        slurm_queue.states(jobs)


def test_nothing_is_asked_for_no_jobs(pretence):
    assert slurm_queue.states([]) == {}
    slurm_queue.cancel([])
