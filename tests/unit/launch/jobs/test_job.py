"""The text of job scripts: the committed ones and odd ones, whole; and what is refused."""

import json
import subprocess
from pathlib import Path

import pytest

import job_scripts
from caps_hvd.errors import ConfigError
from caps_hvd.launch.jobs import batch_script, hosts_script, shell, slurm_script
from caps_hvd.launch.jobs.job import BatchJob, HostsJob, JobTask, SlurmJob, train_task
from caps_hvd.launch.jobs.shell import Expression

REPOSITORY = Path(__file__).resolve().parents[4]
GOLDENS = REPOSITORY / "tests" / "goldens" / "launch"

ARRAY = SlurmJob(
    name="points",
    tasks=(
        train_task(["--seed", "0"], run_dir="sweeps/it's a sweep/points/m1", log="m 1.log"),
        train_task(["--seed", "1"], run_dir="sweeps/it's a sweep/points/}m2", log='"m2".log'),
    ),
    nodes=2,
    device="cpu",
    interface="eth0",
    cpus_per_task=8,
    array_limit=1,
    dependency="afterany:12:13_4",
    venv="/home/it's me/$HOME/.venv",
    output="sweeps/it's a sweep/%A_%a.out",
)
EVERYTHING = SlurmJob(
    name="every_thing-1.0+",
    header='Says "hello"; `id`\n\n$(id)',
    tasks=(train_task(["--dataset", "my data.h5", "--data-dir", "$HOME/`id`"]),),
    nodes=8,
    tasks_per_node=2,
    cpus_per_task=16,
    gpus_per_node=4,
    interface="ib0",
    exclusive=True,
    time_minutes=3000,
    partition="gpu,gpu-long",
    account="project@site",
    qos="high",
    container="docker://registry.site:5000/caps_hvd:it's-1",
    requeue=False,
    directives=("--constraint=a100|h100", '--comment=it\'s; # "odd" $(id)', "--mail-type=END"),
)
ODD = {"array.sh": ARRAY, "everything.sh": EVERYTHING}
SCRIPTS = job_scripts.scripts() | {name: slurm_script.render(job) for name, job in ODD.items()}


@pytest.mark.parametrize("name", job_scripts.scripts())
def test_a_committed_script_is_its_rendering(name):
    """`python scripts/job_scripts.py` writes them anew."""
    path = REPOSITORY / name
    assert path.read_text() == job_scripts.scripts()[name]
    assert path.stat().st_mode & 0o111


def test_every_script_in_the_folders_is_made_here():
    found = {f"{path.parent.name}/{path.name}" for path in REPOSITORY.glob("slurm/*")}
    found |= {f"{path.parent.name}/{path.name}" for path in REPOSITORY.glob("jobs/*.sh")}
    assert found == set(job_scripts.scripts())


@pytest.mark.parametrize("name", ODD)
def test_an_odd_job_is_written_as_before(name):
    assert slurm_script.render(ODD[name]) == (GOLDENS / name).read_text()


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_bash_can_read_it(text):
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, timeout=10)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_lines_of_options_stand_before_the_first_command(text):
    """No scheduler reads an option after it."""
    lines = text.splitlines()
    first = next(n for n, line in enumerate(lines) if line and not line.startswith("#"))
    options = ("#SBATCH", "#PBS", "#$", "#BSUB")
    assert not any(line.startswith(options) for line in lines[first:])


HOSTILE = [
    "a b",
    "it's",
    '"x"',
    "$HOME",
    "`touch stolen`",
    "$(touch stolen)",
    ";touch stolen",
    "*",
    "",
    "--x\\",
    "}",
    "#c",
]


