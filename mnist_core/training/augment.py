"""Augmentation in TensorFlow: whole batches of training images, altered at once.

What happens to each image is drawn in NumPy, for an epoch at a time (``mnist_core.augmentation``).
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from mnist_core.augmentation import basis, blank, draw
from mnist_core.config import TrainingConfig


def scaled(images: Any) -> tf.Tensor:
    """From 0 .. 255 to 0 .. 1, float32."""
    return tf.cast(images, tf.float32) / 255


class Augmenter(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Alters the training images of a run, differently in every epoch.

    ``image_shape`` is ``(height, width[, channels])``; an epoch has so many ``images``.
    """

    def __init__(self, config: TrainingConfig, image_shape: tuple[int, ...], images: int) -> None:
        super().__init__()
        self._config, self._shape, self._images = config, image_shape, images
        drawn = draw(config, image_shape, images, epoch=0)
        self._drawn = {name: tf.Variable(values) for name, values in drawn.items()}
        if config.moves:
            self._basis = tf.constant(basis(config, image_shape))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        for name, values in draw(self._config, self._shape, self._images, epoch).items():
            self._drawn[name].assign(values)

    def __call__(self, images: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        """Alter images that follow each other in the epoch, the first being number ``start``.

        Args:
            images: ``(n, height, width[, channels])`` uint8.

        Returns:
            The same shape, float32 in [0, 1].
        """
        height, width, *channels = self._shape
        images = tf.reshape(images, [-1, height, width, *(channels or [1])])
        chosen = slice(start, start + tf.shape(images, tf.int64)[0])
        if self._config.moves:
            altered = _moved(images, self._drawn["coefficients"][chosen], self._basis)
        else:  # what is not erased stays as it is, to the last bit
            altered = scaled(images)
        if self._config.erasing:
            altered = _erased(altered, self._drawn["boxes"][chosen], blank(self._shape))
        return tf.reshape(altered, [-1, *self._shape])


# As one loop over the pixels: less than half the time of one operation after the other.
@tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
def _moved(images: tf.Tensor, coefficients: tf.Tensor, basis: tf.Tensor) -> tf.Tensor:
    """Each pixel from its place, between pixels by bilinear interpolation."""
    height, width, channels = images.shape[1:]
    places = tf.matmul(tf.reshape(coefficients, [-1, coefficients.shape[2]]), basis)
    places = tf.reshape(places, [-1, 2, height * width])
    x = tf.clip_by_value(places[:, 0], 0.0, width - 1.0)
    y = tf.clip_by_value(places[:, 1], 0.0, height - 1.0)
    left, top = tf.minimum(tf.floor(x), width - 2.0), tf.minimum(tf.floor(y), height - 2.0)
    pixels = tf.reshape(images, [-1, channels])
    first = height * width * tf.range(tf.shape(images)[0])[:, None]  # of each image
    nearest = first + width * tf.cast(top, tf.int32) + tf.cast(left, tf.int32)

    def neighbour(down: int, right: int) -> tf.Tensor:
        return tf.cast(tf.gather(pixels, nearest + (down * width + right)), tf.float32)

    across, down = (x - left)[..., None], (y - top)[..., None]
    upper = neighbour(0, 0) + across * (neighbour(0, 1) - neighbour(0, 0))
    lower = neighbour(1, 0) + across * (neighbour(1, 1) - neighbour(1, 0))
    return tf.reshape((upper + down * (lower - upper)) / 255, [-1, height, width, channels])


def _erased(images: tf.Tensor, boxes: tf.Tensor, blank: float) -> tf.Tensor:
    """The images, blank in the boxes."""
    height, width = images.shape[1:3]
    top, bottom, left, right = tf.split(boxes, 4, axis=1)
    rows, columns = tf.range(height), tf.range(width)
    down = (rows >= top) & (rows < bottom)
    across = (columns >= left) & (columns < right)
    return tf.where((down[:, :, None] & across[:, None, :])[..., None], blank, images)
