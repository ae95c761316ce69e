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
AT_ONCE = 2**14  # steps along segments: what they take fits into a processor's cache
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
    # Each segment is walked along its longer side, a pixel at a time, and at each step the few
    # pixels across that its ink may reach are asked how far they are from it.
    steep = np.argmax(np.abs(ends - starts), axis=1) == 1
    froms, tos = (np.where(steep[:, np.newaxis], xy[:, ::-1], xy) for xy in (starts, ends))
    (u, v), (du, dv) = froms.T, (tos - froms).T
    slope = dv / np.where(np.abs(du) > 1e-9, du, np.inf)  # a dot has none
    squared = np.where(du**2 + dv**2 > 0, du**2 + dv**2, 1)
    reach = radii.max() + FRINGE / 2
    first = np.ceil(np.minimum(u, u + du) - reach - 0.5).astype(int)
    counts = np.floor(np.maximum(u, u + du) + reach + 0.5).astype(int) - first
    slanted = reach * np.sqrt(2)  # the farthest across, of a segment at 45 degrees
    across = np.arange(int(2 * slanted) + 1)

    pad = int(slanted) + 2
    width = SIDE + 2 * pad
    depth = np.full(width**2, -np.inf)  # into the ink, from its edge
    low = np.ceil(np.minimum(starts, ends) - reach - 0.5).astype(int) + pad
    high = np.floor(np.maximum(starts, ends) + reach + 0.5).astype(int) + pad
    for part in np.split(
        np.arange(len(u)), np.flatnonzero(np.diff(np.cumsum(counts) // AT_ONCE)) + 1
    ):
        # A pixel that is all ink stays so, however often it is drawn over.
        blank = np.zeros((width + 1, width + 1), int)
        blank[1:, 1:] = (depth < FRINGE / 2).reshape(width, width).cumsum(0).cumsum(1)
        (left, top), (right, bottom) = low[part].T, high[part].T
        part = part[
            blank[bottom, right] - blank[top, right] - blank[bottom, left] + blank[top, left] > 0
        ]
        of = np.repeat(part, counts[part])
        nth = np.arange(len(of)) - np.repeat(np.cumsum(counts[part]) - counts[part], counts[part])
        pixel = first[of] + nth
        walked = np.clip(pixel + 0.5 - u[of], np.minimum(du, 0)[of], np.maximum(du, 0)[of])
        side = np.ceil(v[of] + walked * slope[of] - slanted - 0.5).astype(int)
        row, column = np.where(steep[of], (pixel, side), (side, pixel)) + pad
        stride = np.where(steep[of], 1, width)
        pixels = (row * width + column)[:, np.newaxis] + stride[:, np.newaxis] * across
        open_ = (depth[pixels] < FRINGE / 2).any(axis=1)
        of, pixels = of[open_, np.newaxis], pixels[open_]
        pu = pixel[open_, np.newaxis] + 0.5 - u[of]
        pv = side[open_, np.newaxis] + across + 0.5 - v[of]
        nearest = np.clip((pu * du[of] + pv * dv[of]) / squared[of], 0, 1)
        distance = np.hypot(pu - nearest * du[of], pv - nearest * dv[of])
        np.maximum.at(depth, pixels.ravel(), (radii[of] - distance).ravel())
    ink = depth.reshape(width, width)[pad:-pad, pad:-pad]
    return np.clip(ink / FRINGE + 0.5, 0, 1)
