"""Numbers in words."""

from __future__ import annotations


def images(number: int) -> str:
    """``"no image"``, ``"1 image"``, ``"1,234 images"``."""
    return {0: "no image", 1: "1 image"}.get(int(number), f"{number:,} images")


def sureness(probability: float) -> str:
    """In percent; only what is certain is 100: ``"98.1%"``, ``">99.9%"``."""
    percent = f"{probability:.1%}"
    return ">99.9%" if percent == "100.0%" and probability < 1 else percent
