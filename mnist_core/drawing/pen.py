"""Draws lines as MNIST would show them, 28 x 28.

MNIST's own making is the target (LeCun, Bottou, Bengio and Haffner, 1998): the ink, its grey edges
included, fits a 20 x 20 box, aspect kept, and its centre of mass lies in the middle of 28 x 28.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIDE = 28
BOX = 20.0
PEN = 2.0  # MNIST's pens are 1.7 to 3.8 px wide; 1.6 to 2.2 recognise drawings equally well
FRINGE = 1.0  # the ink fades over one pixel, half of it outside the pen
CENTRE = 14.5  # measured on MNIST: row and column 14, whose middle is 14.5 px from the edge

Points = NDArray[np.float64]  # (n, 2): x to the right, y down
Image28 = NDArray[np.float32]  # (28, 28) in [0, 1]: ink 1 on 0


def fitted(starts: Points, ends: Points, smallest: float = 0.0) -> tuple[Points, Points, float]:
    """Scale a path of segments to the box that leaves room for the pen; its middle becomes (0, 0).

    Returns:
        The scaled starts and ends, in pixels of the 28, and the scale. A path smaller than
        ``smallest`` fills its part of the box only; one without any extent, a dot, has scale 0.
    """
    low = np.minimum(starts.min(axis=0), ends.min(axis=0))
    high = np.maximum(starts.max(axis=0), ends.max(axis=0))
    extent = max((high - low).max(), smallest)
    scale = (BOX - PEN - FRINGE) / extent if extent > 0 else 0.0
    middle = (low + high) / 2
    return (starts - middle) * scale, (ends - middle) * scale, scale


def drawn(starts: Points, ends: Points, radii: NDArray[np.float64]) -> Image28:
    """Draw segments given around (0, 0) in pixels, the ink's centre of mass in the middle."""
    ink = _coverage(starts + SIDE / 2, ends + SIDE / 2, radii)
    positions = np.arange(SIDE) + 0.5
    mass = np.array([ink.sum(axis=0) @ positions, ink.sum(axis=1) @ positions]) / ink.sum()
    # A very uneven digit stays inside the image rather than exactly in the middle.
    edge = (radii + FRINGE / 2)[:, np.newaxis]
    low = (np.minimum(starts, ends) - edge).min(axis=0)
    high = (np.maximum(starts, ends) + edge).max(axis=0)
    offset = np.clip(CENTRE - (mass - SIDE / 2), -low, SIDE - high)
    return _coverage(starts + offset, ends + offset, radii).astype(np.float32)


def _coverage(starts: Points, ends: Points, radii: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of each pixel is inked: closed form, from the distance to the nearest segment.

    Args:
        starts, ends: (n, 2) segments inside the image, in pixels from its upper left corner.
        radii: (n,) half the pen's width along each segment, in pixels.

    Returns:
        (28, 28) float64 in [0, 1].
    """
    # Pieces of a pixel at most each touch a small window, so a long scribble costs its length.
    counts = np.maximum(np.ceil(np.hypot(*(ends - starts).T)).astype(int), 1)
    segment = np.repeat(np.arange(len(starts)), counts)
    nth = np.arange(len(segment)) - np.repeat(np.cumsum(counts) - counts, counts)
    steps = ((ends - starts) / counts[:, np.newaxis])[segment]
    froms = starts[segment] + steps * nth[:, np.newaxis]
    reach = radii.max() + FRINGE / 2
    window = np.arange(int(np.ceil(1 + 2 * reach)) + 1)

    pad = len(window)
    depth = np.full((SIDE + 2 * pad, SIDE + 2 * pad), -np.inf)  # into the ink, from its edge
    at_once = max(2**18 // len(window) ** 2, 1)
    for i in range(0, len(froms), at_once):
        start, step = froms[i : i + at_once], steps[i : i + at_once]
        first = np.ceil(np.minimum(start, start + step) - reach - 0.5).astype(int)
        pixels = first[:, np.newaxis] + window[:, np.newaxis]  # (pieces, window, 2)
        x, y = np.moveaxis(pixels + 0.5 - start[:, np.newaxis], -1, 0)
        x, y = x[:, np.newaxis, :], y[:, :, np.newaxis]
        dx, dy = step[:, 0, np.newaxis, np.newaxis], step[:, 1, np.newaxis, np.newaxis]
        squared = dx**2 + dy**2
        nearest = np.clip((x * dx + y * dy) / np.where(squared > 0, squared, 1), 0, 1)
        distance = np.hypot(x - nearest * dx, y - nearest * dy)
        rows, columns = pixels[:, :, np.newaxis, 1] + pad, pixels[:, np.newaxis, :, 0] + pad
        inside = radii[segment[i : i + at_once], np.newaxis, np.newaxis] - distance
        np.maximum.at(depth, (rows, columns), inside)
    return np.clip(depth[pad:-pad, pad:-pad] / FRINGE + 0.5, 0, 1)
