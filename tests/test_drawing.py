"""What the network sees of a drawing does not depend on where or how large it was drawn."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_core import datasets
from mnist_core.drawing import check_strokes, image_from_picture, image_from_strokes
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
    digits = [np.pad(image, 2) for image in datasets.load("mnist-sample").x_test[:100]]
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
    images = datasets.load("mnist-sample").x_test[:100]
    kept = [
        alike(image_from_picture(np.kron(image, np.ones((8, 8), np.uint8))), image / 255)
        for image in images
    ]

    assert np.median(kept) > 0.85


def test_digits_of_mnist_are_recognised_from_pictures(trained: Run) -> None:
    data = datasets.load("mnist-sample")
    predictor = Predictor(trained.folder)
    by_picture = np.stack([image_from_picture(255 - image) for image in data.x_test])
    itself, from_picture = (
        (predictor.probabilities(images).argmax(axis=1) == data.y_test).mean()
        for images in ((data.x_test / 255).astype(np.float32), by_picture)
    )

    assert from_picture > itself - 0.02
    assert by_picture.any(axis=(1, 2)).all()
