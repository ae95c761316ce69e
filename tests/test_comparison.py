"""Comparisons: McNemar's test against numbers worked by hand, and what is compared with what."""

import dataclasses
from math import comb

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_core.comparison import (
    NotComparable,
    Verdict,
    compare,
    differing,
    in_words,
    settings_in_words,
)
from mnist_core.config import TrainingConfig
from mnist_core.evaluation import Evaluation, evaluate
from mnist_core.runs import seeds
from mnist_core.runs.catalog import Catalog
from mnist_core.runs.store import RunStore
from tests.conftest import SMALL
from tests.runs.test_seeds import finished

NAMES = ("cat", "dog")


def network(right: list[int], confidence: list[float] | None = None) -> Evaluation:
    """A network's answers to images of cats and dogs in turn; 1 where it is right, 0 where not."""
    labels = np.arange(len(right), dtype=np.uint8) % 2
    sure = np.array(confidence or [0.9] * len(right), np.float32)
    of_truth = np.where(right, sure, 1 - sure)
    probabilities = np.zeros((len(right), 2), np.float32)
    probabilities[np.arange(len(right)), labels] = of_truth
    probabilities[np.arange(len(right)), 1 - labels] = 1 - of_truth
    return evaluate(probabilities, labels, NAMES)


def pair(only_first: int, only_second: int, both: int = 7) -> tuple[Evaluation, Evaluation]:
    """Two networks of which each alone is right on so many images, and both on some more."""
    first = [1] * only_first + [0] * only_second + [1] * both + [0]
    second = [0] * only_first + [1] * only_second + [1] * both + [0]
    return network(first), network(second)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p_value"),
    [
        # Ten coins: 9 or 10 heads, or as many tails: 2 * (10 + 1) / 1,024.
        (9, 1, 22 / 1024),
        (1, 9, 22 / 1024),
        # Six coins, all the same: 2 / 64.
        (6, 0, 2 / 64),
        (5, 5, 1.0),
        (0, 0, 1.0),
        (1, 0, 1.0),
    ],
)
def test_p_values_are_those_worked_by_hand(
    only_first: int, only_second: int, p_value: float
) -> None:
    comparison = compare(*pair(only_first, only_second))

    assert comparison.p_value == pytest.approx(p_value)
    assert len(comparison.only_first) == only_first
    assert len(comparison.only_second) == only_second


def test_many_images_are_counted_out_as_well() -> None:
    exact = 2 * sum(comb(229, k) for k in range(98)) / 2**229

    assert compare(*pair(132, 97, both=9_000)).p_value == pytest.approx(exact)


def test_images_on_which_both_are_right_or_both_wrong_do_not_count() -> None:
    few, many = (compare(*pair(9, 1, both=both)) for both in (0, 500))

    assert few.p_value == many.p_value
    assert (few.images, many.images) == (11, 511)


def test_the_images_are_those_that_one_alone_got_right_the_worst_mistakes_first() -> None:
    first = network([1, 1, 1, 0, 0, 1], [0.6, 0.7, 0.8, 0.9, 0.6, 0.9])
    second = network([0, 0, 1, 1, 0, 0], [0.6, 0.9, 0.8, 0.7, 0.6, 0.8])
    comparison = compare(first, second)

    assert comparison.only_first.tolist() == [1, 5, 0]
    assert comparison.only_second.tolist() == [3]


def test_no_images_is_still_an_array_of_indices() -> None:
    same = network([1, 0])
    images: NDArray[np.uint8] = np.zeros((2, 28, 28), np.uint8)

    assert images[compare(same, same).only_first].shape == (0, 28, 28)


def test_another_number_of_test_images_is_refused() -> None:
    with pytest.raises(NotComparable, match="4 images and 5 images"):
        compare(network([1, 0, 1, 1]), network([1, 0, 1, 1, 1]))


def test_test_images_of_other_classes_are_refused() -> None:
    first = network([1, 0, 1, 1])
    second = dataclasses.replace(first, labels=first.labels[::-1])

    with pytest.raises(NotComparable, match="other classes"):
        compare(first, second)


