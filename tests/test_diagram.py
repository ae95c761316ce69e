"""What the drawing of a network says and shows, in the order of its rows."""

import base64
import html
import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_core.config import TrainingConfig
from mnist_core.data.dataset import Outline
from mnist_core.diagram import Passed, drawing
from mnist_core.forward import untrained
from mnist_core.network import describe

CONVOLUTIONAL: dict[str, Any] = {"architecture": "convolutional"}


def outline(shape: tuple[int, ...] = (28, 28), names: int | list[str] = 10) -> Outline:
    names = [str(number) for number in range(names)] if isinstance(names, int) else names
    return Outline(
        name="own",
        class_names=tuple(names),
        image_shape=shape,
        train_images=100,
        test_images=10,
    )


def drawn(images: Outline, with_image: bool = True, asked: bool = True, **settings: Any) -> str:
    """The network of the settings, with an image of the class 1 that goes through it."""
    layers = describe(TrainingConfig(**settings), images.image_shape, images.classes)
    image = np.random.default_rng(0).integers(0, 256, images.image_shape, np.uint8)
    answers = untrained(layers, (image / 255).astype(np.float32)) if asked else None
    return drawing(layers, images, Passed(image, 1, answers) if with_image else None)


def rows(drawing: str) -> list[str]:
    return drawing.split('<div role="listitem">')[1:]


def words(row: str) -> list[str]:
    """What is said of a row, a line each."""
    said = row.partition("<div aria-hidden")[0]
    lines = re.sub(r"<(?!/div)[^>]*>", "", said).split("</div>")
    return [html.unescape(line) for line in lines if line]


