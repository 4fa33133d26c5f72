"""The ONNX example of docs/export.md prepares a picture as the package does."""

import json
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from caps_hvd import prepare, read_picture

PAGE = Path(__file__).parents[3] / "docs" / "export.md"
PROGRAM = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]


def run_example(monkeypatch, image_shape):
    """What the example gives a network, which stands in for onnxruntime."""
    given = []
    facts = {"caps_hvd": json.dumps({"image_shape": image_shape, "class_names": ["cat", "dog"]})}
    session = types.SimpleNamespace(
        get_modelmeta=lambda: types.SimpleNamespace(custom_metadata_map=facts),
        run=lambda outputs, inputs: given.append(inputs["images"]) or [np.array([[0.1, 0.9]])],
    )
    runtime = types.SimpleNamespace(InferenceSession=lambda path: session)
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    exec(PROGRAM, {})
    return given[0]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size, mode", [((40, 31), "RGB"), ((17, 60), "L"), ((50, 20), "RGBA")])
def test_a_picture_that_is_not_square(tmp_path, monkeypatch, capsys, channels, size, mode):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), np.uint8)
    Image.fromarray(pixels, "RGBA").convert(mode).save("three.png")
    images = run_example(monkeypatch, [28, 20, channels])
    assert images.shape == (1, 28, 20, channels) and images.dtype == np.float32
    expected = 255 * prepare(read_picture("three.png"), (28, 20, channels))
    # Rounded to whole numbers on white, as grey, and after each of two passes of the scaling.
    assert np.abs(images[0] - expected).max() < 2.5
    assert capsys.readouterr().out == "dog\n"
