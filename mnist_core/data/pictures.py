"""Files of pictures -> arrays of one shape.

The same way for pictures that become a dataset of one's own, and for those that its network is
asked about: upright, the square (or the oblong) in the middle, made smaller, grey or in colour.
"""

from __future__ import annotations

import struct
import warnings
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
MOST_PIXELS = 50_000_000
PAPER = "white"
"""What shines through a picture where it is transparent."""
UNREADABLE = (OSError, SyntaxError, TypeError, struct.error, Image.DecompressionBombError)
"""What Pillow raises at a file that it can't read."""


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
    except UNREADABLE:
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
    except UNREADABLE as error:
        raise ValueError(f"the picture is damaged: {error}") from error
