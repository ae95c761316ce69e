"""Augmentation in TensorFlow: whole batches of training images, altered at once.

What happens to each image is drawn in NumPy, for an epoch at a time (``mnist_core.augmentation``).
"""

from __future__ import annotations

import tensorflow as tf

from mnist_core import augmentation
from mnist_core.config import TrainingConfig


class Augmenter:
    """Alters the training images of a run, differently in every epoch."""

    def __init__(self, config: TrainingConfig, image_shape: tuple[int, ...], images: int) -> None:
        """
        Args:
            image_shape: ``(height, width[, channels])``.
            images: how many an epoch has.
        """
        self._config = config
        self._shape = image_shape
        self._images = images
        self._basis = tf.constant(augmentation.basis(config, image_shape))
        drawn = augmentation.draw(config, image_shape, images, epoch=0)
        self._coefficients = tf.Variable(drawn.coefficients)
        self._boxes = None if drawn.boxes is None else tf.Variable(drawn.boxes)

    def begin(self, epoch: int) -> None:
        """Draw the alterations of an epoch, counted from 0."""
        drawn = augmentation.draw(self._config, self._shape, self._images, epoch)
        self._coefficients.assign(drawn.coefficients)
        if self._boxes is not None:
            self._boxes.assign(drawn.boxes)

    def __call__(self, images: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
        """Alter the images that follow each other in the epoch, the first being number ``start``.

        Args:
            images: ``(n, height, width[, channels])`` uint8.

        Returns:
            The same shape, float32 in [0, 1].
        """
        height, width, *channels = self._shape
        images = tf.reshape(images, [-1, height, width, *(channels or [1])])
        chosen = slice(start, start + tf.shape(images, tf.int64)[0])
        altered = self._moved(images, self._coefficients[chosen])
        if self._boxes is not None:
            inside = self._inside(self._boxes[chosen])
            altered = tf.where(inside, augmentation.blank(self._shape), altered)
        return tf.reshape(altered, [-1, *self._shape])

    def _moved(self, images: tf.Tensor, coefficients: tf.Tensor) -> tf.Tensor:
        """As fast as the kernel that TensorFlow has for what is affine alone."""
        height, width, channels = images.shape[1:]
        places = tf.matmul(tf.reshape(coefficients, [-1, coefficients.shape[2]]), self._basis)
        places = tf.reshape(places, [-1, 2, height * width])
        x = tf.clip_by_value(places[:, 0], 0.0, width - 1.0)
        y = tf.clip_by_value(places[:, 1], 0.0, height - 1.0)
        left, top = tf.floor(x), tf.floor(y)
        # The four neighbours of a place in one number, so that they are looked up at once.
        wide = tf.cast(tf.pad(images, [[0, 0], [0, 1], [0, 1], [0, 0]]), tf.int32)
        above = wide[:, :-1, :-1] + wide[:, :-1, 1:] * 2**8
        below = wide[:, 1:, :-1] * 2**16 + wide[:, 1:, 1:] * 2**24
        fours = tf.reshape(above + below, [-1, height * width, channels])
        found = tf.gather(fours, tf.cast(top * width + left, tf.int32), batch_dims=1)

        def corner(bits: int) -> tf.Tensor:
            byte = tf.bitwise.bitwise_and(tf.bitwise.right_shift(found, bits), 255)
            return tf.cast(byte, tf.float32)

        across, down = (x - left)[..., None], (y - top)[..., None]
        upper = corner(0) + across * (corner(8) - corner(0))
        lower = corner(16) + across * (corner(24) - corner(16))
        return tf.reshape((upper + down * (lower - upper)) / 255, [-1, height, width, channels])

    def _inside(self, boxes: tf.Tensor) -> tf.Tensor:
        """Which pixels lie in the boxes, ``(n, height, width, 1)``."""
        height, width = self._shape[:2]
        top, bottom, left, right = tf.split(boxes, 4, axis=1)
        rows, columns = tf.range(height), tf.range(width)
        down = (rows >= top) & (rows < bottom)
        across = (columns >= left) & (columns < right)
        return (down[:, :, None] & across[:, None, :])[..., None]