def run_script(text, folder, *arguments, **environment):
    """Runs a job's script with a `caps-hvd` that prints its arguments, as JSON."""
    binaries = folder / "env" / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    tool = binaries / "caps-hvd"
    tool.write_text("#!/usr/bin/python3\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    tool.chmod(0o755)
    return subprocess.run(
        ["bash", "-c", text, "script", *arguments],
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "SLURM_SUBMIT_DIR": str(folder),
            "SLURM_NTASKS": "3",
            "SLURM_JOB_NAME": "name",
            "SLURM_JOB_ID": "7",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=10,
    )


def test_words_reach_the_program_as_they_are(tmp_path):
    job = SlurmJob(name="x", tasks=(train_task(HOSTILE, run_dir="it's }a run"),), venv="env")
    done = run_script(slurm_script.render(job), tmp_path, *HOSTILE)
    assert json.loads(done.stdout) == [
        *("launch", "-np", "3", "--", "python", "-m", "caps_hvd.train"),
        *("--run-dir", "it's }a run", "--resume", *HOSTILE, *HOSTILE),
    ], done.stderr
    assert not (tmp_path / "stolen").exists()


@pytest.mark.parametrize("task, expected", [("0", "0"), ("1", "1")])
def test_a_task_of_an_array_runs_its_own_program(tmp_path, task, expected):
    tasks = [JobTask(program=("caps-hvd", str(n)), run_dir=f"r {n}") for n in (0, 1)]
    text = slurm_script.render(SlurmJob(name="x", tasks=tasks, venv="env", ranks=False))
    done = run_script(text, tmp_path, SLURM_ARRAY_TASK_ID=task)
    assert json.loads(done.stdout) == [expected], done.stderr


@pytest.mark.parametrize(
    "environment, folder",
    [({}, "runs/name-7"), ({"CAPS_HVD_RUN_DIR": "/a b/c"}, "/a b/c")],
)
def test_the_folder_of_results_has_the_jobs_number_or_is_a_setting(tmp_path, environment, folder):
    text = slurm_script.render(SlurmJob(name="x", tasks=(train_task(),), venv="env"))
    done = run_script(text, tmp_path, **environment)
    assert json.loads(done.stdout)[8] == folder


OTHERS = {
    "pbs": ({"PBS_JOBID": "12.server.site", "PBS_JOBNAME": "name"}, "PBS_O_WORKDIR"),
    "sge": ({"JOB_ID": "12", "JOB_NAME": "name"}, "PWD"),
    "lsf": ({"LSB_JOBID": "12", "LSB_JOBNAME": "name"}, "PWD"),
}


@pytest.mark.parametrize("scheduler", OTHERS)
def test_a_job_of_another_scheduler(tmp_path, scheduler):
    environment, folder = OTHERS[scheduler]
    environment = environment | {folder: str(tmp_path), "CAPS_HVD_VENV": "env"}
    text = batch_script.render(BatchJob(name="name", scheduler=scheduler))
    start = ["launch", "--", "python", "-m", "caps_hvd.train", "--run-dir"]
    done = run_script(text, tmp_path, *HOSTILE, **environment)
    assert json.loads(done.stdout) == [*start, "runs/name-12", "--resume", *HOSTILE], done.stderr
    environment |= {"CAPS_HVD_OPTIONS": "--epochs 5 *", "CAPS_HVD_RUN_DIR": "it's mine"}
    done = run_script(text, tmp_path, **environment)
    assert json.loads(done.stdout) == [*start, "it's mine", "--resume", "--epochs", "5", "*"]
    assert not (tmp_path / "stolen").exists()
    assert run_script(text, tmp_path, **environment | {"CAPS_HVD_VENV": "no"}).returncode == 2


@pytest.mark.parametrize("options", [{"scheduler": "cron"}, {"nodes": 0}, {"name": "a b"}])
def test_a_job_of_another_scheduler_that_cannot_be(options):
    with pytest.raises(ConfigError):
        BatchJob(**{"name": "x", "scheduler": "pbs"} | options)


@pytest.mark.parametrize("code", [0, 2, 137])
def test_the_job_ends_as_the_program_does(tmp_path, code):
    job = SlurmJob(
        name="x", tasks=(JobTask(program=("sh", "-c", f"exit {code}")),), venv="env", ranks=False
    )
    assert run_script(slurm_script.render(job), tmp_path).returncode == code


def test_no_environment_is_one_line(tmp_path):
    text = slurm_script.render(SlurmJob(name="x", tasks=(train_task(),), venv="no where"))
    done = run_script(text, tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"caps_hvd: error: no environment in {tmp_path}/no where; make one with 'make setup', or "
        "name another in CAPS_HVD_VENV\n"
    )


@pytest.mark.parametrize("image, word", [("a.sif", "apptainer"), ("name:tag", "docker")])
def test_no_container_runtime_is_one_line(tmp_path, image, word):
    text = slurm_script.render(SlurmJob(name="x", tasks=(train_task(),), container=image))
    empty = tmp_path / "tools"
    empty.mkdir()
    (empty / "hostname").symlink_to("/bin/hostname")
    (empty / "date").symlink_to("/bin/date")
    text = f"PATH={empty}\n{text}"
    done = run_script(text, tmp_path)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"caps_hvd: error: no {word} on ")


@pytest.mark.parametrize("image, runtime", [("a.sif", "apptainer"), ("name:tag", "docker")])
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_a_container_has_the_folder_of_results_wherever_it_is(tmp_path, image, runtime, device):
    """srun and the runtime only say what they are told; two folders, as a link may be one."""
    tools, elsewhere = tmp_path / "tools", tmp_path / "else where"
    for folder in (tools, elsewhere / "real"):
        folder.mkdir(parents=True)
    (elsewhere / "link").symlink_to(elsewhere / "real")
    (tmp_path / "a.sif").touch()
    for name, text in {"srun": 'exec "${@:4}"', runtime: "printf '%s\\n' \"$@\""}.items():
        (tools / name).write_text(f"#!/bin/bash\n{text}\n")
        (tools / name).chmod(0o755)
    job = SlurmJob(name="x", tasks=(train_task(),), container=image, device=device)
    done = run_script(
        f"PATH={tools}:$PATH\n{slurm_script.render(job)}", tmp_path,
        CAPS_HVD_RUN_DIR=f"{elsewhere}/link/new", CUDA_VISIBLE_DEVICES="0",
    )  # fmt: skip
    words, results = done.stdout.splitlines(), f"{elsewhere}/link/new"
    bound = results if runtime == "apptainer" else f"{results}:{results}"
    assert bound in words, done.stderr
    assert words[words.index("--run-dir") + 1] == results and Path(results).is_dir()
    gpus = "--nv" if runtime == "apptainer" else "--gpus=all"
    assert (gpus in words) == (device == "auto")


