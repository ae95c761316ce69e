"""The small network that is looked at while it learns, against figures worked by other means."""

import numpy as np
import pytest

from mnist_core.data import loading
from mnist_core.inside import scaled
from mnist_core.lesson import RATE, SmallNetwork, dropped, shifted

DATA = loading.load("mnist-sample")
IMAGES, LABELS = scaled(DATA.x_train).reshape(len(DATA.x_train), -1), DATA.y_train


def test_it_answers_with_probabilities_of_rectified_sums() -> None:
    network = SmallNetwork(784, 10)
    told = network.answer(IMAGES[:5])

    by_hand = sum(float(IMAGES[0, i]) * float(network.weights[i, 3]) for i in range(784))
    assert told.sums[0, 3] == pytest.approx(by_hand, abs=1e-4)
    assert (told.hidden == np.maximum(told.sums, 0)).all()
    exponentials = np.exp(told.logits[0])
    assert told.probabilities[0] == pytest.approx(exponentials / exponentials.sum(), abs=1e-6)
    assert told.losses(LABELS[:5])[0] == pytest.approx(-np.log(told.probabilities[0, LABELS[0]]))


def test_a_step_follows_the_gradient_of_the_loss() -> None:
    network, nudge = SmallNetwork(784, 10, seed=1), 1e-2
    images, labels = IMAGES[:64], LABELS[:64]

    def mean_loss() -> float:
        return float(network.answer(images).losses(labels).mean())

    begun = {name: getattr(network, name).copy() for name in ("weights", "out_weights", "bias")}
    places = {"weights": (350, 4), "out_weights": (7, 2), "bias": (5,)}
    slopes = {}
    for name, place in places.items():
        values = getattr(network, name)
        values[place] += nudge
        above = mean_loss()
        values[place] -= 2 * nudge
        slopes[name] = (above - mean_loss()) / (2 * nudge)
        values[place] += nudge
    network.step(images, labels)

    for name, place in places.items():
        moved = getattr(network, name)[place] - begun[name][place]
        assert moved == pytest.approx(-RATE * slopes[name], rel=0.05, abs=1e-6)


def test_it_learns_and_says_the_same_after_the_same_steps() -> None:
    one, other = SmallNetwork(784, 10), SmallNetwork(784, 10)
    for network in (one, other):
        for _ in range(300):
            batch = network.next_batch(len(IMAGES))
            network.step(IMAGES[batch], LABELS[batch])

    assert one.steps == 300
    assert (one.weights == other.weights).all()
    right = one.answer(scaled(DATA.x_test).reshape(-1, 784)).probabilities.argmax(axis=1)
    assert (right == DATA.y_test).mean() > 0.85


def test_dropout_makes_up_for_the_units_that_it_drops() -> None:
    kept = np.stack([dropped(0.25, seed) for seed in range(200)])

    assert np.unique(kept).tolist() == pytest.approx([0, 4 / 3])
    assert kept.mean() == pytest.approx(1, abs=0.03)
    network = SmallNetwork(784, 10)
    told = network.answer(IMAGES[:3], kept[0])
    assert not told.hidden[:, kept[0] == 0].any()


def test_an_image_is_moved_and_black_comes_in() -> None:
    image = np.arange(6, dtype=np.float32).reshape(1, 2, 3)

    assert shifted(image, 1).tolist() == [[[0, 0, 1], [0, 3, 4]]]
    assert shifted(image, -2).tolist() == [[[2, 0, 0], [5, 0, 0]]]
    assert shifted(image, 0).tolist() == image.tolist()
