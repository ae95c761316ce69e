"""A run's film, as its worker writes it: see ``runs.film``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from mnist_core.config import TrainingConfig
from mnist_core.forward import named_variables
from mnist_core.network import Layer
from mnist_core.runs.files import append, write_whole
from mnist_core.runs.film import BEGINNING, most_moments, record
from mnist_core.training import checkpoint

LARGEST = float(np.finfo(np.float16).max)


class Filming(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Keeps the network at moments of its training: several in the first epoch, then at the ends
    of epochs; of all of them, where the film has room for so many.

    Not for a network that has no room in a film: see ``runs.film``.
    """

    def __init__(
        self, path: Path, config: TrainingConfig, layers: list[Layer], steps: int, begun: int
    ) -> None:
        """Go on with what there is of the film.

        Args:
            path: of the film.
            steps: of an epoch.
            begun: the epochs that are over.
        """
        super().__init__()
        self._path, self._config, self._layers, self._steps = path, config, layers, steps
        self._record = record(layers)
        most, kept = most_moments(layers), self._kept()
        while len(kept) > most / 2:
            kept = kept[::2]
        if path.exists():  # the last record may be torn
            write_whole(path, kept.tobytes())
        self._begun = begun
        self._epoch, self._step = begun, steps
        self._kept_at = (int(kept[-1]["epoch"]), int(kept[-1]["step"])) if len(kept) else None
        self._due = [] if begun else [round(part * steps) for part in BEGINNING]
        self._every = math.ceil((config.epochs - begun) / (most - len(kept) - len(self._due)))

    def _kept(self) -> NDArray[np.void]:
        content = self._path.read_bytes() if self._path.exists() else b""
        size = self._record.itemsize
        return np.frombuffer(content[: len(content) // size * size], self._record)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch, self._step = epoch + 1, 0
        if epoch == 0:
            self._begin()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step = min(batch + 1, self._steps)
        if self._epoch == 1 and self._step < self._steps:
            self._begin()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if (self._epoch - self._begun) % self._every == 0:
            self._keep(self._config.ema > 0)

    def on_train_end(self, logs: Any = None) -> None:
        """Keep the finished network, which may have the weights of an earlier epoch."""
        if self._kept_at == (self._epoch, self._step):
            with self._path.open("ab") as film:
                film.truncate(film.tell() - self._record.itemsize)
        self._keep(averaged=False)  # where they are wanted, it has the averages by now

    def _begin(self) -> None:
        """Keep this moment of the first epoch, if one is due by now."""
        if self._due and self._step >= self._due[0]:
            self._due = [step for step in self._due if step > self._step]
            self._keep(self._config.ema > 0 and self._step > 0)  # before that, there are none

    def _keep(self, averaged: bool) -> None:
        variables = checkpoint.variables(self.model)
        weights = np.concatenate(
            [
                np.asarray(variables[name]).ravel()
                for layer, names in named_variables(self._layers, self._config, averaged)
                if layer.weights
                for name in names
            ]
        )
        moment = np.zeros((), self._record)
        moment["epoch"], moment["step"] = self._kept_at = self._epoch, self._step
        moment["weights"] = weights.clip(-LARGEST, LARGEST)
        append(self._path, moment.tobytes())
