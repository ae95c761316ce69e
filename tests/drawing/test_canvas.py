"""Strokes are read where the canvas shows them."""

from typing import Any

import numpy as np
import pytest

from mnist_core.drawing.canvas import strokes_from_canvas


def path(*commands: list[Any]) -> dict[str, Any]:
    """A stroke as the canvas gives it, where it was drawn."""
    points = np.array([command[-2:] for command in commands], dtype=float)
    left, top = (points.min(axis=0) + points.max(axis=0)) / 2
    return {
        "type": "Path",
        "path": [list(command) for command in commands],
        "originX": "center",
        "originY": "center",
        "left": float(left),
        "top": float(top),
        "scaleX": 1,
        "scaleY": 1,
        "angle": 0,
    }


@pytest.mark.parametrize("untouched", [None, {}, {"objects": []}])
def test_an_untouched_canvas_has_no_strokes(untouched: dict[str, Any] | None) -> None:
    assert strokes_from_canvas(untouched) == []


def test_a_stroke_comes_back_where_it_was_drawn() -> None:
    stroke = path(["M", 10, 20], ["Q", 10, 20, 30, 40], ["L", 50, 20])
    (points,) = strokes_from_canvas({"objects": [stroke]})

    np.testing.assert_allclose(points[0], (10, 20), atol=0.01)
    np.testing.assert_allclose(points[-1], (50, 20), atol=0.01)


@pytest.mark.parametrize(("drag", "is_dot"), [(0.05, True), (8, True), (10, False)])
def test_a_click_that_trembles_is_a_dot(drag: float, is_dot: bool) -> None:
    """It stays within half the width of the pen."""
    stroke = path(["M", 100, 100], ["L", 100, 100 + drag]) | {"strokeWidth": 18}

    (points,) = strokes_from_canvas({"objects": [stroke]})
    assert (len(points) == 1) == is_dot


@pytest.mark.parametrize(
    "thing",
    [
        {"type": "rect"},
        {"type": "path", "path": [["Z"]]},
        {"type": "path", "path": []},
        {"type": "path", "path": [["M", "x", 1]]},
        {"type": "path", "path": [["M", 1, float("nan")]]},
        "path",
        None,
    ],
)
def test_what_is_no_stroke_on_the_canvas_is_named(thing: Any) -> None:
    with pytest.raises(ValueError, match="canvas object 0"):
        strokes_from_canvas({"objects": [thing]})


# What a mouse and the edit mode left on a real canvas 0.13 in Chromium, and where its picture had
# ink: left, right, top, bottom. The pen was 12 pixels wide.
ZIGZAG = [
    ["M", 60.012, 59.988],
    ["Q", 60, 60, 110, 70],
    ["Q", 160, 80, 115, 85],
    ["Q", 70, 90, 110, 145],
    ["Q", 150, 200, 105, 205],
    ["Q", 60, 210, 55, 211],
    ["L", 49.988, 212.012],
]
HOOK = [
    ["M", 149.988, 149.988],
    ["Q", 150, 150, 185, 152.5],
    ["Q", 220, 155, 225, 207.5],
    ["L", 230.012, 260.012],
]
RECORDED = {
    "drawn": (ZIGZAG, {"left": 99.0688, "top": 136}, (44, 142, 54, 218)),
    "moved": (ZIGZAG, {"left": 104.0688, "top": 138}, (49, 147, 56, 220)),
    "mirrored": (
        ZIGZAG,
        {"left": 219.0748, "top": 138, "scaleX": 1.0879, "flipX": True},
        (172, 279, 56, 220),
    ),
    "mirrored and skewed": (
        ZIGZAG,
        {"left": 219.0748, "top": 158, "scaleX": 1.0879, "flipX": True, "skewY": -35.9874},
        (172, 279, 66, 277),
    ),
    "turned": (HOOK, {"left": 195, "top": 207, "angle": 328.627}, (126, 264, 154, 239)),
    "turned and widened": (
        HOOK,
        {"left": 213.9306, "top": 195.4569, "angle": 328.627, "scaleX": 1.4819},
        (127, 301, 138, 218),
    ),
}


@pytest.mark.parametrize("name", RECORDED)
def test_strokes_lie_where_the_canvas_shows_the_ink(name: str) -> None:
    commands, state, ink = RECORDED[name]
    thing = path(*commands) | state
    (points,) = strokes_from_canvas({"objects": [thing]})

    low, high = points.min(axis=0), points.max(axis=0)
    left, right, top, bottom = ink
    np.testing.assert_allclose((low + high) / 2, ((left + right) / 2, (top + bottom) / 2), atol=1)
    margins = np.array([low[0] - left, right - high[0], low[1] - top, bottom - high[1]])
    np.testing.assert_allclose(margins, 6, atol=2.5)


def test_a_click_is_a_dot() -> None:
    # As recorded: the canvas draws a line of 0.024 pixels, for a dot would be invisible.
    (points,) = strokes_from_canvas({"objects": [path(["M", 299.988, 120], ["L", 300.012, 120])]})

    np.testing.assert_allclose(points, [(300, 120)], atol=0.01)


def test_curves_are_followed_closely() -> None:
    thing = {"type": "path", "path": [["M", 0, 0], ["Q", 200, 400, 400, 0]]}
    (points,) = strokes_from_canvas({"objects": [thing]})

    x = points[:, 0]
    np.testing.assert_allclose(points[:, 1], 2 * x - x**2 / 200, atol=1e-6)  # the curve itself
    midway = (points[1:] + points[:-1]) / 2  # the lines between
    assert np.abs(2 * midway[:, 0] - midway[:, 0] ** 2 / 200 - midway[:, 1]).max() <= 0.2


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"originX": "left"}, "is not placed by its center"),
        ({"left": None}, "left is None"),
        ({"angle": "45"}, "angle is '45'"),
        ({"scaleX": float("inf")}, "scaleX is inf"),
    ],
)
def test_what_no_canvas_does_to_a_stroke_is_named(state: dict[str, Any], words: str) -> None:
    thing = path(["M", 10, 20], ["L", 50, 20])

    with pytest.raises(ValueError, match=f"canvas object 1.*{words}"):
        strokes_from_canvas({"objects": [thing, thing | state]})
