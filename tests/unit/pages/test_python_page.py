"""docs/python.md, own_models.md and export.md: their programs run, and what is public is named."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import caps_hvd
from caps_hvd.cli.export import export
from caps_hvd.inspection.export_formats import FORMATS

REPOSITORY = Path(__file__).parents[3]
PAGES = {
    name: REPOSITORY.joinpath("docs", f"{name}.md").read_text(encoding="utf-8")
    for name in ("python", "own_models", "export")
}
_MAKE = """
import numpy as np
from PIL import Image
from caps_hvd.config.train_config import TrainConfig
from caps_hvd.training.run import train
train(TrainConfig(dataset="digits", preset="small", train_samples=64, test_samples=20, epochs=1,
                  convolution="direct", run_dir="runs/digits"))
for name in ("three", "four"):
    Image.fromarray(np.arange(144, dtype=np.uint8).reshape(12, 12)).save(name + ".png")
"""


def programs(page) -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGES[page], re.DOTALL)


def test_what_is_public_is_named():
    for name in caps_hvd.__all__:
        assert re.search(rf"`{name}(\(run\))?`", PAGES["python"]), name
        assert hasattr(caps_hvd, name)
    with pytest.raises(AttributeError, match="'caps_hvd' has no attribute 'lode'"):
        caps_hvd.lode  # noqa: B018


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_programs_run(tmp_path):
    """Each in a process of its own, as people run them, beside a run and two pictures."""
    for text in (_MAKE, *programs("python")):
        done = subprocess.run(
            [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, timeout=250
        )
        assert done.returncode == 0, done.stderr


def test_the_example_is_the_one_in_the_repository():
    example = REPOSITORY.joinpath("examples", "my_net.py").read_text(encoding="utf-8")
    assert example in programs("own_models")


def test_every_format_and_option_is_named():
    for kind, file in FORMATS.items():
        assert f"| `{kind}` |" in PAGES["export"] and f"RUN/{file}" in PAGES["export"]
    for parameter in export.params[2:]:
        assert f"| `{parameter.opts[0]}" in PAGES["export"]
