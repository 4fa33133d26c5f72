"""The plan of a sweep: grids, seeds, batches and hosts as worked out by hand."""

import re

import pytest

from caps_hvd.errors import ConfigError
from caps_hvd.launch.hosts import hostfile
from caps_hvd.sweep import definition_file
from caps_hvd.sweep.engine import hosts_of
from caps_hvd.sweep.points import plan
from tests.unit.sweep.jobs import JOBS, definitions, name_of

LANES = JOBS / "mlcn"
HOSTS = hostfile.parse("a slots=2\nb slots=4\nc slots=2\n", "lab")


def points(text, hosts=HOSTS):
    return plan(definition_file.parse(text, "sweep.toml"), hosts)


def test_the_grid_in_the_order_in_which_it_runs():
    planned = points(
        "machine_counts = [1, 3]\nrepetitions = 2\n[train]\nseed = 7\nepochs = 2\n"
        "[axes]\nbatch_size = [50, 100]\n[axes.rate]\nlow = { learning_rate = 0.1 }\n"
        "'very high' = { learning_rate = 2, epochs = 3 }"
    )
    facts = [
        (p.name, p.ranks, p.config.batch_size, p.config.learning_rate, p.config.epochs)
        for p in planned[:8]
    ]
    assert facts == [
        ("m1-batch_size_50-rate_low-rep0", 1, 50, 0.1, 2),
        ("m3-batch_size_50-rate_low-rep0", 3, 50, 0.1, 2),
        ("m1-batch_size_50-rate_very_high-rep0", 1, 50, 2.0, 3),
        ("m3-batch_size_50-rate_very_high-rep0", 3, 50, 2.0, 3),
        ("m1-batch_size_100-rate_low-rep0", 1, 100, 0.1, 2),
        ("m3-batch_size_100-rate_low-rep0", 3, 100, 0.1, 2),
        ("m1-batch_size_100-rate_very_high-rep0", 1, 100, 2.0, 3),
        ("m3-batch_size_100-rate_very_high-rep0", 3, 100, 2.0, 3),
    ]
    assert len(planned) == 16 and len({p.name for p in planned}) == 16
    assert [p.config.seed for p in planned] == [7] * 8 + [8] * 8
    assert planned[-1].axes == {
        "machines": 3, "batch_size": 100, "rate": "very high", "repetition": 1,
    }  # fmt: skip


def test_hosts_are_the_first_ones_with_a_slot_for_each_rank():
    one, two = points("machine_counts = [1, 2]\nranks_per_machine = 2")
    assert (hostfile.to_list(one.hosts), one.ranks) == ("a:2", 2)
    assert (hostfile.to_list(two.hosts), two.ranks) == ("a:2,b:2", 4)


def test_ranks_as_the_host_file_says():
    *_, three = points("machine_counts = [1, 3]\nranks_per_machine = 'slots'")
    assert (hostfile.to_list(three.hosts), three.ranks) == ("a:2,b:4,c:2", 8)


def test_weak_scaling_keeps_the_batch_of_a_rank_strong_scaling_that_of_all():
    text = "machine_counts = [1, 3]\n[train]\nbatch_size = 60\n"
    weak = points(text)
    strong = points('scaling = "strong"\n' + text)
    assert [p.config.batch_size for p in weak] == [60, 60]
    assert [p.config.batch_size for p in strong] == [60, 20]
    assert [p.config.scale_learning_rate for p in weak] == ["linear", "linear"]
    assert [p.config.scale_learning_rate for p in strong] == ["none", "none"]


def test_strong_scaling_divides_by_what_does_not_share_a_batch():
    """Lanes on several ranks: all ranks of a group of lanes see the same images."""
    planned = points(
        'machine_counts = [1, 2]\nranks_per_machine = 2\nscaling = "strong"\n[axes.way]\n'
        'data = { model = "mlcn" }\nmodel = { model = "mlcn", lane_groups = "ranks" }\n'
        'both = { model = "mlcn", lane_groups = 2 }'
    )
    assert [(p.axes["way"], p.ranks, p.config.batch_size) for p in planned] == [
        ("data", 2, 50), ("data", 4, 25), ("model", 2, 100), ("model", 4, 100),
        ("both", 2, 100), ("both", 4, 50),
    ]  # fmt: skip


def test_what_is_said_of_the_rate_is_kept_in_strong_scaling():
    text = 'scaling = "strong"\n[train]\nscale_learning_rate = "sqrt"'
    assert points(text)[0].config.scale_learning_rate == "sqrt"


def test_an_axis_may_change_how_a_point_is_started():
    planned = points("[axes]\nranks_per_machine = [1, 2]\ndevice = ['cpu', 'auto']")
    assert [(p.ranks, p.device) for p in planned] == [
        (1, "cpu"), (1, "auto"), (2, "cpu"), (2, "auto"),
    ]  # fmt: skip


def test_without_hosts_there_is_one_machine_or_there_is_slurm():
    assert points("ranks_per_machine = 2", None)[0].hosts is None
    planned = points('launcher = "slurm"\nmachine_counts = [4]\nranks_per_machine = 2', None)
    assert (planned[0].hosts, planned[0].ranks) == (None, 8)


