"""Start of `caps-hvd classify` beyond TensorFlow's own, and its seconds per 1,000 images.

    python -m benchmarks.classify

The network is trained for one step: what it has learnt takes no time.  The start is that of the
whole program for one picture, in turn with a process that only imports TensorFlow.  The images are
1,000 of 28 x 28, as PNG files and as rows of an HDF5 file; a first batch, in which TensorFlow
traces the network, is in the start and not in these.
"""

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.harness import arguments, in_child, medians, take_turns, write_record

_IMAGES = 1000


def main():
    options = arguments(
        __doc__,
        presets=(["paper", "slim"], "sizes of CapsNet"),
        rounds=(3, "timed runs of each"),
    )
    figures = {"rounds": options.rounds}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write_images(folder)
        for preset in options.presets:
            train(folder, preset)
            found = in_child(measure, folder, preset, options.rounds)
            figures |= {f"{preset}: {name}": value for name, value in found.items()}
        figures |= start(folder, options.presets[0], options.rounds)
    write_record("classify", figures)


def write_images(folder):
    """The images as PNG files in a folder, and as an array of an HDF5 file."""
    import h5py
    from PIL import Image

    from caps_hvd import data

    images, _ = next(data.load("mnist_mini").test.blocks(_IMAGES))
    (folder / "pictures").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image[..., 0]).save(folder / "pictures" / f"{number:04d}.png")
    with h5py.File(folder / "images.h5", "w") as file:
        file["x_test"] = images


def program(*words):
    """Runs `caps-hvd` with these words; what it prints is held back."""
    command = [sys.executable, "-m", "caps_hvd.cli", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def train(folder, preset):
    """A run directory of one step of training."""
    few = ("--dataset", "mnist_mini", "--train-samples", 16, "--test-samples", 16)
    size = ("--preset", preset, "--epochs", 1, "--batch-size", 16)
    program("train", *few, *size, "--run-dir", folder / preset)


def start(folder, preset, rounds):
    """Seconds of the program for one picture, and of TensorFlow alone."""
    alone = [sys.executable, "-c", "import tensorflow"]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
    one, tensorflow = "one picture, from the start", "import tensorflow"
    seconds = medians(
        take_turns(
            {
                tensorflow: lambda: subprocess.run(
                    alone, env=quiet, check=True, stderr=subprocess.DEVNULL
                ),
                one: lambda: program("classify", folder / preset, folder / "pictures" / "0000.png"),
            },
            rounds,
            warm_up=1,
        )
    )
    beyond = seconds[one] - seconds[tensorflow]
    figures = {f"{name}: s": value for name, value in seconds.items()}
    return figures | {"start beyond TensorFlow: s": beyond}


def measure(folder, preset, rounds):
    """Seconds per 1,000 images, from a file to a line, of a process that has started."""
    from caps_hvd.system.backend import start_keras

    start_keras()
    from caps_hvd.inspection.classify import classified
    from caps_hvd.inspection.image_sources import ImageSources
    from caps_hvd.inspection.network import BATCH_SIZE, load_network
    from caps_hvd.report.predictions import PredictionLines

    network = load_network(folder / preset)
    lines = PredictionLines("csv", network.class_names, True)

    def classify(path):
        written = io.StringIO()
        images = ImageSources((str(path),)).images(network.image_shape)
        for batch in classified(network, images, BATCH_SIZE, refuse):
            for each in batch:
                written.write(lines.line(each.prediction))

    steps = {
        "PNG files, s per 1,000": lambda: classify(folder / "pictures"),
        "HDF5, s per 1,000": lambda: classify(folder / "images.h5"),
    }
    return medians(take_turns(steps, rounds, warm_up=1))


def refuse(name, reason):
    raise SystemExit(f"{name}: {reason}")


if __name__ == "__main__":
    main()
