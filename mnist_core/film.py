"""The film of a run: its network at moments of its training, and what it made of images then.

``film.bin`` in the run's folder is a row of records, one a moment: after which step of which epoch,
and all weights that answers are made with, as float16, first layer to last. The worker appends to
it (``training.filming``). Its death may leave the last record torn, which readers don't see.
Everything that is shown of a moment is computed from its weights, when somebody looks.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes

from mnist_core.forward import Network, variable_shapes
from mnist_core.network import Layer, describe
from mnist_core.runs.files import RunError, unreadable
from mnist_core.runs.folder import Run

Floats = NDArray[np.float32]

MOST_BYTES = 15_000_000
"""Of a film. Ten epochs of the article's network take 14; of longer trainings, some epochs are left
out."""
FEWEST = 4
"""Moments: a network so large that fewer have room is not filmed."""
BEGINNING = (0, 1 / 8, 1 / 2)
"""Parts of the first epoch after which there is a moment, too: then a network learns most."""
CHUNK = 50
"""Images that a network is asked about at a time, since convolutions in NumPy take much room."""


class Moment(NamedTuple):
    """After so many steps of an epoch; before the first one, the network has learned nothing."""

    epoch: int
    step: int

    def words(self, steps_per_epoch: int) -> str:
        """For people, e.g. ``"epoch 3"``, or ``"epoch 1, step 47 of 375"``."""
        if self.step == 0:
            return "untrained"
        if self.step == steps_per_epoch:
            return f"epoch {self.epoch}"
        return f"epoch {self.epoch}, step {self.step:,} of {steps_per_epoch:,}"


def record(layers: list[Layer]) -> np.dtype[np.void]:
    """How a moment of a network is written."""
    weights = sum(layer.weights for layer in layers)
    return np.dtype([("epoch", "<i4"), ("step", "<i4"), ("weights", "<f2", (weights,))])


def most_moments(layers: list[Layer]) -> int:
    """How many moments of a network a film has room for; 0: it is too large to be filmed."""
    most = MOST_BYTES // record(layers).itemsize
    return most if most >= FEWEST else 0


class Film:
    """What there is of a run's film; each property of it reads what is there by then."""

    def __init__(self, run: Run) -> None:
        """Find it; there may be nothing in it yet.

        Raises:
            RunError: the run's settings or its dataset's outline can't be read.
        """
        outline = run.dataset()
        self._path = run.film
        self._image_shape = outline.image_shape
        self._layers = describe(run.config, outline.image_shape, outline.classes)
        self._record = record(self._layers)

    @property
    def fits(self) -> bool:
        """Whether the network is small enough to be filmed."""
        return most_moments(self._layers) > 0

    def moments(self) -> list[Moment]:
        """Those that have been kept so far, first to last.

        Raises:
            RunError: the file can't be read, or is damaged.
        """
        records = self._records()
        moments = [
            Moment(*pair)
            for pair in zip(records["epoch"].tolist(), records["step"].tolist(), strict=True)
        ]
        if moments != sorted(set(moments)) or any(m.epoch < 1 or m.step < 0 for m in moments):
            raise RunError(f"{self._path} is damaged: its moments are in no order")
        return moments

    def network(self, number: int) -> Network:
        """The network as it was at a moment, by its number among :meth:`moments`.

        Raises:
            RunError: the file can't be read, or is damaged.
        """
        weights = self._records()["weights"][number].astype(np.float32)
        if not np.isfinite(weights).all():
            raise RunError(f"{self._path} is damaged: a weight is not a number")
        variables, begin = [], 0
        for layer, shapes in variable_shapes(self._layers, self._image_shape):
            arrays = []
            for shape in shapes:
                end = begin + int(np.prod(shape))
                arrays.append(weights[begin:end].reshape(shape))
                begin = end
            variables.append((layer, arrays))
        return Network(variables)

    def _records(self) -> NDArray[np.void]:
        try:
            whole = os.path.getsize(self._path) // self._record.itemsize
            if whole == 0:
                return np.empty(0, self._record)
            return np.memmap(self._path, self._record, "r", shape=(whole,))
        except FileNotFoundError:
            return np.empty(0, self._record)
        except OSError as error:
            raise unreadable(self._path, error) from None


# --- What a network made of images ---


@dataclass(frozen=True, eq=False)
class Scene:
    """What a network answers to some images, and where they lie in it."""

    probabilities: Floats
    """``(n, classes)``."""
    silent: list[tuple[Layer, int]]
    """Hidden layers with rectified units, and how many of these, or of their filters, answer none
    of the images anywhere."""
    hidden: Floats
    """``(n, values)``: what the last layer is given, which is what the last hidden one answers."""

    def confusion(self, labels: NDArray[np.uint8]) -> NDArray[np.int64]:
        """How many images of each true class, a row, were taken for each class, a column."""
        classes = self.probabilities.shape[1]
        counts = np.zeros((classes, classes), np.int64)
        np.add.at(counts, (labels, self.probabilities.argmax(axis=1)), 1)
        return counts


def scene(network: Network, images: Floats) -> Scene:
    """Ask a network about images.

    Args:
        images: ``(n, *image_shape)`` float32 in [0, 1], n at least 1.
    """
    layers = network.layers
    probabilities, hidden = [], []
    answer: dict[int, NDArray[np.bool_]] = {}
    for first in range(0, len(images), CHUNK):
        before = values = images[first : first + CHUNK]
        for number, (layer, answered) in enumerate(network.answers(values)):
            before, values = values, answered
            if layer.parameters.get("activation") == "relu":
                ever = values.any(axis=tuple(range(values.ndim - 1)))
                answer[number] = ever | answer.get(number, np.zeros_like(ever))
        probabilities.append(values)
        hidden.append(before.reshape(len(before), -1))
    return Scene(
        np.concatenate(probabilities),
        [(layers[number], int((~ever).sum())) for number, ever in answer.items()],
        np.concatenate(hidden),
    )


def first_weights(network: Network, image_shape: tuple[int, ...]) -> Floats:
    """What the first layer that has weights multiplies images with.

    Returns:
        ``(units, *image_shape)``, or of a convolution ``(filters, height, width, channels)``.
    """
    layer, (kernel, *_) = next(
        (layer, variables) for layer, variables in network.variables if layer.weights
    )
    by_unit = np.moveaxis(kernel, -1, 0)
    return by_unit.reshape(-1, *image_shape) if layer.kind == "Dense" else by_unit


def aligned(places: Floats, onto: Floats) -> Floats:
    """Places on a map, turned and mirrored so that they lie as near to others as can be.

    Directions in which images differ most have no up or left, and change places from one moment to
    the next (orthogonal Procrustes, of Schönemann 1966, https://doi.org/10.1007/BF02289451).

    Args:
        places: ``(n, 2)``.
        onto: ``(n, 2)``, of the same images.
    """
    turn, _ = orthogonal_procrustes(places, onto)
    turned: Floats = (places @ turn).astype(np.float32)
    return turned
