"""How long an epoch will take here, judged by what this machine did before."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median
from typing import NamedTuple


class Work(NamedTuple):
    """What sets the time of an epoch."""

    images: int
    multiply_adds: int
    """For one image, on its way through the network."""
    batch_size: int
    augmented: bool


class Pace(NamedTuple):
    """The time that an epoch took."""

    work: Work
    seconds: float


def epoch_seconds(work: Work, before: Iterable[Pace]) -> float | None:
    """Rough seconds for an epoch; None without any epoch before.

    A fixed model of the cost, scaled to this machine by the median of how the epochs ``before``
    compare to it.
    """
    ratios = [pace.seconds / _cost(pace.work) for pace in before if pace.seconds > 0]
    return median(ratios) * _cost(work) if ratios else None


def _cost(work: Work) -> float:
    """Seconds on a machine of 100 GFLOP/s that needs 0.5 ms to dispatch a step."""
    steps = math.ceil(work.images / work.batch_size)
    fixed = 20e-6 if work.augmented else 10e-6
    return steps * 0.0005 + work.images * (work.multiply_adds * 6 / 100e9 + fixed)
