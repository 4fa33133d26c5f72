"""Models by name."""

from caps_hvd import config, models
from caps_hvd.options import option_of


def test_the_configuration_offers_every_model():
    """It has them in a list of its own, since it answers where Keras is not installed."""
    (field,) = (field for field in config.fields() if field.name == "model")
    assert sorted(option_of(field).choices) == models.names()
