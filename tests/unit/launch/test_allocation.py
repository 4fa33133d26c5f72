"""The batch job around a process: its hosts, and variables that are wrong or left over."""

import pytest

from caps_hvd.errors import ConfigError, SetupError
from caps_hvd.launch import allocation
from caps_hvd.launch.allocation import allocated_hosts, in_slurm, slurm_tasks
from caps_hvd.launch.hosts.hostfile import to_list
from caps_hvd.system import slurm_queue

SLURM = {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n[01-03]", "SLURM_TASKS_PER_NODE": "2(x3)"}


def test_slurm_is_known_by_its_job():
    assert in_slurm({"SLURM_JOB_ID": "7"})
    assert not in_slurm({"SLURM_JOB_ID": ""}) and not in_slurm({})


@pytest.mark.parametrize(
    ("text", "tasks"), [("2(x3),1", [2, 2, 2, 1]), ("16", [16]), ("1,2(x2)", [1, 2, 2]), ("", [])]
)
def test_reads_slurms_tasks(text, tasks):
    assert slurm_tasks({"SLURM_TASKS_PER_NODE": text}) == tasks


@pytest.mark.parametrize(
    ("environ", "hosts"),
    [
        (SLURM, "n01:2,n02:2,n03:2"),
        (SLURM | {"SLURM_TASKS_PER_NODE": ""}, "n01:1,n02:1,n03:1"),
        (SLURM | {"SLURM_JOB_NUM_NODES": "3", "SLURM_NNODES": "3"}, "n01:2,n02:2,n03:2"),
        (SLURM | {"SLURM_NNODES": "1", "SLURM_STEP_ID": "0"}, "n01:2,n02:2,n03:2"),
        (SLURM | {"SLURM_JOB_NODELIST": "a,b[1-2]-x"}, "a:2,b1-x:2,b2-x:2"),
        ({"LSB_MCPU_HOSTS": "n1 4 n2 2 "}, "n1:4,n2:2"),
    ],
)
def test_the_hosts_of_a_job(environ, hosts):
    assert to_list(allocated_hosts(environ)[0]) == hosts


@pytest.mark.parametrize("environ", [{}, {"SLURM_JOB_ID": "7"}, {"JOB_ID": "7"}])
def test_no_job_or_one_that_does_not_say_its_hosts(environ):
    assert allocated_hosts(environ)[0] is None


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("PBS_NODEFILE", "n1\nn1\nn2\n"),
        ("PE_HOSTFILE", "n1 2 q@n1 UNDEFINED\nn2 1 q@n2 UNDEFINED\n"),
        ("LSB_DJOB_HOSTFILE", "n1\nn1\nn2\n"),
    ],
)
def test_the_host_file_of_another_scheduler(tmp_path, variable, text):
    path = tmp_path / "the job's hosts"
    path.write_text(text)
    environ = {variable: str(path), "LSB_MCPU_HOSTS": "" if "LSB" not in variable else "n1 2 n2 1"}
    hosts, where = allocated_hosts(environ)
    assert (to_list(hosts), where) == ("n1:2,n2:1", variable)
    path.unlink()
    with pytest.raises(ConfigError, match=f"^{variable}: .*hosts: cannot read the host file: No s"):
        allocated_hosts(environ)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        (
            {"SLURM_TASKS_PER_NODE": "2"},
            "SLURM_TASKS_PER_NODE: expected the tasks of 3 nodes, those of SLURM_JOB_NODELIST "
            "(n[01-03]), received '2', those of another job or step; ",
        ),
        ({"SLURM_TASKS_PER_NODE": "2(x4)", "SLURM_STEP_ID": "0"}, "those of this step; start from"),
        ({"SLURM_TASKS_PER_NODE": "two"}, "SLURM_TASKS_PER_NODE: expected tasks of each node such"),
        ({"SLURM_TASKS_PER_NODE": "2(x3"}, "received '2(x3'; unset what is left over"),
        ({"SLURM_TASKS_PER_NODE": "0(x3)"}, "received '0(x3)'"),
        ({"SLURM_TASKS_PER_NODE": "1(x999999999)"}, "received '1(x999999999)'"),
        ({"SLURM_TASKS_PER_NODE": "٢(x3)"}, "received '٢(x3)'"),
        ({"SLURM_JOB_NODELIST": "n[01-03"}, "SLURM_JOB_NODELIST: expected a range such as"),
        ({"SLURM_JOB_NODELIST": "n[1-3]$(id)"}, "SLURM_JOB_NODELIST: expected a host name"),
        (
            {"SLURM_JOB_NUM_NODES": "4"},
            "SLURM_JOB_NUM_NODES: expected 3, the nodes of SLURM_JOB_NODELIST (n[01-03]), "
            "received '4'; unset what is left over from another job",
        ),
        ({"SLURM_NNODES": "x"}, "SLURM_NNODES: expected 3"),
        (
            {"SLURM_HET_SIZE": "2"},
            "SLURM_HET_SIZE: expected a job of one part, received one of 2, whose ranks Slurm "
            "alone can start: `srun --mpi=pmix --het-group=0-1 python -m caps_hvd.train`",
        ),
        ({"SLURM_HET_SIZE": "x"}, "received one of x"),
    ],
)
def test_a_variable_of_slurm_that_cannot_be_is_named(environ, words):
    with pytest.raises(ConfigError) as caught:
        allocated_hosts(SLURM | environ)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_the_hosts_of_two_schedulers():
    environ = {"PBS_NODEFILE": "/a", "PE_HOSTFILE": "/b"}
    with pytest.raises(ConfigError, match="^PBS_NODEFILE and PE_HOSTFILE: expected the hosts of"):
        allocated_hosts(environ)
    assert to_list(allocated_hosts(SLURM | environ)[0]) == "n01:2,n02:2,n03:2"


