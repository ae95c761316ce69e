"""The theme's colours, as people see them whose eyes or screens are not the best."""

import math
import tomllib
from itertools import product
from operator import mul
from pathlib import Path

import pytest

THEME = tomllib.loads((Path(__file__).parents[2] / ".streamlit/config.toml").read_text())["theme"]
SEEN = {  # linear red, green and blue as they are seen; Machado, Oliveira and Fernandes, 2009
    "by most": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "without red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "without green": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}
Colour = tuple[float, float, float]


def linear(colour: str) -> Colour:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return _linear(red), _linear(green), _linear(blue)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def contrast(one: str, other: str) -> float:
    """WCAG's."""
    low, high = sorted(
        0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in map(linear, (one, other))
    )
    return (high + 0.05) / (low + 0.05)


def lab(colour: str, eye: str) -> Colour:
    """CIE L*a*b* of a colour as an eye sees it."""
    r, g, b = (min(1.0, max(0.0, sum(map(mul, row, linear(colour))))) for row in SEEN[eye])
    x, y, z = (
        value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
        for value in (
            (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
            0.2126 * r + 0.7152 * g + 0.0722 * b,
            (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize(("scheme", "eye"), [*product(("light", "dark"), SEEN)])
def test_right_and_wrong_are_told_apart(scheme: str, eye: str) -> None:
    colours = THEME[scheme]
    for kind in ("Color", "TextColor"):
        right, wrong = (lab(colours[name + kind], eye) for name in ("green", "red"))
        assert math.dist(right, wrong) > 40  # 2.3 are just seen


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_contrast(scheme: str) -> None:
    colours = THEME[scheme]
    grounds = colours["backgroundColor"], colours["secondaryBackgroundColor"]
    texts = ("textColor", "linkColor", "greenTextColor", "redTextColor")
    for text, ground in product(texts, grounds):
        assert contrast(colours[text], ground) >= 4.5, text
    assert contrast(colours["primaryColor"], "#ffffff") >= 4.5  # a button's words are white
    for seen in ("primaryColor", "greenColor", "redColor", "blueColor"):
        assert contrast(colours[seen], grounds[0]) >= 3, seen
    for line in colours["chartCategoricalColors"]:
        assert contrast(line, grounds[0]) >= 3, line
