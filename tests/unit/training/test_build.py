"""From a configuration to its model, whichever model it names."""

import dataclasses

import pytest

from caps_hvd.config.model import MODELS
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed.comm import Communicator, Peer
from caps_hvd.errors import ConfigError
from caps_hvd.training.build import build_model, parameter_count
from caps_hvd.training.fine_tuning import freeze


def test_options_of_models_have_one_default():
    """So that a configuration that says nothing fits every model."""
    for options in MODELS.values():
        for field in dataclasses.fields(options):
            assert getattr(TrainConfig, field.name) == field.default


def test_a_model_gets_its_options():
    config = TrainConfig(preset="small", decoder="none", weight_sharing=True)
    model = build_model(config, [8, 8, 1], 3)
    assert (model.name, model.preset, model.decoder) == ("capsnet", "small", None)
    kernel = model.encoder.get_layer("class_capsules").kernel
    assert tuple(kernel.shape) == (8, 3, 16, 8)  # of 8 types, and not of 128 capsules


def test_a_model_without_capsules_takes_the_defaults_of_capsules():
    published = TrainConfig(model="lenet5", initialization="published")
    assert build_model(published, [28, 28, 1], 10).count_params() == 61_706
    # The mean and the deviation of the one channel are there, but not trained.
    scaled = build_model(TrainConfig(model="lenet5"), [28, 28, 1], 10)
    assert scaled.count_params() == 61_708
    assert parameter_count(scaled.trainable_variables) == 61_706
    with pytest.raises(
        ConfigError, match="routing_iterations: expected 3.* lenet5 .*received 1; remove"
    ):
        build_model(TrainConfig(model="lenet5", routing_iterations=1), [28, 28, 1], 10)


@pytest.mark.parametrize("others, has", [([], "has"), (["lane_1/routing"], "has on rank 0")])
def test_freezing_all_is_refused_in_words_for_one_process_and_for_many(monkeypatch, others, has):
    alone = Communicator(peers=(Peer.this(),))
    monkeypatch.setattr(Communicator, "allgather_object", lambda self, own: [own, others])
    model = build_model(TrainConfig(model="lenet5"), [28, 28, 1], 10)
    words = rf"received '\*', which is every layer that the model {has}; name fewer$"
    with pytest.raises(ConfigError, match=words):
        freeze("*", model, alone)
