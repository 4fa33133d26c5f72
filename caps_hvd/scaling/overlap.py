"""Exposed communication: the part that does not hide behind the backward pass.

A step computes forward, then backward, then updates the weights.  Gradients are reduced in buckets.
Bucket k may start when its last gradient is there, at r(k), and the bucket before is through:

    start(k) = max(r(k), end(k - 1))        end(k) = start(k) + seconds(k)
    exposed  = end(last) - end of the backward pass

This is the pipeline that PyTorch DDP and Horovod are built around (Li et al., "PyTorch
distributed", VLDB 2020, section 3.2; Sergeev and Del Balso, arXiv:1802.05799).

Where communication takes its processor time from cores that are busy computing, what it takes puts
everything after it back by as much: the backward pass ends later and so do the buckets that are
still to come.  That delay is exposed as well.  On hosts with more threads than cores nothing
overlaps: `model` then has all buckets ready at the end of the backward pass.
"""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Transfer:
    """The all-reduce of one gradient bucket.

    Args:
        ready_seconds: from the begin of the step until its gradients are there.
        seconds: that its all-reduce takes.
        stolen_seconds: by which it delays a computation that runs all the while.
    """

    ready_seconds: float
    seconds: float
    stolen_seconds: float = 0.0


def exposed_seconds(transfers: Sequence[Transfer], backward_end_seconds: float) -> float:
    """Returns the seconds by which communication makes a step longer.

    Args:
        transfers: in the order in which they are sent.
        backward_end_seconds: from the begin of the step.

    Example:
        >>> exposed_seconds([Transfer(1, 3), Transfer(2, 1), Transfer(4, 2)], 4.5)  # ends at 7
        2.5
    """
    delay, free = 0.0, 0.0
    for transfer in transfers:
        start = max(transfer.ready_seconds + delay, free)
        free = start + transfer.seconds
        if transfer.seconds > 0:
            beside = (backward_end_seconds + delay - start) / transfer.seconds
            delay += min(max(beside, 0.0), 1.0) * transfer.stolen_seconds
    return max(free, backward_end_seconds + delay) - backward_end_seconds
