"""A picture with one digit in it -> the 28 x 28 image that the network sees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps
from scipy import ndimage

from mnist_core.data.pictures import UNREADABLE
from mnist_core.drawing.pen import PEN, SIDE, Image28, drawn, fitted

# On a plateau each, over thirteen kinds of paper; none was tuned to a class of digits.
MOST_PIXELS = 100_000_000
SMALLEST_SIDE, LARGEST_SIDE = 128, 512  # pixels; others are resized to these first
GRAIN = 0.003  # nothing finer, as part of the picture's side, is ink
PAPER_SIDE = 64  # the paper's shade is looked at in this size
WIDEST_PEN = 0.25  # part of the picture's side
FAINTEST = 0.08  # ink is darker than its paper by this part of the paper's shade
SMALLEST = 0.02  # part of the picture's side; what is smaller is dust
SOFTEST = 0.65  # pixels on the edge of ink for each of ink; soft shadows have more
DIGIT_SIDE = 96.0  # pixels; a digit is looked at in this size

Grey = NDArray[np.floating[Any]]  # (h, w)
Mask = NDArray[np.bool_]  # (h, w)


def image_from_picture(picture: NDArray[Any] | Image.Image) -> Image28:
    """Find the one digit in a screenshot, scan or photo, and redraw it as MNIST would show it.

    The digit may be dark on light or light on dark, of any size, anywhere. Uneven light, grain,
    specks and faint lines are passed over. The strokes come out as wide as MNIST's.

    Args:
        picture: uint8 or float in [0, 1], of shape (h, w), (h, w, 1), (h, w, 3) for RGB or
            (h, w, 4) for RGBA; or a PIL image of any mode, turned as its EXIF orientation says.
            What is transparent counts as paper.

    Returns:
        (28, 28) float32 in [0, 1], ink 1 on 0; all zero for a blank picture.

    Raises:
        ValueError: the picture has another shape, type or range, has more than 100 million
            pixels, or its file is damaged; says which.
    """
    digit = _digit(_darkness(_grey(picture)))
    return np.zeros((SIDE, SIDE), np.float32) if digit is None else _redrawn(digit)


def _grey(picture: NDArray[Any] | Image.Image) -> Grey:
    """Any picture -> (h, w) in [0, 1], upright and of moderate size."""
    image = picture if isinstance(picture, Image.Image) else _image_from_array(picture)
    _check_size(*image.size)
    try:
        image.load()
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except UNREADABLE as error:
        raise ValueError(f"the picture is damaged: {error}") from error
    if image.mode[0] in "IF":
        image = _image_from_array(_deep_grey(np.asarray(image)))
    elif image.mode == "LAB":
        image = image.getchannel("L")
    elif image.mode == "La":  # Pillow goes from it to LA only
        image = image.convert("LA")
    # Of a huge picture, every copy is hundreds of megabytes: none is made before it is smaller.
    transparent = image.has_transparency_data
    if image.mode not in ("RGBA", "LA"):
        image = image.convert("RGBA" if transparent else "L")
    if max(image.size) > LARGEST_SIDE:
        image = image.resize(_fitting(*image.size, LARGEST_SIDE), Image.Resampling.BOX)
    elif max(image.size) < SMALLEST_SIDE:
        image = image.resize(_fitting(*image.size, SMALLEST_SIDE), Image.Resampling.BICUBIC)
    image = image.convert("RGBA" if transparent else "L")
    image.getexif()[ExifTags.Base.Orientation] = orientation
    image = ImageOps.exif_transpose(image)
    grey = np.asarray(image.convert("L"), np.float32) / 255
    if image.mode == "L":
        return grey
    return _on_paper(grey, np.asarray(image.getchannel("A"), np.float32) / 255)


def _image_from_array(array: NDArray[Any]) -> Image.Image:
    if not isinstance(array, np.ndarray) or (array.dtype != np.uint8 and array.dtype.kind != "f"):
        received = getattr(array, "dtype", type(array).__name__)
        raise ValueError(f"the picture is of type {received}; allowed: uint8, float, PIL image")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] not in (3, 4)):
        raise ValueError(
            f"the picture has the shape {array.shape}; allowed: (h, w) and (h, w, 1, 3 or 4)"
        )
    _check_size(array.shape[1], array.shape[0])
    if array.dtype != np.uint8:
        low, high = array.min(), array.max()
        if not (low >= 0 and high <= 1):  # also when one is NaN
            raise ValueError(f"the picture lies between {low} and {high}; allowed: 0 to 1")
        # Straight into bytes: a huge picture leaves no room for a copy of itself.
        array = np.multiply(array, 255.5, out=np.empty(array.shape, np.uint8), casting="unsafe")
    return Image.fromarray(array)


def _check_size(width: int, height: int) -> None:
    if not 0 < width * height <= MOST_PIXELS:
        raise ValueError(
            f"the picture has {width} x {height} pixels; allowed: 1 to {MOST_PIXELS:,} in all"
        )


def _deep_grey(values: NDArray[Any]) -> NDArray[np.float32]:
    """Pillow's modes of more than 8 bits -> [0, 1]: none but I;16 tells the range it uses."""
    highest = values.max()
    if values.dtype.itemsize == 2:
        white = 65_535
    else:
        white = next((top for top in (1, 255, 65_535) if highest <= top), 1)
    grey: NDArray[np.float32] = np.divide(values, white, dtype=np.float32)
    return grey


