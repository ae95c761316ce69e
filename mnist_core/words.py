"""Numbers in words."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """``"1 run"``, ``"1,234 runs"``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def images(number: int) -> str:
    """``"no image"``, ``"1 image"``, ``"1,234 images"``."""
    return counted(number, "image") if number else "no image"


def megabytes(number: int) -> str:
    """So many bytes, rounded for reading: ``"under 0.1 MB"``, ``"12.0 MB"``."""
    return f"{number / 1e6:,.1f} MB" if number >= 1e5 else "under 0.1 MB"


def reason(error: Exception) -> str:
    """What an error says, without the system's number: ``"Permission denied: /data/x"``."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


def with_deviation(mean: float, deviation: float | None) -> str:
    """A mean share and its standard deviation, if it has one: ``"98.13% ± 0.05%"``."""
    return f"{mean:.2%}" if deviation is None else f"{mean:.2%} ± {deviation:.2%}"


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
