"""An epoch of the record, from what Keras says of it."""

import numpy as np
import pytest

from caps_hvd.training.callbacks.journal import _entry


@pytest.mark.parametrize("rate", [1e-3, 0.09, 2.5e-10, 1e-30])
def test_a_rate_keeps_its_digits_however_small(rate):
    timed = {"seconds": 1.0, "images_per_second": 10.0}
    assert _entry(1, {"loss": 0.5}, timed, float(np.float32(rate))).learning_rate == rate
