"""Configuration and data -> trained network, through ``model.fit`` and one callback."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mnist_core.config import ConfigError, TrainingConfig
from mnist_core.datasets import Dataset
from mnist_core.network import describe
from mnist_core.runs import (
    Batch,
    Control,
    Epoch,
    Event,
    Fitting,
    LearningRate,
    Paused,
    Resumed,
)
from mnist_core.training import checkpoint as checkpoints
from mnist_core.training import optimizer
from mnist_core.training.augment import Augmenter, scaled
from mnist_core.training.model import build

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

    Raises:
        ConfigError: the validation share is not 0, but holds back no image; or there are more
            convolutional blocks than the images can be halved.
        Diverged: the loss is not finite any more.
        RunError: the checkpoint is damaged or of another network.
    """
    training, validation = split(config, len(dataset.x_train))
    steps = math.ceil(len(training) / config.batch_size)
    model = build(config, dataset.image_shape, dataset.classes, steps=config.epochs * steps)
    layers = describe(config, dataset.image_shape, dataset.classes)
    fitting = Fitting(
        weights=model.count_params(),
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        train_images=len(training),
        validation_images=len(validation),
        steps_per_epoch=steps,
    )
    images, labels = tf.constant(dataset.x_train), tf.constant(dataset.y_train)
    order = tf.Variable(training)
    augmenter = Augmenter(config, dataset.image_shape, len(training)) if config.augments else None
    held_back = _batches(images, labels, tf.constant(validation), EVALUATION_BATCH)
    last = checkpoints.restore(model, checkpoint) if checkpoint and checkpoint.exists() else None
    reporter = _Reporter(config, fitting, order, augmenter, emit, wanted, checkpoint, last)
    early = _EarlyStopping(patience=config.patience or 0, restore_best_weights=True)

    model.fit(
        _batches(images, labels, order, config.batch_size, augmenter),
        initial_epoch=reporter.epoch,
        epochs=config.epochs,
        validation_data=held_back if len(validation) else None,
        callbacks=[reporter] if config.patience is None else [reporter, early],
        shuffle=False,  # the order is ours
        verbose=0,
    )
    message = "" if config.patience is None else _about_weights(early, reporter.epoch)
    return FitResult(model, reporter.elapsed, reporter.stopped, message)


def split(config: TrainingConfig, images: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Which of the training images to train on, and which to hold back for validation.

    Drawn by the seed, so that it does not matter how the dataset is sorted.

    Raises:
        ConfigError: the validation share is not 0, but holds back no image.
    """
    held_back = round(config.validation_share * images)
    if config.validation_share > 0 and held_back == 0:
        raise ConfigError(
            f"validation_share is {config.validation_share:g}, which holds back none of "
            f"{images:,} images; allowed: 0, or at least {1 / images:.2g}"
        )
    drawn = np.random.default_rng(config.seed).permutation(images).astype(np.int32)
    return drawn[held_back:], drawn[:held_back]


def shuffled(training: NDArray[np.int32], seed: int, epoch: int) -> NDArray[np.int32]:
    """The order of an epoch, counted from 0: from seed and epoch alone, not from earlier ones."""
    return np.random.default_rng([seed, epoch]).permutation(training)


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
        order: tf.Variable,
        augmenter: Augmenter | None,
        emit: Callable[[Event], None],
        wanted: Callable[[], Control],
        checkpoint: Path | None,
        last: Epoch | None,
    ) -> None:
        super().__init__()
        self._config = config
        self._fitting = fitting
        self._order = order
        self._augmenter = augmenter
        self._training = order.numpy()
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
        self._order.assign(shuffled(self._training, self._config.seed, epoch))
        if self._augmenter:
            self._augmenter.begin(epoch)
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
            )
        )
        self._images, self._told = images, elapsed
        self._check(logs["loss"])
        if self._step < self._fitting.steps_per_epoch:  # else once the epoch has been judged
            self._obey()

    def on_test_begin(self, logs: Any = None) -> None:
        self._judged = averaged_weights(self.model)
        self._judged.__enter__()

    def on_test_end(self, logs: Any = None) -> None:
        self._judged.__exit__(None, None, None)

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
            rate = optimizer.learning_rate(self.model.optimizer)
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
            optimizer.set_learning_rate(self.model.optimizer, rate)
            self._rate = rate
            self._emit(LearningRate(epoch=self.epoch, step=self._step, learning_rate=rate))


def _pauses(control: Control, steps: int) -> bool:
    return control.pause_at is not None and control.pause_at <= steps and not control.stop


class _EarlyStopping(keras.callbacks.EarlyStopping):  # type: ignore[misc]
    """Keeps, of weights that are averaged, the averages."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        with averaged_weights(self.model):
            super().on_epoch_end(epoch, logs)


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Within it, the model has the averages of its weights, where there are any."""
    if not model.optimizer.use_ema:
        yield
        return
    newest = [variable.numpy() for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    yield
    for variable, value in zip(model.trainable_variables, newest, strict=True):
        variable.assign(value)


def _batches(
    images: tf.Tensor,
    labels: tf.Tensor,
    order: tf.Tensor | tf.Variable,
    size: int,
    augmenter: Augmenter | None = None,
) -> tf.data.Dataset:
    """Batches of scaled images and their labels, in the ``order`` that holds at the time."""

    def batch(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        chosen = order[start : start + size]
        found = tf.gather(images, chosen)
        return augmenter(found, start) if augmenter else scaled(found), tf.gather(labels, chosen)

    options = tf.data.Options()
    # So little work is done in the thread that asks for it: handing it over costs more.
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    batches = tf.data.Dataset.range(0, order.shape[0], size).map(batch)
    if augmenter:
        batches = batches.prefetch(8)  # altered while the network learns from those before
    return batches.with_options(options)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _about_weights(early: keras.callbacks.EarlyStopping, epochs: int) -> str:
    best = early.best_epoch + 1
    kept = f"The weights are those of epoch {best}, which had the lowest validation loss."
    if early.stopped_epoch:
        return f"Ended early: {early.patience} epochs without a lower validation loss. {kept}"
    return kept if best < epochs else ""
