"""`caps-hvd schedule`: what is printed, and a picture."""

import matplotlib.image

from caps_hvd.config.schedule import ScheduleOptions
from caps_hvd.report.schedule_table import draw, to_text
from caps_hvd.schedules import schedule

OPTIONS = ScheduleOptions(policy="warmadabatch", first_epochs=2, batch_exponent=2)
PLANNED = schedule(OPTIONS, epochs=5, samples=40, batch=4)


def test_one_line_for_each_epoch():
    assert to_text(PLANNED, PLANNED.learning_rate, ranks=3) == (
        "epoch   batch     steps  first rate   last rate\n"
        "    1       1        40       0.001    0.000568  2 of 3 ranks empty\n"
        "    2       1        40     0.00055      0.0001  2 of 3 ranks empty\n"
        "    3       4        10       0.001    0.000815\n"
        "    4       4        10    0.000775    0.000367\n"
        "    5       4        10    0.000325    0.000102\n"
        "110 steps"
    )


def test_scaling_is_told():
    planned = schedule(ScheduleOptions(), epochs=1, samples=40, batch=8)
    said = to_text(planned, lambda step: 2 * planned.learning_rate(step), ranks=2)
    assert said.endswith("0.002\n5 steps; rate scaled for 2 ranks")


def test_a_picture(tmp_path):
    draw(tmp_path / "a.png", PLANNED, PLANNED.learning_rate, "warmadabatch")
    assert matplotlib.image.imread(tmp_path / "a.png").shape[:2] == (576, 960)
