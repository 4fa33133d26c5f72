"""Small sweeps with figures that can be checked by hand."""

from caps_hvd.records.sweep_record import EpochResult, PointResult, SweepResult


def epoch(number, seconds, *, first=False, evaluation=None, parts=True, images=60_000):
    """An epoch of which 70 % is computation, 20 communication, 4 input and 6 other work."""
    shares = (0.70, 0.20, 0.04, 0.06) if parts else (None,) * 4
    compute, communication, waiting, other = (
        None if share is None else share * seconds for share in shares
    )
    return EpochResult(
        epoch=number,
        seconds=seconds,
        first_of_session=first,
        compute_seconds=compute,
        exposed_communication_seconds=communication,
        input_seconds=waiting,
        other_seconds=other,
        evaluation_seconds=evaluation,
        images_per_second=images / seconds,
        learning_rate=0.001,
        train_loss=0.1,
        test_accuracy=0.99,
    )


def point(machines, repetition, seconds, *, axes=None, accuracy=0.99, energy=None, **facts):
    """A finished point: its first epoch takes 30 s longer than the others."""
    others = dict(axes or {})
    name = "-".join([f"{machines}x", *map(str, others.values()), f"r{repetition}"])
    return PointResult(
        name=name,
        axes={"machines": machines, **others, "repetition": repetition},
        status="finished",
        ranks=machines,
        machines=machines,
        epochs=[
            epoch(1, seconds[0] + 30.0, first=True, **facts),
            *(epoch(number, each, **facts) for number, each in enumerate(seconds, start=2)),
        ],
        steps_per_epoch=600 // machines,
        images_per_step=100 * machines,
        bytes_per_step=32_860_000,
        train_samples=60_000,
        test_samples=10_000,
        parameters=8_215_568,
        test_accuracy=accuracy,
        training_seconds=sum(seconds) + seconds[0] + 30.0,
        energy_joules=energy,
        hosts=[f"h{host}" for host in range(1, machines + 1)],
        backend="mpi",
        started_utc="2026-11-21T05:00:00+00:00",
    )


def left_out(name, machines, status, error=""):
    axes = {"machines": machines, "batch_size": 200, "repetition": 0}
    return PointResult(
        name=name, axes=axes, status=status, error=error, ranks=machines, machines=machines
    )


def sweep(*points, name="lab15"):
    return SweepResult(
        name=name,
        definition="machine_counts = [1, 5, 15]\n",
        created_utc="2026-11-21T05:00:00+00:00",
        versions={"caps_hvd": "0.1.0", "keras": "3.15.1"},
        points=list(points),
    )


def two_groups():
    """Batch 100 and 200, each on 1, 5 and 15 machines twice, 200 on 15 failed once."""
    seconds = {
        100: {1: (600.0, 620.0), 5: (180.0, 184.0), 15: (90.0, 86.0)},
        200: {1: (500.0, 500.0), 5: (125.0, 125.0), 15: (50.0,)},
    }
    points = [
        # The median of two epochs, one second apart from it on either side.
        point(machines, repetition, (each - 1.0, each + 1.0), axes={"batch_size": batch},
              evaluation=10.0, accuracy=0.99 + 0.002 * repetition, energy=each * 300.0)
        for batch, by_machines in seconds.items()
        for machines, values in by_machines.items()
        for repetition, each in enumerate(values)
    ]  # fmt: skip
    failed = left_out("15x-200-r1", 15, "failed", "host h7: connection refused")
    return sweep(*points, failed, left_out("20x-200-r0", 20, "planned"))
