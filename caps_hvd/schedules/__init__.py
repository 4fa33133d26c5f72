"""Learning-rate and batch-size policies, all of them stateless."""

from caps_hvd.schedules.policies import (
    BATCHES,
    POLICIES,
    RATES,
    Schedule,
    check,
    depends_on_epochs,
    schedule,
)
from caps_hvd.schedules.warm_up import SCALES, scaled_learning_rate, warm_up_learning_rate

__all__ = [
    "BATCHES",
    "POLICIES",
    "RATES",
    "SCALES",
    "Schedule",
    "check",
    "depends_on_epochs",
    "scaled_learning_rate",
    "schedule",
    "warm_up_learning_rate",
]
