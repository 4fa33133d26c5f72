"""The matrices of the bilinear form of a convolution, from the real two-dimensional DFT.

The DFT of a circular correlation is the product of the DFT of the image and the conjugate of that
of the kernel.  A real image needs one frequency of every conjugate pair only; the product of two
complex numbers takes three products of real ones (Gauss), and the sums before and after them are
linear, so they are part of the matrices:

    y = C [ (A x) * (B w) ]

Each of the real products is a "slot".  The DFT is orthogonal but for a factor, so that nothing is
lost in float32; Winograd's form of the same size has a third fewer products and loses four digits.
"""

import functools

import numpy as np


def frequencies(height, width):
    """One frequency of every conjugate pair, and whether its value is real, column by column.

    Returns:
        List of (u, v, is_real) with v at most width / 2; u goes from 0 to `height` - 1, but in the
        columns that are their own conjugates, v = 0 and v = width / 2, to height / 2.
    """
    found = []
    for v in range(width // 2 + 1):
        own_conjugate = 2 * v % width == 0
        for u in range(height // 2 + 1 if own_conjugate else height):
            found.append((u, v, own_conjugate and 2 * u % height == 0))
    return found


def slots(height, width):
    """How many real products a tile takes: 148 at 10 x 10."""
    return sum(1 if is_real else 3 for _, _, is_real in frequencies(height, width))


@functools.cache
def matrices(tile, taps):
    """The matrices of the valid correlation of a tile with a kernel, float64.

    Args:
        tile: (height, width) of the tile in pixels.
        taps: (height, width) of the kernel in pixels, at most those of the tile.

    Returns:
        Arrays A (slots, pixels of the tile), B (slots, pixels of the kernel) and C (outputs, slots),
        where an output is one of (height - taps + 1) x (width - taps + 1).
    """
    outputs = tuple(n - m + 1 for n, m in zip(tile, taps, strict=True))

    def wave(u, v, size):
        down, right = np.arange(size[0]) * u / tile[0], np.arange(size[1]) * v / tile[1]
        return np.exp(-2j * np.pi * np.add.outer(down, right)).reshape(-1)

    a, b, c = [], [], []
    for u, v, is_real in frequencies(*tile):
        x, w = wave(u, v, tile), wave(u, v, taps).conj()
        y = wave(u, v, outputs).conj() / (tile[0] * tile[1])
        if is_real:
            a.append(x.real), b.append(w.real), c.append(y.real)
        else:
            a += [x.real + x.imag, x.real, x.imag]
            b += [w.real, w.imag - w.real, w.real + w.imag]
            c += [2 * (y.real - y.imag), -2 * y.imag, -2 * y.real]
    return np.array(a), np.array(b), np.array(c).T
