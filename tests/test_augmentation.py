"""What is drawn for training images, and what it makes of them."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_core import augmentation
from mnist_core.config import AUGMENTATIONS, TrainingConfig

SHAPE = (28, 28)


def config(**settings: Any) -> TrainingConfig:
    return TrainingConfig(**settings)


def altered(images: NDArray[np.uint8], epoch: int = 0, **settings: Any) -> NDArray[np.float32]:
    drawn = augmentation.draw(config(**settings), images.shape[1:], len(images), epoch)
    return augmentation.apply(config(**settings), images, drawn)


def spot(x: int, y: int, images: int = 200) -> NDArray[np.uint8]:
    """Images with one bright square of 3 x 3 pixels around a place."""
    made = np.zeros((images, *SHAPE), np.uint8)
    made[:, y - 1 : y + 2, x - 1 : x + 2] = 255
    return made


def centres(images: NDArray[np.float32]) -> NDArray[np.float64]:
    """The centre of mass of each image, ``(n, 2)``: x and y."""
    y, x = np.mgrid[: images.shape[1], : images.shape[2]]
    mass = images.sum((1, 2), dtype=np.float64)
    return np.stack([(images * x).sum((1, 2)) / mass, (images * y).sum((1, 2)) / mass], axis=1)


@pytest.fixture
def photos() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (5, 9, 12, 3)).astype(np.uint8)


def test_nothing_asked_nothing_altered(photos: NDArray[np.uint8]) -> None:
    np.testing.assert_allclose(altered(photos), photos / np.float32(255), atol=1e-5)


def test_the_same_epoch_again_is_altered_the_same(photos: NDArray[np.uint8]) -> None:
    settings = {"rotation": 20, "elastic": 1, "erasing": 0.3}
    first = altered(photos, epoch=3, **settings)

    np.testing.assert_array_equal(altered(photos, epoch=3, **settings), first)
    assert not np.array_equal(altered(photos, epoch=4, **settings), first)
    assert not np.array_equal(altered(photos, epoch=3, seed=2, **settings), first)


def test_one_setting_does_not_change_what_another_does() -> None:
    alone = augmentation.draw(config(shift=3), SHAPE, 50, epoch=1)
    both = augmentation.draw(config(shift=3, elastic=1, erasing=0.1), SHAPE, 50, epoch=1)

    np.testing.assert_array_equal(alone["coefficients"], both["coefficients"][:, :, :3])


def test_shift_moves_by_up_to_its_pixels() -> None:
    moved = centres(altered(spot(14, 14), shift=3)) - 14

    assert np.abs(moved).max() <= 3 + 1e-3
    assert moved.min() < -2.5
    assert moved.max() > 2.5


def test_rotation_turns_by_up_to_its_degrees_about_the_centre() -> None:
    places = centres(altered(spot(22, 14), rotation=30)) - 13.5
    angles = np.degrees(np.arctan2(places[:, 1], places[:, 0])) - math.degrees(math.atan(0.5 / 8.5))

    assert np.abs(angles).max() <= 30 + 1
    assert angles.min() < -25
    assert angles.max() > 25
    np.testing.assert_allclose(np.hypot(*places.T), math.hypot(8.5, 0.5), atol=0.15)


def test_scale_enlarges_and_shrinks() -> None:
    across = (centres(altered(spot(20, 14), scale=0.2)) - 13.5)[:, 0] / 6.5

    assert 1 / 1.2**1.5 - 0.02 < across.min() < 0.9
    assert 1.1 < across.max() < 1.2**1.5 + 0.02


def test_shear_slants_upright_strokes() -> None:
    high, low = (centres(altered(spot(14, y), shear=0.3)) for y in (6, 21))
    slant = (high - low)[:, 0] / 15

    assert np.abs(slant).max() <= 0.3 + 0.02
    assert slant.min() < -0.25
    assert slant.max() > 0.25
    np.testing.assert_allclose(high[:, 1], 6, atol=0.05)


def test_elastic_distortion_moves_places_by_about_its_pixels_each_on_its_own() -> None:
    drawn = augmentation.draw(config(elastic=1.5), SHAPE, 2000, epoch=0)
    places = drawn["coefficients"] @ augmentation.basis(config(elastic=1.5), SHAPE)
    x, y = np.meshgrid(np.arange(28), np.arange(28))
    away = places - np.stack([x.ravel(), y.ravel()])

    assert away.std() == pytest.approx(1.5, rel=0.05)
    assert away.mean() == pytest.approx(0, abs=0.05)
    apart = np.corrcoef(away[:, 0, 0], away[:, 0, -1])[0, 1]  # opposite corners
    beside = np.corrcoef(away[:, 0, 300], away[:, 0, 301])[0, 1]
    assert abs(apart) < 0.1
    assert beside > 0.95


def test_about_half_are_mirrored(photos: NDArray[np.uint8]) -> None:
    photos = np.tile(photos[:1], (200, 1, 1, 1))
    made = altered(photos, flip=True)
    same = np.isclose(made, photos / np.float32(255), atol=1e-4).all((1, 2, 3))
    mirrored = np.isclose(made, photos[:, :, ::-1] / np.float32(255), atol=1e-4).all((1, 2, 3))

    assert (same ^ mirrored).all()
    assert 70 < mirrored.sum() < 130


@pytest.mark.parametrize(("shape", "left"), [(SHAPE, 0.0), ((28, 28, 3), 0.5)])
def test_erasing_wipes_out_a_rectangle_of_up_to_its_share(
    shape: tuple[int, ...], left: float
) -> None:
    made = altered(np.full((300, *shape), 255, np.uint8), erasing=0.25)
    wiped = (made == left).reshape(300, 28, 28, -1).all(3)
    shares = wiped.mean((1, 2))

    assert ((made == left) | (made == 1)).all()
    assert 0.2 < shares.max() < 0.29  # sides are whole pixels
    assert shares.mean() == pytest.approx(0.125, abs=0.02)
    for image in wiped:
        rows, columns = image.any(1), image.any(0)
        np.testing.assert_array_equal(image, rows[:, None] & columns)
        assert np.count_nonzero(np.diff(rows.astype(int))) <= 2
    assert wiped.any((0, 1)).all()  # it may be anywhere
    assert wiped.any((0, 2)).all()


def test_the_image_goes_on_at_its_edge() -> None:
    assert altered(np.full((50, *SHAPE), 200, np.uint8), shift=8, rotation=45).min() > 0.78


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_alteration_alters(name: str, photos: NDArray[np.uint8]) -> None:
    settings: dict[str, Any] = {name: True if name == "flip" else 0.5}

    assert not np.allclose(altered(photos, **settings), photos / 255, atol=0.01)
    assert config(**settings).augments
