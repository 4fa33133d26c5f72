"""The stratified splitter: exact numbers, the same rows for the same seed, every class in both."""

import numpy as np
import pytest

from caps_hvd.data.stratified import classes_in_turn, stratified_split
from caps_hvd.errors import ConfigError


@pytest.mark.parametrize("fraction", [0.1, 0.2, 1 / 3, 0.5, 0.9])
def test_of_each_class_its_share(fraction):
    labels = np.random.default_rng(0).choice(5, 997, p=[0.5, 0.3, 0.1, 0.06, 0.04])
    kept, held_out = stratified_split(labels, fraction, seed=1)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held_out])), np.arange(997))
    assert len(held_out) == round(fraction * 997)
    assert (np.diff(kept) > 0).all() and (np.diff(held_out) > 0).all()
    shares = np.bincount(labels[held_out]) - fraction * np.bincount(labels)
    assert np.abs(shares).max() < 1


def test_small_classes_are_on_both_sides():
    kept, held_out = stratified_split([0] * 50 + [1, 1, 2], fraction=0.1, seed=0)
    assert len(held_out) == 6
    assert {50, 51} & set(held_out.tolist()) and {50, 51} & set(kept.tolist())
    assert 52 in kept


def test_the_seed_decides():
    labels = np.arange(100) % 4
    one, again, other = (stratified_split(labels, 0.25, seed)[1] for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_what_is_no_fraction(fraction):
    with pytest.raises(ConfigError, match="test_fraction: expected above 0 and below 1"):
        stratified_split([0, 0, 1, 1], fraction, 0)


def test_nothing_to_hold_out():
    with pytest.raises(ConfigError, match="found 3 classes of one image each"):
        stratified_split([0, 1, 2], 0.5, 0)


def test_classes_in_turn():
    labels = [2, 2, 2, 0, 0, 5, 2]
    assert classes_in_turn(labels, 20).tolist() == [3, 0, 5, 4, 1, 2, 6]
    assert classes_in_turn(labels, 4).tolist() == [3, 0, 5, 4]
