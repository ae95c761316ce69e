"""The smallest change that has a network answer otherwise, on real images and networks."""

import numpy as np
import pytest

from mnist_core import fooling
from mnist_core.data import loading
from mnist_core.fooling import Floats, along, smallest_change
from mnist_core.inference import Predictor
from mnist_core.inside import scaled
from mnist_core.runs.folder import Run
from mnist_core.runs.store import BUILT_IN_RUN

IMAGES = scaled(loading.load("mnist-sample").x_test)
WHOLE = np.ones(1, np.float32)


@pytest.fixture(scope="module", params=["dense", "convolutional"])
def network(request: pytest.FixtureRequest) -> Predictor:
    run: Run = request.getfixturevalue("trained") if request.param == "dense" else BUILT_IN_RUN
    return Predictor(run.folder)


def answers(network: Predictor, images: Floats) -> list[int]:
    return [int(answer) for answer in network.probabilities(images).argmax(axis=1)]


def test_a_small_change_is_enough_and_one_of_its_size_at_random_is_not(network: Predictor) -> None:
    random, still, sizes = np.random.default_rng(0), 0, []
    for image, before in zip(IMAGES[:15], answers(network, IMAGES[:15]), strict=True):
        change = smallest_change(network, image)
        assert change is not None
        changed, told = along(network, image, change, WHOLE)
        assert told[0].argmax() != before
        assert np.allclose(changed[0], image + change, atol=1e-6)  # nothing was cut off
        size = np.linalg.norm(change)
        sizes.append(size / np.linalg.norm(image))
        noise = random.normal(size=image.shape).astype(np.float32)
        noise *= size / np.linalg.norm(noise)
        still += answers(network, np.clip(image + noise, 0, 1)[np.newaxis]) == [before]

    assert still >= 14
    assert np.median(sizes) < 0.2


def test_less_of_the_change_is_not_enough(network: Predictor) -> None:
    for image, before in zip(IMAGES[:5], answers(network, IMAGES[:5]), strict=True):
        change = smallest_change(network, image)
        assert change is not None
        _, told = along(network, image, change, np.array([0, 0.9], np.float32))
        assert told.argmax(axis=1).tolist() == [before, before]


@pytest.mark.parametrize("target", [3, 8])
def test_it_says_what_is_wanted(network: Predictor, target: int) -> None:
    for image, before in zip(IMAGES[:6], answers(network, IMAGES[:6]), strict=True):
        change = smallest_change(network, image, target)
        if before == target:
            assert change is None
        else:
            assert change is not None
            assert along(network, image, change, WHOLE)[1][0].argmax() == target


class SeesRedThere(Predictor):
    """Finds the first class the likelier, the redder a square of a picture is."""

    def __init__(self) -> None:
        self.classes = 2

    def probabilities(self, images: Floats) -> Floats:
        odds = np.exp(4 * (images[:, 20:30, 8:16, 0].mean(axis=(1, 2)) - 0.5))
        told: Floats = np.stack([odds, np.ones_like(odds)], axis=1) / (1 + odds[:, None])
        return told


@pytest.mark.parametrize("side", [32, 96])
def test_only_that_is_changed_which_matters_also_in_large_pictures_in_colour(side: int) -> None:
    picture = np.full((side, side, 3), 0.2, np.float32)
    picture[20:30, 8:16] = 0.7
    change = smallest_change(SeesRedThere(), picture)

    assert change is not None
    square = np.abs(change[20:30, 8:16]).sum()
    assert square > 0.5 * np.abs(change).sum()  # a block may reach over its edges
    assert not change[40:, 40:].any()
    assert along(SeesRedThere(), picture, change, WHOLE)[1][0].argmax() == 1


def test_what_nothing_changes_is_given_up() -> None:
    class Stubborn(SeesRedThere):
        def probabilities(self, images: Floats) -> Floats:
            return np.tile(np.array([0.9, 0.1], np.float32), (len(images), 1))

    assert smallest_change(Stubborn(), IMAGES[0]) is None


@pytest.mark.parametrize("shape", [(28, 28), (32, 32, 3), (96, 96, 3), (4, 5, 3), (50, 96)])
def test_the_parts_that_change_together_are_few_in_an_image_of_any_size(
    shape: tuple[int, ...],
) -> None:
    blocks = fooling._blocks(shape)

    assert blocks.shape == shape[:2]
    assert np.unique(blocks).tolist() == list(range(blocks.max() + 1))
    assert blocks.max() < fooling.BLOCKS
