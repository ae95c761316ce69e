"""What goes on inside a network while it looks at an image, and why it answers as it does.

Everything comes out of forward passes through ``model.tflite``, which holds what each layer
answers, too; so it works for every run that can be asked at all, without TensorFlow.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset
from mnist_core.inference import ModelError, Predictor
from mnist_core.network import Layer, describe
from mnist_core.runs.folder import Run

Floats = NDArray[np.float32]

LOOKED_AT = 5_000
"""Training images among which those are looked for that an image resembles: the first ones."""
MAPPED = 2_000
"""Test images on a map, unless somebody wants more."""
FEWEST_NEIGHBOURS = 100
"""Images that can be placed by their neighbours, of which each looks at some thirty."""
PATCHES = 1_000
"""At most about so many patches are covered, one after the other, to see where a network looks."""


class Activations(NamedTuple):
    """What one layer answers to an image."""

    layer: Layer
    values: Floats
    """``(units,)``, or ``(height, width, filters)``."""

    @property
    def strengths(self) -> Floats:
        """Of each unit, or filter, the most that it answers anywhere, up or down; ``(units,)``."""
        strengths: Floats = _strengths(self.values[np.newaxis])[0]
        return strengths

    def strongest(self, most: int) -> list[int]:
        """The units, or filters, that answer most, the very strongest first."""
        return [int(unit) for unit in (-self.strengths).argsort(kind="stable")[:most]]


class InsidePredictor(Predictor):
    """A run's network, which also says what its layers answer. Threads may share one.

    Those layers are told that have something to say: the activations of convolutions, which come
    after pooling and normalization, and dense layers, the last of which gives the probabilities.
    """

    def __init__(self, run: Run) -> None:
        """Load the network.

        Raises:
            ModelError: as of :class:`Predictor`; or the file does not say which layer is where.
            RunError: the run's settings or its dataset's outline can't be read.
        """
        super().__init__(run.folder, keep_tensors=True)
        outline = run.dataset()
        self.check(outline.image_shape, outline.classes)
        layers = describe(run.config, outline.image_shape, outline.classes)
        told = [layer for layer in layers if layer.kind in ("Activation", "Dense")]
        try:
            self._tensors = self._interpreter.get_tensor_details()
        except ValueError as error:  # the first time that their names are looked at
            raise ModelError(f"{self._folder}/model.tflite is damaged: {error}") from error
        self._hidden = [(layer, self._tensor_of(layer)) for layer in told[:-1]]
        self._last = told[-1]

    def _tensor_of(self, layer: Layer) -> int:
        """Which tensor has a layer's answers: LiteRT's converter names them after the layers."""
        named = re.compile(rf"/{re.escape(layer.name)}(_\d+)?/")
        found = [
            int(tensor["index"])
            for tensor in self._tensors
            if named.search(tensor["name"])
            and tuple(tensor["shape"]) == (self._batch, *layer.output_shape)
        ]
        if not found:
            raise ModelError(f"{self._folder}/model.tflite does not name its layer {layer.name}")
        return max(found)  # those of weights come first, and what a layer does last, last

    def activations(self, image: Floats) -> list[Activations]:
        """What each layer answers to an image, first to last.

        Args:
            image: ``input_shape`` float32 in [0, 1].

        Raises:
            ValueError: it is no such image.
        """
        self._check_images(image[np.newaxis])
        layers = [layer for layer, _ in self._hidden]
        tensors = [tensor for _, tensor in self._hidden]
        values = self._answers(image[np.newaxis], *tensors, self._output)
        return [
            Activations(layer, of_image[0])
            for layer, of_image in zip([*layers, self._last], values, strict=True)
        ]

    def last_hidden(self, images: Floats) -> Floats:
        """What the last hidden layer answers to images, where classes lie apart at last.

        Args:
            images: ``(n, *input_shape)`` float32 in [0, 1], n at least 1.

        Returns:
            ``(n, values)`` float32.

        Raises:
            ValueError: they are no such images.
        """
        self._check_images(images)
        (values,) = self._answers(images, self._hidden[-1][1])
        return values.reshape(len(images), -1)

    def strengths(self, images: Floats, number: int) -> Floats:
        """How strongly each unit, or filter, of a hidden layer answers to images.

        Args:
            images: ``(n, *input_shape)`` float32 in [0, 1], n at least 1.
            number: of the layer among :meth:`activations`, from 0; not that of the last one.

        Returns:
            ``(n, units)`` float32: of a filter, the most that it answers anywhere, up or down.

        Raises:
            ValueError: they are no such images.
        """
        self._check_images(images)
        (values,) = self._answers(images, self._hidden[number][1])
        return _strengths(values)

    def incoming_weights(self, unit: int) -> Floats | None:
        """What a unit of the first hidden layer multiplies each pixel with; ``input_shape``.

        None where that is a convolution, whose kernels are small, or the file does not say.
        """
        layer, _ = self._hidden[0]
        if layer.kind != "Dense":
            return None
        shape = (*layer.output_shape, math.prod(self.input_shape))
        found = [
            int(tensor["index"])
            for tensor in self._tensors
            if tuple(tensor["shape"]) == shape and f"/{layer.name}" in tensor["name"]
        ]
        if not found:
            return None
        with self._lock:
            weights: Floats = self._interpreter.get_tensor(found[0])
        of_unit: Floats = weights[unit].reshape(self.input_shape)
        return of_unit


def _strengths(values: Floats) -> Floats:
    strengths: Floats = np.abs(values).max(axis=tuple(range(1, values.ndim - 1)))
    return strengths


# --- Where it looks ---


def attribution(network: Predictor, image: Floats, one: int, other: int) -> Floats:
    """How much each part of an image speaks for one class, and against another.

    A patch is covered, here, there, everywhere; where the network's log-odds of the one class
    against the other fall, what was covered spoke for the one. Each pixel has the mean over the
    patches that covered it (occlusion, of Zeiler and Fergus 2014, "Visualizing and understanding
    convolutional networks", https://arxiv.org/abs/1311.2901).

    Args:
        image: ``input_shape`` float32 in [0, 1].
        one: a class, mostly the answer.
        other: another one, mostly the runner-up.

    Returns:
        ``(height, width)`` float32: log-odds; above 0 for the one class, below for the other.
    """
    masks = _patches(image.shape[:2])
    covered = np.where(_as_wide(masks, image), _background(image), image).astype(np.float32)
    odds = log_odds(network.probabilities(np.concatenate([image[np.newaxis], covered])), one, other)
    lost = odds[0] - odds[1:]
    spoke: Floats = np.tensordot(lost, masks.astype(np.float32), axes=1) / masks.sum(axis=0)
    return spoke


def log_odds(probabilities: Floats, one: int, other: int) -> Floats:
    """Of one class against another, in nats; ``(n, classes)`` -> ``(n,)``."""
    told = np.log(np.maximum(probabilities[:, [one, other]], np.finfo(np.float32).tiny))
    odds: Floats = told[:, 0] - told[:, 1]
    return odds


def _patches(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Squares of a seventh of the image's side that cover all of it, half over its edges, too."""
    side = max(2, round(max(shape) / 7))
    reach = [length + side - 1 for length in shape]
    step = max(1, round((reach[0] * reach[1] / PATCHES) ** 0.5))
    rows, columns = (
        (np.arange(length) >= start[:, None]) & (np.arange(length) < start[:, None] + side)
        for length in shape
        for start in [np.arange(1 - side, length, step)]
    )
    masks: NDArray[np.bool_] = rows[:, None, :, None] & columns[None, :, None, :]
    return masks.reshape(-1, *shape)


def _as_wide(masks: NDArray[np.bool_], image: Floats) -> NDArray[np.bool_]:
    return masks[..., np.newaxis] if image.ndim == 3 else masks


def _background(image: Floats) -> Floats:
    """What a patch is covered with: what is most along the image's edges."""
    edges = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    background: Floats = np.median(edges, axis=0)
    return background


# --- What it is reminded of ---


@dataclass(frozen=True)
class Neighbour:
    """A training image that looks alike to a network."""

    index: int
    label: int
    distance: float
    """Between what the last hidden layer answers to both."""


def neighbours(
    hidden: Floats, known: Floats, labels: Sequence[int] | NDArray[np.uint8], most: int = 8
) -> list[Neighbour]:
    """The training images nearest to an image in the last hidden layer, the very nearest first.

    Args:
        hidden: ``(values,)``, of the image; see :meth:`InsidePredictor.last_hidden`.
        known: ``(n, values)``, of training images.
        labels: ``(n,)``, of these.
    """
    distances = np.linalg.norm(known - hidden, axis=1)
    nearest = distances.argsort(kind="stable")[:most]
    return [Neighbour(int(i), int(labels[i]), float(distances[i])) for i in nearest]


def looked_at(dataset: Dataset) -> Floats:
    """The training images that :func:`neighbours` are looked for among; ``(n, ...)`` in [0, 1]."""
    return scaled(dataset.x_train[:LOOKED_AT])


def scaled(images: NDArray[np.uint8]) -> Floats:
    """Images as networks are given them."""
    return images.astype(np.float32) / np.float32(255)


# --- The map ---


class MissingExtraError(ValueError):
    """A package is missing that not everybody needs."""


@dataclass(frozen=True)
class Plane:
    """Where images lie on a plane, and where others come to lie among them."""

    places: Floats
    """``(n, 2)``."""
    place: Callable[[Floats], Floats]
    """Of others: ``(m, values)``, what the last hidden layer answers, -> ``(m, 2)``."""


def by_components(hidden: Floats) -> Plane:
    """Along the two directions in which images differ most (PCA).

    Args:
        hidden: ``(n, values)``, n at least 2; see :meth:`InsidePredictor.last_hidden`.
    """
    from sklearn.decomposition import PCA

    components = PCA(2, random_state=0).fit(hidden)

    def place(others: Floats) -> Floats:
        places: Floats = components.transform(others).astype(np.float32)
        return places

    return Plane(place(hidden), place)


def by_neighbours(hidden: Floats) -> Plane:
    """So that images lie beside those that they resemble (t-SNE).

    After van der Maaten and Hinton 2008, "Visualizing data using t-SNE",
    https://jmlr.org/papers/v9/vandermaaten08a.html; others are placed as by Poličar, Stražar and
    Zupan 2023, "Embedding to reference t-SNE space", https://doi.org/10.1007/s10994-021-06043-1.
    Two thousand images take some seconds.

    Args:
        hidden: ``(n, values)``, n at least :data:`FEWEST_NEIGHBOURS`.

    Raises:
        MissingExtraError: openTSNE is not installed.
        ValueError: there are fewer.
    """
    if len(hidden) < FEWEST_NEIGHBOURS:
        raise ValueError(f"{len(hidden)} images are too few; allowed: {FEWEST_NEIGHBOURS} or more")
    try:
        from openTSNE import TSNE
    except ImportError:
        raise MissingExtraError(
            "To place images by their neighbours needs openTSNE, which is not installed: "
            "pip install -r requirements-extras.txt"
        ) from None
    embedding = TSNE(n_jobs=1, random_state=0, negative_gradient_method="bh").fit(hidden)

    def place(others: Floats) -> Floats:
        return np.asarray(embedding.transform(others), np.float32)

    return Plane(np.asarray(embedding, np.float32), place)


PLANES: dict[str, Callable[[Floats], Plane]] = {"PCA": by_components, "t-SNE": by_neighbours}
"""The ways to place images, by name."""
