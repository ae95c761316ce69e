"""All that training goes on from, in one npz file: network, optimizer, and after which epoch."""

from __future__ import annotations

import io
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from mnist_core.runs.events import Epoch
from mnist_core.runs.files import DAMAGED_NPZ, RunError, write_whole
from mnist_core.training.optimizer import peak
from mnist_core.words import reason


def save(model: keras.Model, epoch: Epoch, path: Path) -> None:
    """Write the state of ``model`` after ``epoch``, whole.

    It holds ``epoch`` as JSON, the learning rate (the peak, where a schedule varies it), and the
    variables of the network (weights, and where dropout's random numbers go on) and the optimizer.
    """
    buffer = io.BytesIO()
    np.savez(  # not compressed: weights hardly shrink, and training waits
        buffer,
        allow_pickle=False,
        epoch=np.array(epoch.model_dump_json()),
        **{name: np.asarray(variable) for name, variable in variables(model).items()},
    )
    write_whole(path, buffer.getvalue())


def restore(model: keras.Model, path: Path) -> Epoch:
    """Put ``model``, fresh from ``model.build``, in the state that was saved.

    Returns:
        The epoch after which it was.

    Raises:
        RunError: the file is damaged, or of another network; the model may be half restored then.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            restored = variables(model)
            if set(arrays) != {"epoch", *restored}:
                raise ValueError("it is of a network with other variables")
            for name, variable in restored.items():
                variable.assign(arrays[name])
            return Epoch.model_validate_json(str(arrays["epoch"]))
    except DAMAGED_NPZ as error:
        raise RunError(f"{path} is damaged: {reason(error)}") from error


def variables(model: keras.Model) -> dict[str, tf.Variable | keras.Variable]:
    """All that a training goes on from, by the names that a checkpoint has for it."""
    return {
        "learning_rate": peak(model.optimizer),
        **{f"model_{i}": variable for i, variable in enumerate(model.variables)},
        **{f"optimizer_{i}": variable for i, variable in enumerate(model.optimizer.variables)},
    }