def pictures(row: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', row)
    return [Image.open(io.BytesIO(base64.b64decode(picture))) for picture in found]


def bars(drawing: str) -> dict[str, str]:
    spoken = re.search(r'class="bars" role="img" aria-label="([^"]*)"', drawing)
    assert spoken
    told = (bar.rsplit(": ", 1) for bar in html.unescape(spoken[1]).split(", "))
    return dict(told)


def circles(row: str) -> int:
    return row.count('<i style="--full:') + row.count('<i class="off">')


def test_a_dense_network_is_told_row_by_row() -> None:
    found = rows(drawn(outline()))

    assert [words(row) for row in found[:-1]] == [
        ["28 × 28", "A test image: 1"],
        ["784", "Flatten"],
        ["512", "Dense, relu 401,920 weights", "Dropout 0.2"],
        ["256", "Dense, relu 131,328 weights", "Dropout 0.2"],
        ["10", "Dense, softmax 2,570 weights"],
    ]
    assert [picture.size for row in found for picture in pictures(row)] == [(28, 28), (784, 1)]


def test_a_convolutional_network_is_told_row_by_row() -> None:
    found = rows(drawn(outline(), **CONVOLUTIONAL, filters=(4,), block_dropout=0.1, widths=()))

    assert [words(row) for row in found[:-1]] == [
        ["28 × 28", "A test image: 1", "Reshape"],
        ["28 × 28 × 4", "Convolution 3 × 3 36 weights"],
        [
            "14 × 14 × 4",
            "Max pooling 2 × 2",
            "Batch normalization 16 weights",
            "Activation, relu",
            "Dropout 0.1",
        ],
        ["784", "Flatten", "Dropout 0.2"],
        ["10", "Dense, softmax 7,850 weights"],
    ]
    sizes = [[picture.size for picture in pictures(row)] for row in found[:4]]
    assert sizes == [[(28, 28)], [(28, 28)] * 3, [(14, 14)] * 3, [(784, 1)]]


@pytest.mark.parametrize(("units", "expected"), [(1, 1), (10, 10), (11, 10), (512, 18), (4096, 24)])
def test_of_many_units_a_few_are_drawn_and_more_of_more(units: int, expected: int) -> None:
    hidden = rows(drawn(outline((4, 4)), widths=(units,), dropout=0))[2]

    assert circles(hidden) == expected
    assert ("⋯" in hidden) == (units > expected)


def test_dropout_crosses_out_its_share_and_leaves_holes_in_pictures() -> None:
    crossed = [
        rows(drawn(outline(), widths=(512,), dropout=rate))[2].count('class="off"')
        for rate in (0, 0.5, 0.9)
    ]
    assert crossed == [0, 9, 16]  # of 18

    blocks = rows(drawn(outline(), **CONVOLUTIONAL, block_dropout=0.25))
    before, after = (np.asarray(pictures(row)[0].getchannel("A")) for row in blocks[1:3])
    assert (before == 255).all()
    assert 0.1 < (after == 0).mean() < 0.4
    assert "dropout" not in drawn(outline(), dropout=0)


def test_an_amber_square_shows_what_a_filter_and_the_pooling_look_at() -> None:
    picture, filtered, pooled, *_ = rows(
        drawn(outline(), **CONVOLUTIONAL, filters=(8,), kernel_size=7)
    )

    # 7 of 28 pixels around the one in row 14, then the 2 from row 14 on that become row 7 of 14.
    assert 'class="seen" style="left:39.3%;width:25.0%;top:39.3%;height:25.0%"' in picture
    assert 'class="seen" style="left:50.0%;width:7.1%;top:50.0%;height:7.1%"' in filtered
    assert 'class="value" style="left:50.0%;width:7.1%;top:50.0%;height:7.1%"' in pooled
    assert 'class="seen"' not in pooled


def test_a_square_ends_where_the_picture_does() -> None:
    picture, *_ = rows(drawn(outline((4, 4)), **CONVOLUTIONAL, filters=(8,), kernel_size=7))

    assert 'class="seen" style="left:0.0%;width:100.0%;top:0.0%;height:100.0%"' in picture


def test_the_bars_are_what_the_untrained_network_answers() -> None:
    images = outline((32, 32, 3), ["cats", "dogs", "<b>&"])
    layers = describe(TrainingConfig(**CONVOLUTIONAL), images.image_shape, 3)
    image = np.full((32, 32, 3), 200, np.uint8)
    answers = untrained(layers, np.full((32, 32, 3), 0.5, np.float32))
    found = drawing(layers, images, Passed(image, 2, answers))

    expected = {name: f"{p:.1%}" for name, p in zip(images.class_names, answers[-1], strict=True)}
    assert bars(found) == expected
    likeliest = images.class_names[int(answers[-1].argmax())]
    assert f"takes this <b>& for {likeliest} ({expected[likeliest]}" in html.unescape(found)
    assert "<b>&" not in found
    assert pictures(found)[0].mode == "RGB"


def test_of_a_hundred_classes_the_likeliest_have_bars() -> None:
    images = outline((28, 28), 100)
    layers = describe(TrainingConfig(), (28, 28), 100)
    image = np.random.default_rng(0).random((28, 28), np.float32)
    answers = untrained(layers, image)
    found = drawing(layers, images, Passed((255 * image).astype(np.uint8), 1, answers))

    assert list(bars(found)) == [str(i) for i in (-answers[-1]).argsort()[:10]]
    assert "10 of 100 classes" in rows(found)[-1]
    assert circles(rows(found)[-2]) == 13


@pytest.mark.parametrize(
    ("with_image", "why"),
    [(True, "too large to be asked before it is trained"), (False, "No image of this dataset")],
)
def test_where_the_network_is_not_asked_no_answer_is_made_up(with_image: bool, why: str) -> None:
    found = drawn(outline((28, 28), 4), with_image, asked=False, **CONVOLUTIONAL)

    assert why in found
    assert set(bars(found).values()) == {"25.0%"}
    assert "All classes alike" in rows(found)[-1]
    assert "Its answer" not in found
    assert len(pictures(found)) == with_image
    assert "fuller" not in found


def test_the_deepest_network_is_a_few_kilobytes_a_row() -> None:
    found = drawn(
        outline((96, 96, 3), 100),
        asked=False,
        **CONVOLUTIONAL,
        filters=(512,) * 6,
        convolutions=2,
        widths=(4096,) * 8,
    )

    assert len(rows(found)) == 1 + 3 * 6 + 1 + 8 + 2
    assert len(found) < 150_000
