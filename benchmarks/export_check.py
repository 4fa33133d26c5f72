"""Differences of exported networks from their run: python -m benchmarks.export_check RUN

Exports a run in every format that can be written here, reads each file in a process of its own, and
prints the largest difference of a score from the run's own on its first 100 test images. SavedModel
and ONNX are read without this package, which the reading process makes sure of. ONNX is left out
where its packages are not installed: `pip install "caps_hvd[onnx]" onnxruntime`.
"""

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from caps_hvd.inspection import commands
from caps_hvd.inspection.export_formats import FORMATS

IMAGES = 100
# Reads images from sys.argv[2] and writes scores to sys.argv[3].
_READERS = {
    "keras": "import keras, caps_hvd.models; network = keras.models.load_model(path)\n"
    "scores = network.predict(images, verbose=0)['scores']\n",
    "saved-model": "import tensorflow as tf; network = tf.saved_model.load(path)\n"
    "scores = network.serve(images)['scores'].numpy()\n"
    "assert 'caps_hvd' not in sys.modules\n",
    "onnx": "import onnxruntime; network = onnxruntime.InferenceSession(path)\n"
    "scores = network.run(['scores'], {'images': images})[0]\n"
    "one = network.run(['scores'], {'images': images[:1]})[0]\n"
    "assert abs(one - scores[:1]).max() < 1e-5 and 'tensorflow' not in sys.modules\n"
    "assert 'caps_hvd' not in sys.modules\n",
}
_READER = (
    "import sys, numpy as np; path = sys.argv[1]; images = np.load(sys.argv[2])\n"
    "{}np.save(sys.argv[3], scores)\n"
)


def differences(run, kinds=tuple(FORMATS), input_range="0-255") -> dict[str, float]:
    """Exports a run, and returns the largest difference of a score by format.

    Args:
        run: run directory.
        kinds: formats. Defaults to all.
        input_range: of the exported files. Default "0-255".
    """
    from caps_hvd.inspection import load

    loaded = load.load(run)
    images, _ = loaded.dataset.test.take(np.arange(min(IMAGES, len(loaded.dataset.test))))
    scaled = images.astype(np.float32) / 255
    expected = loaded.model.predict_on_batch(scaled)["scores"]
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "images.npy")
        np.save(given, scaled if input_range == "0-1" else images.astype(np.float32))
        for kind in kinds:
            path = Path(folder, FORMATS[kind])
            commands.export(run, kind, path, input_range, ("scores",))
            scores = read(kind, path, given, Path(folder, "scores.npy"))
            found[kind] = float(np.abs(scores - expected).max())
    return found


def read(kind: str, path, images, scores) -> np.ndarray:
    """The scores that a process of its own reads from an exported file."""
    command = [sys.executable, "-c", _READER.format(_READERS[kind]), path, images, scores]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow"}
    subprocess.run(command, check=True, env=os.environ | quiet, timeout=300)
    return np.load(scores)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run")
    run = parser.parse_args().run
    kinds = list(FORMATS)
    packages = ("onnx", "tf2onnx", "onnxruntime")
    if missing := [name for name in packages if importlib.util.find_spec(name) is None]:
        kinds.remove("onnx")
        print(f"onnx is left out: {', '.join(missing)} not installed")
    for kind, difference in differences(run, kinds).items():
        print(f"{kind:12} {difference:.1e}")


if __name__ == "__main__":
    main()
