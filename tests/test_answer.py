"""What is said of one image: words that fit the numbers, and a bar for each class."""

import numpy as np
import pytest

from mnist_core.answer import answer, no_answer

NAMES = ("cat", "dog", "emu")
MANY = tuple(f"class number {number}" for number in range(100))


def probabilities(*shares: float) -> np.ndarray:
    return np.array(shares, np.float32)


def test_nothing_is_said_to_be_certain() -> None:
    for probability, words in ((0.9994, "99.9%"), (0.9996, ">99.9%"), (1, ">99.9%")):
        said = answer(probabilities(probability, 1 - probability, 0), NAMES)
        assert said.bars[0].words == words
        assert said.words == f"{words} sure."


@pytest.mark.parametrize(
    ("shares", "heading", "words"),
    [
        ((0.05, 0.9, 0.05), "dog", "90.0% sure."),
        ((0.091, 0.771, 0.138), "dog?", "Unsure: 77.1%. Next comes emu, 13.8%."),
        ((0.45, 0.15, 0.4), "cat or emu?", "Unsure: 45.0% and 40.0%."),
        ((0.21, 0.19, 0.6), "emu or cat?", "Unsure: 60.0% and 21.0%."),
        ((0.19, 0.17, 0.64), "emu?", "Unsure: 64.0%. Next comes cat, 19.0%."),
    ],
)
def test_two_are_named_as_a_choice_only_where_it_is_nearly_even(
    shares: tuple[float, ...], heading: str, words: str
) -> None:
    said = answer(probabilities(*shares), NAMES)

    assert (said.heading, said.words) == (heading, words)


def test_the_likeliest_class_stands_out() -> None:
    bars = answer(probabilities(0.25, 0.625, 0.125), NAMES).bars

    assert [bar.name for bar in bars] == [*NAMES]
    assert [bar.share for bar in bars] == [0.25, 0.625, 0.125]
    assert [bar.words for bar in bars] == ["25.0%", "62.5%", "12.5%"]
    assert [bar.likeliest for bar in bars] == [False, True, False]


def test_of_many_classes_the_likeliest_ten_have_bars() -> None:
    shares = np.zeros(100, np.float32)
    shares[[70, 7]] = 0.75, 0.25
    bars = answer(shares, MANY).bars

    assert [bar.share for bar in bars[:3]] == [0.75, 0.25, 0]
    assert len(bars) == 10
    assert [bar.name for bar in bars[:2]] == ["class number 70", "class number 7"]
    assert [bar.likeliest for bar in bars[:2]] == [True, False]


def test_before_there_is_an_answer_the_bars_are_there_where_it_is_known_which() -> None:
    nothing = no_answer(NAMES, "Draw one.")

    assert (nothing.heading, nothing.words) == ("", "Draw one.")
    assert [(bar.name, bar.share, bar.words) for bar in nothing.bars] == [
        (name, 0, "") for name in NAMES
    ]
    assert no_answer(MANY, "").bars == []
