import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from caps_hvd.data.augmentation import Augment, resample, rotate, sample_keys, uniform
from caps_hvd.errors import ConfigError


def images(shape=(6, 11, 14, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def reference(image, angle, shift, flip):
    """One channel at a time by scipy, with the matrix written out."""
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    matrix = np.diag([1, flip]) @ turn
    centre = (np.array(image.shape[:2]) - 1) / 2
    offset = centre - matrix @ centre - np.asarray(shift)
    channels = [
        ndimage.affine_transform(
            image[..., channel].astype(float), matrix, offset, order=1, mode="grid-constant"
        )
        for channel in range(image.shape[-1])
    ]
    return np.stack(channels, axis=-1)


@pytest.mark.parametrize("shape", [(6, 11, 14, 3), (6, 28, 28, 1), (6, 1, 1, 1), (6, 5, 1, 2)])
def test_against_scipy(shape):
    random = np.random.default_rng(1)
    source = images(shape)
    angle = random.uniform(-np.pi, np.pi, 6)
    shift = random.uniform(-3, 3, (2, 6))
    flip = np.array([1, -1, 1, -1, 1, -1])
    found = resample(source, angle, shift, flip)
    assert found.dtype == np.float32 and found.shape == shape
    for row in range(6):
        expected = reference(source[row], angle[row], shift[:, row], flip[row])
        np.testing.assert_allclose(found[row], expected, atol=255 * 1e-5)


def test_whole_shifts_move_pixels():
    source = images((1, 4, 5, 1))
    moved = resample(source, np.zeros(1), np.array([[1], [-2]]), np.ones(1))[0, :, :, 0]
    expected = np.zeros((4, 5))
    expected[1:, :3] = source[0, :3, 2:, 0]  # one down, two to the left
    np.testing.assert_array_equal(moved, expected)


def test_flip_mirrors_left_to_right():
    source = images()
    mirrored = resample(source, np.zeros(6), np.zeros((2, 6)), -np.ones(6))
    np.testing.assert_array_equal(mirrored, source[:, :, ::-1])


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4, -1])
def test_rotate_by_right_angles_is_counter_clockwise_and_exact(turns):
    source = images((300, 9, 9, 1))
    np.testing.assert_array_equal(rotate(source, 90 * turns), np.rot90(source, turns, axes=(1, 2)))


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 4),
    st.floats(0, 180),
    st.booleans(),
    st.sampled_from([0, 1, 254, 255]),
    st.integers(0, 2**63),
)
def test_values_stay_in_range(shift, degrees, flip, background, seed):
    source = images((4, 8, 8, 1), seed % 2**32)
    source[source < 128] = background
    changed = Augment(shift, degrees, flip)(source, sample_keys(seed, 0, np.arange(4)))
    assert changed.min() >= 0 and changed.max() <= 255


def test_nothing_to_do_changes_nothing():
    source = images()
    changed = Augment(0, 0)(source, sample_keys(0, 0, np.arange(6)))
    np.testing.assert_array_equal(changed, source)


def test_an_image_is_changed_alike_in_any_batch():
    source = images((8, 12, 12, 1))
    keys = sample_keys(3, 5, np.arange(8))
    augment = Augment(flip=True)
    together = augment(source, keys)
    rows = np.array([6, 1, 1])
    np.testing.assert_array_equal(augment(source[rows], keys[rows]), together[rows])
    np.testing.assert_array_equal(sample_keys(3, 5, rows), keys[rows])


def test_draws_are_uniform_and_independent():
    keys = sample_keys(0, 0, np.arange(20_000))
    draws = uniform(keys, 4)
    assert draws.min() >= 0 and draws.max() < 1
    for row in draws:
        assert stats.kstest(row, "uniform").pvalue > 0.001
    others = uniform(sample_keys(0, 1, np.arange(20_000)), 4)
    correlation = np.corrcoef(np.concatenate([draws, others])) - np.eye(8)
    assert np.abs(correlation).max() < 0.03
    assert len(np.unique(keys)) == 20_000


def test_shifts_are_whole_and_reach_both_ends():
    source = np.zeros((500, 9, 9, 1), np.uint8)
    source[:, 4, 4] = 255
    moved = Augment(2, 0)(source, sample_keys(0, 0, np.arange(500)))[..., 0]
    _, rows, columns = np.nonzero(moved)
    assert len(rows) == 500 and set(np.unique(moved)) == {0, 255}
    assert set(rows) == set(columns) == {2, 3, 4, 5, 6}


@pytest.mark.parametrize(
    "options, words",
    [
        ({"max_shift_pixels": -1}, "max_shift_pixels: expected 0 or more"),
        ({"max_rotation_degrees": 200}, "received 200"),
        ({"max_rotation_degrees": float("nan")}, "received nan"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ConfigError, match=words):
        Augment(**options)
