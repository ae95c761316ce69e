"""The strokes of a pen -> the 28 x 28 image that the network sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mnist_core.drawing.pen import PEN, SIDE, Image28, Points, drawn, fitted

# Of drawings from a browser: more than four coats of the pen's paint, and answered in a second.
MOST_POINTS = 20_000
MANY = 5_000  # segments that are drawn in a blink as they are
LEAST = 2**-9  # pixels of the 28; what is less changes no pixel of the image by a grey value
FARTHEST = 10_000  # canvas pixels; a stroke may leave the canvas


def image_from_strokes(strokes: Sequence[ArrayLike]) -> Image28:
    """Draw pen strokes as MNIST would show them.

    The answer does not depend on where or how large the digit was drawn.

    Args:
        strokes: one (n, 2) array of numbers a stroke, x to the right, y down, in any unit. A
            stroke of one point is a dot; a stroke without points is passed over.

    Returns:
        (28, 28) float32 in [0, 1], ink 1 on 0; all zero when nothing was drawn.

    Raises:
        ValueError: a stroke is not an (n, 2) array of finite numbers; names the stroke.
    """
    if strokes is None or isinstance(strokes, str | bytes | Mapping):
        raise ValueError(f"strokes must be a list of (n, 2) arrays, not {type(strokes).__name__}")
    checked = [_checked_stroke(stroke, index) for index, stroke in enumerate(strokes)]
    points = np.concatenate([np.empty((0, 2)), *checked])
    if not len(points):
        return np.zeros((SIDE, SIDE), np.float32)
    lengths = np.array([len(stroke) for stroke in checked if len(stroke)])
    last = np.cumsum(lengths) - 1
    goes_on = np.ones(len(points), bool)
    goes_on[last] = False
    begins = goes_on.copy()
    begins[last[lengths == 1]] = True  # a dot is a segment whose ends are the same point
    starts, ends = points[begins], points[(np.arange(len(points)) + goes_on)[begins]]
    # Dividing by a power of two is exact, and keeps sums of very large numbers finite.
    exponent = int(np.frexp(max(np.abs(starts).max(), np.abs(ends).max()))[1])
    starts, ends = np.ldexp(starts, -exponent), np.ldexp(ends, -exponent)
    # What rounding alone leaves between equal points stays a dot.
    starts, ends, _ = fitted(starts, ends, smallest=1e-12)
    if len(starts) > MANY:
        starts, ends = _thinned(starts, ends)
    return drawn(starts, ends, np.full(len(starts), PEN / 2))


def _thinned(starts: Points, ends: Points) -> tuple[Points, Points]:
    """Fewer segments that draw the same.

    Where many of a stroke lie within ``LEAST`` of a line, that is drawn; and each once only, as
    far as one can tell them apart on a grid of ``LEAST``.

    Args:
        starts, ends: (n, 2) segments, of which those of a stroke follow each other.
    """
    begins = np.ones(len(starts), bool)  # whether a segment still has a beginning of its own
    joined = np.append(False, (starts[1:] == ends[:-1]).all(axis=1))
    for size in (2, 4, 8, 16, 32, 64):
        whole = len(starts) // size * size
        points = starts[:whole].reshape(-1, size, 2)
        inner = points[:, 1:] - points[:, :1]
        line = (ends[size - 1 : whole : size] - points[:, 0])[:, np.newaxis]
        length = np.maximum((line**2).sum(axis=-1), np.finfo(float).tiny)
        along = np.clip((inner * line).sum(axis=-1) / length, 0, 1)[..., np.newaxis]
        aside = ((inner - along * line) ** 2).sum(axis=-1).max(axis=1)
        straight = (aside <= LEAST**2) & joined[:whole].reshape(-1, size)[:, 1:].all(axis=1)
        if not straight.any():
            break
        begins[:whole].reshape(-1, size)[straight, 1:] = False
    first = np.flatnonzero(begins)
    segments = np.hstack([starts[first], ends[np.append(first[1:], len(ends)) - 1]])
    # They lie within 16 of the middle, so that each of the four numbers takes 16 bits.
    packed = (segments / LEAST).round().astype(np.int64) + 2**15 << np.array([48, 32, 16, 0])
    _, some = np.unique(packed.sum(axis=1), return_index=True)
    return segments[np.sort(some), :2], segments[np.sort(some), 2:]


def _checked_stroke(stroke: ArrayLike, index: int) -> Points:
    expected = f"stroke {index} must be an (n, 2) array of numbers"
    try:
        points = np.asarray(stroke)
    except ValueError as error:
        raise ValueError(f"{expected}; its points have different lengths") from error
    if points.shape in ((0,), (0, 2)):
        return np.empty((0, 2))
    if points.dtype.kind not in "iuf" or points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{expected}, not of shape {points.shape} and type {points.dtype}")
    if not np.isfinite(points).all():
        raise ValueError(f"{expected}; it holds NaN or an infinite number")
    return points.astype(np.float64)


def check_strokes(strokes: Any) -> None:
    """Refuse what no canvas in a browser tells: it may not have been ours that told it.

    Args:
        strokes: ``[[[x, y], ...], ...]`` in canvas pixels, as JSON knows them.

    Raises:
        ValueError: it is no list of strokes of one point or more, has more than ``MOST_POINTS`` in
            all, or a number that is not finite or farther than ``FARTHEST``; says which.
    """
    if not isinstance(strokes, list) or not all(isinstance(s, list) and s for s in strokes):
        raise ValueError("a drawing must be a list of strokes, each a list of points")
    points = sum(map(len, strokes))
    if points > MOST_POINTS:
        raise ValueError(f"the drawing has {points:,} points; allowed: up to {MOST_POINTS:,}")
    for index, stroke in enumerate(strokes):
        farthest = np.abs(_checked_stroke(stroke, index)).max()
        if farthest > FARTHEST:
            raise ValueError(
                f"stroke {index} goes to {farthest:g}; allowed: -{FARTHEST:,} to {FARTHEST:,}"
            )
