"""The speed of a device, and the seconds of a lane on it."""

import time

import keras

from caps_hvd.distributed import device_speed


def test_device_speed_is_steps_per_second_and_takes_under_two_seconds():
    begin = time.perf_counter()
    speed = device_speed.device_speed(0.1)
    assert time.perf_counter() - begin < 2
    # 157 million operations a step: between a slow core and a fast GPU.
    assert 1 < speed < 1_000_000


def test_device_speed_leaves_random_numbers_and_names_alone():
    def drawn_and_named():
        return keras.random.normal((3,)).numpy().tolist(), keras.layers.Dense(1).name

    keras.utils.set_random_seed(1)
    keras.utils.clear_session(free_memory=False)
    expected = drawn_and_named()
    keras.utils.set_random_seed(1)
    keras.utils.clear_session(free_memory=False)
    device_speed.device_speed(0.01)
    assert drawn_and_named() == expected


def test_steps_are_counted_over_a_time():
    # 20 ms a step over 0.1 s: five steps, or one more, or one less on a busy machine.
    assert 20 < device_speed._count(lambda: time.sleep(0.02), 0.1) <= 50


def test_one_step_is_counted_where_it_takes_longer_than_the_time():
    assert 5 < device_speed._count(lambda: time.sleep(0.05), 0.001) <= 20
