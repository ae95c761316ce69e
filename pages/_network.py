"""The network that the form describes, drawn before it is trained."""

import numpy as np
import streamlit as st

from mnist_core import forward
from mnist_core.data import loading
from mnist_core.data.loading import DatasetError
from mnist_core.diagram import Passed, drawing
from mnist_core.network import Layer
from pages import _cached

MOST_WEIGHTS, MOST_MULTIPLY_ADDS = 5_000_000, 200_000_000
"""Of a network that answers within a tenth of a second, its random weights drawn."""


def show(layers: list[Layer], dataset: str) -> None:
    """From the picture to the answer, with a test image that goes through it."""
    st.html(_drawing(layers, dataset, _cached.dataset_version(dataset)))


@st.cache_data(max_entries=50, show_spinner=False)
def _drawing(layers: list[Layer], dataset: str, version: tuple[int, int] | None) -> str:
    try:
        image, label = loading.example(dataset)
    except DatasetError:  # not here, or damaged: the page Data says which
        return drawing(layers, loading.outline(dataset))
    few = sum(layer.weights for layer in layers) <= MOST_WEIGHTS
    quick = sum(layer.multiply_adds for layer in layers) <= MOST_MULTIPLY_ADDS
    scaled = (image / 255).astype(np.float32)
    answers = forward.untrained(layers, scaled) if few and quick else None
    return drawing(layers, loading.outline(dataset), Passed(image, label, answers))
