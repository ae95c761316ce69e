"""Altered copies of training images: what is drawn at random for each, and what that makes of it.

An output pixel takes its value from a place in the image, between pixels by bilinear interpolation;
outside, the image goes on as it is at its edge. The places are linear in what is drawn,
``coefficients @ basis``: the basis holds x, y and 1, for everything affine, and smooth bumps for
the elastic distortion.

``training.augment`` does the same in TensorFlow, with what is drawn here.
"""

from __future__ import annotations

import math
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from mnist_core.config import TrainingConfig

STRETCHES = 4  # parts of each side in the elastic distortion: of 7 pixels each in MNIST


class Alterations(TypedDict, total=False):
    """What to do to each of ``n`` images."""

    coefficients: NDArray[np.float32]
    """``(n, 2, k)``: of the rows of :func:`basis`, for the x and the y of the place, in pixels;
    only where pixels move."""
    boxes: NDArray[np.int32]
    """``(n, 4)``: first row, row after the last, first column, column after the last of what is
    erased; only where something is."""


def draw(
    config: TrainingConfig, image_shape: tuple[int, ...], images: int, epoch: int
) -> Alterations:
    """Draw what is done to so many images in an epoch, from seed and epoch alone."""
    chance = np.random.default_rng([config.seed, epoch, 1])  # shuffling has [seed, epoch]
    height, width = image_shape[:2]
    # All are drawn, whatever is on, so that no setting changes what another one does.
    drawn = [*(chance.random((4, images), np.float32) * 2 - 1)]
    if config.flip:
        mirrored = chance.random(images) < 0.5
    drawn += [*(chance.random((2, images), np.float32) * 2 - 1)]
    alterations: Alterations = {}
    if config.erasing:
        alterations["boxes"] = _boxes(chance, config.erasing, images, height, width)
    if config.moves:
        # From a place in the output, seen from the centre, to one in the image.
        affine = np.zeros((images, 2, 3), np.float32)
        affine[:, 0, 0] = affine[:, 1, 1] = 1
        if config.rotation:
            angle = drawn[0] * np.float32(math.radians(config.rotation))
            affine[:, 0, 0] = affine[:, 1, 1] = np.cos(angle)
            affine[:, 0, 1], affine[:, 1, 0] = -np.sin(angle), np.sin(angle)
        if config.scale:
            size = drawn[1] * np.float32(math.log1p(config.scale))
            proportion = drawn[2] * np.float32(math.log1p(config.scale) / 2)
            affine[:, :, 0] *= np.exp(size + proportion)[:, None]
            affine[:, :, 1] *= np.exp(size - proportion)[:, None]
        if config.shear:
            affine[:, :, 1] += affine[:, :, 0] * (drawn[3] * np.float32(config.shear))[:, None]
        if config.flip:
            affine[mirrored, :, 0] *= -1
        centre = np.array([(width - 1) / 2, (height - 1) / 2], np.float32)
        affine[:, :, 2] = centre
        if config.shift:
            affine[:, :, 2] += np.stack(drawn[4:], axis=1) * np.float32(config.shift)
        affine[:, :, 2] -= affine[:, :, :2] @ centre
        if config.elastic:
            # Where bumps overlap, their sum varies less than each, on average over the image.
            spread = (_splines(STRETCHES * 7) ** 2).sum(axis=0).mean()
            limit = np.float32(math.sqrt(3) * config.elastic / spread)
            bumps = chance.random((images, 2, (STRETCHES + 3) ** 2), np.float32) * 2 - 1
            affine = np.concatenate([affine, bumps * limit], axis=2)
        alterations["coefficients"] = affine
    return alterations


def basis(config: TrainingConfig, image_shape: tuple[int, ...]) -> NDArray[np.float32]:
    """What the places of all pixels are made of: ``(k, height * width)``.

    Rows: x, y, 1, and, with an elastic distortion, cubic B-splines on a grid over the image.
    """
    height, width = image_shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    rows = np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
    if config.elastic:
        bumps = np.einsum("iy,jx->ijyx", _splines(height), _splines(width))
        rows = np.concatenate([rows, bumps.reshape(-1, height * width)])
    return rows.astype(np.float32)


def apply(
    config: TrainingConfig, images: NDArray[np.uint8], alterations: Alterations
) -> NDArray[np.float32]:
    """Alter images ``(n, height, width[, channels])``, uint8; float32 in [0, 1] of the same shape.

    A few at a time, for people to look at.
    """
    # Not at the top: it takes a fifth of a second, and the first page is waiting.
    from scipy.ndimage import map_coordinates

    altered = np.moveaxis(images.reshape(*images.shape[:3], -1), -1, 1).astype(np.float32)
    altered = altered / np.float32(255)
    if config.moves:
        height, width = images.shape[1:3]
        places = alterations["coefficients"] @ basis(config, images.shape[1:])
        rows_columns = places[:, ::-1].reshape(-1, 2, height, width)
        for image, place in zip(altered, rows_columns, strict=True):
            for layer in image:
                layer[:] = map_coordinates(layer, place, order=1, mode="nearest")
    if config.erasing:
        boxes = alterations["boxes"]
        for image, (top, bottom, left, right) in zip(altered, boxes, strict=True):
            image[:, top:bottom, left:right] = blank(images.shape[1:])
    return np.moveaxis(altered, 1, -1).reshape(images.shape)


def blank(image_shape: tuple[int, ...]) -> float:
    """What is put where something is erased: paper, and grey in pictures in colour."""
    return 0.0 if len(image_shape) == 2 else 0.5


def _boxes(
    chance: np.random.Generator, most: float, images: int, height: int, width: int
) -> NDArray[np.int32]:
    """Zhong et al. 2017, "Random erasing data augmentation", https://arxiv.org/abs/1708.04896."""
    area = chance.random(images) * most * height * width
    aspect = np.exp((chance.random(images) * 2 - 1) * math.log(2))
    sides = np.stack([np.sqrt(area * aspect), np.sqrt(area / aspect)], axis=1)
    sides = np.minimum(np.rint(sides), [height, width])
    first = np.floor(chance.random((images, 2)) * ([height, width] - sides + 1))
    return np.stack([first, first + sides], axis=2).reshape(images, 4).astype(np.int32)


def _splines(side: int) -> NDArray[np.float64]:
    """Cubic B-splines over ``side`` pixels, ``(STRETCHES + 3, side)``: smooth, with the sum 1."""
    knots = np.arange(-1, STRETCHES + 2)[:, None]
    away = np.abs(np.linspace(0, STRETCHES, side) - knots)
    near = 2 / 3 - away**2 + away**3 / 2
    return np.where(away < 1, near, np.maximum(0, 2 - away) ** 3 / 6)
