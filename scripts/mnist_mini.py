"""Makes the embedded data set `mnist_mini` from MNIST, which is looked for in CAPS_HVD_DATA_DIR.

python scripts/mnist_mini.py
"""

import numpy as np

from caps_hvd import data
from caps_hvd.data.readers.mnist_mini import FILE
from caps_hvd.data.stratified import stratified_split


def main():
    mnist, arrays = data.load("mnist"), {}
    for part, split in (("train", mnist.train), ("test", mnist.test)):
        images, labels = split.take(np.arange(len(split)))
        _, rows = stratified_split(labels, fraction=0.1, seed=0)
        arrays |= {f"x_{part}": images[rows, ..., 0], f"y_{part}": labels[rows].astype(np.uint8)}
    np.savez_compressed(FILE, **arrays)
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
