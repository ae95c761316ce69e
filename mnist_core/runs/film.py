"""The film of a run: its network at moments of its training.

``film.bin`` in the run's folder is a row of records, one a moment: after which step of which epoch,
and all weights that answers are made with, as float16, first layer to last. The worker appends to
it (``training.filming``). Its death may leave the last record torn, which readers don't see.
Everything that is shown of a moment is computed from its weights, when somebody looks.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.network import Layer, describe
from mnist_core.runs.files import RunError, unreadable
from mnist_core.runs.folder import Run

MOST_BYTES = 15_000_000
"""Of a film. Ten epochs of the article's network take 14; of longer trainings, some epochs are left
out."""
FEWEST = 4
"""Moments: a network so large that fewer have room is not filmed."""
BEGINNING = (0, 1 / 8, 1 / 2)
"""Parts of the first epoch after which there is a moment, too: then a network learns most."""


class Moment(NamedTuple):
    """After so many steps of an epoch; before the first one, the network has learned nothing."""

    epoch: int
    step: int

    def words(self, steps_per_epoch: int) -> str:
        """For people, e.g. ``"epoch 3"``, or ``"epoch 1, step 47 of 375"``."""
        if self.step == 0:
            return "untrained"
        if self.step == steps_per_epoch:
            return f"epoch {self.epoch}"
        return f"epoch {self.epoch}, step {self.step:,} of {steps_per_epoch:,}"


def record(layers: list[Layer]) -> np.dtype[np.void]:
    """How a moment of a network is written."""
    weights = sum(layer.weights for layer in layers)
    return np.dtype([("epoch", "<i4"), ("step", "<i4"), ("weights", "<f2", (weights,))])


def most_moments(layers: list[Layer]) -> int:
    """How many moments of a network a film has room for; 0: it is too large to be filmed."""
    most = MOST_BYTES // record(layers).itemsize
    return most if most >= FEWEST else 0


class Film:
    """What there is of a run's film, each time that somebody asks.

    Attributes:
        layers: of the network, first to last.
        image_shape: of one image that it takes.
    """

    def __init__(self, run: Run) -> None:
        """Find it; there may be nothing in it yet.

        Raises:
            RunError: the run's settings or its dataset's outline can't be read.
        """
        outline = run.dataset()
        self._path = run.film
        self.image_shape = outline.image_shape
        self.layers = describe(run.config, outline.image_shape, outline.classes)
        self._record = record(self.layers)

    @property
    def fits(self) -> bool:
        """Whether the network is small enough to be filmed."""
        return most_moments(self.layers) > 0

    def moments(self) -> list[Moment]:
        """Those that have been kept so far, first to last.

        Raises:
            RunError: the file can't be read, or is damaged.
        """
        records = self._records()
        moments = [
            Moment(*pair)
            for pair in zip(records["epoch"].tolist(), records["step"].tolist(), strict=True)
        ]
        if moments != sorted(set(moments)) or any(m.epoch < 1 or m.step < 0 for m in moments):
            raise RunError(f"{self._path} is damaged: its moments are in no order")
        return moments

    def weights(self, number: int) -> NDArray[np.float32]:
        """Those of a moment, by its number among :meth:`moments`; first layer to last.

        Raises:
            RunError: the file can't be read, or is damaged.
        """
        records = self._records()
        if number >= len(records):
            raise RunError(f"{self._path} is gone, or shorter than it was")
        weights: NDArray[np.float32] = records["weights"][number].astype(np.float32)
        if not np.isfinite(weights).all():
            raise RunError(f"{self._path} is damaged: a weight is not a number")
        return weights

    def _records(self) -> NDArray[np.void]:
        try:
            whole = os.path.getsize(self._path) // self._record.itemsize
            if whole == 0:
                return np.empty(0, self._record)
            return np.memmap(self._path, self._record, "r", shape=(whole,))
        except FileNotFoundError:
            return np.empty(0, self._record)
        except OSError as error:
            raise unreadable(self._path, error) from None
