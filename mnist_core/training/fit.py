"""Configuration and data -> trained network, through ``model.fit`` and one callback."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from mnist_core.config import ConfigError, TrainingConfig
from mnist_core.datasets import Dataset
from mnist_core.runs import Batch, Epoch, Event, Fitting
from mnist_core.training.augment import Augmenter
from mnist_core.training.model import build

EVALUATION_BATCH = 256
"""Images at a time where nothing is learned from them."""


class Diverged(RuntimeError):  # noqa: N818
    """The loss is infinite or not a number; the message says since when and what to try."""


@dataclass(frozen=True)
class FitResult:
    """What came of a training."""

    model: keras.Model
    train_seconds: float
    stopped: bool
    """Whether the user ended it before its last step."""
    message: str
    """For people: why it ended early, and which epoch the weights are of. Mostly empty."""


def fit(
    config: TrainingConfig,
    dataset: Dataset,
    emit: Callable[[Event], None],
    stop_requested: Callable[[], bool],
) -> FitResult:
    """Train a new network on the dataset's training images.

    The same configuration and dataset give the same events, but for the times in them.

    Args:
        emit: called with every ``Fitting``, ``Batch`` and ``Epoch``, in this thread.
        stop_requested: asked after each of them; once true, training ends, and the part of the
            epoch that was done counts as one.

    Raises:
        ConfigError: the validation share is not 0, but holds back no image.
        Diverged: the loss is not finite any more.
    """
    training, validation = split(config, len(dataset.x_train))
    steps = math.ceil(len(training) / config.batch_size)
    model = build(config, dataset.image_shape, dataset.classes, steps=config.epochs * steps)
    fitting = Fitting(
        weights=model.count_params(),
        train_images=len(training),
        validation_images=len(validation),
        steps_per_epoch=steps,
    )
    images, labels = tf.constant(dataset.x_train), tf.constant(dataset.y_train)
    order = tf.Variable(training)
    augmenter = Augmenter(config, dataset.image_shape, len(training)) if config.augments else None
    held_back = _batches(images, labels, tf.constant(validation), EVALUATION_BATCH)
    reporter = _Reporter(config, fitting, order, augmenter, emit, stop_requested)
    early = _EarlyStopping(patience=config.patience or 0, restore_best_weights=True)

    began = time.perf_counter()
    model.fit(
        _batches(images, labels, order, config.batch_size, augmenter),
        epochs=config.epochs,
        validation_data=held_back if len(validation) else None,
        callbacks=[reporter] if config.patience is None else [reporter, early],
        shuffle=False,  # the order is ours
        verbose=0,
    )
    seconds = time.perf_counter() - began
    stopped = reporter.stopping and int(model.optimizer.iterations) < config.epochs * steps
    message = "" if config.patience is None else _about_weights(early, reporter.epoch)
    return FitResult(model, seconds, stopped, message)


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
    parts = [model(_scaled(images[i : i + EVALUATION_BATCH]), training=False) for i in starts]
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
    fit(TrainingConfig(widths=(8,), epochs=1), dataset, lambda event: None, lambda: False)


class _Reporter(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Tells what happens, and asks whether to stop."""

    def __init__(
        self,
        config: TrainingConfig,
        fitting: Fitting,
        order: tf.Variable,
        augmenter: Augmenter | None,
        emit: Callable[[Event], None],
        stop_requested: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._config = config
        self._fitting = fitting
        self._order = order
        self._augmenter = augmenter
        self._training = order.numpy()
        self._emit = emit
        self._stop_requested = stop_requested
        self.stopping = False

    def on_train_begin(self, logs: Any = None) -> None:
        self._tell(self._fitting)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._order.assign(shuffled(self._training, self._config.seed, epoch))
        if self._augmenter:
            self._augmenter.begin(epoch)
        self.epoch = epoch + 1
        self._images = 0
        self._began = self._told = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        step = min(batch + 1, self._fitting.steps_per_epoch)  # the last execution may be shorter
        images = min(step * self._config.batch_size, self._fitting.train_images)
        now = time.perf_counter()
        event = Batch(
            epoch=self.epoch,
            step=step,
            loss=_finite(logs["loss"]),
            accuracy=logs["accuracy"],
            images_per_second=(images - self._images) / (now - self._told),
        )
        self._images, self._told = images, now
        self._tell(event, logs["loss"])

    def on_test_begin(self, logs: Any = None) -> None:
        self._averaged = averaged_weights(self.model)
        self._averaged.__enter__()

    def on_test_end(self, logs: Any = None) -> None:
        self._averaged.__exit__(None, None, None)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._tell(
            Epoch(
                epoch=self.epoch,
                loss=_finite(logs["loss"]),
                accuracy=logs["accuracy"],
                val_loss=_finite(logs.get("val_loss")),
                val_accuracy=logs.get("val_accuracy"),
                learning_rate=float(self.model.optimizer.learning_rate),
                seconds=time.perf_counter() - self._began,
            ),
            logs["loss"],
            logs.get("val_loss", 0),
        )

    def _tell(self, event: Event, *losses: float) -> None:
        self._emit(event)
        if not all(map(math.isfinite, losses)):
            raise Diverged(
                f"the loss is not a number after {int(self.model.optimizer.iterations):,} steps: "
                f"try a lower learning rate than {self._config.learning_rate:g}"
            )
        if self._stop_requested():
            self.stopping = self.model.stop_training = True


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
        return augmenter(found, start) if augmenter else _scaled(found), tf.gather(labels, chosen)

    options = tf.data.Options()
    # So little work is done in the thread that asks for it: handing it over costs more.
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    batches = tf.data.Dataset.range(0, order.shape[0], size).map(batch)
    if augmenter:
        batches = batches.prefetch(8)  # altered while the network learns from those before
    return batches.with_options(options)


def _scaled(images: Any) -> tf.Tensor:
    """From 0 .. 255 to 0 .. 1, float32."""
    return tf.cast(images, tf.float32) / 255


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _about_weights(early: keras.callbacks.EarlyStopping, epochs: int) -> str:
    best = early.best_epoch + 1
    kept = f"The weights are those of epoch {best}, which had the lowest validation loss."
    if early.stopped_epoch:
        return f"Ended early: {early.patience} epochs without a lower validation loss. {kept}"
    return kept if best < epochs else ""
