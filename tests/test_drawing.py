"""What the network sees of a drawing does not depend on where or how large it was drawn."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_core import datasets
from mnist_core.drawing import image_from_picture, image_from_strokes, strokes_from_canvas

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


# --- Strokes ---


@given(
    strokes=STROKES,
    shift=st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
    scale=st.floats(1e-2, 1e3),
)
@settings(max_examples=200, deadline=None)
def test_neither_place_nor_size_matters(
    strokes: list[list[tuple[float, float]]], shift: tuple[float, float], scale: float
) -> None:
    points = np.concatenate([np.array(stroke) for stroke in strokes])
    extent = np.ptp(points, axis=0).max()
    assume(extent == 0 or extent > 1e-3)
    moved = [np.array(stroke) * scale + shift for stroke in strokes]

    np.testing.assert_allclose(image_from_strokes(moved), image_from_strokes(strokes), atol=2e-3)


@given(strokes=STROKES)
@settings(max_examples=100, deadline=None)
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
    ],
    ids=["upright line", "level line", "dot", "dot of three points"],
)
def test_lines_and_dots_are_as_wide_as_the_pen(
    stroke: list[tuple[int, int]], width: tuple[int, int], height: tuple[int, int]
) -> None:
    found = box(checked(image_from_strokes([stroke])))

    assert width[0] <= found[0] <= width[1]
    assert height[0] <= found[1] <= height[1]


@pytest.mark.parametrize("nothing", [[], [[]], [np.empty((0, 2))]])
def test_nothing_drawn_is_a_blank_image(nothing: list[Any]) -> None:
    assert not checked(image_from_strokes(nothing)).any()


def test_a_stroke_without_points_changes_nothing() -> None:
    np.testing.assert_array_equal(image_from_strokes([*SEVEN, []]), image_from_strokes(SEVEN))


def test_more_points_on_the_same_path_change_nothing() -> None:
    few = [[(0, 0), (100, 200)]]
    many = [np.linspace((0, 0), (100, 200), 5_000)]

    np.testing.assert_allclose(image_from_strokes(many), image_from_strokes(few), atol=1e-5)


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


# --- Pictures ---


def picture_of_seven(
    side: int = 280, size: float = 0.6, at: tuple[float, float] = (0.2, 0.2), pen: float = 0.05
) -> NDArray[np.uint8]:
    """A seven, white on black; lengths are shares of the picture's side."""
    image = Image.new("L", (side, side), 0)
    pencil = ImageDraw.Draw(image)
    for stroke in SEVEN:
        points = (np.array(stroke) - (60, 60)) / 160 * size * side + np.array(at) * side
        pencil.line([tuple(point) for point in points], 255, round(pen * side), joint="curve")
    return np.asarray(image)


REFERENCE = picture_of_seven()


def alike(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Correlation of two images."""
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


@pytest.mark.parametrize("at", [(0.05, 0.05), (0.35, 0.05), (0.05, 0.35), (0.35, 0.35)])
@pytest.mark.parametrize("size", [0.25, 0.4, 0.6])
def test_neither_place_nor_size_in_a_picture_matters(size: float, at: tuple[float, float]) -> None:
    moved = checked(image_from_picture(picture_of_seven(size=size, at=at, pen=size / 12)))

    assert alike(moved, image_from_picture(REFERENCE)) > 0.9


@pytest.mark.parametrize("pen", [0.02, 0.05, 0.1])
def test_every_pen_comes_out_like_mnists(pen: float) -> None:
    ink = checked(image_from_picture(picture_of_seven(pen=pen))).sum()

    assert ink == pytest.approx(image_from_strokes(SEVEN).sum(), rel=0.35)


@pytest.mark.parametrize(
    "how",
    [
        lambda p: 255 - p,
        lambda p: (180 - p * 0.5).astype(np.uint8),
        lambda p: np.repeat(p[..., None], 3, axis=2),
        lambda p: p / 255,
        lambda p: Image.fromarray(p),
        lambda p: Image.fromarray(p).convert("RGB"),
        lambda p: Image.fromarray(255 - p).convert("P"),
        lambda p: Image.fromarray(np.dstack([np.zeros_like(p)] * 3 + [p])),
        lambda p: (200 + np.linspace(-60, 40, len(p))[:, None] - p * 0.4).astype(np.uint8),
    ],
    ids=[
        "inverted",
        "grey",
        "RGB array",
        "floats",
        "PIL",
        "PIL RGB",
        "palette",
        "alpha",
        "gradient",
    ],
)
def test_any_kind_of_picture_shows_the_same_digit(how: Any) -> None:
    assert alike(image_from_picture(how(REFERENCE)), image_from_picture(REFERENCE)) > 0.95


def test_a_photo_taken_sideways_is_turned_upright() -> None:
    upright = Image.fromarray(REFERENCE)
    sideways = upright.rotate(90, expand=True)
    exif = sideways.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    sideways.info["exif"] = exif.tobytes()

    assert alike(image_from_picture(sideways), image_from_picture(upright)) > 0.95


@pytest.mark.parametrize("level", [0, 120, 255])
@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (300, 200)])
def test_an_empty_picture_is_blank(shape: tuple[int, int], level: int) -> None:
    assert not checked(image_from_picture(np.full(shape, level, np.uint8))).any()


@pytest.mark.parametrize(
    "thing",
    [
        np.full((28, 28), np.nan),
        np.zeros((28, 28, 2), np.uint8),
        np.zeros(28, np.uint8),
        np.zeros((0, 5), np.uint8),
        "picture.png",
    ],
)
def test_what_is_no_picture_is_refused(thing: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        image_from_picture(thing)


def test_digits_of_mnist_come_through_a_picture_nearly_unchanged() -> None:
    images = datasets.load("mnist-sample").x_test[:100]
    kept = [
        alike(image_from_picture(np.kron(image, np.ones((8, 8), np.uint8))), image / 255)
        for image in images
    ]

    assert np.median(kept) > 0.85
