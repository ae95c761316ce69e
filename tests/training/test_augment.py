"""TensorFlow alters batches as NumPy does, and training on them can be repeated and continued."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from mnist_core import augmentation
from mnist_core.config import TrainingConfig
from mnist_core.training.augment import Augmenter

from .conftest import Train
from .test_fit import without_times

ALL = {"shift": 2, "rotation": 20, "scale": 0.2, "shear": 0.2, "flip": True, "erasing": 0.2}


@pytest.mark.parametrize(
    "settings", [{"shift": 1.5}, {"flip": True}, {"elastic": 1.5}, {"erasing": 0.3}, ALL]
)
@pytest.mark.parametrize("shape", [(28, 28), (10, 13, 3)])
def test_agrees_with_numpy(settings: dict[str, Any], shape: tuple[int, ...]) -> None:
    config = TrainingConfig(**settings)
    images = np.random.default_rng(0).integers(0, 256, (23, *shape)).astype(np.uint8)
    augmenter = Augmenter(config, shape, 23)
    for epoch in (0, 4):
        augmenter.on_epoch_begin(epoch)
        drawn = augmentation.draw(config, shape, 23, epoch)
        expected = augmentation.apply(config, images, drawn)
        for start, end in ((0, 10), (10, 23)):
            actual = augmenter(tf.constant(images[start:end]), tf.constant(start, tf.int64))
            np.testing.assert_allclose(actual, expected[start:end], atol=1e-4)


def test_only_training_images_are_altered(train: Train) -> None:
    # Erasing half of them at most makes blobs hard to tell, but those to be judged stay whole.
    _, events = train(erasing=0.5, epochs=8, dropout=0.0)
    assert events[-1].val_accuracy > events[-1].accuracy


def test_repeats_to_the_last_digit(train: Train) -> None:
    first = without_times(train(elastic=0.5, **ALL)[1])
    assert first == without_times(train(elastic=0.5, **ALL)[1])
    assert first != without_times(train(elastic=0.5, **ALL | {"shift": 1})[1])


def test_goes_on_as_if_it_had_not_been_interrupted(train: Train, tmp_path: Path) -> None:
    settings = {**ALL, "elastic": 0.5, "ema": 0.9, "epochs": 3}
    whole = train(**settings)
    _, events = train(stop_at=EVENTS_OF_TWO_EPOCHS, checkpoint=tmp_path / "state", **settings)
    result, rest = train(checkpoint=tmp_path / "state", **settings)
    assert without_times(events + rest[1:]) == without_times(whole[1])
    for ours, theirs in zip(result.model.weights, whole[0].model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


EVENTS_OF_TWO_EPOCHS = 7  # Fitting, and twice two Batches and an Epoch
