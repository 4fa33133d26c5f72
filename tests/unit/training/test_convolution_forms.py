"""The forms of a run's convolutions: agreed once, and kept when it is resumed."""

import keras
import pytest

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.distributed.communicator import Communicator
from caps_hvd.layers import Conv2D
from caps_hvd.ops.convolution import Rates
from caps_hvd.records.record import Convolutions, Session
from caps_hvd.training import convolution_forms
from caps_hvd.training.convolution_forms import agree_on_forms, apply_forms, rates_of

FAST_PRODUCTS = Rates(direct=1e9, product=1e12, transform=1e12)


@pytest.fixture
def measured(monkeypatch):
    """What was measured, as often as it was."""
    times = []

    def measure():
        times.append(FAST_PRODUCTS)
        return FAST_PRODUCTS

    monkeypatch.setattr(convolution_forms, "measure_rates", measure)
    monkeypatch.setattr(convolution_forms, "computes_on_cpu", lambda: True)
    return times


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((12, 12, 16)), Conv2D(16, 5, name="one")], name="model")


def session(convolutions):
    return Session(
        started_utc="", first_epoch=1, ranks=1, compression="none", convolutions=convolutions
    )


def test_a_run_measures_and_a_resumed_one_does_not(measured, model):
    first = agree_on_forms("auto", model, Communicator())
    assert (first.rates["product"], first.least_images) == (1e12, {"model/one": 2})
    again = agree_on_forms("auto", model, Communicator(), [session(first), session(None)])
    assert again == first and len(measured) == 1


@pytest.mark.parametrize("form", ["direct", "bilinear"])
def test_nothing_is_measured_where_the_form_is_given(measured, model, form):
    expected = {"direct": None, "bilinear": 1}[form]
    assert agree_on_forms(form, model, Communicator()) == Convolutions(
        rates={}, least_images={"model/one": expected}
    )
    assert measured == []


def test_nothing_is_measured_where_nothing_can_gain(measured):
    model = keras.Sequential([keras.Input((12, 12, 1)), Conv2D(16, 5)])
    agree_on_forms("auto", model, Communicator())
    assert measured == []


def test_an_older_session_has_no_rates_and_stays_direct(measured, model):
    assert rates_of([session(None)]) is None
    assert agree_on_forms("auto", model, Communicator(), [session(None)]).least_images == {
        "model/one": None
    }
    assert apply_forms("auto", model, None).least_images == {"model/one": None}


def test_a_configuration_from_before_the_option_is_direct_and_keeps_its_digest():
    assert TrainConfig(convolution="direct").digest() != TrainConfig().digest()