def test_hosts_jobs_train_on_each_count(tmp_path):
    script = tmp_path / "jobs" / "it's.sh"
    script.parent.mkdir()
    script.write_text(hosts_script.render(HostsJob(name="x", launcher="mpirun")))
    done = run_script(
        f'exec bash "{script}" "$@"', tmp_path, "a b",
        CAPS_HVD_VENV="env", CAPS_HVD_RANKS="1 15", CAPS_HVD_HOSTFILE="my hosts",
    )  # fmt: skip
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        [
            *("launch", "--launcher", "mpirun", "-np", ranks, "--hostfile", "my hosts", "--"),
            *("python", "-m", "caps_hvd.train", "--run-dir", f"runs/x-{ranks}", "--resume", "a b"),
        ]
        for ranks in ("1", "15")
    ], done.stderr


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"name": "a b"}, "name: expected letters, digits"),
        ({"name": "a/b"}, "name: expected"),
        ({"name": "-x"}, "name: expected"),
        ({"name": "x\n#SBATCH --x"}, "name: expected"),
        ({"nodes": 0}, "nodes: expected an integer of at least 1, received 0"),
        ({"nodes": None}, "nodes: expected an integer of at least 1, received None"),
        ({"nodes": True}, "nodes: expected an integer"),
        ({"nodes": "4"}, "nodes: expected an integer of at least 1, received '4'"),
        ({"cpus_per_task": 0}, "cpus_per_task: expected"),
        ({"gpus_per_node": -1}, "gpus_per_node: expected an integer of at least 0"),
        ({"gpus_per_node": 2, "tasks_per_node": 3}, "one rank for each of the 2 GPUs"),
        ({"device": "gpu"}, "device: expected one of auto, cpu, received 'gpu'"),
        ({"interface": "eth0; id"}, "interface: expected the name of a network interface"),
        ({"time_minutes": 0}, "time_minutes: expected"),
        ({"partition": "main\n#SBATCH --x"}, "partition: expected"),
        ({"partition": "--wrap=id"}, "partition: expected"),
        ({"partition": "a;id"}, "partition: expected"),
        ({"account": "$(id)"}, "account: expected"),
        ({"qos": ""}, "qos: expected"),
        ({"dependency": "afterok"}, "dependency: expected such as afterok:12:13"),
        ({"dependency": "afterok:1;id"}, "dependency: expected"),
        ({"container": "a\nb"}, "container: expected text of one line"),
        ({"output": "a\nb"}, "output: expected text of one line"),
        ({"directives": ["--x\nid"]}, "directive: expected"),
        ({"directives": ["id"]}, "directive: expected --option or --option=value"),
        ({"directives": ["--a b"]}, "directive: expected --option or --option=value"),
        ({"directives": "--x"}, "directives: expected a list"),
        ({"tasks": ()}, "tasks: expected at least one"),
        ({"array_limit": 0}, "array_limit: expected"),
        ({"container": "a.sif", "ranks": False}, "container: expected a program"),
        ({"header": 3}, "header: expected text"),
    ],
)
def test_what_cannot_be_written_is_refused(settings, words):
    with pytest.raises(ConfigError, match=None) as caught:
        SlurmJob(**{"name": "x", "tasks": (train_task(),), **settings})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"program": ()},
        {"program": "a b"},
        {"program": ("a\nb",)},
        {"program": ("a", 3)},
        {"program": ("a",), "run_dir": ""},
        {"program": ("a",), "run_dir": "a\x00b"},
        {"program": ("a",), "log": "a\nb"},
    ],
)
def test_a_task_that_cannot_be_written_is_refused(settings):
    with pytest.raises(ConfigError):
        JobTask(**settings)


def test_a_header_cannot_leave_its_comment():
    job = SlurmJob(name="x", tasks=(train_task(),), header="a\rtouch b\x0btouch c\ntouch d")
    head = slurm_script.render(job).split("#SBATCH")[0]
    assert all(line.startswith("#") for line in head.strip().split("\n"))


def test_an_expression_is_the_only_thing_that_the_shell_expands():
    assert shell.word(Expression("$x")) == '"$x"'
    assert shell.word("$x") == "'$x'"
    assert shell.setting("a", "B", "it's") == "a=${B:-'it'\"'\"'s'}"


def test_a_launcher_that_nobody_knows():
    with pytest.raises(ConfigError, match=r"launcher: expected one of auto, local"):
        HostsJob(name="x", launcher="mpirum")
