"""The forms of a run's convolutions, on which its ranks agree and which a resumed run keeps."""

import dataclasses

from caps_hvd.distributed.comm import Communicator
from caps_hvd.layers.convolution import bilinear_promises, choose_convolutions
from caps_hvd.ops.convolution import Rates, measure_rates
from caps_hvd.records.record import Convolutions, Session
from caps_hvd.system.backend import computes_on_cpu


def agree_on_forms(form: str, model, communicator: Communicator, sessions=()) -> Convolutions:
    """Chooses the forms of a model's convolutions; collective.

    All ranks take the forms that rank 0's rates give, and a resumed run those of its first session:
    another form means other last bits.

    Args:
        form: "auto", "bilinear" or "direct".
        model: built, not yet traced.
        communicator: of all ranks.
        sessions: earlier ones of the run. Defaults to none.
    """
    rates = rates_of(sessions)
    if form == "auto" and not sessions:
        promises = computes_on_cpu() and bilinear_promises(model)
        # Whether to measure is the same on all ranks: they may have different lanes of a model.
        if communicator.allreduce(int(promises), "max"):
            rates = communicator.broadcast_object(measure_rates())
    return apply_forms(form, model, rates)


def apply_forms(form: str, model, rates: Rates | None) -> Convolutions:
    """Chooses the forms by known rates; without any, "auto" is "direct"."""
    if form == "auto" and rates is None:
        form = "direct"
    least_images = choose_convolutions(model, form, rates)
    return Convolutions(
        rates={} if rates is None else dataclasses.asdict(rates), least_images=least_images
    )


def rates_of(sessions: list[Session]) -> Rates | None:
    """The rates that a run's forms were chosen by, None where nothing was measured."""
    first = sessions[0].convolutions if sessions else None
    return Rates(**first.rates) if first is not None and first.rates else None
