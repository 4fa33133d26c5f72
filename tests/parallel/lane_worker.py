"""Ranks with parts of a model: `exchange`, `agreement`."""

import sys

import numpy as np

from tests.parallel.launch import report


def exchange():
    """Four ranks in two groups, whose two members have three lanes and one."""
    from caps_hvd.distributed import LaneExchange, comm

    world = comm.init(group_size=2)
    import tensorflow as tf

    from caps_hvd.distributed.traffic import no_sync

    ranks = comm.rank_grid(world, 2)
    assignment = [(3, 0, 2), (1,)]
    own = assignment[ranks.within.rank]
    layer = LaneExchange(ranks.within, assignment)
    # Lane k of image i and class j of group g is 1000 g + 100 k + 10 i + j.
    every = (
        1000 * ranks.across.rank
        + 100 * np.arange(4)
        + 10 * np.arange(2)[:, None, None]
        + np.arange(3)[:, None]
    ).astype(np.float32)
    upstream = np.arange(24, dtype=np.float32).reshape(every.shape)

    @tf.function(input_signature=[tf.TensorSpec((None, 3, len(own)))])
    def step(values):
        with tf.GradientTape() as tape:
            tape.watch(values)
            given = layer(values)
            loss = tf.reduce_sum(given * upstream)
        return given, tape.gradient(loss, values)

    before = world.traffic.bytes
    given, gradient = step(every[..., own])
    with no_sync():
        alone = layer(every[..., own])
    report(
        places=[ranks.within.rank, ranks.within.size, ranks.across.rank, ranks.across.size],
        exchanged=bool(np.array_equal(given, every)),
        gradient=bool(np.array_equal(gradient, upstream[..., own])),
        alone=bool(np.array_equal(alone.numpy()[..., own], every[..., own])),
        others=float(np.delete(alone.numpy(), own, axis=-1).sum()),
        bytes=world.traffic.bytes - before,
        within=ranks.within.allgather_object(world.rank),
        across=ranks.across.allgather_object(world.rank),
        sums=[float(part.allreduce(world.rank + 1.0, "sum")) for part in
              (ranks.within, ranks.across, ranks.world)],
        first=[part.broadcast_object(world.rank, root=1) for part in (ranks.within, ranks.across)],
    )  # fmt: skip
    world.barrier()  # who ends would end Horovod for those that are still at it


def agreement():
    """One of two ranks has drifted away by a bit; a float16 step overflows on the other one."""
    from caps_hvd.distributed import KeepSame, comm, distribute

    world = comm.init(group_size=2)
    import keras

    ranks = comm.rank_grid(world, 2)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    weights = model.get_weights()
    if world.rank == 1:
        weights[0][0, 0] = np.nextafter(weights[0][0, 0], 9)
    model.set_weights(weights)
    same = KeepSame(ranks.within, lambda model: model.weights)
    same.set_model(model)
    same.on_train_begin()
    same.on_epoch_end(0)
    keras.config.set_dtype_policy("mixed_float16")
    optimizer = distribute(keras.optimizers.SGD(0.1), ranks.across, agree=world)
    optimizer.build(model.trainable_variables)
    scale = float(optimizer.dynamic_scale)
    bad = np.inf if world.rank == 0 else 1.0
    before = model.get_weights()
    optimizer.apply([keras.ops.full(v.shape, bad) for v in model.trainable_variables])
    report(
        corrections=same.corrections,
        kernel=before[0],
        skipped=bool(np.array_equal(before[0], model.get_weights()[0])),
        scale=float(optimizer.dynamic_scale) / scale,
    )


if __name__ == "__main__":
    from caps_hvd.distributed import run_guarded

    sys.exit(run_guarded({"exchange": exchange, "agreement": agreement}[sys.argv[1]]))
