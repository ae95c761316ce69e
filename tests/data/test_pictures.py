"""Pictures as arrays: upright, cut to the middle; what is none, or too large, is refused."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_core.data import pictures


def saved(picture: Image.Image, kind: str = "PNG", **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file


def striped() -> Image.Image:
    """Red, green and blue from left to right, a third each; twice as wide as high."""
    picture = Image.new("RGB", (120, 60), (0, 255, 0))
    draw = ImageDraw.Draw(picture)
    draw.rectangle([0, 0, 39, 59], fill=(255, 0, 0))
    draw.rectangle([80, 0, 119, 59], fill=(0, 0, 255))
    return picture


def test_the_square_in_the_middle_is_taken() -> None:
    image = pictures.fitted(striped(), (12, 12, 3))

    assert image.shape == (12, 12, 3)
    assert image.dtype == np.uint8
    assert image[6, 6].tolist() == [0, 255, 0]
    assert image[6, 0].argmax() == 0  # a third of the square is red, and a third blue
    assert image[6, 11].argmax() == 2
    assert (image[:, 0] > 200).sum() == 12


def test_the_oblong_of_an_oblong_dataset_is_taken_whole() -> None:
    image = pictures.fitted(striped(), (10, 20, 3))

    assert image[5, ::19].tolist() == [[255, 0, 0], [0, 0, 255]]


def test_grey_is_as_bright_as_the_colours() -> None:
    image = pictures.fitted(striped(), (10, 20))

    assert image.shape == (10, 20)
    assert [int(value) for value in image[5, [0, 10, 19]]] == pytest.approx([76, 150, 29], abs=1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_taken_sideways_is_upright(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter, clockwise
    sideways = striped().rotate(90, expand=True)
    opened = pictures.opened(saved(sideways, kind, exif=exif, quality=100), (10, 20, 3))
    image = pictures.fitted(opened, (10, 20, 3)).astype(int)

    assert abs(image - pictures.fitted(striped(), (10, 20, 3))).max() < 40


def test_what_is_transparent_is_white() -> None:
    clear = Image.new("RGBA", (30, 30), (0, 0, 0, 0))

    assert (pictures.fitted(clear, (10, 10, 3)) == 255).all()


def test_sixteen_bits_are_not_cut_off() -> None:
    deep = Image.fromarray(np.full((20, 20), 128 * 257, np.uint16))

    assert (pictures.fitted(pictures.opened(saved(deep), (10, 10)), (10, 10)) == 128).all()


@pytest.mark.parametrize("content", [b"", b"Dear diary", b"\x89PNG\r\n\x1a\n", b"<svg/>"])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a picture that can be read; allowed: PNG, JPEG"):
        pictures.opened(io.BytesIO(content), (10, 10))


def test_a_picture_cut_off_is_damaged() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8))
    whole = saved(noise).getvalue()
    picture = pictures.opened(io.BytesIO(whole[: len(whole) // 2]), (10, 10))

    with pytest.raises(ValueError, match="damaged"):
        pictures.fitted(picture, (10, 10))


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_unpacked() -> None:
    bomb = saved(Image.new("1", (8_000, 7_000)))

    with pytest.raises(ValueError, match=r"8000 x 7000 pixels; allowed: at most 50,000,000"):
        pictures.opened(bomb, (10, 10))
