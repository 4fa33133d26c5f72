"""Time of one gradient reduction by bytes, compression and group size, on this network.

    mpirun -np 2 python benchmarks/allreduce.py
    horovodrun --gloo -np 2 python benchmarks/allreduce.py --mib 1 8 31.3

Rank 0 prints one JSON record: medians over rounds of the slowest rank's time, the variants taking
turns.  31.3 MiB are the gradients of the paper's CapsNet, in tensors like its own.
"""

import argparse
import json
import logging
import statistics
import sys
import time

from caps_hvd.distributed import comm, import_tensorflow_quietly, run_guarded

# Shares of the gradient bytes, in backward order, like those of the CapsNet: decoder, routing
# weights, primary capsules (65 %), first convolution.
_SHARES = (0.098, 0.064, 0.01, 0.18, 0.646, 0.002)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=float, nargs="+", default=[0.1, 1, 8, 31.3])
    parser.add_argument("--group-mib", type=float, nargs="+", default=[1, 4, 64])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    import_tensorflow_quietly()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # one trace per variant is meant
    ranks = comm.init()
    results = [
        result
        for mib in options.mib
        for result in measure(ranks, mib, options.group_mib, options.rounds)
    ]
    if ranks.rank == 0:
        record = {
            "benchmark": "allreduce",
            "backend": ranks.backend,
            "ranks": ranks.size,
            "hosts": len(ranks.hosts),
            "rounds": options.rounds,
            "results": results,
        }
        print(json.dumps(record), flush=True)


def measure(ranks, mib, group_sizes, rounds):
    """All variants for gradients of `mib` MiB in total, taking turns."""
    import tensorflow as tf

    from caps_hvd.distributed.reduction import GradientReduction

    tensors = [tf.random.normal([max(1, int(share * mib * 2**18))]) for share in _SHARES]
    forms = {}
    for compression in ("none", "fp16"):
        for group_mib in group_sizes:
            reduction = GradientReduction(ranks, compression=compression, group_mib=group_mib)
            step = tf.function(
                lambda values, reduction=reduction: [t[0] for t in reduction(values)],
                autograph=False,
            )
            forms[compression, group_mib] = step, reduction, []
    for round_number in range(-2, rounds):
        for step, _, seconds in forms.values():
            ranks.barrier()
            start = time.perf_counter()
            [value.numpy() for value in step(tensors)]
            elapsed = float(ranks.allreduce(time.perf_counter() - start, "max"))
            if round_number >= 0:
                seconds.append(elapsed)
    return [
        {
            "mib": mib,
            "compression": compression,
            "group_mib": group_mib,
            "groups": reduction.groups,
            "bytes": reduction.bytes_per_reduction,
            "median_milliseconds": round(1000 * statistics.median(seconds), 2),
        }
        for (compression, group_mib), (_, reduction, seconds) in forms.items()
    ]


if __name__ == "__main__":
    sys.exit(run_guarded(main))
