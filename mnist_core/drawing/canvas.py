"""What the canvas in the browser holds -> the strokes of a pen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mnist_core.drawing.pen import Points


def strokes_from_canvas(json_data: Mapping[str, Any] | None) -> list[Points]:
    """Read the freehand strokes of a streamlit-drawable-canvas 0.13 (Fabric.js 7.4).

    What the toolbar's edit mode did to a stroke (moved, scaled, turned, mirrored, skewed) is
    followed: the points lie where the canvas shows the ink.

    Args:
        json_data: the canvas result's ``json_data``; None while the canvas is untouched.

    Returns:
        One (n, 2) float64 array a stroke, in canvas pixels; a mere click gives one point.

    Raises:
        ValueError: the data holds something else than freehand strokes; names the object.
    """
    if json_data is None:
        return []
    objects = json_data.get("objects", []) if isinstance(json_data, Mapping) else None
    if not isinstance(objects, list):
        raise ValueError("json_data must be the canvas's JSON: {'objects': [...], ...}")
    return [_canvas_stroke(value, f"canvas object {index}") for index, value in enumerate(objects)]


def _canvas_stroke(value: Any, name: str) -> Points:
    kind = value.get("type") if isinstance(value, Mapping) else type(value).__name__
    if not isinstance(kind, str) or kind.lower() != "path":
        raise ValueError(f"{name} is {kind!r}; only freehand strokes, of type 'path', can be read")
    start, bend, end = _path_curves(value.get("path"), name)
    # Straight pieces leave a curve by its second difference / (4 pieces**2): by 0.1 px at most.
    pieces = int(np.ceil(np.sqrt(np.abs(start - 2 * bend + end).max() / 0.4))) + 1
    t = np.linspace(0, 1, pieces + 1)[1:, np.newaxis, np.newaxis]
    curves = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end  # (pieces, n, 2)
    points = np.concatenate([start[:1], curves.swapaxes(0, 1).reshape(-1, 2)])
    # A click trembles: what stays within half the pen's width looks like a dot and is one.
    pen = _checked_number(value.get("strokeWidth", 1), f"{name}'s strokeWidth")
    if np.ptp(points, axis=0).max() < pen / 2:
        points = points.mean(axis=0, keepdims=True)
    centre = _path_centre(start, bend, end)
    return (points - centre) @ _canvas_matrix(value, name).T + _canvas_position(value, centre, name)


def _path_curves(path: Any, name: str) -> tuple[Points, Points, Points]:
    """Take a path's commands apart: M and L go to a point, Q bends on the way to one.

    Returns:
        The (n, 2) start, bend and end of each curve; a straight line bends at its start.
    """
    bends: list[list[float]] = []
    ends: list[list[float]] = []
    for command in path if isinstance(path, list) and len(path) > 1 else [path]:
        match command:
            case ["M", x, y] if not ends:
                bend = [x, y]
            case ["L", x, y] if ends:
                bend = ends[-1]
            case ["Q", *bend, x, y] if ends and len(bend) == 2:
                pass
            case _:
                raise ValueError(
                    f"{name} has {command!r} in its path; a stroke starts with ['M', x, y] and "
                    "goes on with ['Q', bend x, bend y, x, y] or ['L', x, y]"
                )
        ends.append([_checked_number(number, f"a number in {name}'s path") for number in (x, y)])
        bends.append([_checked_number(number, f"a number in {name}'s path") for number in bend])
    return np.array(ends[:-1]), np.array(bends[1:]), np.array(ends[1:])


def _path_centre(start: Points, bend: Points, end: Points) -> Points:
    """The middle of a path's bounds as Fabric.js sees them, to which it refers its ``left, top``.

    Fabric.js takes the bounds of a quadratic curve for those of the cubic curve whose two inner
    points are both the bend. That one turns back, if at all, at the t found here.
    """
    before, after = np.sqrt(np.abs(bend - start)), np.sqrt(np.abs(bend - end))
    turns = (bend - start) * (bend - end) > 0
    t = np.divide(before, before + after, out=np.ones_like(before), where=turns)
    extremes = (1 - t) ** 3 * start + 3 * t * (1 - t) * bend + t**3 * end
    corners = np.concatenate([start, end, extremes])
    middle: Points = (corners.min(axis=0) + corners.max(axis=0)) / 2
    return middle


def _canvas_matrix(value: Mapping[str, Any], name: str) -> Points:
    """The (2, 2) matrix of what edit mode did: Fabric.js turns last and skews first."""

    def number(key: str, default: float) -> float:
        return _checked_number(value.get(key, default), f"{name}'s {key}")

    angle, skew_x, skew_y = np.deg2rad([number(key, 0) for key in ("angle", "skewX", "skewY")])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    mirror = np.where([value.get("flipX", False), value.get("flipY", False)], -1, 1)
    scale = np.diag(mirror * [number("scaleX", 1), number("scaleY", 1)])
    skew = np.array([[1, np.tan(skew_x)], [0, 1]]) @ np.array([[1, 0], [np.tan(skew_y), 1]])
    matrix: Points = turn @ scale @ skew
    return matrix


def _canvas_position(value: Mapping[str, Any], centre: Points, name: str) -> Points:
    """Where on the canvas the path's centre lies, (2,)."""
    if {value.get("originX", "center"), value.get("originY", "center")} != {"center"}:
        raise ValueError(f"{name} is not placed by its center, as canvas 0.13 does")
    left, top = value.get("left", centre[0]), value.get("top", centre[1])
    return np.array(
        [_checked_number(left, f"{name}'s left"), _checked_number(top, f"{name}'s top")]
    )


def _checked_number(number: Any, name: str) -> float:
    if not isinstance(number, int | float) or not math.isfinite(number):
        raise ValueError(f"{name} is {number!r}; it must be a finite number")
    return float(number)
