"""A network's variables -> its answers, in NumPy: before it has learned, and what it has so far.

``model.tflite`` is written once, when training is over, for the conversion takes longer than many
an epoch. The checkpoint is there after every epoch anyway, and before the first one, there are the
random weights that it begins with. NumPy is slower than LiteRT, but while a network learns it is
asked about one image at a time: that takes milliseconds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_core.config import TrainingConfig
from mnist_core.network import Layer, describe
from mnist_core.runs.events import Epoch
from mnist_core.runs.files import DAMAGED_NPZ, RunError
from mnist_core.runs.folder import Run

Array = NDArray[np.float32]


class Network:
    """A network in NumPy. Threads may share one.

    Attributes:
        variables: each layer with its variables, first to last.
    """

    def __init__(self, layers: Sequence[tuple[Layer, Sequence[Array]]]) -> None:
        """Put it together.

        Args:
            layers: first to last, each with its variables, as Keras shapes and orders them.

        Raises:
            ValueError: the variables are those of another network.
        """
        for layer, variables in layers:
            if layer.weights != sum(array.size for array in variables if layer.weights):
                raise ValueError(f"the layer {layer.name} is of another network")
        self.variables = layers

    @property
    def layers(self) -> list[Layer]:
        """First to last."""
        return [layer for layer, _ in self.variables]

    def probabilities(self, images: Array) -> Array:
        """Ask the network.

        Args:
            images: ``(n, *image_shape)`` float32 in [0, 1].

        Returns:
            ``(n, classes)`` float32; each row sums to 1.
        """
        values = images
        for _, answered in self.answers(images):
            values = answered
        return values

    def answers(self, images: Array) -> Iterator[tuple[Layer, Array]]:
        """What each layer makes of images, ``(n, *output_shape)`` float32, first to last."""
        values = images
        for layer, variables in self.variables:
            values = LAYERS[layer.kind](values, *variables, **_used(layer))
            yield layer, values


class CheckpointPredictor(Network):
    """What the network of a run's newest epoch thinks of images. Threads may share one.

    Attributes:
        epoch: the epoch after which the network was as it is here.
    """

    def __init__(self, run: Run) -> None:
        """Read the checkpoint as it is now.

        Raises:
            RunError: there is none (yet); or it is damaged, or of another network.
        """
        outline = run.dataset()
        layers = describe(run.config, outline.image_shape, outline.classes)
        try:
            with run.checkpoint.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                self.epoch = Epoch.model_validate_json(str(arrays["epoch"]))
                super().__init__(
                    [
                        (layer, [arrays[name] for name in names])
                        for layer, names in named_variables(layers, run.config, run.config.ema > 0)
                    ]
                )
        except FileNotFoundError:
            raise RunError(f"run {run.id} has no checkpoint: no epoch of it is over") from None
        except DAMAGED_NPZ as error:
            raise RunError(f"{run.checkpoint} is damaged: {error}") from error


def untrained(layers: Sequence[Layer], image: Array) -> list[Array]:
    """What each layer answers to an image before anything is learned.

    The first weights are drawn from the layers' own seeds and in the limits that Keras has for
    them, but are not those that the worker will draw: TensorFlow has other random numbers.

    Args:
        image: ``image_shape`` float32 in [0, 1].

    Returns:
        As many as there are layers, each of its ``output_shape``.
    """
    network = Network(
        [
            (layer, first_variables(layer, shapes))
            for layer, shapes in variable_shapes(layers, image.shape)
        ]
    )
    return [values[0] for _, values in network.answers(image[np.newaxis])]


def first_variables(layer: Layer, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    """The variables of a layer as it begins; ``shapes`` are theirs."""
    match layer.kind:
        case "Dense":  # GlorotUniform
            limit_squared = 6 / sum(shapes[0])
        case "Conv2D":  # HeUniform
            limit_squared = 6 / math.prod(shapes[0][:-1])
        case _:  # a normalization: two factors, and a mean and a variance
            return [
                np.full(shape, value, np.float32)
                for shape, value in zip(shapes, (1, 0, 0, 1), strict=False)
            ]
    limit = np.float32(math.sqrt(limit_squared))
    chance: Array = np.random.default_rng(layer.parameters["seed"]).random(shapes[0], np.float32)
    return [(2 * chance - 1) * limit, *(np.zeros(shape, np.float32) for shape in shapes[1:])]


def named_variables(
    layers: list[Layer], config: TrainingConfig, averaged: bool
) -> Iterator[tuple[Layer, list[str]]]:
    """Each layer with the names that its variables have in a checkpoint; the order is Keras's.

    Args:
        averaged: name the averages of the weights, not the newest ones.
    """
    in_network = (f"model_{number}" for number in itertools.count())
    # The optimizer counts its steps, and has a rate where no schedule makes one; averages follow.
    first = 2 if config.schedule == "constant" else 1
    averages = (f"optimizer_{number}" for number in itertools.count(first))
    for layer in layers:
        trained, others = _variables(layer)
        names = [next(in_network) for _ in range(trained + others)]
        if averaged:  # the network is judged, and exported, with these
            names[:trained] = [next(averages) for _ in range(trained)]
        yield layer, names


def variable_shapes(
    layers: Sequence[Layer], image_shape: tuple[int, ...]
) -> Iterator[tuple[Layer, list[tuple[int, ...]]]]:
    """Each layer with the shapes of the variables that answers are made with."""
    given = image_shape
    for layer in layers:
        units = layer.output_shape[-1]
        shapes: list[tuple[int, ...]] = []
        match layer.kind:
            case "Dense":
                shapes = [(given[-1], units), (units,)]
            case "Conv2D":
                side = layer.parameters["kernel_size"]
                shapes = [(side, side, given[-1], units)]
                shapes += [(units,)] * layer.parameters["use_bias"]
            case "BatchNormalization":
                shapes = [(units,)] * 4
        yield layer, shapes
        given = layer.output_shape


def _variables(layer: Layer) -> tuple[int, int]:
    """How many variables of a layer are trained, and how many others it has."""
    match layer.kind:
        case "Dense":
            return 2, 0
        case "Conv2D":
            return 1 + layer.parameters["use_bias"], 0
        case "BatchNormalization":
            return 2, 2
        case "Dropout":
            return 0, 1  # where its random numbers go on
    return 0, 0


def _used(layer: Layer) -> dict[str, Any]:
    """The parameters of a layer that matter where nothing is learned."""
    return {
        name: value
        for name, value in layer.parameters.items()
        if name in ("activation", "target_shape", "pool_size")
    }


# --- The layers: images, or what became of them, (n, ...) -> (n, ...) ---


def _reshape(values: Array, target_shape: tuple[int, ...]) -> Array:
    return values.reshape(len(values), *target_shape)


def _convolution(values: Array, kernel: Array, *bias: Array) -> Array:
    """``(n, height, width, channels)``, as large as before; what lies outside is 0."""
    side, (height, width) = len(kernel), values.shape[1:3]
    around = ((side - 1) // 2, side // 2)
    padded = np.pad(values, ((0, 0), around, around, (0, 0)))
    # Place by place of the kernel: all at once, a large one would take gigabytes.
    outputs: Array = np.zeros((*values.shape[:3], kernel.shape[-1]), np.float32)
    for down, across in np.ndindex(side, side):
        outputs += padded[:, down : down + height, across : across + width] @ kernel[down, across]
    return outputs + bias[0] if bias else outputs


def _max_pooling(values: Array, pool_size: int) -> Array:
    images, height, width, channels = values.shape
    rows, columns = height // pool_size, width // pool_size
    whole = values[:, : rows * pool_size, : columns * pool_size]
    squares = whole.reshape(images, rows, pool_size, columns, pool_size, channels)
    largest: Array = squares.max(axis=(2, 4))
    return largest


def _normalization(values: Array, gamma: Array, beta: Array, mean: Array, variance: Array) -> Array:
    normalized: Array = (values - mean) * (gamma / np.sqrt(variance + 1e-3)) + beta
    return normalized


def _activation(values: Array, activation: str) -> Array:
    return ACTIVATIONS[activation](values)


def _dense(values: Array, kernel: Array, bias: Array, activation: str) -> Array:
    return ACTIVATIONS[activation](values @ kernel + bias)


def _gelu(values: Array) -> Array:
    from scipy.special import erf  # here, as in mnist_core.comparison

    activated: Array = values * (1 + erf(values / np.float32(2**0.5))) / 2
    return activated


def _sigmoid(values: Array) -> Array:
    half = np.float32(0.5)
    activated: Array = half + half * np.tanh(half * values)  # no power of e that overflows
    return activated


def _softmax(values: Array) -> Array:
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda values: np.maximum(values, 0),
    "gelu": _gelu,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
}
LAYERS: dict[str, Callable[..., Array]] = {
    "Reshape": _reshape,
    "Conv2D": _convolution,
    "MaxPooling2D": _max_pooling,
    "BatchNormalization": _normalization,
    "Activation": _activation,
    "Flatten": lambda values: values.reshape(len(values), -1),
    "Dense": _dense,
    "Dropout": lambda values, *seeds: values,
}
"""What each kind of layer does where nothing is learned."""
