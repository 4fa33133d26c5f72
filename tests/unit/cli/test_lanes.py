"""`caps-hvd lanes`, in this process."""

from pathlib import Path

import pytest

from caps_hvd.cli import cli
from caps_hvd.errors import ConfigError
from caps_hvd.lanes import lane_times, plan
from tests.unit.lanes.toy import toy

JOBS = Path(__file__).parents[3] / "jobs" / "mlcn"


def run(*arguments):
    cli.main(args=["lanes", *map(str, arguments)], standalone_mode=False)


def test_page_shows_what_is_printed(capsys):
    page = Path(__file__).parents[3].joinpath("docs", "lanes.md").read_text(encoding="utf-8")
    run("balance", JOBS / "lanes.toml", "--devices", JOBS / "devices.toml", "--cost", "flops")
    for line in filter(None, capsys.readouterr().out.splitlines()):
        assert f"    {line}\n" in page


def test_keeps_the_plan_and_draws_it(tmp_path, capsys):
    kept, drawn = tmp_path / "plan.toml", tmp_path / "bins.png"
    run(
        "balance", JOBS / "lanes.toml", "--devices", JOBS / "devices_equal.toml",
        "--cost", "published", "--output", kept, "--plot", drawn,
    )  # fmt: skip
    # 4 x 16, 2 x 16, 4 x 18, 3 x 32, 5 x 27, 6 x 5: 429 on 4 devices, that is 108 at least.
    assert plan.read(kept, ranks=4, lanes=24).lower_bound == 108.0
    assert drawn.stat().st_size > 0
    assert capsys.readouterr().out.endswith(f"{kept}\n{drawn}\n")


def test_names_the_lane_that_fits_nowhere():
    with pytest.raises(ConfigError, match=r"lane 0 \(mlcn2, width 4, depth 1\): expected a device"):
        run(
            "balance", JOBS / "lanes.toml", "--devices", JOBS / "devices_equal.toml",
            "--batch-size", 10_000,
        )  # fmt: skip


def test_weighs_lanes_by_a_calibration(tmp_path, capsys):
    lanes, devices, given = (tmp_path / name for name in ("l.toml", "d.toml", "c.json"))
    lanes.write_text('[[lane]]\ntype = "mlcn1"\nwidth = 1\ncount = 2\n')
    devices.write_text('[[device]]\nname = "a"\n')
    lane_times.write(given, toy())
    run("balance", lanes, "--devices", devices, "--batch-size", 10, "--calibration", given)
    # Twice 3 layers of 1 ms, 0.5 s for 10,368,000 operations, and 0.25 s for 23,592,960.
    assert "makespan     0.02816 seconds at speed 1" in capsys.readouterr().out


def test_refuses_a_calibration_that_nothing_is_weighed_by():
    with pytest.raises(ConfigError, match="--calibration: --cost flops takes none, received c.jso"):
        run(
            "balance", JOBS / "lanes.toml", "--devices", JOBS / "devices.toml", "--cost", "flops",
            "--calibration", "c.json",
        )  # fmt: skip


def test_prints_the_published_models(capsys):
    run("published")
    assert "8 lanes (mlcn2), width 4        10.6     5.50" in capsys.readouterr().out


def test_refuses_an_odd_image(capsys):
    from click import UsageError

    with pytest.raises(UsageError, match="such as 28x28x1; received '28'"):
        run("balance", "a", "--devices", "b", "--image-shape", "28")


def test_refuses_other_words_and_other_pictures():
    from click import UsageError

    with pytest.raises(ConfigError, match="--method: expected one of greedy, .* mean 'greedy'"):
        run("balance", "a", "--devices", "b", "--method", "gredy")
    with pytest.raises(UsageError, match="ends in .png, received 'bins.pdf'"):
        run("balance", "a", "--devices", "b", "--plot", "bins.pdf")


def test_offers_every_method_and_type():
    from caps_hvd.cli import lane_search, lanes
    from caps_hvd.lanes import space
    from caps_hvd.lanes.balance import METHODS
    from caps_hvd.lanes.lane import TYPES

    assert lanes.METHODS == METHODS
    assert lanes.TYPES == TYPES
    (sampler,) = (each for each in lane_search.search.params if each.name == "sampler")
    assert tuple(sampler.type.choices) == space.METHODS
