"""Configuration and data -> trained network, through ``model.fit`` and a few callbacks."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mnist_core.config import ConfigError, TrainingConfig
from mnist_core.data.dataset import Dataset
from mnist_core.network import describe
from mnist_core.runs.events import Batch, Epoch, Event, Fitting, LearningRate, Paused, Resumed
from mnist_core.runs.film import most_moments
from mnist_core.runs.folder import Control
from mnist_core.training import checkpoint as checkpoints
from mnist_core.training.augment import Augmenter, scaled
from mnist_core.training.callbacks import AveragedEarlyStopping, JudgedByAverages, Shuffle
from mnist_core.training.filming import Filming
from mnist_core.training.model import build
from mnist_core.training.optimizer import peak
from mnist_core.validation import split, steps_per_epoch

EVALUATION_BATCH = 256
"""Images at a time where nothing is learned from them."""

PAUSED_SECONDS = 0.05
"""Between two looks at what is wanted, while training is paused."""


class Diverged(RuntimeError):  # noqa: N818
    """The loss is infinite or not a number; the message says since when and what to try."""


@dataclass(frozen=True)
class FitResult:
    """What came of a training."""

    model: keras.Model
    train_seconds: float
    """Without pauses; with the time of the runs that were continued."""
    stopped: bool
    """Whether the user ended it before its last step."""
    message: str
    """For people: why it ended early, and which epoch the weights are of. Mostly empty."""


def fit(
    config: TrainingConfig,
    dataset: Dataset,
    emit: Callable[[Event], None],
    wanted: Callable[[], Control] = Control,
    checkpoint: Path | None = None,
    film: Path | None = None,
) -> FitResult:
    """Train a network on the dataset's training images.

    The same configuration, dataset and wishes give the same events, but for the times in them; with
    convolutions, on as many threads, for oneDNN adds up their gradients in as many parts. It
    does not matter whether an epoch follows in the same call or in one that goes on from a
    checkpoint: what comes by chance follows from the seed, the epoch and the step.

    Args:
        emit: called with every event of training, in this thread.
        wanted: asked after each of them. Once it wants to stop, training ends, and the part of
            the epoch that was done counts as one.
        checkpoint: the file to go on from, if it is there; replaced after each epoch. Without,
            none is kept.
        film: the file that the network at moments of its training is added to, see
            ``runs.film``; without, or where the network is too large, none is kept.

    Raises:
        ConfigError: the validation share is not 0, but holds back no image; or there are more
            convolutional blocks than the images can be halved.
        Diverged: the loss is not finite any more.
        RunError: the checkpoint is damaged or of another network.
    """
    training, held_back = split(config, len(dataset.x_train))
    if config.validation_share > 0 and len(held_back) == 0:
        images = len(dataset.x_train)
        raise ConfigError(
            f"validation_share is {config.validation_share:g}, which holds back none of "
            f"{images:,} images; allowed: 0, or at least {1 / images:.2g}"
        )
    steps = steps_per_epoch(config, len(dataset.x_train))
    model = build(config, dataset.image_shape, dataset.classes, steps=config.epochs * steps)
    layers = describe(config, dataset.image_shape, dataset.classes)
    fitting = Fitting(
        weights=model.count_params(),
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        train_images=len(training),
        validation_images=len(held_back),
        steps_per_epoch=steps,
    )
    images, labels = tf.constant(dataset.x_train), tf.constant(dataset.y_train)
    order = tf.Variable(training)
    augmenter = Augmenter(config, dataset.image_shape, len(training)) if config.augments else None
    judged = JudgedByAverages() if config.ema else None
    kind = AveragedEarlyStopping if config.ema else keras.callbacks.EarlyStopping
    early = kind(patience=config.patience, restore_best_weights=True) if config.patience else None
    last = checkpoints.restore(model, checkpoint) if checkpoint and checkpoint.exists() else None
    reporter = _Reporter(config, fitting, emit, wanted, checkpoint, last)
    filming = (
        Filming(film, config, layers, steps, reporter.epoch)
        if film and most_moments(layers)
        else None
    )
    to_learn_from = batches(images, labels, order, config.batch_size, augmenter)
    to_judge_by = batches(images, labels, tf.constant(held_back), EVALUATION_BATCH)
    if augmenter:  # altered while the network learns from those before
        to_learn_from = to_learn_from.prefetch(8)
    callbacks = [Shuffle(order, training, config.seed), augmenter, judged, reporter, early, filming]

    model.fit(
        without_threads(to_learn_from),
        initial_epoch=reporter.epoch,
        epochs=config.epochs,
        validation_data=without_threads(to_judge_by) if len(held_back) else None,
        callbacks=[callback for callback in callbacks if callback],
        shuffle=False,  # the order is ours
        verbose=0,
    )
    message = _about_weights(early, reporter.epoch) if early else ""
    return FitResult(model, reporter.elapsed, reporter.stopped, message)


def batches(
    images: tf.Tensor,
    labels: tf.Tensor,
    order: tf.Tensor | tf.Variable,
    size: int,
    alter: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
) -> tf.data.Dataset:
    """Batches of altered or only scaled images, and labels, in the order that holds at the time."""

    def batch(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        chosen = order[start : start + size]
        found = tf.gather(images, chosen)
        return alter(found, start) if alter else scaled(found), tf.gather(labels, chosen)

    return tf.data.Dataset.range(0, order.shape[0], size).map(batch)


def without_threads(batches: tf.data.Dataset) -> tf.data.Dataset:
    """The same, made in the thread that asks for them: handing so little work over costs more."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    return batches.with_options(options)


