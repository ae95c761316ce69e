"""Pictures as a network is given them: redrawn, or on the ground that its dataset has."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_core.data.dataset import Ground, Outline
from mnist_core.drawing import network_input
from mnist_core.drawing.digit import image_from_picture


def outline(
    shape: tuple[int, ...], ground: Ground = "dark", name: str = "fashion-mnist"
) -> Outline:
    return Outline(
        name=name,
        class_names=("a", "b"),
        image_shape=shape,
        train_images=9,
        test_images=9,
        ground=ground,
    )


def thing(ground: int, ink: int) -> Image.Image:
    picture = Image.new("L", (100, 100), ground)
    ImageDraw.Draw(picture).rectangle([25, 25, 75, 75], fill=ink)
    return picture


@pytest.mark.parametrize(
    ("ground", "shown", "inverted"),
    [
        ("dark", (255, 0), True),
        ("dark", (0, 255), False),
        ("light", (0, 255), True),
        ("light", (255, 0), False),
        ("mixed", (255, 0), False),
        ("dark", (128, 0), False),  # no ground to speak of: as it is
    ],
)
def test_a_picture_comes_on_the_ground_that_the_network_knows(
    ground: Ground, shown: tuple[int, int], inverted: bool
) -> None:
    image = network_input.as_input(thing(*shown), outline((20, 20), ground))

    assert image.dtype == np.float32
    expected = [255 - value for value in shown] if inverted else shown
    assert [image[0, 0], image[10, 10]] == pytest.approx([value / 255 for value in expected])


def test_a_colour_picture_is_never_inverted() -> None:
    image = network_input.as_input(thing(255, 0), outline((20, 20, 3), "dark"))

    assert image.shape == (20, 20, 3)
    assert image[0, 0].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("name", "ground", "redrawn", "inverted"),
    [
        ("mnist", "dark", True, False),
        ("mine", "dark", True, False),
        ("mine", "light", True, True),
        ("mine", "mixed", False, False),  # photographs, not drawings
        ("fashion-mnist", "dark", False, False),
    ],
)
def test_drawings_are_redrawn_for_networks_that_know_drawings(
    name: str, ground: Ground, redrawn: bool, inverted: bool
) -> None:
    picture = Image.new("L", (200, 200), 0)
    ImageDraw.Draw(picture).line([60, 50, 120, 150], fill=255, width=12)
    image = network_input.as_input(picture, outline((28, 28), ground, name))

    as_drawn = image_from_picture(picture)
    expected = 1 - as_drawn if inverted else as_drawn
    assert np.array_equal(image, expected) is redrawn


def test_a_blank_picture_stays_blank_on_any_ground() -> None:
    image = network_input.as_input(
        Image.new("L", (200, 200), 255), outline((28, 28), "light", "mine")
    )

    assert not image.any()
