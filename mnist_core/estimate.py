"""How long an epoch will take here, judged by what this machine did before."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple


class Pace(NamedTuple):
    """What sets the time of an epoch, and the time where it is known."""

    images: int
    weights: int
    batch_size: int
    seconds: float


def epoch_seconds(
    images: int, weights: int, batch_size: int, before: Iterable[Pace]
) -> float | None:
    """Rough seconds for an epoch of ``images`` training images; None without any epoch before.

    A fixed model of the cost, scaled to this machine by the median of how the epochs ``before``
    compare to it.
    """
    ratios = [
        pace.seconds / _cost(pace.images, pace.weights, pace.batch_size)
        for pace in before
        if pace.seconds > 0
    ]
    return median(ratios) * _cost(images, weights, batch_size) if ratios else None


def _cost(images: int, weights: int, batch_size: int) -> float:
    """Seconds on a machine of 100 GFLOP/s that needs 0.5 ms to dispatch a step."""
    steps = math.ceil(images / batch_size)
    return steps * 0.0005 + images * (weights * 6 / 100e9 + 10e-6)
