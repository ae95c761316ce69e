"""Fields for whole numbers that pass on what was typed, to be refused in words."""

from typing import Any

import streamlit as st

MOST_DIGITS = 1e16
"""Whole numbers from here on are written as people would have to read them: 1e+300."""


def whole_number(label: str, value: int, **options: Any) -> int | float:
    """What ``st.number_input`` gives without bounds; a float where it is no whole number.

    Streamlit's own field for integers makes 12 of 12.5 and 1 of 1e3, and goes on with the number
    before where one is beyond 2^53, each without a word.
    """
    return as_whole(st.number_input(label, value=float(value), step=1.0, format="%g", **options))


def as_whole(typed: float) -> int | float:
    """A number as its field holds it in the session, as :func:`whole_number` gives it."""
    return int(typed) if float(typed).is_integer() and abs(typed) < MOST_DIGITS else typed


def image_number(kind: str, label: str, last: int, **options: Any) -> int | None:
    """A field for the number of one of so many images; None, and why, where there is no such one.

    Args:
        kind: of the images, e.g. ``"test image"``.
    """
    number = whole_number(f"{label}, 0 to {last:,}", 0, **options)
    if isinstance(number, int) and 0 <= number <= last:
        return number
    st.error(f"There is no {kind} {number:,}; allowed: 0 to {last:,}.", icon=":material/error:")
    return None
