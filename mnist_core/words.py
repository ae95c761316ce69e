"""Numbers in words."""

from __future__ import annotations


def images(number: int) -> str:
    """``"no image"``, ``"1 image"``, ``"1,234 images"``."""
    return {0: "no image", 1: "1 image"}.get(int(number), f"{number:,} images")


def sureness(probability: float) -> str:
    """A network's, in percent: ``"98.1%"``; at most ``">99.9%"``, for none is ever certain."""
    percent = f"{probability:.1%}"
    return ">99.9%" if percent == "100.0%" else percent


def duration(seconds: float) -> str:
    """Rounded for reading: ``"0.4 s"``, ``"12 s"``, ``"3 min 20 s"``."""
    if seconds < 0.1:
        return "under 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
