"""The strokes of a pen -> the 28 x 28 image that the network sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mnist_core.drawing.pen import PEN, SIDE, Image28, Points, drawn, fitted

# Of drawings from a browser: more than four coats of the pen's paint, and answered in a second.
MOST_POINTS = 20_000
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
    paths = [points for points in checked if len(points)]
    if not paths:
        return np.zeros((SIDE, SIDE), np.float32)
    # A dot is a segment whose ends are the same point.
    starts = np.concatenate([points[: max(len(points) - 1, 1)] for points in paths])
    ends = np.concatenate([points[min(len(points) - 1, 1) :] for points in paths])
    # Dividing by a power of two is exact, and keeps sums of very large numbers finite.
    exponent = int(np.frexp(max(np.abs(starts).max(), np.abs(ends).max()))[1])
    starts, ends = np.ldexp(starts, -exponent), np.ldexp(ends, -exponent)
    # What rounding alone leaves between equal points stays a dot.
    starts, ends, _ = fitted(starts, ends, smallest=1e-12)
    return drawn(starts, ends, np.full(len(starts), PEN / 2))


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
    points = points.astype(np.float64)
    if not np.isfinite(points).all():
        raise ValueError(f"{expected}; it holds NaN or an infinite number")
    return points


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
