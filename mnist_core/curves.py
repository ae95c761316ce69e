"""Long series of numbers -> few points that look the same, and the smooth line through them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.float64]

PART = 8_192  # values that are smoothed at a time
SMOOTHING = 0.6
"""The weight that curves are smoothed with, unless their reader wants another one."""


def thin(values: Series, buckets: int) -> NDArray[np.intp]:
    """Which points to draw, so that a line through them covers what one through all would.

    Of each bucket, the lowest and the highest point, and the first and the last of all (the
    min-max aggregation of Jugel et al. 2014, "M4: A Visualization-Oriented Time Series Data
    Aggregation", https://www.vldb.org/pvldb/vol7/p797-jugel.pdf). A bucket is a power of two of
    points, and begins at a multiple of it: while a series grows, all that has been drawn but its
    last bucket stays as it is, until twice as many points go into one. (The library tsdownsample
    divides what there is into equal parts, whose borders move with each point that comes.)

    Args:
        values: ``(n,)``; points that are NaN or infinite are never drawn.
        buckets: at most; all points are drawn if there are no more than twice as many.

    Returns:
        Rising indices into ``values``, at most ``2 * buckets + 2``.
    """
    finite = np.flatnonzero(np.isfinite(values))
    if len(finite) <= 2 * buckets:
        return finite
    seen = values[finite]
    size = 1 << int(np.ceil(np.log2(len(seen) / buckets)))
    whole = len(seen) // size * size
    rows, rest = seen[:whole].reshape(-1, size), seen[whole:]
    begins = np.arange(0, whole, size)
    chosen = [[0, len(seen) - 1], begins + rows.argmin(axis=1), begins + rows.argmax(axis=1)]
    if len(rest):
        chosen.append([whole + rest.argmin(), whole + rest.argmax()])
    drawn: NDArray[np.intp] = finite[np.unique(np.concatenate(chosen))]
    return drawn


def smooth(values: Series, weight: float, images: Series) -> Series:
    """The exponential moving average, debiased, in which each value counts as often as its images.

    The sum of ``weight ** age * images * value`` over that of ``weight ** age * images``, where the
    newest has an age of 0. With as many images for each value, this is how TensorBoard smooths
    (Kingma and Ba 2014, https://arxiv.org/abs/1412.6980, section 3); but an epoch's last batches
    may be of a few images, whose mean jumps.

    Args:
        values: ``(n,)``; those that are NaN or infinite have no part in it, and stay as they are.
        weight: of what came before, in [0, 1).
        images: ``(n,)``, above 0: of how many each value is the mean.
    """
    smoothed = values.copy()
    finite = np.isfinite(values)
    counts = images[finite]
    smoothed[finite] = _fading(values[finite] * counts, weight) / _fading(counts, weight)
    return smoothed


def gentle(weight: float, points: int) -> float:
    """A weight for :func:`smooth` that reaches over a tenth of so many points at most.

    A line through a few points that is smoothed over most of them lags behind what they say.
    """
    return min(weight, max(0.0, 1 - 10 / max(points, 1)))


def smooth_line(values: Series, weight: float, images: Series) -> Series:
    """What is drawn through values on every page and in the report; as :func:`smooth`, gently."""
    return smooth(values, gentle(weight, len(values)), images)


def _fading(values: Series, weight: float) -> Series:
    """The sum of each value and all before it, which count ``weight`` less with each step."""
    sums = values.copy()
    weights = weight ** np.arange(1.0, PART + 1)
    before = 0.0
    # Part by part, so that each stays in the processor's cache.
    for part in np.split(sums, range(PART, len(sums), PART)):
        # Sums over twice as many values each time, until the earliest count for nothing.
        reach, share = 1, weight
        while reach < len(part) and share > 1e-17:
            part[reach:] += share * part[:-reach]
            reach, share = 2 * reach, share * share
        part += before * weights[: len(part)]
        before = part[-1] if len(part) else 0.0
    return sums
