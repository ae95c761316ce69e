"""The layers of the network that a configuration describes, first to last.

The summary, the drawing (``diagram``), the Keras model (``training.model``) and the stand-alone
script (``export.script``) all walk what :func:`describe` gives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from mnist_core.config import FIELDS, ConfigError, TrainingConfig
from mnist_core.fields import shown


class Layer(NamedTuple):
    """One layer. ``output_shape`` is without the batch axis."""

    name: str
    kind: str
    """As Keras calls its class, e.g. ``"Conv2D"``."""
    parameters: dict[str, Any]
    """What it is built from; ``training.model`` has a builder for each kind."""
    output_shape: tuple[int, ...]
    weights: int = 0
    """All that a file of the model holds, means and variances of a normalization included."""
    multiply_adds: int = 0
    """For one image, on its way through."""

    @property
    def words(self) -> str:
        """For people, e.g. ``"Convolution 3 × 3"``."""
        return _WORDS[self.kind].format(**self.parameters)


_WORDS = {
    "Reshape": "Reshape",
    "Conv2D": "Convolution {kernel_size} × {kernel_size}",
    "MaxPooling2D": "Max pooling {pool_size} × {pool_size}",
    "BatchNormalization": "Batch normalization",
    "Activation": "Activation, {activation}",
    "Flatten": "Flatten",
    "Dense": "Dense, {activation}",
    "Dropout": "Dropout {rate:g}",
}


def describe(config: TrainingConfig, image_shape: tuple[int, ...], classes: int) -> list[Layer]:
    """The network's layers, first to last.

    First weights and dropout follow from ``config.seed`` alone: each layer has a seed of its own,
    so that nothing that ran before in the process matters. All layers are named, for Keras numbers
    the nameless through the life of the process.

    Args:
        image_shape: of one image, e.g. ``(28, 28)`` or ``(32, 32, 3)``.
        classes: how many outputs.

    Raises:
        ConfigError: there are more convolutional blocks than the image can be halved.
    """
    chance = np.random.default_rng(config.seed)
    weight_seeds, dropout_seeds = chance.integers(2**31, size=(2, len(config.widths) + 1)).tolist()
    block_seeds = iter(chance.integers(2**31, size=3 * 6).tolist())
    convolutional = config.architecture == "convolutional"
    layers = _blocks(config, image_shape, block_seeds) if convolutional else []
    inputs = math.prod(layers[-1].output_shape if layers else image_shape)
    layers.append(Layer("flatten", "Flatten", {}, (inputs,)))
    if config.dropout > 0 and not config.widths:
        layers.append(_dropout("dropout", config.dropout, dropout_seeds[0], (inputs,)))
    for number, units in enumerate(config.widths, start=1):
        seed = weight_seeds[number]
        layers.append(_dense(f"dense_{number}", inputs, units, config.activation, seed))
        if config.dropout > 0:
            name, seed = f"dropout_{number}", dropout_seeds[number]
            layers.append(_dropout(name, config.dropout, seed, (units,)))
        inputs = units
    layers.append(_dense("probabilities", inputs, classes, "softmax", weight_seeds[0]))
    return layers


def _dense(name: str, inputs: int, units: int, activation: str, seed: int) -> Layer:
    parameters = {"units": units, "activation": activation, "seed": seed}
    return Layer(name, "Dense", parameters, (units,), (inputs + 1) * units, inputs * units)


def _dropout(name: str, rate: float, seed: int, shape: tuple[int, ...]) -> Layer:
    return Layer(name, "Dropout", {"rate": rate, "seed": seed}, shape)


def _blocks(
    config: TrainingConfig, image_shape: tuple[int, ...], seeds: Iterator[int]
) -> list[Layer]:
    height, width, *rest = image_shape
    channels = rest[0] if rest else 1
    shape: tuple[int, ...] = (height, width, channels)
    layers = [] if rest else [Layer("channel", "Reshape", {"target_shape": shape}, shape)]
    # Where bfloat16 comes out of a convolution, it stays so through the block: no autocast.
    for block, filters in enumerate(config.filters, start=1):
        for number in range(1, config.convolutions + 1):
            place, shape = f"{block}_{number}", (height, width, filters)
            kernel = config.kernel_size**2 * channels * filters
            biases = 0 if config.batch_normalization else filters
            parameters: dict[str, Any] = {
                "filters": filters,
                "kernel_size": config.kernel_size,
                "use_bias": biases > 0,  # a normalization would take any bias away again
                "seed": next(seeds),
            }
            work = height * width * kernel
            layers.append(
                Layer(f"conv_{place}", "Conv2D", parameters, shape, kernel + biases, work)
            )
            channels = filters
            # Before the rest, which then has a quarter of the values to work on.
            if number == config.convolutions:
                if min(height, width) < 2:
                    raise ConfigError(_too_many_blocks(config, block, (height, width), image_shape))
                height, width = height // 2, width // 2
                shape = (height, width, filters)
                parameters = {"pool_size": 2, "autocast": False}
                layers.append(Layer(f"pool_{block}", "MaxPooling2D", parameters, shape))
            if config.batch_normalization:
                parameters = {"momentum": 0.9, "autocast": False}
                layers.append(
                    Layer(f"norm_{place}", "BatchNormalization", parameters, shape, 4 * filters)
                )
            parameters = {"activation": config.activation, "autocast": False}
            layers.append(Layer(f"act_{place}", "Activation", parameters, shape))
        if config.block_dropout > 0:
            layers.append(_dropout(f"drop_{block}", config.block_dropout, next(seeds), shape))
    return layers


def _too_many_blocks(
    config: TrainingConfig, block: int, left: tuple[int, int], image_shape: tuple[int, ...]
) -> str:
    filters = shown(FIELDS["filters"], config.filters)
    return (
        f"filters is {filters}, but block {block} can't halve {left[0]} × {left[1]}, all "
        f"that {block - 1} halvings leave of {image_shape[0]} × {image_shape[1]}; allowed for "
        f"these images: at most {block - 1} blocks"
    )
