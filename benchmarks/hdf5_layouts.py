"""Milliseconds to read 100 random rows of 60,000 images, 28 x 28, from each layout of HDF5.

The reason why `caps-hvd data convert` stores images contiguously.
"""

import tempfile
from pathlib import Path

import h5py
import numpy as np

from benchmarks import harness

LAYOUTS = [(rows, None) for rows in (None, 1, 8, 64, 512)] + [(rows, "gzip") for rows in (1, 8, 64)]


def layouts(rounds):
    """Figures of all layouts."""
    random = np.random.default_rng(0)
    # Random values of 6 bits, which gzip shortens by a quarter.
    images = random.integers(0, 64, (60_000, 28, 28, 1), dtype=np.uint8)
    with (
        tempfile.TemporaryDirectory() as folder,
        h5py.File(Path(folder, "layouts.h5"), "w", track_order=True) as file,
    ):
        for rows, compression in LAYOUTS:
            name = f"{rows or 'contiguous'}{'_rows_per_chunk' if rows else ''}"
            name += f"_{compression}" if compression else ""
            chunks = (rows, 28, 28, 1) if rows else None
            file.create_dataset(name, data=images, chunks=chunks, compression=compression)
        file.flush()

        def read(array):
            return array[np.sort(random.choice(len(array), 100, replace=False))]

        seconds = harness.take_turns(
            {name: lambda array=array: read(array) for name, array in file.items()}, rounds
        )
    medians = harness.medians(seconds).items()
    return {f"read_100_rows_ms_{name}": 1000 * median for name, median in medians}


def main():
    options = harness.arguments(__doc__, rounds=(15, "timed reads of each"))
    harness.write_record("hdf5_layouts", layouts(options.rounds))


if __name__ == "__main__":
    main()
