"""What the callback gives to the other ranks."""

import keras
import numpy as np
import pytest

from caps_hvd.distributed import distribute
from caps_hvd.distributed.callbacks import BroadcastState
from caps_hvd.distributed.comm import Communicator
from caps_hvd.errors import DistributedError


class Two(Communicator):
    """Claims a second rank, and notes what that would get."""

    def __init__(self):
        super().__init__(0, 2)
        self.given = []

    def broadcast_variables(self, variables, root=0):
        self.given = list(variables)


@pytest.mark.parametrize("seeds", [False, True])
def test_random_seeds_are_given_if_asked_for(seeds):
    net = keras.Sequential(
        [keras.layers.Input((2,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)]
    )
    net.compile(
        distribute(keras.optimizers.Adam(), Communicator()), "mse", metrics=["mae"],
        jit_compile=False,
    )  # fmt: skip
    net.evaluate(np.zeros((1, 2)), np.zeros((1, 1)), verbose=0)  # so that there are metrics
    ranks = Two()
    callback = BroadcastState(ranks, seeds=seeds)
    callback.set_model(net)
    callback.on_train_begin()
    state = net.layers[0].seed_generator.state
    expected = [*net.weights, *([state] if seeds else []), *net.optimizer.variables]
    assert sorted(map(id, ranks.given)) == sorted(map(id, expected))


def test_a_step_with_optimizers_of_its_own_needs_none_from_compile():
    """As a GAN has it: what compile() makes by itself is never used."""

    class Adversarial(keras.Sequential):
        def train_step(self, data):
            return {}

    net = Adversarial([keras.layers.Input((2,)), keras.layers.Dense(1)])
    net.compile(loss="mse", jit_compile=False)
    callback = BroadcastState(Two())
    callback.set_model(net)
    with pytest.raises(DistributedError, match=r"model\.optimizer: expected one from"):
        callback.on_train_begin()
    net.both = {"one": distribute(keras.optimizers.Adam(), Communicator())}
    callback.on_train_begin()
    net.both["two"] = keras.optimizers.SGD()
    with pytest.raises(DistributedError, match="received SGD"):
        callback.on_train_begin()