def _on_paper(grey: Grey, opaque: Grey) -> Grey:
    """Lay a picture that is transparent in places on paper of one shade."""
    seen = grey[opaque > 0.5]
    if not seen.size:
        return np.ones_like(grey)
    if np.ptp(np.quantile(seen, [0.05, 0.95])) > 0.2:
        paper = np.median(seen)  # most of what can be seen is paper already
    else:
        paper = np.round(1 - seen.mean())  # all of it is ink
    return grey * opaque + paper * (1 - opaque)


def _fitting(width: int, height: int, side: float) -> tuple[int, int]:
    """The width and height with which the longer side has this many pixels."""
    scale = side / max(width, height)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _resized(values: Grey, size: tuple[int, int], how: Image.Resampling) -> Grey:
    return np.asarray(Image.fromarray(values.astype(np.float32)).resize(size, how))


def _darkness(grey: Grey) -> Grey:
    """How much darker than the paper around it each pixel is: 0 paper, 1 black; light ink too."""
    grey = ndimage.gaussian_filter(grey, GRAIN * max(grey.shape))
    height, width = grey.shape
    small = _resized(grey, _fitting(width, height, PAPER_SIDE), Image.Resampling.BOX)
    if _is_light_on_dark(small):
        grey, small = 1 - grey, 1 - small
    # Closing fills what is dark and narrow, which is the ink. Paper that darkens towards the edge
    # of the picture would be filled too, did it not go on beyond the edge.
    pen = max(round(WIDEST_PEN * max(small.shape)), 2)
    beyond = np.pad(small, pen, mode="reflect", reflect_type="odd")
    paper = ndimage.grey_closing(beyond, (pen, pen))[pen:-pen, pen:-pen]
    paper = _resized(paper, (width, height), Image.Resampling.BILINEAR)
    return (paper - grey) / np.maximum(paper, 0.05)


def _is_light_on_dark(grey: Grey) -> bool:
    """Ink covers less than paper does, so it is the long tail around a smooth surface.

    Where a picture is cut so close that they cover about the same, paper is what lies outside.
    """
    y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in grey.shape), indexing="ij")
    terms = np.stack([x**0, x, y, x * x, x * y, y * y]).reshape(6, -1)
    values = grey.ravel()
    # The normal equations: six unknowns, well scaled, and thirty times faster.
    rest = values - np.linalg.lstsq(terms @ terms.T, terms @ values)[0] @ terms
    third, second = (rest**3).mean(), (rest**2).mean()
    if abs(third) > 0.25 * second**1.5:  # of two shades, one covers less than 44 %
        return bool(third > 0)
    return bool(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]).mean() < grey.mean())


