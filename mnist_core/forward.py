"""A network's variables -> its answers, in NumPy: what a run has learned so far.

``model.tflite`` is written once, when training is over, for the conversion takes longer than many
an epoch. The checkpoint is there after every epoch anyway. NumPy is slower than LiteRT, but while a
network learns it is asked about one image at a time: that takes milliseconds.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import special

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
    layers: list[Layer], image_shape: tuple[int, ...]
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
    """The parameters of a layer that matter once it is trained."""
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
    side = len(kernel)
    around = ((side - 1) // 2, side // 2)
    padded = np.pad(values, ((0, 0), around, around, (0, 0)))
    seen = sliding_window_view(padded, (side, side), axis=(1, 2))
    outputs: Array = np.tensordot(seen, kernel, axes=((4, 5, 3), (0, 1, 2)))
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


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": lambda values: np.maximum(values, 0),
    "gelu": lambda values: values * (1 + special.erf(values / np.float32(2**0.5))) / 2,
    "tanh": np.tanh,
    "sigmoid": special.expit,
    "softmax": lambda values: special.softmax(values, axis=-1),
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
"""What each kind of layer does, once it is trained."""
