"""What is said of a run, against figures worked by hand."""

from pathlib import Path

import numpy as np
import pytest

from mnist_core.evaluation import Evaluation, evaluate
from mnist_core.lessons import lessons_of
from mnist_core.runs.history import History
from tests.builders import epoch, fitting

NAMES = ("cat", "dog", "emu")


def judged(confusion: list[list[int]]) -> Evaluation:
    """A network with this confusion matrix of cats, dogs and emus."""
    cells = [(t, p) for t in range(3) for p in range(3) for _ in range(confusion[t][p])]
    true, predicted = np.array(cells, np.uint8).T
    return evaluate(np.eye(3, dtype=np.float32)[predicted], true, NAMES)


def trained(
    *epochs: tuple[float, float | None, float | None],
    validation_images: int = 400,
    losses: tuple[float, ...] = (),
    rates: tuple[float, ...] = (),
) -> History:
    """A training with these accuracies, validation accuracies and validation losses.

    The training losses and the learning rates are those of every other epoch where none are given.
    """
    history = History(Path("events.jsonl"))
    history.add(fitting(validation_images=validation_images))
    for number, (accuracy, val_accuracy, val_loss) in enumerate(epochs, 1):
        figures = {"accuracy": accuracy, "val_loss": val_loss, "val_accuracy": val_accuracy}
        if losses:
            figures["loss"] = losses[number - 1]
        if rates:
            figures["learning_rate"] = rates[number - 1]
        history.add(epoch(number, **figures))
    return history


PERFECT = judged([[5, 0, 0], [0, 5, 0], [0, 0, 5]])
NOTHING_LEARNED = trained()


def test_the_hardest_class_is_that_of_the_least_recall() -> None:
    first = lessons_of(judged([[8, 2, 0], [3, 17, 0], [0, 1, 9]]), NOTHING_LEARNED)[0]

    assert first == (
        "cat was the hardest class: 8 of its 10 test images were recognised, 80.0%, "
        "where 85.0% of all test images were."
    )


def test_of_equally_hard_classes_none_is_called_the_hardest() -> None:
    first = lessons_of(judged([[8, 2, 0], [2, 8, 0], [0, 0, 9]]), NOTHING_LEARNED)[0]

    assert first.startswith("No class was harder than cat: 8 of its 10")


def test_a_class_without_test_images_is_not_the_hardest() -> None:
    first = lessons_of(judged([[0, 0, 0], [1, 3, 0], [0, 0, 4]]), NOTHING_LEARNED)[0]

    assert first.startswith("dog was the hardest class: 3 of its 4")


def test_mistakes_are_counted_both_ways() -> None:
    second = lessons_of(judged([[5, 1, 0], [2, 5, 0], [2, 0, 5]]), NOTHING_LEARNED)[1]

    assert second == (
        "It confused cat and dog most often: it took 1 image of cat for dog, and 2 images of dog "
        "for cat. That makes up 60% of its mistakes."
    )


def test_of_equally_confused_pairs_none_is_called_the_worst() -> None:
    second = lessons_of(judged([[5, 3, 0], [0, 5, 3], [0, 0, 5]]), NOTHING_LEARNED)[1]

    assert second.startswith("No two classes were confused more often than cat and dog: ")
    assert "it took 3 images of cat for dog, and no image of dog for cat." in second


def test_of_two_classes_it_is_clear_which_are_confused() -> None:
    confusion = np.array([[9, 1], [2, 8]])
    cells = [(t, p) for t in range(2) for p in range(2) for _ in range(confusion[t][p])]
    true, predicted = np.array(cells, np.uint8).T
    two = evaluate(np.eye(2, dtype=np.float32)[predicted], true, NAMES[:2])

    assert len(lessons_of(two, NOTHING_LEARNED)) == 1


def test_a_network_that_always_answers_the_same_is_said_to_guess() -> None:
    said = lessons_of(judged([[8, 0, 0], [8, 0, 0], [9, 0, 0]]), trained((0.9, 0.6, 0.5)))

    assert said == [
        "It always answers cat, and is no better than guessing: 32.0% of the test images were "
        "recognised, and 36.0% would be by always answering emu. Give it more epochs, more "
        "images, or another learning rate."
    ]


def test_a_network_that_may_be_guessing_is_not_praised() -> None:
    said = lessons_of(judged([[4, 3, 3], [3, 4, 3], [3, 3, 4]]), trained((0.9, 0.6, 0.5)))

    assert len(said) == 1
    assert said[0].startswith("It is no better than guessing: 40.0% of the test images")


def test_a_network_without_mistakes_has_no_weakness() -> None:
    assert lessons_of(PERFECT, NOTHING_LEARNED) == ["It recognised every test image."]


