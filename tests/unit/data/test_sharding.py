import numpy as np
import pytest

from caps_hvd.data.sharding import Shard, epoch_permutation, shard, share, steps_per_epoch
from caps_hvd.errors import ConfigError


@pytest.mark.parametrize("samples", [10, 1797])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100, 1797, 5000])
def test_every_sample_once_per_epoch(samples, size, batch_size):
    steps = steps_per_epoch(samples, batch_size * size)
    used = []
    for step in range(steps):
        parts = [shard(samples, batch_size * size, rank, size, step) for rank in range(size)]
        assert len({(part.padded, part.weight) for part in parts}) == 1
        for part in parts:
            assert 0 <= part.stop - part.start <= part.padded <= batch_size
            used.extend(range(part.start, part.stop))
        if step < steps - 1:
            assert all(part[2:] == (batch_size, 1.0) for part in parts)
    assert used == list(range(samples))


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("global_batch", [1, 2, 5, 16])
def test_any_global_batch_uses_every_sample_once(size, global_batch):
    used = []
    for step in range(steps_per_epoch(23, global_batch)):
        for rank in range(size):
            part = shard(23, global_batch, rank, size, step)
            used.extend(range(part.start, part.stop))
    assert used == list(range(23))


@pytest.mark.parametrize(
    "samples, global_batch, size, step, expected",
    [
        # 10 samples, 2 ranks of 3: one full step of 6, then 4 are left, 2 for each.
        (10, 6, 2, 0, [(0, 3, 3, 1.0), (3, 6, 3, 1.0)]),
        (10, 6, 2, 1, [(6, 8, 2, 1.0), (8, 10, 2, 1.0)]),
        # 10 samples, 3 ranks of 2: 4 are left, split 2, 1, 1 and padded to 2; 3 * 2 / 4 = 1.5.
        (10, 6, 3, 1, [(6, 8, 2, 1.5), (8, 9, 2, 1.5), (9, 10, 2, 1.5)]),
        # 10 samples, 4 ranks of 2: 2 are left, two ranks have none; 4 * 1 / 2 = 2.
        (10, 8, 4, 1, [(8, 9, 1, 2.0), (9, 10, 1, 2.0), (10, 10, 1, 2.0), (10, 10, 1, 2.0)]),
        # A batch that two ranks cannot share evenly: 2 and 1 padded to 2; 2 * 2 / 3 = 4 / 3.
        (10, 3, 2, 0, [(0, 2, 2, 4 / 3), (2, 3, 2, 4 / 3)]),
        # A batch below the number of ranks: one has it all, the others padding; 3 * 1 / 1 = 3.
        (10, 1, 3, 4, [(4, 5, 1, 3.0), (5, 5, 1, 3.0), (5, 5, 1, 3.0)]),
        # A batch that is larger than everything: 3, 3, 2, 2 padded to 3; 4 * 3 / 10 = 1.2.
        (10, 200, 4, 0, [(0, 3, 3, 1.2), (3, 6, 3, 1.2), (6, 8, 3, 1.2), (8, 10, 3, 1.2)]),
    ],
)
def test_hand_computed_table(samples, global_batch, size, step, expected):
    found = [shard(samples, global_batch, rank, size, step) for rank in range(size)]
    assert found == [Shard(*row) for row in expected]


def test_average_over_ranks_is_the_mean_over_the_samples():
    # 3 ranks of 2; the last step has samples with the losses 1, 2, 4 and 9: mean 4.
    losses = [0, 0, 0, 0, 0, 0, 1.0, 2.0, 4.0, 9.0]
    of_ranks = []
    for rank in range(3):
        part = shard(10, 6, rank, 3, step=1)
        own = losses[part.start : part.stop] + [777.0] * (part.padded - part.stop + part.start)
        weights = [part.weight] * (part.stop - part.start) + [0.0, 0.0]
        of_ranks.append(sum(w * x for w, x in zip(weights, own, strict=False)) / part.padded)
    assert np.mean(of_ranks) == 4.0


def test_share_gives_the_first_ranks_one_more():
    assert [share(7, rank, 3) for rank in range(3)] == [(0, 3), (3, 5), (5, 7)]
    assert [share(1, rank, 3) for rank in range(3)] == [(0, 1), (1, 1), (1, 1)]


def test_permutation_depends_on_seed_and_epoch_alone():
    orders = [tuple(epoch_permutation(50, seed, epoch)) for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(orders)) == 4
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert tuple(epoch_permutation(50, 0, 1)) == orders[1]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((10, 0, 0, 1, 0), "batch_size: expected at least 1"),
        ((10, -3, 0, 1, 0), "received -3"),
        ((3, 1, 0, 4, 0), "4 ranks for 3 samples; start fewer ranks"),
        ((3, 1, 0, 0, 0), "size: expected at least 1"),
        ((10, 4, 2, 2, 0), "rank: expected 0 to 1"),
        ((10, 4, 0, 2, 3), "step: expected 0 to 2"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ConfigError, match=words):
        shard(*arguments)
