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
        coefficients = self._coefficients[chosen]
        if self._config.elastic:
            altered = self._warped(images, coefficients)
        else:
            altered = _moved(images, coefficients)
        if self._boxes is not None:
            altered *= self._outside(self._boxes[chosen])
        return tf.reshape(altered, [-1, *self._shape])

    def _warped(self, images: tf.Tensor, coefficients: tf.Tensor) -> tf.Tensor:
        """Any places at all. No kernel of TensorFlow does it, so it takes twice as long."""
        height, width, channels = images.shape[1:]
        places = tf.matmul(tf.reshape(coefficients, [-1, coefficients.shape[2]]), self._basis)
        places = tf.reshape(places, [-1, 2, height * width])
        # A border of zeros, and what is further out is put there.
        x = tf.clip_by_value(places[:, 0], -1.0, float(width))
        y = tf.clip_by_value(places[:, 1], -1.0, float(height))
        left, top = tf.floor(x), tf.floor(y)
        padded = tf.pad(images, [[0, 0], [1, 2], [1, 2], [0, 0]])
        # The four neighbours of a place in one number, so that they are looked up at once.
        corners = [padded[:, i : i - 1 or None, j : j - 1 or None] for i in (0, 1) for j in (0, 1)]
        fours = tf.reshape(tf.bitcast(tf.stack(corners, -1), tf.int32), [-1, channels])
        line = width + 2
        first = tf.range(tf.shape(images)[0])[:, None] * ((height + 2) * line) + line + 1
        found = tf.gather(fours, tf.cast(top * line + left, tf.int32) + first)

        def corner(bits: int) -> tf.Tensor:
            byte = tf.bitwise.bitwise_and(tf.bitwise.right_shift(found, bits), 255)
            return tf.cast(byte, tf.float32)

        across, down = (x - left)[..., None], (y - top)[..., None]
        above = corner(0) + across * (corner(8) - corner(0))
        below = corner(16) + across * (corner(24) - corner(16))
        values = (above + down * (below - above)) / 255
        return tf.reshape(values, [-1, height, width, channels])

    def _outside(self, boxes: tf.Tensor) -> tf.Tensor:
        """0 within the boxes and 1 elsewhere, ``(n, height, width, 1)``."""
        height, width = self._shape[:2]
        top, bottom, left, right = tf.split(boxes, 4, axis=1)
        rows, columns = tf.range(height), tf.range(width)
        inside = ((rows >= top) & (rows < bottom))[:, :, None] & (
            (columns >= left) & (columns < right)
        )[:, None, :]
        return tf.cast(~inside, tf.float32)[..., None]


def _moved(images: tf.Tensor, coefficients: tf.Tensor) -> tf.Tensor:
    """Places that are an affine map of the pixels: one kernel for the whole batch."""
    affine = tf.reshape(coefficients, [-1, 6])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images, tf.float32) / 255,
        transforms=tf.pad(affine, [[0, 0], [0, 2]]),  # not projective
        output_shape=images.shape[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
