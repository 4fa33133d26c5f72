"""Peak memory of training one lane, and how far the bound of lanes is above it.

    python -m benchmarks.lane_memory

The peak of a process that trains a lane, minus that of an idle one with the same imports; each in a
process of its own, two at a time. The bound is fitted on nine widths and depths, and judged on the
other sixteen: below the peak of any of them, this fails. The largest lanes are left out at the
larger batch, since they would take up to 15 GiB.
"""

import dataclasses
import statistics
from concurrent.futures import ThreadPoolExecutor

from benchmarks.harness import arguments, in_child, peak_mib, write_record
from caps_hvd.lanes import memory
from caps_hvd.lanes.cost import lane_costs
from caps_hvd.lanes.lane import TYPES, Lane
from caps_hvd.lanes.time_model import FITTED, JUDGED

STEPS, THREADS, IMAGE_SHAPE = 2, 2, (28, 28, 1)
BATCHES = {"mlcn1": (10,), "mlcn2": (10, 50)}
LIMIT_MIB = 768  # of the count, at the larger batch


def peak(lane, batch_size):
    """The peak in MiB of this process once it has trained a lane; None: of an idle process."""
    from caps_hvd.calibration.lane_timing import lane_step
    from caps_hvd.distributed import comm, use_threads
    from caps_hvd.system.backend import start_keras

    start_keras()
    use_threads(comm.init(), THREADS)
    if lane:
        step = lane_step(lane, IMAGE_SHAPE, batch_size)
        for _ in range(STEPS):
            step()
    return peak_mib()


def points():
    """Lanes and batch sizes to be measured."""
    for type in TYPES:
        for batch_size in BATCHES[type]:
            for pair in sorted((*FITTED, *JUDGED)):
                lane = Lane(type, *pair)
                (cost,) = lane_costs((lane,), IMAGE_SHAPE, batch_size)
                if batch_size == 10 or cost.memory_mib < LIMIT_MIB:
                    yield lane, batch_size


def peaks(jobs):
    """A `memory.Peak` for each point."""
    # The peaks of idle processes differ by 2 MiB; the least makes lanes large.
    idle = min(in_child(peak, None, 0) for _ in range(3))

    def measured(point):
        lane, batch_size = point
        above = in_child(peak, lane, batch_size) - idle
        print(f"{lane}, batch {batch_size}: {above:.1f} MiB", flush=True)
        return memory.Peak(
            lane=lane, image_shape=IMAGE_SHAPE, batch_size=batch_size, mib=round(above, 1)
        )

    with ThreadPoolExecutor(jobs) as pool:
        return idle, list(pool.map(measured, points()))


def figures_of(idle, found):
    """The bound, and how far it is above the peaks that it was not fitted on."""
    bound, margin = memory.fit([p for p in found if (p.lane.width, p.lane.depth) in FITTED])
    figures = {"idle_mib": idle, "steps": STEPS, "threads": THREADS, "margin": margin}
    figures |= {f"bound_{name}": value for name, value in dataclasses.asdict(bound).items()}
    judged = [p for p in found if (p.lane.width, p.lane.depth) in JUDGED]
    for type in TYPES:
        for batch_size in BATCHES[type]:
            own = [p for p in judged if (p.lane.type, p.batch_size) == (type, batch_size)]
            excess = [memory.bound_mib(p, bound) / p.mib - 1 for p in own]
            before = f"{type}_batch_{batch_size}_judged"
            figures |= {
                f"{before}_lanes": len(own),
                f"{before}_excess_least": min(excess),
                f"{before}_excess_mean": statistics.mean(excess),
                f"{before}_excess_most": max(excess),
            }
    return figures | {f"{p.lane}, batch {p.batch_size}: peak MiB": p.mib for p in found}


def main():
    options = arguments(__doc__, jobs=(2, "processes at a time"))
    figures = figures_of(*peaks(options.jobs))
    write_record("lane_memory", figures)
    if min(value for name, value in figures.items() if name.endswith("excess_least")) < 0:
        raise SystemExit("lane_memory: the bound is below a peak")


if __name__ == "__main__":
    main()
