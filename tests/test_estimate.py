"""How long an epoch will take."""

import pytest

from mnist_core.estimate import Pace, epoch_seconds

SEEN = Pace(images=54_000, weights=535_818, batch_size=64, seconds=4.0)


def test_nothing_is_claimed_without_an_epoch_before() -> None:
    assert epoch_seconds(54_000, 535_818, 64, []) is None


def test_the_same_epoch_takes_as_long_as_it_did() -> None:
    assert epoch_seconds(*SEEN[:3], [SEEN]) == pytest.approx(SEEN.seconds)


def test_more_images_or_weights_take_longer() -> None:
    seconds = epoch_seconds(*SEEN[:3], [SEEN])
    assert seconds
    more_images = epoch_seconds(108_000, 535_818, 64, [SEEN])
    more_weights = epoch_seconds(54_000, 5_358_180, 64, [SEEN])

    assert more_images == pytest.approx(2 * seconds, rel=1e-3)
    assert more_weights
    assert more_weights > 5 * seconds


def test_one_odd_epoch_does_not_matter() -> None:
    odd = SEEN._replace(seconds=400.0)

    assert epoch_seconds(*SEEN[:3], [SEEN, odd, SEEN]) == pytest.approx(4.0)
