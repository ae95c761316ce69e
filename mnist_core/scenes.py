"""What a network of a run's film made of images at a moment of its training, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orthogonal_procrustes
from threadpoolctl import threadpool_limits

from mnist_core.forward import Network, variable_shapes
from mnist_core.inside import by_components
from mnist_core.network import Layer
from mnist_core.runs.film import Film

Floats = NDArray[np.float32]

SHOWN = 24
"""Images that are looked at one by one."""
MULTIPLY_ADDS = 1_000_000_000
"""In all, for one moment: some tenths of a second on one core."""
CHUNK = 50
"""Images that a network is asked about at a time, since convolutions in NumPy take much room."""


def network(film: Film, number: int) -> Network:
    """The network as it was at a moment, by its number among the film's.

    Raises:
        RunError: the film can't be read, or is damaged.
    """
    weights = film.weights(number)
    variables, begin = [], 0
    for layer, shapes in variable_shapes(film.layers, film.image_shape):
        ends = begin + np.cumsum([0, *map(math.prod, shapes)])
        arrays = [
            weights[first:end].reshape(shape)
            for first, end, shape in zip(ends, ends[1:], shapes, strict=False)
        ]
        variables.append((layer, arrays))
        begin = ends[-1]
    return Network(variables)


@dataclass(frozen=True, eq=False)
class Scene:
    """What a network makes of some images."""

    probabilities: Floats
    """``(n, classes)``."""
    silent: list[tuple[Layer, int]]
    """Layers of rectified units, and how many of these, or of their filters, answer none of the
    images anywhere."""
    places: Floats
    """``(n, 2)``: where the images lie on a map of the last hidden layer."""
    maps: Floats | None
    """What the filters of the first convolution answer to the first image, ``(height, width,
    filters)``; None where there is no convolution."""

    def confusion(self, labels: NDArray[np.uint8]) -> NDArray[np.int64]:
        """How many images of each true class, a row, were taken for each class, a column.

        Args:
            labels: ``(n,)``.
        """
        classes = self.probabilities.shape[1]
        counts = np.zeros((classes, classes), np.int64)
        np.add.at(counts, (labels, self.probabilities.argmax(axis=1)), 1)
        return counts


def scene(network: Network, images: Floats) -> Scene:
    """Ask a network about images, on one core: while it learns, a training is on all of them.

    Args:
        images: ``(n, *image_shape)`` float32 in [0, 1], n at least 2.
    """
    layers = network.layers
    probabilities, hidden = [], []
    answer: dict[int, NDArray[np.bool_]] = {}
    maps = None
    with threadpool_limits(limits=1, user_api="blas"):
        for first in range(0, len(images), CHUNK):
            before = values = images[first : first + CHUNK]
            for number, (layer, answered) in enumerate(network.answers(values)):
                before, values = values, answered
                if layer.kind == "Activation" and maps is None:
                    maps = values[0]
                if layer.parameters.get("activation") == "relu":
                    ever = values.any(axis=tuple(range(values.ndim - 1)))
                    answer[number] = ever | answer.get(number, np.zeros_like(ever))
            probabilities.append(values)
            hidden.append(before.reshape(len(before), -1))  # what the last layer is given
        places = by_components(np.concatenate(hidden)).places
    return Scene(
        np.concatenate(probabilities),
        [(layers[number], int((~ever).sum())) for number, ever in answer.items()],
        places,
        maps,
    )


def affordable(layers: Sequence[Layer], most: int = 500) -> int:
    """How many images a network of these layers is asked about in a moment that nobody notices."""
    multiply_adds = sum(layer.multiply_adds for layer in layers)
    return int(np.clip(MULTIPLY_ADDS // multiply_adds, SHOWN, most))


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
