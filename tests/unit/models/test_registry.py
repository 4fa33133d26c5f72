"""Models by the class of their options."""

from caps_hvd import models
from caps_hvd.config.model import MODELS, OwnModelOptions


def test_the_configuration_offers_every_model():
    """Its list of them does without Keras."""
    for name, options in MODELS.items():
        assert models.build(options(), (28, 28, 1), 10).name == name
    assert models.registry._BUILDERS.keys() == {*MODELS.values(), OwnModelOptions}
