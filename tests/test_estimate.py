"""How long an epoch will take."""

from typing import Any

import pytest

from mnist_core.estimate import Pace, Work, epoch_seconds

ARTICLE = Work(images=54_000, multiply_adds=535_040, batch_size=64, augmented=False)
SEEN = Pace(ARTICLE, seconds=4.0)


def seconds(**changes: Any) -> float:
    estimated = epoch_seconds(ARTICLE._replace(**changes), [SEEN])
    assert estimated
    return estimated


def test_nothing_is_claimed_without_an_epoch_before() -> None:
    assert epoch_seconds(ARTICLE, []) is None


def test_the_same_epoch_takes_as_long_as_it_did() -> None:
    assert seconds() == pytest.approx(SEEN.seconds)


def test_more_of_anything_takes_longer() -> None:
    assert seconds(images=108_000) == pytest.approx(2 * seconds(), rel=1e-3)
    assert seconds(multiply_adds=5_350_400) > 5 * seconds()
    assert seconds() < seconds(augmented=True) < 1.5 * seconds()


def test_one_odd_epoch_does_not_matter() -> None:
    odd = SEEN._replace(seconds=400.0)

    assert epoch_seconds(ARTICLE, [SEEN, odd, SEEN]) == pytest.approx(4.0)
