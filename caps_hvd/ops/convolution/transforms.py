"""The matrices of the bilinear form of a convolution, from the real two-dimensional DFT.

The DFT of a circular correlation is the product of the DFT of the image and the conjugate of that
of the kernel.  A real image needs one frequency of every conjugate pair only; the product of two
complex numbers takes three products of real ones (Gauss), and the sums before and after them are
linear, so they are part of the matrices:

    y = C [ (A x) * (B w) ]

Each of the real products is a "slot".  The DFT is orthogonal but for a factor, so that nothing is
lost in float32; Winograd's form of the same size has a third fewer products and loses four digits.
"""

import dataclasses
import functools
import itertools

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


@dataclasses.dataclass(frozen=True)
class Factors:
    """One of A, B and C^T as two transforms, along rows and then along columns.

    The slots of one v come from the packed columns of v: the cosines of the row, and its sines
    where they are not zero.

    Args:
        across: (packed columns, pixels of a row).
        down: for each v (its slots, its packed columns, pixels of a column).
    """

    across: np.ndarray
    down: tuple

    def matrix(self):
        """The two in one: (slots, pixels)."""
        rows, begin = [], 0
        for part in self.down:
            across = self.across[begin : begin + part.shape[1]]
            rows.append(np.einsum("sci,cj->sij", part, across).reshape(len(part), -1))
            begin += part.shape[1]
        return np.concatenate(rows)


@functools.cache
def factors(tile, taps):
    """The transforms of the valid correlation of a tile with a kernel, float64.

    Args:
        tile: (height, width) of the tile in pixels.
        taps: (height, width) of the kernel in pixels, at most those of the tile.

    Returns:
        `Factors` of A, from the pixels of the tile, of B, from the pixels of the kernel, and of
        C^T, from the outputs, (height - taps + 1) x (width - taps + 1).
    """
    outputs = tuple(n - m + 1 for n, m in zip(tile, taps, strict=True))
    # What each slot takes of a complex number z: the real part of its weight times z. In Gauss's
    # products of x and w, re + im, re and im of x meet re, im - re and re + im of w.
    return (
        _factors(tile, tile, -1, (1 - 1j, 1, -1j)),
        _factors(tile, taps, 1, (1, -1 - 1j, 1 - 1j)),
        _factors(tile, outputs, 1, (2 + 2j, 2j, -2), 1 / (tile[0] * tile[1])),
    )


def _factors(tile, size, sign, weights, scale=1.0):
    def wave(frequency, axis):
        turns = frequency * np.arange(size[axis]) % tile[axis] / tile[axis]
        return np.exp(sign * 2j * np.pi * turns)

    across, down = [], []
    for v, of_v in itertools.groupby(frequencies(*tile), lambda found: found[1]):
        row = wave(v, 1)
        own_conjugate = 2 * v % tile[1] == 0
        across += [row.real] if own_conjugate else [row.real, row.imag]
        slots_of_v = []
        for u, _, is_real in of_v:
            for weight in (1,) if is_real else weights:
                # Re(weight * column * row) = Re(weight * column) cos - Im(weight * column) sin
                z = weight * scale * wave(u, 0)
                slots_of_v.append([z.real] if own_conjugate else [z.real, -z.imag])
        down.append(np.array(slots_of_v))
    return Factors(np.array(across), tuple(down))


@functools.cache
def matrices(tile, taps):
    """A (slots, pixels of the tile), B (slots, pixels of the kernel) and C (outputs, slots)."""
    a, b, c = (part.matrix() for part in factors(tile, taps))
    return a, b, c.T
