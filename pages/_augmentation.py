"""Sixteen training images as a configuration alters them: NumPy's doing, TensorFlow stays out."""

import io

import numpy as np
import streamlit as st
from PIL import Image

from mnist_core import augmentation
from mnist_core.config import TrainingConfig
from mnist_core.data.loading import DatasetError
from pages import _cached, _state

IMAGES = 16
COLUMNS = 8
TILE = 56  # pixels
GAP = 4


def preview(config: TrainingConfig) -> None:
    """The images as the network will see them; as they are, where nothing alters them."""
    try:
        images = _cached.dataset(config.dataset).x_train
    except DatasetError:
        st.caption("A preview is shown here once the dataset is on this machine.")
        return
    chosen = images[np.linspace(0, len(images) - 1, IMAGES).astype(int)]
    epoch = _state.PREVIEW_EPOCH.get()
    drawn = augmentation.draw(config, chosen.shape[1:], IMAGES, epoch)
    altered = augmentation.apply(config, chosen, drawn)
    st.image(
        _sheet(np.rint(altered * 255).astype(np.uint8)),
        width="stretch",
        output_format="PNG",
        alt="Sixteen training images, altered" if config.augments else "Sixteen training images",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            "Sixteen of the training images as the network may see them in one epoch. Test and "
            "validation images stay as they are."
            if config.augments
            else "Nothing is altered: the network sees the same images in every epoch."
        )
        st.button(
            "Alter them anew",
            key="draw_again",
            icon=":material/casino:",
            on_click=lambda: _state.PREVIEW_EPOCH.set(epoch + 1),
            disabled=not config.augments,
        )


def _sheet(images: np.ndarray) -> bytes:
    """Images ``(16, height, width[, 3])`` in two rows, as PNG; between them nothing is drawn."""
    rows = IMAGES // COLUMNS
    sheet = Image.new("RGBA", (COLUMNS * (TILE + GAP) - GAP, rows * (TILE + GAP) - GAP))
    for index, image in enumerate(images):
        row, column = divmod(index, COLUMNS)
        tile = Image.fromarray(image).convert("RGB").resize((TILE, TILE), Image.Resampling.NEAREST)
        sheet.paste(tile, (column * (TILE + GAP), row * (TILE + GAP)))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()
