"""What happens around the steps of training: at the beginning and at the end of every epoch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


class Shuffle(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """A new order for each epoch: from seed and epoch alone, not from earlier ones."""

    def __init__(self, order: tf.Variable, training: NDArray[np.int32], seed: int) -> None:
        super().__init__()
        self._order, self._training, self._seed = order, training, seed

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._order.assign(np.random.default_rng([self._seed, epoch]).permutation(self._training))


class JudgedByAverages(keras.callbacks.Callback):  # type: ignore[misc]
    """Has the network judged with the averages of its weights, and trained on with the newest."""

    def on_test_begin(self, logs: Any = None) -> None:
        self._judged = averaged_weights(self.model)
        self._judged.__enter__()

    def on_test_end(self, logs: Any = None) -> None:
        self._judged.__exit__(None, None, None)


class AveragedEarlyStopping(keras.callbacks.EarlyStopping):  # type: ignore[misc]
    """Keeps the averages of the weights, not the newest."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        with averaged_weights(self.model):
            super().on_epoch_end(epoch, logs)


@contextlib.contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Within it, the model has the averages of its weights."""
    newest = [variable.numpy() for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    yield
    for variable, value in zip(model.trainable_variables, newest, strict=True):
        variable.assign(value)
