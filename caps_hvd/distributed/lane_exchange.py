"""Lane parallelism: the ranks of a group each compute some lanes of one model, on the same batch.

Lanes need nothing of each other before their end, so a step exchanges their outputs only, class
capsules of (batch, classes, lanes), a few kilobytes where data parallelism sends all gradients.
Rosario, Breternitz and Borin, "Efficiency and scalability of multi-lane capsule networks (MLCN)",
JPDC 155 (2021).
"""

from collections.abc import Sequence

import keras

from caps_hvd.distributed.comm import Communicator
from caps_hvd.distributed.traffic import is_no_sync


class LaneExchange(keras.layers.Layer):
    """Gives every rank of a group the outputs of all lanes.

    The forward pass is one all-gather. The backward pass exchanges nothing: behind the exchange all
    ranks compute the same loss of the same numbers, so each of them has the whole gradient `g` of
    the class capsules, and that of its own lanes is the slice `g[..., own]`. Horovod's own gradient
    of an all-gather would average `g` over the ranks again, and wait for them.

    Args:
        communicator: the ranks of the group.
        assignment: for each of them the numbers of its lanes; together 0 to lanes - 1, each once.

    Input shape: (batch, classes, own lanes), float32, in the order of this rank's assignment.
    Output shape: (batch, classes, lanes), float32, in the order of the lanes' numbers.

    Example:
        >>> ranks = comm.init()  # 2 of them
        >>> exchange = LaneExchange(ranks, [(0, 2), (1, 3)])
        >>> model = models.build(options, ..., lane_ids=(0, 2), exchange=exchange)  # on rank 0
    """

    def __init__(self, communicator: Communicator, assignment: Sequence[Sequence[int]], **kwargs):
        super().__init__(dtype="float32", name="lane_exchange", **kwargs)
        self.communicator = communicator
        self.own = list(assignment[communicator.rank])
        self.order = [lane for lanes in assignment for lane in lanes]

    def call(self, capsules):
        import tensorflow as tf

        @tf.custom_gradient
        def exchange(own):
            return self._every(own), lambda gradient: tf.gather(gradient, self.own, axis=-1)

        return exchange(capsules)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], len(self.order))

    def _every(self, own):
        import tensorflow as tf

        lanes = len(self.order)
        if is_no_sync():  # zeros in the place of the others' lanes
            return tf.matmul(own, tf.one_hot(self.own, lanes))
        # Ranks may have different numbers of lanes: gathered tensors may differ in axis 0 only.
        gathered = self.communicator.allgather(
            tf.transpose(own, (2, 0, 1)), name="HorovodAllgather_caps_hvd_lanes"
        )
        places = [self.order.index(lane) for lane in range(lanes)]
        every = tf.transpose(tf.gather(gathered, places), (1, 2, 0))
        return tf.ensure_shape(every, (None, own.shape[1], lanes))
