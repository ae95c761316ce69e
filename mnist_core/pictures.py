"""A picture -> the image that a network of some dataset sees.

The same way for pictures that become a dataset of one's own, and for those that its network is
asked about: upright, the square (or the oblong) in the middle, made smaller, grey or in colour.
"""

from __future__ import annotations

import warnings
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mnist_core import drawing
from mnist_core.datasets import Outline, ground

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
MOST_PIXELS = 50_000_000

PAPER = "white"
"""What shines through a picture where it is transparent."""


def opened(file: IO[bytes], shape: tuple[int, ...]) -> Image.Image:
    """A picture of one of :data:`FORMATS`, its pixels not yet read.

    Args:
        shape: what it will be brought to. A large JPEG is read in a smaller size, which is faster.

    Raises:
        ValueError: it is none, damaged, or has too many pixels; says which.
    """
    try:
        with warnings.catch_warnings():  # Pillow warns of large pictures, which are refused below
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(file, formats=FORMATS)
    except drawing.UNREADABLE:
        raise ValueError(f"not a picture that can be read; allowed: {', '.join(FORMATS)}") from None
    width, height = picture.size
    if not 0 < width * height <= MOST_PIXELS:
        raise ValueError(f"{width} x {height} pixels; allowed: at most {MOST_PIXELS:,} in all")
    picture.draft("RGB", (2 * shape[1], 2 * shape[0]))
    return picture


def fitted(picture: Image.Image, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The middle of a picture as an array of this shape.

    Args:
        picture: of any mode; turned as its EXIF orientation says.
        shape: ``(height, width)`` for grey, ``(height, width, 3)`` for red, green and blue.

    Raises:
        ValueError: the picture is damaged.
    """
    height, width = shape[:2]
    try:
        upright = ImageOps.exif_transpose(picture)
        if upright.mode.startswith("I;16"):  # Pillow cuts off what is above 255
            upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, PAPER), upright)
        upright = upright.convert("L" if len(shape) == 2 else "RGB")
        return np.asarray(ImageOps.fit(upright, (width, height), Image.Resampling.LANCZOS))
    except drawing.UNREADABLE as error:
        raise ValueError(f"the picture is damaged: {error}") from error


def as_input(picture: Image.Image, outline: Outline) -> NDArray[np.float32]:
    """What a network that learned this dataset is given of a picture: ``image_shape``, 0 to 1.

    Where networks can be shown drawings, one is looked for in the picture and redrawn; the image
    is all zero where there is none. Else the middle of the picture is taken as it is, but inverted
    where the dataset shows its things on black and the picture on white, or the other way round.

    Raises:
        ValueError: the picture is damaged, or too large.
    """
    if outline.is_drawn and outline.ground != "mixed":
        return on_ground(drawing.image_from_picture(picture), outline)
    image = fitted(picture, outline.image_shape)
    if image.ndim == 2 and {ground(image[np.newaxis]), outline.ground} == {"dark", "light"}:
        image = 255 - image
    return image.astype(np.float32) / np.float32(255)


def on_ground(drawn: NDArray[np.float32], outline: Outline) -> NDArray[np.float32]:
    """A drawing, ink 1 on 0, as this dataset's images are: inverted where they are on white."""
    return 1 - drawn if outline.ground == "light" and drawn.any() else drawn
