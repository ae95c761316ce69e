"""All batches of a run, in columns: half a million of them take 30 MB, and no time to draw."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mnist_core.runs.events import Batch, Epoch, Fitting

Column = NDArray[np.float64]

NAMES = ("at", "elapsed", "step", "loss", "accuracy", "learning_rate", "images", "seconds")


class Batches:
    """How the network did in each batch event, that is on the images since the one before.

    The events tell means over the epoch so far, whose first ones jump and whose last ones hardly
    move; what was added to them since is taken out of them again. Where an epoch has left no batch
    (its figures alone go into a run that continues it), it is in here as one.

    All columns are ``(n,)`` float64, and views: what has been told stays, and more comes after it.
    """

    def __init__(self) -> None:
        self._columns = np.empty((len(NAMES), 64))
        self._count = 0
        # Of the running epoch so far:
        self._epoch = self._images = 0
        self._loss = self._right = 0.0

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

    @property
    def images(self) -> Column:
        """How many of them there were."""
        return self._column("images")

    @property
    def seconds(self) -> Column:
        """How long they took; of the very first ones, with the building of the graph."""
        return self._column("seconds")

    def add(self, event: Batch | Epoch, fitting: Fitting, batch_size: int) -> None:
        """Take in a batch; or an epoch, as a batch, that had none.

        Args:
            batch_size: images in a step, but for the last one of an epoch.
        """
        step = event.step or fitting.steps_per_epoch
        images = min(step * batch_size, fitting.train_images)
        if event.epoch != self._epoch or images <= self._images:
            self._epoch, self._images, self._loss, self._right = event.epoch, 0, 0.0, 0.0
        loss, right = images * _number(event.comparable_loss), images * event.accuracy
        since = images - self._images
        if self._count == self._columns.shape[1]:
            self._columns = np.concatenate([self._columns, np.empty_like(self._columns)], axis=1)
        self._columns[:, self._count] = (
            event.epoch - 1 + step / fitting.steps_per_epoch,
            event.elapsed,
            step,
            # Keras adds up in float32, which may come out a little below nothing.
            max((loss - self._loss) / since, 0.0),
            min(max((right - self._right) / since, 0.0), 1.0),
            _number(event.learning_rate),
            since,
            _seconds(event, since),
        )
        self._count += 1
        self._images, self._loss, self._right = images, loss, right

    def _column(self, name: str) -> Column:
        return self._columns[NAMES.index(name), : self._count]


def _seconds(event: Batch | Epoch, images: int) -> float:
    if isinstance(event, Epoch):
        return event.seconds
    return images / event.images_per_second if event.images_per_second else 0.0


def _number(value: float | None) -> float:
    return math.nan if value is None else value