@pytest.mark.parametrize(
    ("environ", "job"),
    [
        ({"SLURM_JOB_ID": "7"}, "7"),
        ({"SLURM_JOB_ID": "9", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "2"}, "7_2"),
    ],
)
def test_a_job_that_has_ended_is_left_over(monkeypatch, environ, job):
    states = {}
    monkeypatch.setattr(slurm_queue, "states", lambda jobs: {job: states[job] for job in jobs})
    for states[job] in ("running", "pending", "unknown"):
        allocation.check_running(environ)
    states[job] = "failed"
    with pytest.raises(ConfigError, match=f"^SLURM_JOB_ID: .*received {job}, which is failed; "):
        allocation.check_running(environ)


def test_where_slurm_cannot_be_asked_a_job_counts_as_running(monkeypatch):
    def fail(jobs):
        raise SetupError("squeue: not on PATH")

    monkeypatch.setattr(slurm_queue, "states", fail)
    allocation.check_running({"SLURM_JOB_ID": "7"})
    allocation.check_running({})


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"SLURM_JOB_ID": "x"}, "SLURM_JOB_ID: expected a number, as Slurm gives it, received 'x'"),
        ({"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "7"}, "SLURM_ARRAY_TASK_ID: expected a num"),
        (
            {"SLURM_JOB_ID": "7", "SLURM_ARRAY_JOB_ID": "-1", "SLURM_ARRAY_TASK_ID": "2"},
            "SLURM_ARRAY_JOB_ID: expected a number",
        ),
    ],
)
def test_a_number_of_a_job_that_is_none(environ, words):
    with pytest.raises(ConfigError, match="unset the variables") as caught:
        slurm_queue.job_around(environ)
    assert words in str(caught.value)


def test_how_often_a_job_was_requeued():
    assert slurm_queue.restarts({}) == 0
    assert slurm_queue.restarts({"SLURM_RESTART_COUNT": "3"}) == 3
    with pytest.raises(ConfigError, match="^SLURM_RESTART_COUNT: expected a number"):
        slurm_queue.restarts({"SLURM_RESTART_COUNT": "often"})
