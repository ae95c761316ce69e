"""What is told during training, how it ends, and that it can be repeated to the last digit."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from mnist_core.config import ConfigError, TrainingConfig
from mnist_core.data.dataset import Dataset
from mnist_core.runs.events import Batch, Epoch, Fitting, Paused, Resumed
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Control
from mnist_core.training import fit as fitting
from mnist_core.training.callbacks import Shuffle
from mnist_core.training.fit import Diverged, fit, probabilities
from mnist_core.validation import split

from .conftest import SMALL, Train


def without_times(events: list[Any]) -> list[dict[str, Any]]:
    return [
        event.model_dump(exclude={"time", "seconds", "elapsed", "images_per_second"})
        for event in events
    ]


def test_tells_all_in_order(train: Train) -> None:
    _, events = train()
    assert [type(event) for event in events] == [Fitting, *[Batch, Batch, Epoch] * 2]
    # A tenth of 397 images is held back; 357 are 44 batches of 8 and one of 5.
    assert events[0].model_dump(exclude={"time", "kind"}) == {
        "weights": (36 + 1) * 16 + (16 + 1) * 8 + (8 + 1) * 4,
        "multiply_adds": 36 * 16 + 16 * 8 + 8 * 4,
        "train_images": 357,
        "validation_images": 40,
        "steps_per_epoch": 45,
    }
    batches = [event for event in events if isinstance(event, Batch)]
    assert [(batch.epoch, batch.step) for batch in batches] == [(1, 32), (1, 45), (2, 32), (2, 45)]
    assert all(batch.images_per_second > 0 for batch in batches)
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert all(epoch.seconds > 0 for epoch in epochs)
    assert all(epoch.learning_rate == pytest.approx(0.01) for epoch in epochs)
    for batch, epoch in zip(batches[1::2], epochs, strict=True):  # both of the whole epoch
        assert (batch.loss, batch.accuracy) == (epoch.loss, epoch.accuracy)


def test_learns_and_keeps_to_the_end(train: Train, blobs: Dataset) -> None:
    result, events = train(epochs=6)
    assert not result.stopped
    assert result.message == ""
    assert result.train_seconds > 0
    assert events[-1].val_accuracy > 0.9
    guesses = probabilities(result.model, blobs.x_test)
    assert np.mean(guesses.argmax(axis=1) == blobs.y_test) > 0.9


def test_the_last_shorter_batch_is_trained_on_too(train: Train) -> None:
    result, _ = train()
    assert int(result.model.optimizer.iterations) == 2 * 45


def test_dropout_counts_the_steps(train: Train) -> None:
    # A file keeps the steps but not dropout's state, which can be set from them to train on.
    result, _ = train(seed=7)
    states = [
        layer.seed_generator.state.numpy()
        for layer in result.model.layers
        if layer.name.startswith("dropout")
    ]
    assert [int(count) for _, count in states] == [2 * 45] * 2


def test_a_batch_may_be_larger_than_the_data(train: Train) -> None:
    result, events = train(batch_size=1024)
    assert events[0].steps_per_epoch == 1
    assert [event.step for event in events if isinstance(event, Batch)] == [1, 1]
    assert int(result.model.optimizer.iterations) == 2


def test_nothing_held_back_nothing_validated(train: Train) -> None:
    _, events = train(validation_share=0.0)
    assert (events[0].train_images, events[0].validation_images) == (397, 0)
    assert (events[-1].val_loss, events[-1].val_accuracy) == (None, None)


def test_validation_is_of_the_images_held_back(train: Train, blobs: Dataset) -> None:
    result, events = train()
    _, held_back = split(TrainingConfig(), 397)
    guesses = probabilities(result.model, blobs.x_train[held_back]).argmax(axis=1)
    accuracy = np.mean(guesses == blobs.y_train[held_back])
    assert events[-1].val_accuracy == pytest.approx(accuracy)


def test_smoothed_labels_leave_losses_that_can_be_compared(train: Train, blobs: Dataset) -> None:
    result, events = train(label_smoothing=0.2)
    _, held_back = split(TrainingConfig(), 397)
    guesses = probabilities(result.model, blobs.x_train[held_back])
    right = guesses[np.arange(40), blobs.y_train[held_back]]
    last, batch = events[-1], events[-2]

    assert last.val_crossentropy == pytest.approx(-np.log(right).mean(), rel=1e-5)
    assert last.val_loss > last.val_crossentropy
    assert batch.crossentropy == last.crossentropy
    assert 0 < last.crossentropy < last.loss
    assert train()[1][-1].crossentropy is None  # nothing is smoothed: it is the loss


def test_each_batch_tells_the_learning_rate(train: Train) -> None:
    _, events = train(schedule="one-cycle", epochs=1)
    rates = [event.learning_rate for event in events if isinstance(event, Batch)]

    peak, steps = 0.01, 45
    done = [(step + 1) / (steps + 1) for step in (32, 45)]  # of the step to come
    assert rates == pytest.approx([peak * (1 - share) / 0.8 for share in done], abs=1e-6)


def test_test_images_are_not_touched(train: Train, blobs: Dataset) -> None:
    other = replace(blobs, x_test=blobs.x_test[:1] * 0, y_test=blobs.y_test[:1])
    assert without_times(train()[1]) == without_times(train(dataset=other)[1])


@pytest.mark.parametrize("share", [0.1, 0.5, 1 / 397])
def test_split_parts_the_images(share: float) -> None:
    config = TrainingConfig(validation_share=share)
    training, held_back = split(config, 397)
    assert len(held_back) == round(397 * share)
    assert sorted([*training, *held_back]) == list(range(397))
    np.testing.assert_array_equal(held_back, split(config, 397)[1])


def test_split_is_drawn_by_the_seed() -> None:
    parts = [set(split(TrainingConfig(seed=seed), 397)[1]) for seed in (1, 2)]
    assert parts[0] != parts[1]
    assert max(parts[0]) > 357  # not just the first
    assert min(parts[0]) < 40  # nor the last


def test_a_share_that_holds_nothing_back_is_refused(train: Train) -> None:
    with pytest.raises(ConfigError, match=r"validation_share is 0.001.*397.*at least 0\.0025"):
        train(validation_share=0.001)


def shuffled(training: NDArray[np.int32], seed: int, epoch: int) -> NDArray[np.int32]:
    order = tf.Variable(training)
    Shuffle(order, training, seed).on_epoch_begin(epoch)
    return np.asarray(order)


def test_every_epoch_has_every_image_in_an_order_of_its_own() -> None:
    training = np.array([5, 7, 11, 13, 17, 19, 23, 29], np.int32)
    orders = [shuffled(training, seed, epoch) for seed in (1, 2) for epoch in (0, 1)]
    assert all(sorted(order) == sorted(training) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    np.testing.assert_array_equal(orders[1], shuffled(training, 1, 1))


def test_batches_are_scaled_and_follow_the_order(blobs: Dataset) -> None:
    order = tf.Variable(np.arange(10, dtype=np.int32))
    batches = fitting.batches(tf.constant(blobs.x_train), tf.constant(blobs.y_train), order, size=4)
    for chosen in (np.arange(10), np.arange(10)[::-1] * 30):
        order.assign(chosen.astype(np.int32))
        images, labels = zip(*batches.as_numpy_iterator(), strict=True)
        assert [len(part) for part in images] == [4, 4, 2]
        np.testing.assert_array_equal(np.concatenate(labels), blobs.y_train[chosen])
        np.testing.assert_allclose(
            np.concatenate(images), blobs.x_train[chosen] / np.float32(255), rtol=1e-6
        )


@pytest.mark.parametrize(
    ("stop_at", "steps", "epochs"),
    [
        (1, 32, 1),  # at Fitting: one execution is trained, and counts as an epoch
        (2, 32, 1),
        (4, 45, 1),  # after the first epoch
        (5, 45 + 32, 2),
    ],
)
def test_stop_keeps_what_was_done(train: Train, stop_at: int, steps: int, epochs: int) -> None:
    result, events = train(stop_at=stop_at, epochs=50)
    assert result.stopped
    assert int(result.model.optimizer.iterations) == steps
    assert isinstance(events[-1], Epoch)
    assert events[-1].epoch == epochs
    assert events[-1].val_loss is not None


def test_stop_at_the_very_end_is_an_end(train: Train) -> None:
    result, events = train(stop_at=7)
    assert len(events) == 7
    assert not result.stopped


# --- Steering. What is wanted is asked after each execution of 32 steps, and after each epoch. ---


class Wishes:
    """``wanted`` of :func:`fit`: the n-th look at it gives the n-th wish, the last one for good."""

    def __init__(self, *wishes: Control) -> None:
        self._wishes = list(wishes)

    def __call__(self) -> Control:
        return self._wishes.pop(0) if len(self._wishes) > 1 else self._wishes[0]


def steer(blobs: Dataset, *wishes: Control, **settings: Any) -> list[Any]:
    events: list[Any] = []
    fit(SMALL.model_copy(update=settings), blobs, events.append, Wishes(*wishes))
    return events


def kinds(events: list[Any]) -> list[str]:
    return [event.kind for event in events]


PAUSE = Control(pause_at=0)
GO = Control()


def test_a_pause_changes_nothing_but_the_time_of_the_clock(blobs: Dataset, train: Train) -> None:
    looks = 6  # 0.3 s of looking
    events = steer(blobs, *[PAUSE] * looks, GO)
    kept = [event for event in events if not isinstance(event, Paused | Resumed)]

    assert kinds(events) == [
        *("fitting", "batch", "paused", "resumed", "batch", "epoch"),
        *("batch", "batch", "epoch"),
    ]
    assert without_times(kept) == without_times(train()[1])
    paused, resumed = events[2:4]
    assert (paused.epoch, paused.step, paused.steps) == (1, 32, 32)
    on_the_wall = kept[-1].time - kept[0].time
    assert kept[-1].elapsed <= on_the_wall - (resumed.time - paused.time)


def test_one_step_of_the_pause_is_one_execution(blobs: Dataset) -> None:
    wishes = [PAUSE, Control(pause_at=64), Control(pause_at=64), GO]
    events = steer(blobs, *wishes, batch_size=4)  # 90 steps an epoch: 32, 32 and 26
    assert [(e.step, e.steps) for e in events if isinstance(e, Paused)] == [(32, 32), (64, 64)]


def test_a_pause_at_the_end_of_an_epoch_waits_for_its_judgement(blobs: Dataset) -> None:
    events = steer(blobs, Control(pause_at=45), Control(pause_at=45), Control(pause_at=45), GO)
    assert kinds(events)[:6] == ["fitting", "batch", "batch", "epoch", "paused", "resumed"]
    assert (events[4].epoch, events[4].step, events[4].steps) == (1, 45, 45)


def test_there_is_no_pause_when_all_is_done(blobs: Dataset) -> None:
    assert "paused" not in kinds(steer(blobs, Control(pause_at=90)))


def test_stop_ends_a_pause(blobs: Dataset) -> None:
    events = steer(blobs, PAUSE, PAUSE, Control(pause_at=0, stop=True), epochs=50)
    assert kinds(events) == ["fitting", "batch", "paused", "resumed", "epoch"]


@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_a_new_learning_rate_holds_from_the_next_steps_on(
    blobs: Dataset, train: Train, schedule: str
) -> None:
    settings = {"schedule": schedule, "learning_rate": 0.01}
    plain = train(**settings)[1]
    slowed = steer(blobs, GO, Control(learning_rate=0.002), **settings)
    change = slowed[4]

    assert (change.kind, change.epoch, change.step) == ("learning_rate", 1, 45)
    assert change.learning_rate == 0.002
    assert without_times(slowed[:4]) == without_times(plain[:4])  # what came before
    assert slowed[-1].learning_rate == pytest.approx(plain[-1].learning_rate / 5)
    assert slowed[-1].loss != plain[-1].loss
    assert kinds(slowed).count("learning_rate") == 1


def test_a_learning_rate_can_change_in_a_pause(blobs: Dataset) -> None:
    slower = Control(pause_at=0, learning_rate=0.001)
    events = steer(blobs, PAUSE, PAUSE, slower, slower, Control(learning_rate=0.001))
    assert kinds(events)[:5] == ["fitting", "batch", "paused", "learning_rate", "resumed"]


# --- Going on ---


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
def test_two_and_three_epochs_more_are_five(train: Train, tmp_path: Path, optimizer: str) -> None:
    settings = {"optimizer": optimizer, "dropout": 0.3}
    at_once, events = train(epochs=5, **settings)
    checkpoint = tmp_path / "checkpoint.npz"
    _, first = train(epochs=2, checkpoint=checkpoint, **settings)
    in_two, then = train(epochs=5, checkpoint=checkpoint, **settings)

    assert without_times([*first, *then[1:]]) == without_times(events)
    assert then[-1].elapsed > first[-1].elapsed
    for together, alone in zip(in_two.model.weights, at_once.model.weights, strict=True):
        np.testing.assert_array_equal(together, alone)


def test_one_cycle_goes_on_as_if_all_had_been_asked_for_at_once(
    train: Train, tmp_path: Path
) -> None:
    settings = {"schedule": "one-cycle", "epochs": 4}
    _, events = train(**settings)
    checkpoint = tmp_path / "checkpoint.npz"
    train(stop_at=4, checkpoint=checkpoint, **settings)  # after the first epoch
    _, then = train(checkpoint=checkpoint, **settings)

    assert without_times(then[1:]) == without_times(events[4:])


def test_a_changed_learning_rate_is_kept_when_training_goes_on(
    blobs: Dataset, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.npz"
    config = SMALL.model_copy(update={"epochs": 1})
    fit(config, blobs, lambda event: None, lambda: Control(learning_rate=0.002), checkpoint)
    events: list[Any] = []
    fit(SMALL, blobs, events.append, checkpoint=checkpoint)

    assert [e.learning_rate for e in events if isinstance(e, Epoch)] == [pytest.approx(0.002)]


def test_the_checkpoint_of_another_network_is_refused(train: Train, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint.npz"
    train(checkpoint=checkpoint)
    with pytest.raises(RunError, match=r"checkpoint\.npz is damaged"):
        train(checkpoint=checkpoint, widths=(16,))
    with pytest.raises(RunError, match=r"checkpoint\.npz is damaged"):
        train(checkpoint=checkpoint, widths=(16, 9))
    checkpoint.write_bytes(checkpoint.read_bytes()[:2000])
    with pytest.raises(RunError, match=r"checkpoint\.npz is damaged"):
        train(checkpoint=checkpoint)


def test_diverging_ends_with_advice(train: Train) -> None:
    events: list[Any] = []

    def train_wildly() -> None:
        for seed in range(8):  # two in three diverge
            events.clear()
            train(
                events=events,
                seed=seed,
                widths=(64,) * 6,
                optimizer="sgd",
                learning_rate=1.0,
                dropout=0.0,
            )

    with pytest.raises(Diverged, match=r"not a number after [\d,]+ steps.*lower.* than 1$"):
        train_wildly()
    assert events[-1].loss is None or events[-1].val_loss is None


def test_early_stopping_keeps_the_best_weights(train: Train, blobs: Dataset) -> None:
    chance = np.random.default_rng(1)
    noise = replace(blobs, y_train=chance.integers(0, 4, 397).astype(np.uint8))
    result, events = train(dataset=noise, patience=2, epochs=100)
    epochs = [event for event in events if isinstance(event, Epoch)]
    losses = [epoch.val_loss or 0 for epoch in epochs]
    best = int(np.argmin(losses))
    assert len(epochs) == best + 1 + 2
    assert not result.stopped
    assert result.message == (
        "Ended early: 2 epochs without a lower validation loss. The weights are those of epoch "
        f"{best + 1}, which had the lowest validation loss."
    )
    _, held_back = split(TrainingConfig(), 397)
    guesses = probabilities(result.model, noise.x_train[held_back])
    loss = -np.log(guesses[np.arange(40), noise.y_train[held_back]]).mean()
    assert loss == pytest.approx(losses[best], rel=1e-5)


def test_patience_says_so_when_the_last_weights_are_not_kept(train: Train, blobs: Dataset) -> None:
    chance = np.random.default_rng(1)
    noise = replace(blobs, y_train=chance.integers(0, 4, 397).astype(np.uint8))
    result, events = train(dataset=noise, patience=50, epochs=12)
    losses = [event.val_loss or 0 for event in events if isinstance(event, Epoch)]
    best = int(np.argmin(losses)) + 1
    assert best < 12
    assert result.message == (
        f"The weights are those of epoch {best}, which had the lowest validation loss."
    )


def test_one_cycle_spans_the_training(train: Train) -> None:
    _, events = train(schedule="one-cycle", epochs=5)
    rates = [event.learning_rate for event in events if isinstance(event, Epoch)]
    assert rates == pytest.approx([0.01, 0.0075, 0.005, 0.0025, 0], abs=1e-4)


def test_what_is_judged_and_kept_is_the_average(train: Train, blobs: Dataset) -> None:
    result, events = train(ema=0.98, learning_rate=0.05, epochs=3)
    _, held_back = split(TrainingConfig(), 397)
    guesses = probabilities(result.model, blobs.x_train[held_back])
    labels = blobs.y_train[held_back]
    loss = -np.log(guesses[np.arange(40), labels]).mean()
    assert events[-1].val_loss == pytest.approx(loss, rel=1e-5)
    assert events[-1].val_accuracy == pytest.approx(np.mean(guesses.argmax(axis=1) == labels))
    averages = result.model.optimizer._model_variables_moving_average
    for variable, average in zip(result.model.trainable_variables, averages, strict=True):
        np.testing.assert_array_equal(variable, average)


def test_judging_the_average_leaves_the_training_as_it_is(train: Train) -> None:
    # The loss of training is that of the newest weights, whatever else is kept of them.
    plain, averaged = (
        [event.loss for event in train(ema=ema)[1] if isinstance(event, Batch)] for ema in (0, 0.9)
    )
    assert plain == averaged


def test_early_stopping_keeps_the_best_average(train: Train, blobs: Dataset) -> None:
    chance = np.random.default_rng(1)
    noise = replace(blobs, y_train=chance.integers(0, 4, 397).astype(np.uint8))
    result, events = train(dataset=noise, patience=2, epochs=100, ema=0.95)
    losses = [event.val_loss or 0 for event in events if isinstance(event, Epoch)]
    _, held_back = split(TrainingConfig(), 397)
    guesses = probabilities(result.model, noise.x_train[held_back])
    loss = -np.log(guesses[np.arange(40), noise.y_train[held_back]]).mean()
    assert loss == pytest.approx(min(losses), rel=1e-5)


def test_probabilities_are_those_of_predict(train: Train, blobs: Dataset) -> None:
    result, _ = train()
    images = np.concatenate([blobs.x_train] * 2)  # more than are evaluated at once
    actual = probabilities(result.model, images)
    assert actual.dtype == np.float32
    expected = result.model.predict(images.astype(np.float32) / 255, verbose=0)
    np.testing.assert_allclose(actual, expected, atol=1e-6)


CONVOLUTIONAL: dict[str, Any] = {
    "architecture": "convolutional",
    "filters": (6, 16),  # normalized by Keras, and by the fused kernel
    "convolutions": 2,
    "block_dropout": 0.1,
}


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"optimizer": "sgd"},
        {"optimizer": "rmsprop"},
        {"weight_decay": 0.1, "label_smoothing": 0.1, "ema": 0.9, "schedule": "cosine"},
        CONVOLUTIONAL,
        {**CONVOLUTIONAL, "batch_normalization": False, "widths": ()},
    ],
)
def test_repeats_to_the_last_digit_in_one_process(train: Train, settings: dict[str, Any]) -> None:
    first = without_times(train(**settings)[1])
    train(optimizer="adam", seed=2, widths=(5,))
    again = without_times(train(**settings)[1])
    assert first == again
    assert first != without_times(train(**settings, seed=2)[1])


SCRIPT = """
from mnist_core.data import loading
from mnist_core.config import TrainingConfig
from mnist_core.training import fit
fit.warm_up(threads={threads})
config = TrainingConfig(dataset="mnist-sample", epochs=2, **{settings})
for before in {before}:
    fit.fit(before, loading.load("mnist-sample"), lambda event: None)
def emit(event):
    print(event.model_dump(exclude={{"time", "seconds", "elapsed", "images_per_second"}}))
fit.fit(config, loading.load("mnist-sample"), emit)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"widths": (64, 32)},
        {"architecture": "convolutional", "filters": (8, 16), "elastic": 1.0, "rotation": 10},
    ],
)
def test_repeats_to_the_last_digit_in_a_fresh_process(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    def history(threads: int, before: str) -> str:
        script = SCRIPT.format(threads=threads, before=before, settings=settings)
        root = Path(fitting.__file__).parents[2]
        return subprocess.run(
            [sys.executable, "-c", script],
            cwd=root,
            env=os.environ | {"DIGIT_LAB_DATA": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    first = history(threads=2, before="[]")
    assert first.count("'kind': 'epoch'") == 2
    assert first == history(threads=2, before="[TrainingConfig(epochs=1, seed=5)]")
    if "architecture" not in settings:
        # How many cores a worker has depends on how many workers there are. Convolutions add up
        # their gradients in as many parts.
        assert first == history(threads=1, before="[]")