@pytest.mark.parametrize(
    ("text", "hosts", "words"),
    [
        ("machine_counts = [1, 9]", HOSTS, ["line 1: machine_counts", "9 machines", "3 hosts"]),
        ("ranks_per_machine = 3", HOSTS, ["line 1", "a has 2", "line 1 of the host file"]),
        ("machine_counts = [2]", None, ["line 1", "nothing says which", "hostfile"]),
        ('ranks_per_machine = "slots"', None, ["line 1", "no hostfile"]),
        ('launcher = "local"\nranks_per_machine = 2', None, ["line 1: launcher", "take mpirun"]),
        ('launcher = "local"', HOSTS, ["line 1: launcher", "a list of hosts"]),
        ('machine_counts = [1, 2, 3]\nscaling = "strong"', HOSTS,
         ["line 2: scaling", "100 images", "multiple of 3", "a multiple of 6"]),
        ('machine_counts = [2, 3]\n[train]\nmodel = "mlcn"\nlane_groups = 2', HOSTS,
         ["line 2: train: lane_groups", "a divisor of 3 ranks", "received 2"]),
        ('machine_counts = [3]\nranks_per_machine = 2\n[train]\nmodel = "mlcn"\n'
         'lane_groups = "ranks"', HOSTS,
         ["line 3: train: lane_groups", "4 at most", "received 6"]),
        ("name = 'a'\nat_once = 2", HOSTS, ["line 2: at_once", "one list", "remove the line"]),
        ("[axes.a]\nx = {}\ny = {}", HOSTS, ["(machines 1, a x,", "(machines 1, a y,", "the same"]),
        ("[axes.a]\n'x y' = {epochs = 1}\n'x_y' = {epochs = 2}", HOSTS, ["are the same", "label"]),
        ("repetitions = 2\n[axes]\nseed = [0, 1]", HOSTS, ["seed 1, repetition 0", "the same"]),
        (f"[axes.a]\n{'x' * 130} = {{}}", HOSTS, ["at most 120", "shorten"]),
    ],
)  # fmt: skip
def test_plans_that_cannot_be(text, hosts, words):
    with pytest.raises(ConfigError) as caught:
        points(text, hosts)
    message = str(caught.value)
    assert message.startswith("sweep.toml: ") and "\n" not in message
    for word in words:
        assert word in message


def test_a_grid_of_one_point():
    assert [p.name for p in points("", None)] == ["m1-rep0"]


@pytest.mark.parametrize("path", definitions(), ids=name_of)
def test_every_definition_of_the_project_can_be_planned(path):
    definition = definition_file.read(path)
    hosts = hosts_of(definition, environ={})
    if "sbatch slurm/scaling_sweep.sh" in definition.text:  # it runs inside an allocation
        hosts = hostfile.parse_list("n1,n2,n3,n4")
    else:
        command = rf"caps-hvd (sweep|optimize) {re.escape(str(path.relative_to(JOBS.parent)))}"
        assert re.search(command, definition.text)
    assert plan(definition, hosts)
    assert definition.name == name_of(path)
    assert "# Hardware " in definition.text
    assert "# Expected " in definition.text or "# Published " in definition.text


def test_experiments_of_lanes_are_there_for_a_cluster_and_for_one_machine():
    """What MLCN varied, each in its size and in a small one."""
    for name in ("speed_up", "batch_size", "lane_sizes", "balance_equal", "table"):
        large, small = (
            definition_file.read(LANES / f"{name}{size}.toml") for size in ("", "_small")
        )
        assert large.launcher == "slurm" and small.launcher in ("mpirun", "local")
        assert "train_samples" not in large.train
    speed_up = definition_file.read(LANES / "speed_up.toml")
    assert (speed_up.machine_counts, speed_up.train["epochs"]) == ((1, 2, 4, 8), 10)
    assert [value.label for value in speed_up.axes[0].values] == [
        "base", "mlcn_data", "mlcn_model",
    ]  # fmt: skip
    batch, _ = definition_file.read(LANES / "batch_size.toml").axes
    assert [value.label for value in batch.values] == [100, 150, 300, 600]
    for kind in ("equal", "unequal"):
        _, sets = definition_file.read(LANES / f"balance_{kind}.toml").axes
        assert [len(value.options["lane_list"]) for value in sets.values] == [6, 9, 12, 24]


def test_the_published_experiments_are_there():
    """Distributed CapsNet's three set-ups on 1, 5, 10 and 15 machines, and each of its axes."""
    for name in ("setup1_cpu", "setup2_gpu_cpu_allreduce", "setup3_gpu_nccl"):
        definition = definition_file.read(JOBS / f"{name}.toml")
        assert definition.machine_counts == (1, 5, 10, 15)
        assert (definition.train["batch_size"], definition.train["epochs"]) == (100, 5)
    assert definition_file.read(JOBS / "setup2_gpu_cpu_allreduce.toml").train["reduce_on"] == "cpu"
    (routing,) = definition_file.read(JOBS / "routing.toml").axes
    assert [value.label for value in routing.values] == list(range(1, 11))
    (batch,) = definition_file.read(JOBS / "batch_size.toml").axes
    assert [batch.values[0].label, batch.values[-1].label] == [50, 200]
    accuracy = definition_file.read(JOBS / "accuracy.toml")
    assert (accuracy.train["epochs"], accuracy.repetitions) == (100, 3)
