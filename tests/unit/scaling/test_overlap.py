"""Transfers on a link, by pencil and paper."""

from caps_hvd.scaling.overlap import Transfer, exposed_seconds


def test_three_groups():
    # The first goes from 1 to 4 and the second, ready at 2, from 4 to 5; the third from 5 to 7.
    assert exposed_seconds([Transfer(1, 3), Transfer(2, 1), Transfer(4, 2)], 4.5) == 2.5


def test_the_link_may_be_idle_in_between():
    # 1 to 2; idle until 4; 4 to 5: nothing sticks out of 6.
    assert exposed_seconds([Transfer(1, 1), Transfer(4, 1)], 6) == 0


def test_nothing_overlaps_where_all_gradients_come_last():
    assert exposed_seconds([Transfer(6, 2)], 6) == 2


def test_stolen_time_puts_what_follows_back():
    # 1 to 3 steals 1: the backward pass ends at 5, not 4, and the second is ready at 5, goes to 6.
    assert exposed_seconds([Transfer(1, 2, 1), Transfer(4, 1, 1)], 4) == 2


def test_only_what_runs_beside_the_backward_pass_steals():
    # From 3 to 5, half of it before the end at 4: half of the 1 is stolen; 5 is the later end.
    assert exposed_seconds([Transfer(3, 2, 1)], 4) == 1
    # It steals more than it lasts: the backward pass ends at 4 + 3 / 2.
    assert exposed_seconds([Transfer(3, 2, 3)], 4) == 1.5


def test_no_transfer():
    assert exposed_seconds([], 4) == 0
