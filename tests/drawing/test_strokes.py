"""What the network sees of a drawing does not depend on where or how large it was drawn."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_core.drawing import strokes as drawing
from mnist_core.drawing.pen import PEN, fitted
from mnist_core.drawing.strokes import check_strokes, image_from_strokes

COORDINATES = st.floats(0, 280, width=32)
STROKES = st.lists(
    st.lists(st.tuples(COORDINATES, COORDINATES), min_size=1, max_size=12), min_size=1, max_size=3
)
SEVEN = [[(60, 60), (200, 60), (110, 220)], [(90, 140), (180, 140)]]


def checked(image: NDArray[np.float32]) -> NDArray[np.float32]:
    assert image.shape == (28, 28)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1
    return image


def box(image: NDArray[np.float32], least: float = 0.05) -> tuple[int, int]:
    """Width and height of the ink."""
    rows, columns = (image > least).nonzero()
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def centre(image: NDArray[np.float32]) -> tuple[float, float]:
    """Centre of mass, in pixels from the upper left corner."""
    middles = np.arange(28) + 0.5
    return (
        float(image.sum(axis=0) @ middles / image.sum()),
        float(image.sum(axis=1) @ middles / image.sum()),
    )


@given(
    strokes=STROKES,
    shift=st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
    scale=st.floats(1e-2, 1e3),
)
@settings(max_examples=200)
def test_neither_place_nor_size_matters(
    strokes: list[list[tuple[float, float]]], shift: tuple[float, float], scale: float
) -> None:
    points = np.concatenate([np.array(stroke) for stroke in strokes])
    extent = np.ptp(points, axis=0).max()
    assume(extent == 0 or extent > 1e-3)
    moved = [np.array(stroke) * scale + shift for stroke in strokes]

    np.testing.assert_allclose(image_from_strokes(moved), image_from_strokes(strokes), atol=2e-3)


@given(strokes=STROKES)
@settings(max_examples=100)
def test_every_drawing_gives_an_image_with_ink(strokes: list[Any]) -> None:
    assert checked(image_from_strokes(strokes)).max() > 0.5


def test_the_ink_fits_mnists_box_and_its_mass_lies_in_the_middle() -> None:
    image = checked(image_from_strokes(SEVEN))

    assert max(box(image)) == pytest.approx(20, abs=1)
    assert centre(image) == pytest.approx((14.5, 14.5), abs=0.6)


@pytest.mark.parametrize(
    ("stroke", "width", "height"),
    [
        ([(10, 0), (10, 100)], (2, 4), (19, 21)),
        ([(0, 10), (100, 10)], (19, 21), (2, 4)),
        ([(5, 5)], (2, 4), (2, 4)),
        ([(5, 5), (5, 5), (5, 5)], (2, 4), (2, 4)),
        ([(0.1 + 0.2, 5), (0.3, 5)], (2, 4), (2, 4)),
    ],
    ids=["upright line", "level line", "dot", "dot of three points", "dot but for rounding"],
)
def test_lines_and_dots_are_as_wide_as_the_pen(
    stroke: list[tuple[int, int]], width: tuple[int, int], height: tuple[int, int]
) -> None:
    found = box(checked(image_from_strokes([stroke])))

    assert width[0] <= found[0] <= width[1]
    assert height[0] <= found[1] <= height[1]


def test_a_heavy_end_does_not_push_the_other_out_of_the_image() -> None:
    tangle = np.random.default_rng(0).uniform(0, 30, (300, 2))

    assert max(box(image_from_strokes([tangle, [(0, 15), (100, 15)]]))) == pytest.approx(20, abs=1)


@pytest.mark.parametrize("nothing", [[], [[]], [np.empty((0, 2))]])
def test_nothing_drawn_is_a_blank_image(nothing: list[Any]) -> None:
    assert not checked(image_from_strokes(nothing)).any()


def test_a_stroke_without_points_changes_nothing() -> None:
    np.testing.assert_array_equal(image_from_strokes([*SEVEN, []]), image_from_strokes(SEVEN))


def test_more_points_on_the_same_path_change_nothing() -> None:
    few = [[(0, 0), (100, 200)]]
    many = [np.linspace((0, 0), (100, 200), 5_000)]

    np.testing.assert_allclose(image_from_strokes(many), image_from_strokes(few), atol=1e-5)


def covered(stroke: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of each pixel a pen inks, in the plain way: every pixel, every segment.

    Args:
        stroke: in pixels of the image.
    """
    starts, steps = stroke[:-1], np.diff(stroke, axis=0)
    middles = np.stack(np.meshgrid(np.arange(28) + 0.5, np.arange(28) + 0.5), -1).reshape(-1, 1, 2)
    nearest = np.full(28 * 28, np.inf)
    for i in range(0, len(starts), 200):
        step, to = steps[i : i + 200], middles - starts[i : i + 200]
        along = (to * step).sum(-1) / np.maximum((step**2).sum(-1), 1e-300)
        distance = np.linalg.norm(to - np.clip(along, 0, 1)[..., np.newaxis] * step, axis=-1)
        nearest = np.minimum(nearest, distance.min(axis=1))
    return np.clip(PEN / 2 - nearest + 0.5, 0, 1).reshape(28, 28)


