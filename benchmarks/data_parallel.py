"""Two ranks on one core each against one rank on one core: images per second of a training step.

    python benchmarks/data_parallel.py
    python benchmarks/data_parallel.py --launcher "horovodrun --gloo" --preset small --steps 20

Starts itself under the launcher for each number of ranks in turn, and prints one JSON record.
Every rank binds itself, Horovod's thread included, to one core.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

_WORKER = "--worker"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--launcher", default="mpirun --bind-to none", help="without -np")
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--batch-size", type=int, default=100, help="per rank")
    parser.add_argument("--steps", type=int, default=10, help="timed steps")
    parser.add_argument("--compression", default="auto")
    parser.add_argument("--group-mib", type=float, default=4.0)
    parser.add_argument("--precision", default="float32")
    parser.add_argument(_WORKER, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        from caps_hvd.distributed import run_guarded

        return run_guarded(lambda: work(options))
    runs = [launch(options, ranks) for ranks in options.ranks]
    record = {"benchmark": "data_parallel", "launcher": options.launcher, "runs": runs}
    record["speedup"] = round(runs[-1]["images_per_second"] / runs[0]["images_per_second"], 3)
    print(json.dumps(record))
    return 0


def launch(options, ranks):
    binaries = Path(sys.executable).parent
    launcher = shlex.split(options.launcher)
    command = [str(binaries / launcher[0]), *launcher[1:], "-np", str(ranks)]
    command += [sys.executable, __file__, *sys.argv[1:], _WORKER]
    root = str(Path(__file__).resolve().parents[1])
    environ = {
        **os.environ,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
    }
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        if '"images_per_second"' in line:
            return json.loads(line[line.index("{") :])
    raise SystemExit(f"{shlex.join(command)}: no result\n{done.stdout}{done.stderr}")


def work(options):
    """On each rank: the step with reduction and, on several ranks, without, taking turns."""
    from caps_hvd.distributed import comm, import_tensorflow_quietly

    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[comm.launched_rank() % len(cores)]})
    import_tensorflow_quietly()
    import keras
    import numpy as np

    from caps_hvd import models
    from caps_hvd.distributed import distribute, use_threads

    ranks = comm.init()
    use_threads(ranks, 1)
    models.set_precision(options.precision)
    model = models.build("capsnet", image_shape=(28, 28, 1), classes=10, preset=options.preset)
    optimizer = distribute(
        keras.optimizers.Adam(),
        ranks,
        compression=options.compression,
        group_mib=options.group_mib,
    )
    model.compile(
        optimizer, **models.compile_arguments(model), jit_compile=False, auto_scale_loss=False
    )
    generator = np.random.default_rng(ranks.rank)
    images = generator.random((options.batch_size, 28, 28, 1), np.float32)
    labels = generator.integers(0, 10, options.batch_size).astype(np.int32)
    weights = np.ones(options.batch_size, np.float32)
    batch = (
        {"image": images, "label": labels},
        {"scores": labels, "reconstruction": images},
        {"scores": weights, "reconstruction": weights},
    )
    forms = {"step": train_function(model, batch)}
    if ranks.size > 1:
        with optimizer.without_reduction():
            forms["step_without_reduction"] = train_function(model, batch)
    seconds = {name: [] for name in forms}
    busy = {name: [] for name in forms}
    for step_number in range(-2, options.steps):
        for name, step in forms.items():
            ranks.barrier()
            start, start_busy = time.perf_counter(), time.process_time()
            step()
            # Of the core: what TensorFlow and Horovod's thread took, waiting in a loop included.
            spent = time.process_time() - start_busy
            elapsed = float(ranks.allreduce(time.perf_counter() - start, "max"))
            if step_number >= 0:
                seconds[name].append(elapsed)
                busy[name].append(spent)
    if ranks.rank == 0:
        medians = {name: statistics.median(values) for name, values in seconds.items()}
        result = {
            "ranks": ranks.size,
            "backend": ranks.backend,
            "batch_size_per_rank": options.batch_size,
            "preset": options.preset,
            "precision": options.precision,
            "images_per_second": round(ranks.size * options.batch_size / medians["step"], 1),
            **{f"{name}_seconds": round(value, 4) for name, value in medians.items()},
            **{f"{name}_cpu_seconds": round(statistics.median(busy[name]), 4) for name in busy},
            "optimizer": optimizer.describe(),
        }
        print(json.dumps(result), flush=True)


def train_function(model, batch):
    """The training step on one held batch, traced now."""
    import tensorflow as tf

    model.make_train_function(force=True)
    function = model.train_function
    data = tf.nest.map_structure(tf.constant, batch)

    def step():
        return float(function([data])["loss"])

    step()
    return step


if __name__ == "__main__":
    sys.exit(main())
