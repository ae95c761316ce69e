"""Which images a training is judged by, while it lasts: they are held back from what it learns."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mnist_core.config import TrainingConfig


def split(config: TrainingConfig, images: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Which of so many images to train on, and which to hold back: drawn by the seed."""
    drawn = np.random.default_rng(config.seed).permutation(images).astype(np.int32)
    held_back = round(config.validation_share * images) if config.validation_share else 0
    return drawn[held_back:], drawn[:held_back]


def steps_per_epoch(config: TrainingConfig, images: int) -> int:
    """How many batches an epoch has, of so many images less those that are held back."""
    return math.ceil(len(split(config, images)[0]) / config.batch_size)
