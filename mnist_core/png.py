"""Images as PNG, pixel by pixel, and as addresses for HTML."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png(image: NDArray[np.uint8]) -> bytes:
    """An image as PNG: grey ``(height, width)``; or with grey and opacity, or a colour, last."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def address(image: NDArray[np.uint8]) -> str:
    """The same as an address that holds all of it: no file that could be gone by then."""
    return f"data:image/png;base64,{base64.b64encode(png(image)).decode()}"