def _digit(darkness: Grey) -> Mask | None:
    """Cut the digit out, DIGIT_SIDE pixels on its longer side; None for a blank picture."""
    # Half a standard deviation of the paper's grain, were there no ink; with much ink, more.
    low, high = np.quantile(darkness, [0.12, 0.25])
    faintest = max(10 * float(high - low), FAINTEST)
    inked = darkness[darkness > faintest]
    if not inked.size:
        return None
    # A stroke's edge is where it is half as dark as its middle.
    edge = max(float(np.quantile(inked, 0.95)) / 2, faintest)
    marks, _ = ndimage.label(darkness > edge, np.ones((3, 3)))
    found = ndimage.find_objects(marks)
    if not found:
        return None
    areas = np.bincount(marks.ravel())[1:]
    boxes = np.array([[(along.start, along.stop) for along in box] for box in found])  # (n, 2, 2)
    # What runs from side to side is a ruled line, a frame or the table, if there is more.
    margin = SMALLEST * max(darkness.shape)
    across = (boxes[:, :, 0] <= margin) & (boxes[:, :, 1] >= np.array(darkness.shape) - margin)
    others = np.where(across.any(axis=1), 0, areas)
    if others.max() > areas.max() / 20:
        areas = others
    is_digit = areas > areas.max() / 10  # the others are specks
    top, left = boxes[is_digit, :, 0].min(axis=0)
    bottom, right = boxes[is_digit, :, 1].max(axis=0)
    if max(bottom - top, right - left) < SMALLEST * max(darkness.shape):
        return None
    digit = np.append(False, is_digit)[marks]
    # Shades of paper and grain have slopes where ink has edges.
    near = ndimage.binary_dilation(digit, iterations=round(2 * margin))
    if (near & (np.abs(darkness - edge) < 0.3 * edge)).sum() > SOFTEST * digit.sum():
        return None
    specks = (marks > 0) & ~digit
    cut = np.pad(np.where(specks, 0, darkness), 2)[top : bottom + 4, left : right + 4]
    cut = _resized(cut, _fitting(cut.shape[1], cut.shape[0], DIGIT_SIDE), Image.Resampling.BICUBIC)
    return np.pad(ndimage.gaussian_filter(cut, 1) > edge, 1)


def _redrawn(digit: Mask) -> Image28:
    """Draw along the middle of the strokes, as far from MNIST's pen as from their usual width."""
    width = ndimage.distance_transform_edt(digit) - 0.5
    middle = _thinned(digit) | (width == width.max())  # thinning lets some discs vanish
    starts, ends = [], []
    around = np.pad(middle, 1)
    for down, right in ((0, 0), (0, 1), (1, 0), (1, 1), (1, -1)):
        shifted = around[1 + down :, 1 + right :][: middle.shape[0], : middle.shape[1]]
        rows, columns = np.nonzero(middle & shifted)
        starts.append(np.stack([columns, rows], axis=1))
        ends.append(np.stack([columns + right, rows + down], axis=1))
    first = np.concatenate(starts)
    radii = width[first[:, 1], first[:, 0]]
    # Half the digit's size at least, lest the middle of a dot becomes a line.
    begin, end, scale = fitted(
        first.astype(float), np.concatenate(ends).astype(float), DIGIT_SIDE / 2
    )
    radii = np.maximum((radii - np.median(width[middle])) * scale, 0) + PEN / 2
    return drawn(begin, end, radii)


def _removable() -> Mask:
    """(2, 256): may a pixel with these neighbours go, in the first or second half of a round?"""
    around = np.arange(256)[:, np.newaxis] >> np.arange(8) & 1
    north, _, east, _, south, _, west, _ = around.T
    runs = ((around == 0) & (np.roll(around, -1, axis=1) == 1)).sum(axis=1)
    count = around.sum(axis=1)
    first = (north * east * south == 0) & (east * south * west == 0)
    second = (north * east * west == 0) & (north * south * west == 0)
    removable: Mask = np.stack([first, second]) & (count >= 2) & (count <= 6) & (runs == 1)
    return removable


# Clockwise from north, as (down, right).
NEIGHBOURS = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
REMOVABLE = _removable()


def _thinned(mask: Mask) -> Mask:
    """Peel a mask to lines one pixel wide (Zhang and Suen, 1984)."""
    pixels = np.pad(mask, 1).astype(np.uint8)
    inner = pixels[1:-1, 1:-1]
    rows, columns = inner.shape
    peeled = True
    while peeled:
        peeled = False
        for removable in REMOVABLE:
            around = np.zeros_like(inner)
            for bit, (down, right) in enumerate(NEIGHBOURS):
                around |= pixels[1 + down :, 1 + right :][:rows, :columns] << np.uint8(bit)
            remove = removable[around] & (inner > 0)
            inner[remove] = 0
            peeled |= bool(remove.any())
    return inner > 0
