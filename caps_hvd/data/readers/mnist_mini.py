"""The data set `mnist_mini`: 6,000 training and 1,000 test images of MNIST, part of this package.

`mnist_mini.LICENSE.txt` beside it names source and licence.  Of MNIST's 60,000 and 10,000 images
every tenth, of each class alike (`stratified_split`), in MNIST's order; `python
scripts/mnist_mini.py` makes the file.
"""

from pathlib import Path

from caps_hvd.data.readers.interpretation import ReadOptions, interpret
from caps_hvd.data.readers.npz import open_npz
from caps_hvd.data.split import Split

FILE = Path(__file__).with_name("mnist_mini.npz")


def read_mnist_mini() -> tuple[Split, Split]:
    """Returns `(train, test)` with images `(28, 28, 1)`."""
    contents = interpret(open_npz(FILE), ReadOptions(), (28, 28, 1))
    return contents.train, contents.test
