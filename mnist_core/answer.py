"""What a network says of one image, for people: its answer, how sure it is, and all classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.words import sureness

UNSURE_BELOW = 0.9
"""Of 7,494 drawings by 30 people, half of those that got less were recognised, 96% of the others.
"""
RIVAL_FROM = 1 / 3
"""With so much of the likeliest one's probability, the next one is named beside it."""
MOST_BARS = 12


class Bar(NamedTuple):
    """How likely a class is."""

    name: str
    share: float
    """Its probability."""
    words: str
    """The same in words; empty before there is an answer."""
    likeliest: bool


class Answer(NamedTuple):
    """What is said of an image."""

    heading: str
    """Short, e.g. ``"8"``, ``"8?"`` or ``"8 or 6?"``."""
    words: str
    """How sure it is."""
    bars: list[Bar]
    """One for each class, in their order; of more than :data:`MOST_BARS` the ten likeliest, the
    very likeliest first."""


def answer(probabilities: NDArray[np.float32], class_names: Sequence[str]) -> Answer:
    """Put a network's probabilities for one image in words.

    Args:
        probabilities: ``(classes,)``, summing to one.
        class_names: of two classes or more.
    """
    order = probabilities.argsort(kind="stable")[::-1]
    first, second = (class_names[index] for index in order[:2])
    likeliest, rival = probabilities[order[:2]]
    if likeliest >= UNSURE_BELOW:
        heading, words = first, f"{sureness(likeliest)} sure."
    elif rival >= RIVAL_FROM * likeliest:
        heading, words = f"{first} or {second}?", f"Unsure: {likeliest:.1%} and {rival:.1%}."
    else:
        heading, words = f"{first}?", f"Unsure: {likeliest:.1%}. Next comes {second}, {rival:.1%}."
    shown = range(len(class_names)) if len(class_names) <= MOST_BARS else order[:10]
    bars = [
        Bar(
            class_names[i], float(probabilities[i]), sureness(probabilities[i]), bool(i == order[0])
        )
        for i in shown
    ]
    return Answer(heading, words, bars)


def no_answer(class_names: Sequence[str], words: str) -> Answer:
    """Where there is nothing to answer yet: an invitation, and the bars still without length."""
    shown = class_names if len(class_names) <= MOST_BARS else ()
    return Answer("", words, [Bar(name, 0.0, "", False) for name in shown])
