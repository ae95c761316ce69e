"""A trained network -> files that can be read without Digit Lab."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import keras


def save_keras(model: keras.Model, path: Path) -> None:
    """Write the network so that ``keras.saving.load_model(path)`` needs nothing of ours.

    It can be trained on: our layers and optimizers become the stock ones that they are derived
    from, with their state. Of a schedule, which has run its course, the peak remains; labels are
    not smoothed any more.
    """
    # Our classes bear the names of those that they stand in for.
    stock = keras.Sequential.from_config(model.get_config(), custom_objects=vars(keras.layers))
    stock.set_weights(model.get_weights())
    optimizer = _stock_optimizer(model.optimizer)
    optimizer.build(stock.trainable_variables)
    for variable, value in zip(_state(optimizer), _state(model.optimizer), strict=True):
        variable.assign(value)
    stock.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    _write_whole(path, stock.save)


def save_tflite(model: keras.Model, path: Path) -> None:
    """Write the network for LiteRT: images ``(n, height, width)`` float32 in, probabilities out.

    n is 1 until the reader resizes the input.
    """
    _write_whole(path, lambda part: model.export(part, format="litert", verbose=False))


def _stock_optimizer(ours: keras.Optimizer) -> keras.Optimizer:
    config = ours.get_config()
    if isinstance(config["learning_rate"], dict):  # a schedule: ours, unknown elsewhere
        config["learning_rate"] = config["learning_rate"]["config"]["peak"]
    return getattr(keras.optimizers, type(ours).__name__).from_config(config)


def _state(optimizer: keras.Optimizer) -> list[keras.Variable]:
    """All but the learning rate, which is a variable only where there is no schedule."""
    return [variable for variable in optimizer.variables if variable.name != "learning_rate"]


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Have ``write`` make a file, and put it in place when it is whole."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-") as folder:
        part = Path(folder, path.name)  # the same suffix: both formats insist on theirs
        write(part)
        part.replace(path)