def probabilities(model: keras.Model, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the network takes each image for.

    Args:
        images: ``(n, height, width)`` uint8, as in a dataset.

    Returns:
        ``(n, classes)`` float32; each row sums to 1.
    """
    # Called as a function, for model.predict would trace a graph first.
    starts = range(0, len(images), EVALUATION_BATCH)
    parts = [model(scaled(images[i : i + EVALUATION_BATCH]), training=False) for i in starts]
    return np.concatenate(parts)


def warm_up(threads: int) -> None:
    """Make this process ready, so that its first training starts at once; to be called first.

    Args:
        threads: how many cores there are for this process.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.get_logger().setLevel("ERROR")  # it warns of every new graph, but each network needs one
    blank = np.zeros((64, 28, 28), np.uint8), np.zeros(64, np.uint8)
    dataset = Dataset("blank", "Blank", *blank, *blank, class_names=("a", "b"), source="")
    fit(TrainingConfig(widths=(8,), epochs=1), dataset, lambda event: None)


class _Reporter(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Tells what happens, keeps the checkpoint, and does what is wanted."""

    def __init__(
        self,
        config: TrainingConfig,
        fitting: Fitting,
        emit: Callable[[Event], None],
        wanted: Callable[[], Control],
        checkpoint: Path | None,
        last: Epoch | None,
    ) -> None:
        super().__init__()
        self._config = config
        self._fitting = fitting
        self._emit = emit
        self._wanted = wanted
        self._checkpoint = checkpoint
        self.epoch = last.epoch if last else 0
        self.stopped = False
        self._rate: float | None = None
        # The clock of training stands still in a pause: it counts from here.
        self._zero = time.perf_counter() - (last.elapsed if last else 0.0)

    @property
    def elapsed(self) -> float:
        """Seconds in training so far."""
        return time.perf_counter() - self._zero

    def on_train_begin(self, logs: Any = None) -> None:
        self._emit(self._fitting)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch + 1
        self._step = self._images = 0
        self._began = self._told = self.elapsed

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        # The last execution of an epoch may be shorter.
        self._step = min(batch + 1, self._fitting.steps_per_epoch)
        images = min(self._step * self._config.batch_size, self._fitting.train_images)
        elapsed = self.elapsed
        self._emit(
            Batch(
                epoch=self.epoch,
                step=self._step,
                loss=_finite(logs["loss"]),
                accuracy=logs["accuracy"],
                images_per_second=(images - self._images) / (elapsed - self._told),
                elapsed=elapsed,
                learning_rate=float(self.model.optimizer.learning_rate),
                crossentropy=_finite(logs.get("crossentropy")),
            )
        )
        self._images, self._told = images, elapsed
        self._check(logs["loss"])
        if self._step < self._fitting.steps_per_epoch:  # else once the epoch has been judged
            self._obey()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        elapsed = self.elapsed
        event = Epoch(
            epoch=self.epoch,
            loss=_finite(logs["loss"]),
            accuracy=logs["accuracy"],
            val_loss=_finite(logs.get("val_loss")),
            val_accuracy=logs.get("val_accuracy"),
            learning_rate=float(self.model.optimizer.learning_rate),
            seconds=elapsed - self._began,
            elapsed=elapsed,
            step=self._step,
            crossentropy=_finite(logs.get("crossentropy")),
            val_crossentropy=_finite(logs.get("val_crossentropy")),
        )
        finite = all(map(math.isfinite, (logs["loss"], logs.get("val_loss", 0))))
        if self._checkpoint and finite:  # from what is not finite, nothing can go on
            checkpoints.save(self.model, event, self._checkpoint)
        self._emit(event)
        self._check(logs["loss"], logs.get("val_loss", 0))
        if self.epoch < self._config.epochs and not self.stopped:
            self._obey()

    def _check(self, *losses: float) -> None:
        if not all(map(math.isfinite, losses)):
            rate = float(peak(self.model.optimizer))
            raise Diverged(
                f"the loss is not a number after {int(self.model.optimizer.iterations):,} steps: "
                f"try a lower learning rate than {rate:g}"
            )

    def _obey(self) -> None:
        """Do what is wanted between two steps."""
        control = self._wanted()
        self._take_rate(control)
        steps = int(self.model.optimizer.iterations)
        if _pauses(control, steps):
            began = time.perf_counter()
            self._emit(Paused(epoch=self.epoch, step=self._step, steps=steps))
            while _pauses(control, steps):
                time.sleep(PAUSED_SECONDS)
                control = self._wanted()
                self._take_rate(control)
            self._zero += time.perf_counter() - began
            self._emit(Resumed())
        if control.stop:
            self.stopped = self.model.stop_training = True

    def _take_rate(self, control: Control) -> None:
        rate = control.learning_rate
        if rate is not None and rate != self._rate:
            peak(self.model.optimizer).assign(rate)
            self._rate = rate
            self._emit(LearningRate(epoch=self.epoch, step=self._step, learning_rate=rate))


def _pauses(control: Control, steps: int) -> bool:
    return control.pause_at is not None and control.pause_at <= steps and not control.stop


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _about_weights(early: keras.callbacks.EarlyStopping, epochs: int) -> str:
    best = early.best_epoch + 1
    kept = f"The weights are those of epoch {best}, which had the lowest validation loss."
    if early.stopped_epoch:
        return f"Ended early: {early.patience} epochs without a lower validation loss. {kept}"
    return kept if best < epochs else ""
