"""Milliseconds of one gradient reduction by backend, compression and size of groups.

    python -m benchmarks.allreduce
    python -m benchmarks.allreduce --ranks 4 --mib 1 8 31.3

Medians of the slowest rank's time, the variants taking turns.  31.3 MiB are the gradients of the
paper's CapsNet, in tensors like its own.  Under another launcher, or across hosts, the part that
runs on every rank can be started by hand: `mpirun ... python -m benchmarks.allreduce --worker`.
"""

import json
import logging
import sys

from benchmarks.harness import arguments, on_ranks, take_turns_on_ranks, write_record
from caps_hvd.distributed import comm, import_tensorflow_quietly, run_guarded

# Shares of the gradient bytes, in backward order, like those of the CapsNet: decoder, routing
# weights, primary capsules (65 %), first convolution.
_SHARES = (0.098, 0.064, 0.01, 0.18, 0.646, 0.002)


def main():
    options = arguments(
        __doc__,
        ranks=(2, "that reduce"),
        mib=([1, 31.3], "of gradients, in total"),
        group_mib=([1, 4, 64], "sizes of groups"),
        rounds=(15, "timed reductions of each"),
        worker=(False, "measure, as one of the ranks"),
    )
    if options.worker:
        return run_guarded(lambda: work(options))
    figures = {"ranks": options.ranks, "rounds": options.rounds}
    for backend, launcher in {
        "MPI": "mpirun --bind-to none",
        "Gloo": "horovodrun --gloo",
    }.items():
        found = on_ranks(launcher, options.ranks, "benchmarks.allreduce", "--worker", *sys.argv[1:])
        figures |= {f"{backend}, {name}": value for name, value in found.items()}
    write_record("allreduce", figures)


def work(options):
    import_tensorflow_quietly()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # one trace per variant is meant
    ranks = comm.init()
    figures = {}
    for mib in options.mib:
        figures |= measure(ranks, mib, options.group_mib, options.rounds)
    if ranks.rank == 0:
        print(json.dumps(figures), flush=True)


def measure(ranks, mib, group_sizes, rounds):
    """All variants for gradients of `mib` MiB in total, taking turns."""
    import tensorflow as tf

    from caps_hvd.distributed.gradients.reduction import GradientReduction

    tensors = [tf.random.normal([max(1, int(share * mib * 2**18))]) for share in _SHARES]
    forms = {}
    for compression in ("none", "fp16"):
        for group_mib in group_sizes:
            reduction = GradientReduction(ranks, compression=compression, group_mib=group_mib)
            name = f"{mib} MiB, {compression}, groups of {group_mib} MiB: ms"
            forms[name] = reducing(reduction, tensors)
    found = take_turns_on_ranks(ranks, forms, rounds)
    return {name: 1000 * seconds for name, (seconds, _) in found.items()}


def reducing(reduction, tensors):
    """Returns a function that reduces tensors once."""
    import tensorflow as tf

    step = tf.function(lambda values: [t[0] for t in reduction(values)], autograph=False)
    return lambda: [value.numpy() for value in step(tensors)]


if __name__ == "__main__":
    sys.exit(main())
