"""What one run teaches, in sentences: where its network errs, and how its training went."""

from __future__ import annotations

import numpy as np

from mnist_core import words
from mnist_core.evaluation import Evaluation, row_shares, wilson_interval
from mnist_core.runs.history import History

OVERFITS_FROM = 0.01
"""By so much has the accuracy on training images to be above that on validation images, and above
what chance explains, to be called overfitting."""
RISES_FROM = 0.1
"""By this share has the validation loss to end above its lowest value, while the training loss went
on falling, to be called overfitting: answers stay right for longer than their sureness does."""
SPENT = 0.01
"""A learning rate of less than this share of the highest one has come to its schedule's end."""
BY_HEART = (
    "it overfits. It knows some training images by heart; dropout, augmentation or more images "
    "would help."
)


def lessons_of(result: Evaluation, history: History) -> list[str]:
    """Sentences on a run that was tested, each with the figures that it rests on."""
    guessing = no_better_than_guessing(result)
    if guessing:
        return [guessing]
    return [
        *_hardest_class(result),
        *_most_confused(result),
        *_training(history),
    ]


def no_better_than_guessing(result: Evaluation) -> str | None:
    """Said of a network that may as well answer without a look at the image."""
    images = result.confusion.sum(axis=1)
    share = images.max() / images.sum()
    if result.interval[0] > share:
        return None
    answers = result.confusion.sum(axis=0)
    always = int(answers.argmax())
    what = (
        f"It always answers {result.class_names[always]}, and is"
        if answers[always] == answers.sum()
        else "It is"
    )
    return (
        f"{what} no better than guessing: {result.accuracy:.1%} of the test images were "
        f"recognised, and {share:.1%} would be by always answering "
        f"{result.class_names[int(images.argmax())]}. Give it more epochs, more images, or "
        "another learning rate."
    )


def _hardest_class(result: Evaluation) -> list[str]:
    images = result.confusion.sum(axis=1)
    recall = np.where(images > 0, row_shares(result.confusion).diagonal(), np.inf)
    lowest = recall.min()
    if lowest == 1:
        return ["It recognised every test image."]
    hardest = int(recall.argmin())
    name = result.class_names[hardest]
    alone = (recall == lowest).sum() == 1
    claim = f"{name} was the hardest class" if alone else f"No class was harder than {name}"
    return [
        f"{claim}: {result.confusion[hardest, hardest]:,} of its {images[hardest]:,} test images "
        f"were recognised, {lowest:.1%}, where {result.accuracy:.1%} of all test images were."
    ]


def _most_confused(result: Evaluation) -> list[str]:
    wrong = result.confusion - np.diag(result.confusion.diagonal())
    both_ways = np.triu(wrong + wrong.T)
    if len(wrong) < 3 or not both_ways.any():
        return []
    one, other = divmod(int(both_ways.argmax()), len(wrong))
    names, most = result.class_names, both_ways[one, other]
    alone = (both_ways == most).sum() == 1
    pair = f"{names[one]} and {names[other]}"
    claim = (
        f"It confused {pair} most often"
        if alone
        else f"No two classes were confused more often than {pair}"
    )
    return [
        f"{claim}: it took {words.images(wrong[one, other])} of {names[one]} for {names[other]}, "
        f"and {words.images(wrong[other, one])} of {names[other]} for {names[one]}. That makes up "
        f"{most / wrong.sum():.0%} of its mistakes."
    ]


def _training(history: History) -> list[str]:
    """One verdict on how training went, from validation accuracy and loss together."""
    if not (history.epochs and history.fitting):
        return []
    last, images = history.epochs[-1], history.fitting.validation_images
    if last.val_accuracy is None or not images:
        return ["It was trained without validation images, so nobody can tell if it overfits."]
    # Counted batch by batch, with dropout and moved images: it may lie far below the validation.
    so_far = ", counted while it still learned," if last.accuracy < last.val_accuracy else ""
    figures = (
        f"In the last epoch, it was right on {last.accuracy:.1%} of the training images{so_far} "
        f"and on {last.val_accuracy:.1%} of the {images:,} validation images"
    )
    _, by_chance = wilson_interval(round(last.val_accuracy * images), images)
    gap = last.accuracy - last.val_accuracy >= OVERFITS_FROM and last.accuracy > by_chance
    losses = [
        epoch.comparable_val_loss
        for epoch in history.epochs
        if epoch.comparable_val_loss is not None
    ]
    if len(losses) < 2 or len(losses) < len(history.epochs):
        return [f"{figures}: {BY_HEART if gap else 'no sign of overfitting.'}"]
    best = int(np.argmin(losses))
    if best == len(losses) - 1:
        fell = f"its validation loss still fell, from {losses[-2]:.4f} to {losses[-1]:.4f}"
        if gap:
            return [f"{figures}. So {BY_HEART} More epochs would help less, though {fell}."]
        return [f"{figures}, and {fell}: no sign of overfitting. {_what_next(history)}"]
    since = (
        f"its validation loss was lowest after epoch {best + 1} of {len(losses)}, at "
        f"{losses[best]:.4f}, and ended at {losses[-1]:.4f}"
    )
    before, now = history.epochs[best].comparable_loss, last.comparable_loss
    learned_on = now is not None and before is not None and now < before
    if learned_on and losses[-1] >= (1 + RISES_FROM) * losses[best]:
        since += ", while the training loss went on falling"
    elif not gap:
        return [
            f"{figures}; {since}: no sign of overfitting, but more epochs like the last ones "
            "would hardly help."
        ]
    return [f"{figures}; {since}: {BY_HEART}"]


def _what_next(history: History) -> str:
    """Said of a network that got better to the end."""
    rates = [epoch.learning_rate for epoch in history.epochs]
    if rates[-1] <= SPENT * max(rates):
        return (
            "Its learning rate had come to its end by then, so this training is complete; a longer "
            "one might be better."
        )
    return "It was still learning: more epochs might make it better."
