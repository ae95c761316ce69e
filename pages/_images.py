"""Pictures of images, with what is said below them."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mnist_core.data.loading import DatasetError
from mnist_core.evaluation import Evaluation
from mnist_core.png import png as unscaled
from pages import _cached, _page


def test_images(result: Evaluation, dataset_name: str) -> NDArray[np.uint8] | None:
    """The images that a network was tested on; None, and why is said, where they are not here."""
    try:
        images = _cached.dataset(dataset_name)
    except DatasetError as error:
        st.warning(
            _page.plain(str(error)),
            title="The images can't be shown",
            icon=":material/image_not_supported:",
        )
        _page.step("pages/data.py", "Go to the data", ":material/grid_on:", first=False)
        return None
    if not np.array_equal(images.y_test, result.labels):
        st.error(
            "The run was tested on other images than those of "
            f"{_page.plain(images.title)} on this machine.",
            title="The images can't be shown",
            icon=":material/image_not_supported:",
        )
        return None
    return images.x_test


def png(image: NDArray[np.uint8], side: int = 280) -> bytes:
    """An image ``(height, width[, 3])`` as PNG, its pixels enlarged to squares; ``side`` pixels."""
    factor = max(1, side // max(image.shape[:2]))
    return unscaled(image.repeat(factor, axis=0).repeat(factor, axis=1))


def wrong_caption(answer: str, truth: str, confidence: str) -> str:
    """Below an image that was taken for another class."""
    answer, truth, confidence = map(_page.plain, (answer, truth, confidence))
    return f":red[:material/close: Says **{answer}**, is {truth}]  \n{confidence}"


def gallery(
    images: NDArray[np.uint8],
    alts: Sequence[str],
    captions: Sequence[str] | None = None,
    columns: int = 10,
) -> None:
    """Images ``(n, height, width[, 3])`` in rows of ``columns``, fewer where there is less room."""
    with st.grid(columns, min_column_width=60, gap="xsmall", width=120 * columns):
        for index, image in enumerate(images):
            st.image(
                png(image),
                caption=captions[index] if captions else None,
                width="stretch",
                output_format="PNG",  # JPEG would blur the squares
                alt=alts[index],
            )