def test_only_settings_that_differ_are_listed() -> None:
    article = TrainingConfig()
    wide = article.model_copy(update={"widths": (1024,), "seed": 2})

    assert differing([article, wide, article]) == {
        "widths": [(512, 256), (1024,), (512, 256)],
        "seed": [1, 2, 1],
    }
    assert differing([article, article]) == {}
    blocks = TrainingConfig(architecture="convolutional", widths=(512, 256), kernel_size=5)
    assert differing([article, blocks]) == {
        "architecture": ["dense", "convolutional"],
        "filters": [None, (32, 64)],
        "kernel_size": [None, 5],
        "convolutions": [None, 1],
        "batch_normalization": [None, True],
        "block_dropout": [None, 0.0],
    }
    sgd = TrainingConfig(optimizer="sgd", nesterov=True)
    assert differing([article, sgd]) == {"optimizer": ["adam", "sgd"], "nesterov": [None, True]}
    assert differing([article]) == {}


@pytest.mark.parametrize(
    ("only_first", "only_second", "better", "judgement", "p"),
    [
        (9, 1, "Cora", "about once in 47 times: Cora is better.", "p = 0.021."),
        (1, 9, "Dora", "about once in 47 times: Dora is better.", "p = 0.021."),
        (0, 40, "Dora", "less than once in 10,000 times: Dora is better.", "p < 0.0001."),
        (5, 0, None, "about once in 16 times: this one may well be chance.", "p = 0.062."),
        (5, 3, None, "about 73 times in 100: this one may well be chance.", "p = 0.73."),
    ],
)
def test_in_words(
    only_first: int, only_second: int, better: str | None, judgement: str, p: str
) -> None:
    verdict = in_words(compare(*pair(only_first, only_second)), "Cora", "Dora")

    assert verdict.better == better
    assert verdict.judgement == f"By chance alone, a difference this large would arise {judgement}"
    assert p in verdict.method
    assert f"On the other 8 of the {only_first + only_second + 8} test images" in verdict.method


def test_what_each_network_alone_gets_right_is_said_first() -> None:
    assert in_words(compare(*pair(12, 1)), "Cora", "Dora").facts == (
        "Cora gets 12 images right that Dora gets wrong, "
        "and Dora gets 1 image right that Cora gets wrong."
    )


def test_networks_without_a_difference_are_not_judged() -> None:
    verdict = in_words(compare(*pair(0, 0)), "Cora", "Dora")

    assert verdict.facts == "On each of the 8 test images, both networks are right or both wrong."
    assert (verdict.better, verdict.method) == (None, "")
    verdict = in_words(compare(*pair(11, 11)), "Cora", "Dora")
    assert verdict == Verdict(verdict.facts, "That is as many: neither is better.", None, "")


def test_networks_that_know_other_classes_are_not_compared() -> None:
    first = network([1, 0, 1])
    labels, probabilities = first.labels, np.full((3, 2), 0.5, np.float32)

    with pytest.raises(NotComparable, match="their classes have other names"):
        compare(first, evaluate(probabilities, labels, ("cat", "emu")))


@pytest.mark.parametrize(
    ("other", "better", "judgement", "p"),
    [
        ((0.10, 0.11, 0.12), "Cora", "less than once in 10,000 times: those of Cora", "p < 0.0001"),
        ((0.95, 0.96, 0.97), "Dora", "about once in 280 times: those of Dora", "p = 0.0036."),
        ((0.90, 0.91, 0.95), None, "about 59 times in 100: this one may well", "p = 0.59."),
    ],
)
def test_settings_are_judged_by_their_seeds(
    store: RunStore, other: tuple[float, ...], better: str | None, judgement: str, p: str
) -> None:
    verdict = settings_in_words(two_groups(store, (0.90, 0.91, 0.92), other), "Cora", "Dora")

    assert verdict.facts.startswith(
        "The settings of Cora reach 91.00% ± 1.00% on average of 3 seeds, those of Dora "
    )
    assert verdict.better == better
    assert f"a difference this large would arise {judgement}" in verdict.judgement
    assert f"Welch's t-test, which takes the spread of each side for its own: {p}" in verdict.method


def test_settings_that_reach_the_same_are_not_judged(store: RunStore) -> None:
    verdict = settings_in_words(two_groups(store, (0.5, 0.75), (0.75, 0.5)), "Cora", "Dora")

    assert verdict[1:] == ("That is as much: neither are better.", None, "")


def two_groups(
    store: RunStore, first: tuple[float, ...], second: tuple[float, ...]
) -> seeds.Difference:
    """Between runs of two settings, each with the seeds 1 and up, of these accuracies."""
    ids = []
    for dropout, accuracies in ((0.1, first), (0.2, second)):
        config = SMALL.model_copy(update={"dropout": dropout})
        ids += [finished(store, n, one, config).id for n, one in enumerate(accuracies, 1)]
    found = seeds.groups(Catalog(store).list())
    return seeds.compare(found[ids[0]], found[ids[-1]])
