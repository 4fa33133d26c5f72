"""Models by name."""

from caps_hvd import models
from caps_hvd.config import train_config


def test_the_configuration_offers_every_model():
    """It has them in a list of its own, since it answers where Keras is not installed."""
    assert sorted(train_config.MODELS) == models.names()
