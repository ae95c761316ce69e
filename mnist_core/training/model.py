"""The network that a configuration describes, compiled and ready for ``fit``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from mnist_core.config import TrainingConfig
from mnist_core.network import Layer, describe
from mnist_core.training.optimizer import build_optimizer

STEPS_PER_EXECUTION = 32
"""Training steps that run in TensorFlow before Python is asked, where they are short."""


class Dropout(keras.layers.Dropout):  # type: ignore[misc]  # Keras has no types
    """Keras's with 16 random bits a unit, not 32: drawing them takes time. Exact to 1/65536."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training:
            return inputs
        seed = tf.cast(self.seed_generator.next(), tf.int32)
        count = tf.size(inputs)
        words = tf.random.stateless_uniform([-(-count // 4)], seed, None, None, tf.uint64)
        bits = tf.reshape(tf.reshape(tf.bitcast(words, tf.uint16), [-1])[:count], tf.shape(inputs))
        dropped = round(self.rate * 2**16)
        return inputs * (tf.cast(bits >= dropped, inputs.dtype) * (2**16 / (2**16 - dropped)))


class Conv2D(keras.layers.Conv2D):  # type: ignore[misc]
    """``keras.layers.Conv2D`` that learns in bfloat16 where the processor can: twice as fast.

    Its weights are float32. What comes out is bfloat16 too, so that pooling, normalization and
    activation have half as much to read and write; float32 where a bias is added. Where nothing is
    learned, all of it is float32: the network is judged as it is exported. The picture itself is
    multiplied in float32: with its one or three channels there is little to gain, and accuracy to
    lose (0.04 points on MNIST).
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training or not has_bfloat16():
            return super().call(inputs)
        number = tf.float32 if inputs.shape[-1] <= 3 else tf.bfloat16
        kernel = tf.cast(self.kernel, number)
        outputs = tf.nn.conv2d(tf.cast(inputs, number), kernel, 1, self.padding.upper())
        if self.use_bias:
            return tf.nn.bias_add(tf.cast(outputs, tf.float32), self.bias)
        return tf.cast(outputs, tf.bfloat16)


class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """``keras.layers.BatchNormalization`` of pictures, in one fused kernel while training.

    That kernel is fast for filters in multiples of 16 only, and slower than Keras for all others.
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if not training or inputs.shape[-1] % 16:
            return super().call(inputs, training=training)
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma,
            offset=self.beta,
            mean=tf.constant([], tf.float32),
            variance=tf.constant([], tf.float32),
            epsilon=self.epsilon,
        )
        # The kernel gives the variance of all images, estimated; Keras keeps that of the batch.
        values = tf.cast(tf.size(inputs) // tf.size(mean), tf.float32)
        variance *= (values - 1) / values
        for moving, newest in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + newest * (1 - self.momentum))
        return outputs


class SmoothedCrossentropy(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy with labels of which a share is spread over all classes."""

    def __init__(self, smoothing: float) -> None:
        super().__init__(name="smoothed_crossentropy")
        self.smoothing = smoothing

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        labels = tf.one_hot(tf.cast(y_true, tf.int32), y_pred.shape[-1])
        labels = labels * (1 - self.smoothing) + self.smoothing / y_pred.shape[-1]
        return keras.losses.categorical_crossentropy(labels, y_pred)


def dense(units: int, activation: str, seed: int, name: str) -> keras.layers.Dense:
    weights = keras.initializers.GlorotUniform(seed)
    return keras.layers.Dense(units, activation, kernel_initializer=weights, name=name)


def convolution(filters: int, kernel_size: int, use_bias: bool, seed: int, name: str) -> Conv2D:
    weights = keras.initializers.HeUniform(seed)
    options = {"padding": "same", "use_bias": use_bias, "kernel_initializer": weights}
    return Conv2D(filters, kernel_size, **options, autocast=False, name=name)


LAYERS: dict[str, Callable[..., keras.layers.Layer]] = {
    "Reshape": keras.layers.Reshape,
    "Conv2D": convolution,
    "MaxPooling2D": keras.layers.MaxPooling2D,
    "BatchNormalization": BatchNormalization,
    "Activation": keras.layers.Activation,
    "Flatten": keras.layers.Flatten,
    "Dense": dense,
    "Dropout": Dropout,
}
"""What makes a layer of each kind out of its parameters."""


def build(
    config: TrainingConfig, image_shape: tuple[int, ...], classes: int, steps: int
) -> keras.Model:
    """The network, with fresh weights, compiled.

    It takes images ``(n, *image_shape)`` float32 in [0, 1] and gives probabilities
    ``(n, classes)`` float32.

    Args:
        steps: of the whole training, all epochs; a learning-rate schedule spans them.

    Raises:
        ConfigError: there are more convolutional blocks than the images can be halved.
    """
    layers = describe(config, image_shape, classes)
    parts = [LAYERS[layer.kind](**layer.parameters, name=layer.name) for layer in layers]
    metrics = [keras.metrics.SparseCategoricalAccuracy("accuracy")]
    if config.label_smoothing:  # whose loss can't be compared with that of other runs
        metrics.append(keras.metrics.SparseCategoricalCrossentropy("crossentropy"))
    images = keras.Input(image_shape, name="images")
    model = keras.Sequential([images, *parts], name="digit_lab")
    model.compile(
        build_optimizer(config, steps),
        # Keras computes both from the softmax's logits.
        loss=SmoothedCrossentropy(config.label_smoothing)
        if config.label_smoothing
        else "sparse_categorical_crossentropy",
        metrics=metrics,
        steps_per_execution=steps_per_execution(layers, config.batch_size),
        jit_compile=False,  # XLA is several times slower at this on a CPU
    )
    # Here and not in the first step, whose graph would then be traced twice.
    model.optimizer.build(model.trainable_variables)
    return model


def steps_per_execution(layers: list[Layer], batch_size: int) -> int:
    """As many as a slow core does in half a second, so that a wish to stop is soon heard.

    A power of two, so that the executions of an epoch are of few lengths.
    """
    multiply_adds = sum(layer.multiply_adds for layer in layers)
    weights = sum(layer.weights for layer in layers)
    # Six operations a multiply-add; the update costs as much as a dozen images of a dense network.
    operations = 6 * (multiply_adds * batch_size + 12 * weights)
    most = max(1, min(STEPS_PER_EXECUTION, int(25e9 / operations)))
    return 1 << most.bit_length() - 1


@functools.cache
def has_bfloat16() -> bool:
    """Whether the processor multiplies numbers of 16 bits; without that they only cost time."""
    cpuinfo = Path("/proc/cpuinfo")  # only Linux has it
    flags = cpuinfo.read_text() if cpuinfo.is_file() else ""
    return bool({"avx512_bf16", "amx_bf16"} & set(flags.split()))
