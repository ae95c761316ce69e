"""What the batch events of a run, means over an epoch so far, say of each batch."""

from pathlib import Path

import numpy as np
import pytest

from mnist_core.runs.events import Event
from mnist_core.runs.history import History
from tests import builders


def history(*events: Event, batch_size: int = 64) -> History:
    past = History(Path("nowhere"), batch_size)
    for event in (builders.fitting(), *events):
        past.add(event)
    return past


def test_means_over_the_epoch_so_far_become_those_of_each_batch() -> None:
    """By images: 3,600 are 56 steps of 64 images, and one of 16."""
    drawn = np.random.default_rng(0)
    loss, right = drawn.uniform(0, 2, 3_600), drawn.uniform(size=3_600) < 0.7
    ends = (32, 56, 57)
    events = [
        builders.batch(1, step, loss=loss[: 64 * step].mean(), accuracy=right[: 64 * step].mean())
        for step in ends
    ]
    again = [event.model_copy(update={"epoch": 2}) for event in events]
    batches = history(*events, builders.epoch(1), *again).all_batches

    parts = np.split(np.arange(3_600), [32 * 64, 56 * 64])
    assert batches.loss == pytest.approx([loss[part].mean() for part in parts] * 2)
    assert batches.accuracy == pytest.approx([right[part].mean() for part in parts] * 2)
    assert batches.step.tolist() == [*ends] * 2
    assert batches.images.tolist() == [2_048, 1_536, 16] * 2
    assert batches.at == pytest.approx([32 / 57, 56 / 57, 1, 1 + 32 / 57, 1 + 56 / 57, 2])


def test_an_epoch_that_left_no_batch_counts_as_one() -> None:
    batches = history(
        builders.epoch(1, loss=0.9, accuracy=0.5), builders.batch(2, 32, loss=0.4)
    ).all_batches

    assert batches.at == pytest.approx([1, 1 + 32 / 57])
    assert batches.loss == pytest.approx([0.9, 0.4])
    assert batches.learning_rate[0] == 0.001


def test_what_was_not_finite_or_not_written_down_is_no_number() -> None:
    batches = history(
        builders.batch(1, 32, loss=None), builders.batch(2, 32, learning_rate=0.01)
    ).all_batches

    assert np.isnan(batches.loss).tolist() == [True, False]
    assert np.isnan(batches.learning_rate).tolist() == [True, False]


def test_the_loss_is_the_one_that_compares_where_it_is_known() -> None:
    past = history(
        builders.batch(1, 57, loss=0.9, crossentropy=0.3),
        builders.epoch(1, val_loss=0.8, crossentropy=0.3, val_crossentropy=0.2),
    )
    assert past.all_batches.loss == pytest.approx([0.3])
    assert past.validation("loss")[1] == pytest.approx([0.2])
    assert "without the label smoothing of 0.1" in past.about_losses(0.1)
    assert past.about_losses(0) == ""

    old = history(builders.batch(1, 57, loss=0.9), builders.epoch(1, val_loss=0.8))
    assert old.all_batches.loss == pytest.approx([0.9])
    assert old.validation("loss")[1] == pytest.approx([0.8])
    assert "lies above that of a run without smoothing" in old.about_losses(0.1)


def test_what_was_read_stays_as_more_comes() -> None:
    past = history(builders.batch(1, 1, loss=0.5))
    before = past.all_batches.loss
    for step in range(2, 58):
        past.add(builders.batch(1, step, loss=0.5))
    for epoch in (2, 3):
        for step in range(1, 58):
            past.add(builders.batch(epoch, step, loss=0.25))

    assert before.tolist() == [0.5]
    assert len(past.all_batches) == 3 * 57
    assert past.all_batches.loss == pytest.approx([0.5] * 57 + [0.25] * 114)


def test_validation_lies_where_its_epoch_ended() -> None:
    places, values = history(
        builders.epoch(1), builders.epoch(2, step=19, val_accuracy=None)
    ).validation("accuracy")

    assert places == pytest.approx([1, 1 + 19 / 57])
    assert values[0] == 0.9
    assert np.isnan(values[1])
