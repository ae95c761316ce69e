"""What the network sees of a drawing does not depend on where or how large it was drawn."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_core.data import loading
from mnist_core.drawing import image_from_picture, image_from_strokes, strokes_from_canvas
from mnist_core.inference import Predictor
from mnist_core.runs import Run

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


ACROSS, DOWN = np.meshgrid(np.linspace(0, 1, 280), np.linspace(0, 1, 280))
LIGHT = {
    "even": np.full((280, 280), 0.9),
    "from one side": 0.4 + 0.5 * ACROSS,
    "vignette": 0.9 - 0.9 * ((ACROSS - 0.5) ** 2 + (DOWN - 0.5) ** 2),
    "soft shadow": 0.9 - 0.4 / (1 + np.exp((ACROSS + DOWN - 0.9) * 60)),
    "sharp shadow": np.where(ACROSS + 0.3 * DOWN < 0.6, 0.4, 0.9),
    "shadow of a finger": 0.9 - 0.4 * np.exp(-((ACROSS - 0.7) ** 2 + (DOWN - 0.3) ** 2) / 0.03),
}


def photo(light: str, grain: float, ink: NDArray[Any] | float = 0.0) -> NDArray[np.float64]:
    """Ink, 0 to 1, on paper in that light; grain is the noise's standard deviation."""
    noise = np.random.default_rng(3).normal(0, grain, (280, 280))
    return np.clip(LIGHT[light] * (1 - 0.7 * ink) + noise, 0, 1)


@pytest.mark.parametrize("grain", [0.0, 0.03])
@pytest.mark.parametrize("light", LIGHT)
def test_uneven_light_and_grain_change_little(light: str, grain: float) -> None:
    lit = photo(light, grain, REFERENCE / 255)

    assert alike(image_from_picture(lit), image_from_picture(REFERENCE)) > 0.95


@pytest.mark.parametrize("every", [1, 3])  # pictures of 280 and of 94 pixels
@pytest.mark.parametrize("grain", [0.0, 0.01, 0.05])
@pytest.mark.parametrize(
    "light", sorted(LIGHT.keys() - {"sharp shadow"})
)  # its edge could be a line
def test_blank_paper_is_blank_in_any_light(light: str, grain: float, every: int) -> None:
    paper = photo(light, grain)[::every, ::every]

    assert not image_from_picture(paper).any()
    assert not image_from_picture(1 - paper).any()


def test_a_speck_of_dust_is_no_digit() -> None:
    paper = np.full((280, 280), 255, np.uint8)
    paper[100:104, 200:204] = 0

    assert not image_from_picture(paper).any()


def disturbed(kind: str) -> NDArray[np.uint8]:
    """The seven in dark grey on light grey paper, with something else beside it."""
    paper = 215 - (REFERENCE * 0.7).astype(np.uint8)
    if kind == "faint ruled lines":
        paper[10::28] = np.minimum(paper[10::28], 170)
    elif kind == "lines above and below":
        paper[12:17] = paper[262:267] = 15
    elif kind == "table":
        paper[:, :25] = 60
    elif kind == "black frame":
        paper[:8] = paper[-8:] = paper[:, :8] = paper[:, -8:] = 15
    elif kind == "specks":
        for row, column in np.random.default_rng(1).integers(0, 275, (30, 2)):
            paper[row : row + 5, column : column + 5] = 15
    return paper


@pytest.mark.parametrize(
    "kind", ["faint ruled lines", "lines above and below", "table", "black frame", "specks"]
)
def test_what_is_not_the_digit_is_passed_over(kind: str) -> None:
    assert alike(image_from_picture(disturbed(kind)), image_from_picture(REFERENCE)) > 0.95


@pytest.mark.parametrize("light_on_dark", [False, True])
def test_a_digit_cut_out_closely_keeps_its_ink(light_on_dark: bool) -> None:
    digits = [np.pad(image, 2) for image in loading.load("mnist-sample").x_test[:100]]
    kept = []
    for digit in digits:
        rows, columns = (digit > 60).nonzero()
        close = digit[rows.min() - 1 : rows.max() + 2, columns.min() - 1 : columns.max() + 2]
        picture = close if light_on_dark else 255 - close
        kept.append(alike(image_from_picture(picture), image_from_picture(digit)) > 0.9)

    assert np.mean(kept) > 0.93