@pytest.mark.parametrize(
    ("accuracy", "val_accuracy", "overfits"),
    [
        (0.99, 0.90, True),
        (0.92, 0.90, False),  # 400 images say no better than 0.867 to 0.926
        (0.80, 0.90, False),
    ],
)
def test_overfitting_is_more_than_chance(
    accuracy: float, val_accuracy: float, overfits: bool
) -> None:
    said = lessons_of(PERFECT, trained((accuracy, val_accuracy, 0.5)))[1]

    so_far = ", counted while it still learned," if accuracy < val_accuracy else ""
    assert f"on {accuracy:.1%} of the training images{so_far} and on {val_accuracy:.1%}" in said
    assert ("it overfits" in said) is overfits
    assert ("no sign of overfitting" in said) is not overfits


def test_a_small_gap_is_no_overfitting_however_many_images_show_it() -> None:
    said = lessons_of(PERFECT, trained((0.995, 0.990, 0.5), validation_images=1_000_000))[1]

    assert "no sign of overfitting" in said


def test_without_validation_nothing_is_said_of_overfitting_and_progress() -> None:
    said = lessons_of(PERFECT, trained((0.9, None, None), (0.95, None, None)))[1:]

    assert said == ["It was trained without validation images, so nobody can tell if it overfits."]


def verdict(history: History) -> str:
    """What is said of a training; there is one sentence on the network, and one on this."""
    _, said = lessons_of(PERFECT, history)
    return said


def test_a_validation_loss_that_still_falls_asks_for_more_epochs() -> None:
    assert verdict(trained((0.8, 0.8, 0.5), (0.8, 0.8, 0.4))) == (
        "In the last epoch, it was right on 80.0% of the training images and on 80.0% of the 400 "
        "validation images, and its validation loss still fell, from 0.5000 to 0.4000: no sign of "
        "overfitting. It was still learning: more epochs might make it better."
    )


def test_a_schedule_that_has_come_to_its_end_asks_for_no_more_epochs() -> None:
    said = verdict(trained((0.8, 0.8, 0.5), (0.8, 0.8, 0.4), rates=(0.003, 0.0)))

    assert said.endswith(
        "no sign of overfitting. Its learning rate had come to its end by then, so this training "
        "is complete; a longer one might be better."
    )


def test_an_overfitting_network_is_not_given_more_epochs() -> None:
    said = verdict(trained((0.9, 0.8, 0.5), (0.99, 0.8, 0.4)))

    assert "it overfits" in said
    assert said.endswith(
        "More epochs would help less, though its validation loss still fell, from 0.5000 to 0.4000."
    )


def test_the_epoch_of_the_lowest_validation_loss_is_named() -> None:
    assert verdict(trained((0.8, 0.8, 0.5), (0.8, 0.8, 0.4), (0.8, 0.8, 0.42))) == (
        "In the last epoch, it was right on 80.0% of the training images and on 80.0% of the 400 "
        "validation images; its validation loss was lowest after epoch 2 of 3, at 0.4000, and "
        "ended at 0.4200: no sign of overfitting, but more epochs like the last ones would hardly "
        "help."
    )


@pytest.mark.parametrize(
    ("ended_at", "training_loss", "overfits"),
    [
        (0.54, 0.1, True),
        (0.43, 0.1, False),  # hardly more than its lowest
        (0.54, 0.4, False),  # training went astray: that is not by heart
    ],
)
def test_a_validation_loss_that_rises_while_the_training_loss_falls_is_overfitting(
    ended_at: float, training_loss: float, overfits: bool
) -> None:
    """Even where the accuracies agree."""
    said = verdict(
        trained(
            (0.8, 0.8, 0.5),
            (0.8, 0.8, 0.4),
            (0.8, 0.8, ended_at),
            losses=(0.5, 0.3, training_loss),
        )
    )

    assert ("it overfits" in said) is overfits
    assert ("while the training loss went on falling" in said) is overfits
    assert ("no sign of overfitting" in said) is not overfits


def test_one_epoch_says_nothing_of_progress() -> None:
    assert len(lessons_of(PERFECT, trained((0.8, 0.8, 0.5)))) == 2


def test_losses_are_told_without_the_label_smoothing_that_curves_are_drawn_without() -> None:
    past = History(Path("events.jsonl"))
    past.add(fitting(validation_images=400))
    for number, (smoothed, plain) in enumerate([(0.52, 0.2), (0.51, 0.3), (0.50, 0.4)], 1):
        figures = {"loss": smoothed, "val_loss": smoothed, "accuracy": 0.9, "val_accuracy": 0.9}
        past.add(epoch(number, **figures, crossentropy=0.1 / number, val_crossentropy=plain))

    (told,) = lessons_of(PERFECT, past)[-1:]
    assert "lowest after epoch 1 of 3, at 0.2000, and ended at 0.4000" in told
    assert "it overfits" in told
