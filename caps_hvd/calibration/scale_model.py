"""The calibration of the scale model: what one machine takes for a step; `caps-hvd calibrate`.

Alone: seconds of a step by batch size and their spread, when in a step which gradients are there,
seconds of evaluation and input.  As several ranks on this machine: steps that run at once.  With
two ranks, wherever they are, the all-reduce over TCP.
"""

import dataclasses
import functools
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

from caps_hvd.config.train_config import TrainConfig
from caps_hvd.data import Dataset
from caps_hvd.distributed import comm
from caps_hvd.errors import ConfigError, RunError
from caps_hvd.io.timestamp import utc_now
from caps_hvd.scaling import machine_profile as calibrations
from caps_hvd.scaling.machine_profile import Calibration, StepTime
from caps_hvd.system.backend import keras_backend
from caps_hvd.system.contention import CpuContention
from caps_hvd.training.build import load_dataset, parameter_count
from caps_hvd.training.start import start_ranks

# Two ranks of one machine would reduce in its memory: what is wanted is the work of TCP.
_OVER_TCP = {"OMPI_MCA_pml": "ob1", "OMPI_MCA_btl": "tcp,self"}


def calibrate(
    config: TrainConfig,
    output,
    *,
    batch_sizes: Sequence[int] | None = None,
    samples: int = 20,
    command_line: Sequence[str] = ("caps-hvd", "calibrate"),
) -> Calibration:
    """Measures, and writes the calibration or adds to it.

    Args:
        config: what to train; its data set, model, batch size and threads.
        output: path of the JSON file.
        batch_sizes: to time steps at; a fifth of the batch size and itself by default.
        samples: steps that their spread is taken from, 5 or more.
        command_line: for the file.

    Raises:
        ConfigError: another backend than TensorFlow, or more than two ranks on several machines.
        RunError: the file is of another machine or model, holds no rank alone yet, or cannot be
            written.
    """
    if keras_backend() != "tensorflow":
        raise ConfigError(
            f"KERAS_BACKEND: expected tensorflow to calibrate, received {keras_backend()}"
        )
    sizes = sorted({*(batch_sizes or (max(1, config.batch_size // 5),)), config.batch_size})
    ranks_here = os.environ.get("OMPI_COMM_WORLD_LOCAL_SIZE")
    if comm.launched_size() > 1 and ranks_here == str(comm.launched_size()):
        for name, value in _OVER_TCP.items():
            os.environ.setdefault(name, value)
    examine = functools.partial(_examine, config, output)
    communicator, machine, (earlier, dataset) = start_ranks(config, examine)
    from caps_hvd.calibration.step_bench import StepBench  # its module imports Keras

    bench = StepBench(config, communicator, dataset)
    about = {
        "created_utc": utc_now(),
        "command_line": list(command_line),
        "cpu_model": machine.cpu_model,
        "cores": machine.cores_per_host,
        "threads": machine.threads_per_rank,
        "model": f"{config.model} {bench.model.preset}",
        "precision": config.precision,
        "parameters": parameter_count(bench.model.trainable_variables),
    }
    if communicator.size == 1:
        contention = CpuContention()
        found = Calibration(**about, **_alone(bench, sizes, samples))
        contention.warn()
    else:
        found = dataclasses.replace(earlier, **about, **_at_once(bench, sizes, samples))
    whole = None
    with communicator.raise_on_all_ranks():
        if communicator.rank == 0:  # the file is of the machine that this rank is on
            whole = calibrations.merge(earlier, found) if earlier else found
            calibrations.write(output, whole)
            print(f"{_summary(whole)}; {output}", flush=True)
    return communicator.broadcast_object(whole)


def _examine(config, output, communicator) -> tuple[Calibration | None, Dataset]:
    """What the file holds already, to which several ranks add; and the data set."""
    if communicator.size > 2 and len(communicator.hosts) > 1:
        raise ConfigError(
            f"calibrate: expected all ranks on one machine, or two, received {communicator.size} "
            f"on {len(communicator.hosts)} machines"
        )
    found = None
    with communicator.raise_on_all_ranks():
        if communicator.rank == 0:
            if Path(output).exists():
                found = calibrations.read(output)
            elif communicator.size > 1:
                raise RunError(
                    f"{output}: expected the calibration of one rank, found no file; run "
                    "`caps-hvd calibrate` without a launcher first"
                )
    earlier = communicator.broadcast_object(found)
    with communicator.raise_on_all_ranks():
        return earlier, load_dataset(config)


def _alone(bench, sizes, samples) -> dict:
    main = bench.config.batch_size
    times = {size: bench.step_times(size, max(5, samples // 2)) for size in sizes if size != main}
    bench.stamps.clear()
    times[main] = bench.step_times(main, samples)
    return {
        "backend": "none",
        "steps": [
            StepTime(batch_size=size, ranks=1, seconds=statistics.median(each))
            for size, each in sorted(times.items())
        ],
        "step_samples": times[main],
        "groups": bench.groups(),
        "forward_seconds_per_image": bench.forward_seconds_per_image(),
        "input_seconds_per_image": bench.input_seconds_per_image(),
        "add_seconds_per_byte": bench.add_seconds_per_byte(),
        "allreduces": [],
    }


def _at_once(bench, sizes, samples) -> dict:
    communicator = bench.communicator
    steps = []
    for size in sizes if len(communicator.hosts) == 1 else ():
        bench.step_times(size, 0)  # traces, which takes the ranks differently long
        communicator.barrier()
        own = statistics.fmean(bench.step_times(size, max(5, samples // 2), warm_up=1))
        seconds = float(communicator.allreduce(own, "average"))
        steps.append(StepTime(batch_size=size, ranks=communicator.size, seconds=seconds))
    return {
        "backend": communicator.backend,
        "steps": steps,
        "allreduces": bench.allreduces() if communicator.size == 2 else [],
    }


def _summary(whole) -> str:
    steps = ", ".join(
        f"{step.batch_size} images on {step.ranks} at once {1000 * step.seconds:.0f} ms"
        for step in whole.steps
    )
    reductions = ", ".join(
        f"{each.message_bytes / 1e6:.1f} MB {1000 * each.seconds:.0f} ms"
        for each in whole.allreduces
    )
    return f"steps: {steps}" + (f"; all-reduce: {reductions}" if reductions else "")
