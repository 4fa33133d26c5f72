"""A calibration with round figures."""

from caps_hvd.scaling.machine_profile import AllReduceTime, BucketProfile, Calibration, StepTime


def toy(**changes) -> Calibration:
    """A machine with one core; 10 images take 1 s, 20 images 1.8 s; 100 bytes in two groups."""
    values = {
        "created_utc": "2026-01-01T00:00:00Z",
        "command_line": ["caps-hvd", "calibrate"],
        "cpu_model": "toy",
        "cores": 1,
        "threads": 1,
        "backend": "mpi",
        "model": "capsnet small",
        "precision": "float32",
        "parameters": 25,
        "steps": [
            StepTime(batch_size=10, ranks=1, seconds=1.0),
            StepTime(batch_size=20, ranks=1, seconds=1.8),
        ],
        "step_samples": [1.0, 1.0, 1.0],
        "groups": [
            BucketProfile(gradient_bytes=40, ready_share=0.5),
            BucketProfile(gradient_bytes=60, ready_share=0.9),
        ],
        "forward_seconds_per_image": 0.02,
        "input_seconds_per_image": 0.0,
        "add_seconds_per_byte": 0.0,
        "allreduces": [],
    }
    return Calibration(**values | changes)


def reduction(message_bytes, seconds, ranks=2) -> AllReduceTime:
    return AllReduceTime(ranks=ranks, message_bytes=message_bytes, seconds=seconds)
