"""Numbers of things, in words."""

from __future__ import annotations


def images(number: int) -> str:
    """``"no image"``, ``"1 image"``, ``"1,234 images"``."""
    return {0: "no image", 1: "1 image"}.get(int(number), f"{number:,} images")
