"""A picture -> the image that a network of some dataset sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_core.data.dataset import Outline, ground
from mnist_core.data.pictures import fitted
from mnist_core.drawing.digit import image_from_picture


def as_input(picture: Image.Image, outline: Outline) -> NDArray[np.float32]:
    """What a network that learned this dataset is given of a picture: ``image_shape``, 0 to 1.

    Where networks can be shown drawings, one is looked for in the picture and redrawn; the image
    is all zero where there is none. Else the middle of the picture is taken as it is, but inverted
    where the dataset shows its things on black and the picture on white, or the other way round.

    Raises:
        ValueError: the picture is damaged, or too large.
    """
    if outline.is_drawn and outline.ground != "mixed":
        return on_ground(image_from_picture(picture), outline)
    image = fitted(picture, outline.image_shape)
    if image.ndim == 2 and {ground(image[np.newaxis]), outline.ground} == {"dark", "light"}:
        image = 255 - image
    return image.astype(np.float32) / np.float32(255)


def on_ground(drawn: NDArray[np.float32], outline: Outline) -> NDArray[np.float32]:
    """A drawing, ink 1 on 0, as this dataset's images are: inverted where they are on white."""
    return 1 - drawn if outline.ground == "light" and drawn.any() else drawn
