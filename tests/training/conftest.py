"""Images that are quick to learn, and training on them with a list of what happened."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_core.config import TrainingConfig
from mnist_core.data.dataset import Dataset
from mnist_core.runs.events import Event
from mnist_core.runs.folder import Control
from mnist_core.training.fit import FitResult, fit

SMALL = TrainingConfig(widths=(16, 8), epochs=2, batch_size=8, learning_rate=0.01)
"""On 397 images, 357 without those held back: 45 steps an epoch, the last of them shorter."""


@pytest.fixture(scope="session")
def blobs() -> Dataset:
    """397 and 103 images of 6 x 6: four classes, each a bright quarter in noise."""
    chance = np.random.default_rng(0)
    labels = chance.integers(0, 4, 500).astype(np.uint8)
    images = chance.integers(0, 120, (500, 6, 6)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[3 * row : 3 * row + 3, 3 * column : 3 * column + 3] += 60
    images.setflags(write=False)  # as loading.load gives them
    return Dataset(
        name="blobs",
        title="Blobs",
        x_train=images[:397],
        y_train=labels[:397],
        x_test=images[397:],
        y_test=labels[397:],
        class_names=("a", "b", "c", "d"),
        source="",
    )


def in_colour(dataset: Dataset) -> Dataset:
    """The same in three channels that differ."""
    x_train, x_test = (
        np.stack([part, part // 2, 255 - part], axis=-1)
        for part in (dataset.x_train, dataset.x_test)
    )
    return replace(dataset, x_train=x_train, x_test=x_test)


Train = Callable[..., tuple[FitResult, list[Any]]]


@pytest.fixture
def train(blobs: Dataset) -> Train:
    """``train(**settings)`` -> the result and all events."""

    def run(
        stop_at: int | None = None,
        dataset: Dataset = blobs,
        events: list[Event] | None = None,
        checkpoint: Path | None = None,
        film: Path | None = None,
        **settings: Any,
    ) -> tuple[FitResult, list[Event]]:
        events = [] if events is None else events
        config = TrainingConfig(**{**SMALL.model_dump(), **settings})
        result = fit(
            config,
            dataset,
            events.append,
            lambda: Control(stop=stop_at is not None and len(events) >= stop_at),
            checkpoint,
            film,
        )
        return result, events

    return run
