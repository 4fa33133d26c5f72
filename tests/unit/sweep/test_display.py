"""What a sweep shows: its plan and the live table."""

from caps_hvd.sweep.display import live_table, plan_text
from tests.unit.sweep.fake_training import NAMES, FakeExecutor, run


def test_the_plan_as_a_table(tmp_path):
    sweep, _ = run(tmp_path)
    one, *_, last = plan_text(sweep.points[:2]).splitlines()
    assert one.split() == [
        "point",
        "machines",
        "ranks",
        *["batch", "per", "rank"],
        "seed",
        "epochs",
    ]
    assert last.split() == [NAMES[1], "1", "1", "32", "0", "2"]
    done = plan_text(sweep.points, dict(zip(NAMES, (2, 2, 1, 0), strict=True)))
    assert [line.split()[-1] for line in done.splitlines()] == ["done", "2", "2", "1", "0"]


def test_the_live_table_shows_every_point(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    sweep, _ = run(tmp_path, executor=FakeExecutor(fail=NAMES[3:]))
    with live_table(sweep) as display:
        display.refresh()
    shown = capsys.readouterr().out
    for word in [*NAMES, "finished", "failed", "2/2", "3 of 4 points finished"]:
        assert word in " ".join(shown.split())


def test_names_of_points_give_way_to_figures_on_a_narrow_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    sweep, _ = run(tmp_path, executor=FakeExecutor())
    with live_table(sweep) as display:
        display.refresh()
    shown = capsys.readouterr().out
    for word in ("finished", "2/2", "s/epoch", "%"):
        assert word in shown
