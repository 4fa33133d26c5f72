"""Models by name."""

from caps_hvd import config, models


def test_the_configuration_offers_every_model():
    """It has them in a list of its own, since it answers where Keras is not installed."""
    assert sorted(config.MODELS) == models.names()
