"""The smallest change of an image that has a network answer otherwise, found by questions alone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mnist_core.inference import BATCH, Predictor

Floats = NDArray[np.float32]

STEPS = 30
"""Towards another answer; most need three to eight."""
NUDGE = 0.05
"""By which each part of an image is made lighter or darker, to see what that does."""
BLOCKS = 1_100
"""At most about so many parts of an image are changed one by one: each is a question."""
BEYOND = 1.02
"""A step goes a little beyond where the answer should change, as in the paper."""
ALONG = 65
"""Places on the way to the change that are asked about, to see where the answer is another one."""


def smallest_change(network: Predictor, image: Floats, target: int | None = None) -> Floats | None:
    """What to add to an image for another answer, as little as can be found (Euclidean).

    Step by step to where the nearest of the other classes would win if the network were linear
    (DeepFool, of Moosavi-Dezfooli, Fawzi and Frossard 2016, https://arxiv.org/abs/1511.04599), with
    numerical gradients, and within the range of images. Pixels of large images, and the colours of
    a pixel, change together.

    Args:
        image: ``input_shape`` float32 in [0, 1].
        target: the answer wanted; None: any other one.

    Returns:
        ``input_shape`` float32; image and change together lie in [0, 1]. None where none is found,
        or the answer is the target already.
    """
    first = int(network.probabilities(image[np.newaxis])[0].argmax())
    if first == target:
        return None
    others = [target] if target is not None else [c for c in range(network.classes) if c != first]
    blocks, changed = _blocks(image.shape), image
    for _ in range(STEPS):
        odds, gradient = _odds_and_gradient(network, changed, blocks)
        if int(odds.argmax()) in others:
            return _shortened(network, image, changed - image, others)
        # How far it is to each class, along the steepest way there.
        steepness = (gradient[others] ** 2).sum(axis=1)
        if not steepness.any():
            return None
        nearest = int(np.argmin(-odds[others] / np.sqrt(np.maximum(steepness, 1e-12))))
        way = gradient[others[nearest]] / steepness[nearest]
        step = BEYOND * (1e-3 - odds[others[nearest]]) * way
        changed = np.clip(changed + _as_wide(step[blocks], image), 0, 1).astype(np.float32)
    return None


def along(
    network: Predictor, image: Floats, change: Floats, shares: Floats
) -> tuple[Floats, Floats]:
    """Images on the way to a change and beyond, and what the network makes of them.

    Args:
        shares: ``(n,)``, of the change; 0 is the image itself.

    Returns:
        The images ``(n, *input_shape)`` in [0, 1], and ``(n, classes)`` probabilities.
    """
    images = np.clip(image + np.multiply.outer(shares, change), 0, 1).astype(np.float32)
    return images, network.probabilities(images)


def _odds_and_gradient(
    network: Predictor, image: Floats, blocks: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Log-odds of each class against the answer, ``(classes,)``, and how they change with each
    block, ``(classes, blocks)``: 0 where it can't be changed that way any more."""
    grey = image.mean(axis=2) if image.ndim == 3 else image
    mean = np.bincount(blocks.ravel(), grey.ravel()) / np.bincount(blocks.ravel())
    nudges = np.where(mean > 0.5, -NUDGE, NUDGE).astype(np.float32)
    told = [network.probabilities(image[np.newaxis])]
    for first in range(0, len(nudges), BATCH):  # all of them at once would take much room
        some = np.arange(first, min(first + BATCH, len(nudges)))
        by_block = (blocks == some[:, None, None]) * nudges[some, None, None]
        nudged = np.clip(image + _as_wide(by_block, image), 0, 1)
        told.append(network.probabilities(nudged.astype(np.float32)))
    logs = np.log(np.maximum(np.concatenate(told), np.finfo(np.float32).tiny))
    odds = logs - logs[:, [logs[0].argmax()]]
    gradient = ((odds[1:] - odds[0]) / nudges[:, np.newaxis]).T
    is_stuck = ((mean <= 0) & (gradient < 0)) | ((mean >= 1) & (gradient > 0))
    return odds[0], np.where(is_stuck, 0, gradient).astype(np.float32)


def _as_wide(by_pixel: Floats, image: Floats) -> Floats:
    return by_pixel[..., np.newaxis] if image.ndim == 3 else by_pixel


def _blocks(shape: tuple[int, ...]) -> NDArray[np.intp]:
    """To which of the parts that change together each pixel belongs, ``(height, width)``."""
    height, width = shape[:2]
    side = math.ceil(math.sqrt(height * width / BLOCKS))
    across = math.ceil(width / side)
    return np.arange(height)[:, None] // side * across + np.arange(width) // side


def _shortened(network: Predictor, image: Floats, change: Floats, wanted: list[int]) -> Floats:
    """A change that is enough, no longer than it has to be."""
    shares = np.linspace(0, 1, ALONG, dtype=np.float32)
    answers = along(network, image, change, shares)[1].argmax(axis=1)
    is_enough = np.isin(answers, wanted)
    is_enough[-1] = True  # that is where it was found
    enough: Floats = change * shares[int(is_enough.argmax())]
    return enough