def test_a_blot_is_a_dot() -> None:
    blot = np.where((ACROSS - 0.5) ** 2 + (DOWN - 0.5) ** 2 < 0.01, 0.1, 0.9)

    assert max(box(image_from_picture(blot))) <= 3


MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr", "HSV", "I", "F"]


def in_mode(mode: str) -> Image.Image:
    """The seven in one of Pillow's modes."""
    image = Image.fromarray(REFERENCE)
    deep = 100 + REFERENCE // 2
    if mode in ("I", "F", "I;16"):
        values: dict[str, NDArray[Any]] = {
            "I": deep.astype(np.int32) * 257,
            "F": deep.astype(np.float32) / 255,
            "I;16": deep.astype(np.uint16) * 257,
        }
        return Image.fromarray(values[mode])
    if mode == "LAB":
        shades = np.full_like(REFERENCE, 128)  # 0 in both a and b
        return Image.merge("LAB", [image, *[Image.fromarray(shades)] * 2])
    before = {"La": "LA", "PA": "P", "RGBa": "RGBA", "HSV": "RGB"}
    return image.convert(before.get(mode, "L")).convert(mode)


@pytest.mark.parametrize("mode", [*MODES, "I;16", "LAB"])
def test_every_mode_of_pillow_shows_the_same_digit(mode: str) -> None:
    picture = in_mode(mode)

    assert picture.mode == mode
    assert alike(image_from_picture(picture), image_from_picture(REFERENCE)) > 0.99


@pytest.mark.parametrize("ink", [0, 255])
def test_what_is_transparent_is_paper(ink: int) -> None:
    canvas = np.dstack([np.full((280, 280, 3), ink, np.uint8), REFERENCE])
    shades = abs(255 - ink - REFERENCE.astype(int))
    inside = 255 * ((ACROSS - 0.5) ** 2 + (DOWN - 0.5) ** 2 < 0.35)
    coin = np.dstack([shades, shades, shades, inside]).astype(np.uint8)

    for picture in (canvas, coin):
        assert alike(image_from_picture(picture), image_from_picture(REFERENCE)) > 0.95


def test_a_picture_that_is_all_transparent_is_blank() -> None:
    assert not image_from_picture(np.zeros((50, 50, 4), np.uint8)).any()


def test_a_huge_picture_is_refused_before_it_is_touched() -> None:
    huge = np.broadcast_to(np.float32("nan"), (10_001, 10_000))

    with pytest.raises(ValueError, match=r"10000 x 10001 pixels; allowed: .* 100,000,000"):
        image_from_picture(huge)


def test_a_file_that_breaks_off_is_damaged() -> None:
    file = io.BytesIO()
    Image.fromarray(REFERENCE).save(file, "PNG")
    with (
        Image.open(io.BytesIO(file.getvalue()[:-200])) as picture,
        pytest.raises(ValueError, match="the picture is damaged"),
    ):
        image_from_picture(picture)


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
    ("thing", "words"),
    [
        (np.full((28, 28), np.nan), "between nan and nan"),
        (np.full((28, 28), 255.0), "between 255.0 and 255.0; allowed: 0 to 1"),
        (np.zeros((28, 28), np.int64), "type int64"),
        (np.zeros((28, 28, 2), np.uint8), r"shape \(28, 28, 2\)"),
        (np.zeros(28, np.uint8), r"shape \(28,\)"),
        (np.zeros((0, 5), np.uint8), "5 x 0 pixels"),
        (Image.new("L", (0, 0)), "0 x 0 pixels"),
        ("picture.png", "type str"),
    ],
)
def test_what_is_no_picture_is_named(thing: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        image_from_picture(thing)


def test_digits_of_mnist_come_through_a_picture_nearly_unchanged() -> None:
    images = loading.load("mnist-sample").x_test[:100]
    kept = [
        alike(image_from_picture(np.kron(image, np.ones((8, 8), np.uint8))), image / 255)
        for image in images
    ]

    assert np.median(kept) > 0.85


def test_digits_of_mnist_are_recognised_from_pictures(trained: Run) -> None:
    data = loading.load("mnist-sample")
    predictor = Predictor(trained.folder)
    by_picture = np.stack([image_from_picture(255 - image) for image in data.x_test])
    itself, from_picture = (
        (predictor.probabilities(images).argmax(axis=1) == data.y_test).mean()
        for images in ((data.x_test / 255).astype(np.float32), by_picture)
    )

    assert from_picture > itself - 0.02
    assert by_picture.any(axis=(1, 2)).all()
