"""The network that a configuration describes, compiled and ready for ``fit``."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from mnist_core.config import TrainingConfig
from mnist_core.training import optimizer

STEPS_PER_EXECUTION = 32
"""Training steps that run in TensorFlow before Python is asked, where they are short."""


class Dropout(keras.layers.Dropout):  # type: ignore[misc]  # Keras has no types
    """``keras.layers.Dropout`` with 16 random bits a unit instead of 32.

    Drawing them is what costs the time. The rate is exact to 1/65536.
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return inputs
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        count = tf.size(inputs)
        words = tf.random.stateless_uniform([-(-count // 4)], seed, None, None, tf.uint64)
        bits = tf.reshape(tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:count], tf.shape(inputs))
        dropped = round(self.rate * 2**16)
        return inputs * (tf.cast(bits >= dropped, inputs.dtype) * (2**16 / (2**16 - dropped)))


def build(
    config: TrainingConfig, image_shape: tuple[int, ...], classes: int, steps: int
) -> keras.Model:
    """The network, with fresh weights, compiled.

    It takes images ``(n, *image_shape)`` float32 in [0, 1] and gives probabilities
    ``(n, classes)`` float32. First weights and dropout follow from ``config.seed`` alone: each
    layer has a seed of its own, so that nothing that ran before in the process matters. All layers
    are named, for Keras numbers the nameless through the life of the process.

    Args:
        steps: of the whole training, all epochs; a learning-rate schedule spans them.
    """
    chance = np.random.default_rng(config.seed)
    weight_seeds, dropout_seeds = chance.integers(2**31, size=(2, len(config.widths) + 1)).tolist()
    layers = [keras.Input(image_shape, name="images"), keras.layers.Flatten(name="flatten")]
    for number, units in enumerate(config.widths, start=1):
        layers.append(_dense(f"dense_{number}", units, config.activation, weight_seeds[number]))
        if config.dropout > 0:
            name = f"dropout_{number}"
            layers.append(Dropout(config.dropout, seed=dropout_seeds[number], name=name))
    layers.append(_dense("probabilities", classes, "softmax", weight_seeds[0]))
    model = keras.Sequential(layers, name="digit_lab")
    model.compile(
        optimizer.build(config, steps),
        loss="sparse_categorical_crossentropy",  # Keras computes it from the softmax's logits
        metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        steps_per_execution=steps_per_execution(model.count_params(), config.batch_size),
        jit_compile=False,  # XLA is several times slower at this on a CPU
    )
    # Here and not in the first step, whose graph would then be traced twice.
    model.optimizer.build(model.trainable_variables)
    return model


def steps_per_execution(weights: int, batch_size: int) -> int:
    """As many as a slow core does in half a second, so that a wish to stop is soon heard."""
    # Six operations a weight and image; the update costs as much as a dozen images.
    operations = 6 * weights * (batch_size + 12)
    return max(1, min(STEPS_PER_EXECUTION, int(25e9 / operations)))


def _dense(name: str, units: int, activation: str, seed: int) -> keras.layers.Dense:
    weights = keras.initializers.GlorotUniform(seed)
    return keras.layers.Dense(units, activation, kernel_initializer=weights, name=name)
