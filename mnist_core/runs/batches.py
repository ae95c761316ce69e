"""All batches of a run, in columns: half a million of them take 30 MB, and no time to draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnist_core.runs.events import Batch, Epoch, Fitting

Column = NDArray[np.float64]

NAMES = ("at", "elapsed", "step", "loss", "accuracy", "learning_rate")


class Batches:
    """How the network did in each batch event, that is on the images since the one before.

    The events tell means over the epoch so far, whose first ones jump and whose last ones hardly
    move; what was added to them since is taken out of them again. Where an epoch has left no batch
    (its figures alone go into a run that continues it), it is in here as one.

    All columns are ``(n,)`` float64, and views: what has been told stays, and more comes after it.
    """

    def __init__(self) -> None:
        self._rows = np.empty((64, len(NAMES)))
        self._count = 0
        self._epoch = self._images = 0
        self._sums = np.zeros(2)

    def __len__(self) -> int:
        return self._count

    @property
    def at(self) -> Column:
        """Where on an axis of epochs each ends; the first epoch goes from 0 to 1."""
        return self._column("at")

    @property
    def elapsed(self) -> Column:
        """Seconds in training until then."""
        return self._column("elapsed")

    @property
    def step(self) -> Column:
        """Of its epoch, the last one that is in it."""
        return self._column("step")

    @property
    def loss(self) -> Column:
        """NaN where it was not finite; on the labels as they are, where that was written down."""
        return self._column("loss")

    @property
    def accuracy(self) -> Column:
        return self._column("accuracy")

    @property
    def learning_rate(self) -> Column:
        """NaN where it was not written down."""
        return self._column("learning_rate")

    def add(self, event: Batch | Epoch, fitting: Fitting, batch_size: int) -> None:
        """Take in a batch; or an epoch, as a batch, that had none.

        Args:
            batch_size: images in a step, but for the last one of an epoch.
        """
        step = event.step or fitting.steps_per_epoch
        images = min(step * batch_size, fitting.train_images)
        if event.epoch != self._epoch or images <= self._images:
            self._epoch, self._images, self._sums = event.epoch, 0, np.zeros(2)
        mean = event.comparable_loss
        sums = images * np.array([np.nan if mean is None else mean, event.accuracy])
        loss, accuracy = (sums - self._sums) / (images - self._images)
        self._images, self._sums = images, sums
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[self._count] = (
            event.epoch - 1 + step / fitting.steps_per_epoch,
            event.elapsed,
            step,
            max(loss, 0.0),  # Keras adds up in float32
            min(max(accuracy, 0.0), 1.0),
            np.nan if event.learning_rate is None else event.learning_rate,
        )
        self._count += 1

    def _column(self, name: str) -> Column:
        return self._rows[: self._count, NAMES.index(name)]
