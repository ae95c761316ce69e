"""A run's events, again as files for TensorBoard. Writing them does not need TensorBoard itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf

from mnist_core.runs.events import Batch, Epoch, Event, Fitting
from mnist_core.runs.folder import Run

# tf.summary.scalar would ask for the package tensorboard, only to write this.
_SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
)


@contextmanager
def recording(run: Run, emit: Callable[[Event], None]) -> Iterator[Callable[[Event], None]]:
    """``emit``; where the run's configuration asks for it, one that writes the files as well."""
    if not run.config.tensorboard:
        yield emit
        return
    board = Board(run.folder / "tensorboard")
    for event in run.before():
        board.write(event)

    def emit_and_write(event: Event) -> None:
        emit(event)
        board.write(event)

    try:
        yield emit_and_write
    finally:
        board.close()


class Board:
    """Writes curves, those of training and of validation into a folder each, to be overlaid.

    Figures of epochs are by epoch; those within an epoch by the step, counted through all epochs.
    """

    def __init__(self, folder: Path) -> None:
        self._training = tf.summary.create_file_writer(str(folder / "training"))
        self._validation = tf.summary.create_file_writer(str(folder / "validation"))
        self._steps = 0

    def write(self, event: Event) -> None:
        match event:
            case Fitting():
                self._steps = event.steps_per_epoch
            case Batch():
                step = (event.epoch - 1) * self._steps + event.step
                self._scalars(
                    self._training, step, batch_loss=event.loss, batch_accuracy=event.accuracy
                )
            case Epoch():
                self._scalars(
                    self._training,
                    event.epoch,
                    epoch_loss=event.loss,
                    epoch_accuracy=event.accuracy,
                    epoch_learning_rate=event.learning_rate,
                )
                self._scalars(
                    self._validation,
                    event.epoch,
                    epoch_loss=event.val_loss,
                    epoch_accuracy=event.val_accuracy,
                )
                self._training.flush()  # to be watched while it trains
                self._validation.flush()

    def close(self) -> None:
        self._training.close()
        self._validation.close()

    def _scalars(self, writer: tf.summary.SummaryWriter, step: int, **values: float | None) -> None:
        with writer.as_default():
            for tag, value in values.items():
                if value is not None:
                    tf.summary.write(tag, tf.constant(value, tf.float32), step, _SCALAR)