def turns(points: int, around: float) -> NDArray[np.float64]:
    """A spiral with so many turns."""
    part = np.linspace(0, 1, points)[:, np.newaxis]
    turn = 2 * np.pi * around * part
    spiral: NDArray[np.float64] = part * np.hstack([np.cos(turn), np.sin(turn)])
    return spiral


SCRIBBLES = {
    "points at random": np.random.default_rng(0).uniform(0, 280, (6_000, 2)),
    "a spiral": turns(6_000, around=3),
    "hundreds of turns": turns(6_000, around=300),
    "a trembling line": np.linspace((0, 0), (100, 200), 6_000)
    + np.random.default_rng(1).normal(0, 0.4, (6_000, 2)),
    "to and fro": np.tile([(0.0, 0.0), (50.0, 90.0), (20.0, 36.0)], (2_000, 1)),
}


@pytest.mark.parametrize("name", SCRIBBLES)
def test_thinning_a_drawing_out_changes_no_pixel(name: str) -> None:
    drawn = SCRIBBLES[name]
    image = checked(image_from_strokes([drawn]))
    starts, ends, _ = fitted(drawn[:-1], drawn[1:])
    scaled = np.vstack([starts, ends[-1:]])
    first = covered(scaled + 14)
    mass = np.array(centre(first.astype(np.float32)))
    low, high = scaled.min(axis=0) - 1.5, scaled.max(axis=0) + 1.5
    plain = covered(scaled + np.clip(14.5 - (mass - 14), -low, 28 - high))

    np.testing.assert_allclose(image, plain, atol=1 / 255)


@pytest.mark.parametrize(
    ("stroke", "most"),
    [
        (np.linspace((0, 0), (8, 16), 200_000), 200_000 // 32),
        (9 * turns(200_000, around=5), 200_000 // 32),
        (np.tile([(0.0, 0.0), (5.0, 9.0)], (100_000, 1)), 2),
        (9 * turns(200_000, around=100_000), 200_000 // 4),
    ],
    ids=["a line", "a spiral", "to and fro", "rays"],
)
def test_of_200000_points_only_those_are_drawn_that_make_a_difference(
    stroke: NDArray[np.float64], most: int
) -> None:
    starts, ends = drawing._thinned(stroke[:-1], stroke[1:])

    assert len(starts) == len(ends) <= most
    np.testing.assert_allclose(starts[0], stroke[0], atol=drawing.LEAST)


@pytest.mark.parametrize(
    ("strokes", "words"),
    [
        ([[(0, 0), (np.nan, 1)]], "stroke 0 .* NaN"),
        ([[(0, 0)], [(np.inf, 1)]], "stroke 1 .* infinite"),
        ([[(0, 0, 0)]], r"stroke 0 must be an \(n, 2\) array"),
        ([[("a", "b")]], "stroke 0 must be"),
        ([[(0, 0), (1,)]], "stroke 0 must be"),
        ("0123", "must be a list"),
    ],
)
def test_what_is_no_stroke_is_named(strokes: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        image_from_strokes(strokes)


# --- The canvas ---


@pytest.mark.parametrize("strokes", [[], [[[0, 0]]], [[[-20, 0.5], [300, 10_000]], [[1, 2]]]])
def test_what_a_canvas_tells_is_taken(strokes: list[Any]) -> None:
    check_strokes(strokes)

    image_from_strokes(strokes)


@pytest.mark.parametrize(
    ("strokes", "words"),
    [
        (None, "must be a list of strokes"),
        ({"strokes": []}, "must be a list of strokes"),
        ([[]], "must be a list of strokes"),
        (["12"], "must be a list of strokes"),
        ([[[0, 0]], [0, 0]], r"stroke 1 must be an \(n, 2\) array"),
        ([[[0, 0, 0]]], "stroke 0 must be"),
        ([[[0, 0], [0]]], "stroke 0 must be"),
        ([[["1", "2"]]], "stroke 0 must be"),
        ([[[True, False]]], "stroke 0 must be"),
        ([[[None, 0]]], "stroke 0 must be"),
        ([[[0, 10**400]]], "stroke 0 must be"),
        ([[[0, 0], [float("nan"), 0]]], "stroke 0 .* NaN"),
        ([[[0, 0], [0, float("-inf")]]], "stroke 0 .* infinite"),
        ([[[0, 0]], [[0, -10_001]]], "stroke 1 goes to 10001; allowed: -10,000 to 10,000"),
        ([[[0, 0]] * 10_000, [[0, 0]] * 10_001], "20,001 points; allowed: up to 20,000"),
    ],
)
def test_what_no_canvas_tells_is_refused(strokes: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_strokes(strokes)
