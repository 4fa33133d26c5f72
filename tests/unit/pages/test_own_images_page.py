"""The program of docs/own_images.md makes a data set of folders of pictures."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from caps_hvd import data
from caps_hvd.errors import DataError

PAGE = Path(__file__).parents[3] / "docs" / "own_images.md"
(PROGRAM,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Five cats and five dogs: sizes, formats and kinds of pixels as people have them."""
    monkeypatch.chdir(tmp_path)
    kinds = [("RGB", "jpg"), ("L", "png"), ("RGBA", "png"), ("P", "gif"), ("CMYK", "JPG")]
    for name, colour in (("cat", (200, 30, 30)), ("dog", (30, 30, 200))):
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for number, (mode, ending) in enumerate(kinds):
            picture = Image.new("RGB", (40 + 10 * number, 50), colour).convert(mode)
            picture.save(folder / f"{number}.{ending}")
        (folder / "notes.txt").write_text("none of them")
    return tmp_path / "pictures"


def test_a_folder_becomes_a_data_set(pictures, capsys):
    exec(PROGRAM, {})
    assert "{'cat': 5, 'dog': 5}" in capsys.readouterr().out
    own = data.load("own.npz")
    assert own.class_names == ("cat", "dog") and own.image_shape == (32, 32, 3)
    assert own.train.dtype == np.uint8 and len(own.train) + len(own.test) == 10
    images, labels = own.train.take(np.arange(len(own.train)))
    colours = images[:, 16, 16].astype(int)
    grey = np.ptp(colours, axis=1) == 0
    assert grey.sum() <= 2  # of those saved as grey
    assert np.array_equal(colours[~grey, 0] > colours[~grey, 2], labels[~grey] == 0)
    assert [Path(name).parent.name for name in own.train.names] == [
        own.class_names[label] for label in labels
    ]
    assert all(map(os.path.isfile, [*own.train.names, *own.test.names]))


def test_a_damaged_picture_is_named(pictures):
    (pictures / "cat" / "0.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"0\.jpg"):
        exec(PROGRAM, {})
