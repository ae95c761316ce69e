"""Why a network answers as it does: where it looks, what it is reminded of, what its layers say."""

from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.delta_generator import DeltaGenerator

from mnist_core import inside
from mnist_core.data.dataset import Outline
from mnist_core.data.loading import DatasetError
from mnist_core.inference import ModelError
from mnist_core.inside import Activations, InsidePredictor
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from pages import _cached, _images, _page
from pages._cached import Version

T = TypeVar("T", bound=np.generic)

FOR, AGAINST = np.array([45, 212, 191]), np.array([251, 146, 60])
"""Teal and orange, on black: people who can't see red and green tell them apart."""
SIDE = 224  # pixels, of a picture
ALIKE = 8
ACROSS = 32  # units side by side


def why(run: Run, outline: Outline, image: NDArray[np.float32]) -> None:
    """A part of the page that is drawn only once somebody opens it."""
    opened = look_inside(run, "Why this answer?", ":material/psychology:", "why_part")
    if not opened:
        return
    with opened.part:
        network = opened.network
        left, right = st.columns(2, gap="large")
        with left:
            where_it_looks(network, outline, image)
        with right:
            reminded_of(network, run, outline, image)
        layers(network, run, outline, image)


class Opened(NamedTuple):
    """A part of a page that looks into a network, and that is open."""

    part: DeltaGenerator
    network: InsidePredictor
    outline: Outline
    """Of what it was trained on."""


def look_inside(run: Run, title: str, icon: str, key: str) -> Opened | None:
    """A part of a page on what goes on in a run's network; None while it is closed.

    None, too, where the network can't be looked into, as the part then says.
    """
    part = st.expander(title, icon=icon, key=key, on_change="rerun")
    if not part.open:
        return None
    try:
        return Opened(part, network_of(run), run.dataset())
    except (ModelError, RunError) as error:
        part.info(_page.plain(str(error)), icon=":material/visibility_off:")
        return None


def network_of(run: Run) -> InsidePredictor:
    """The run's network, loaded once for all sessions.

    Raises:
        ModelError: it can't be looked into.
        RunError: the run can't be read.
    """
    return _network(run.folder, _cached.version(run.folder / "model.tflite"))


@st.cache_resource(max_entries=2, show_spinner=False)
def _network(folder: Path, version: tuple[int, int] | None) -> InsidePredictor:
    return InsidePredictor(Run(folder))


# --- Where it looks ---


def where_it_looks(network: InsidePredictor, outline: Outline, image: NDArray[np.float32]) -> None:
    """The image, coloured by what speaks for the answer, and what against it."""
    names = outline.class_names
    order = network.probabilities(image[np.newaxis])[0].argsort(kind="stable")[::-1]
    answer, others = int(order[0]), [names[i] for i in order[1:]]
    st.subheader("Where it looks")
    other = st.selectbox(
        f"Why {_page.plain(names[answer])}, and not",
        others,
        key=f"why_not_{names[answer]}_{others[0]}",  # another answer, another runner-up
    )
    spoke = inside.attribution(network, image, answer, names.index(other))
    one, two = _page.plain(names[answer]), _page.plain(other)
    st.image(
        _images.png(coloured(image, spoke), SIDE),
        width=SIDE,
        output_format="PNG",
        alt=f"The image, coloured by what speaks for {names[answer]} and what for {other}",
    )
    st.caption(
        f"Teal speaks for {one}, orange for {two}: without it, the network would be less sure of "
        "that. Each part was covered in turn, and the network asked again."
    )


def coloured(image: NDArray[np.float32], spoke: NDArray[np.float32]) -> NDArray[np.uint8]:
    """An image in grey, ``(height, width, 3)``, with the colour of what each part speaks for."""
    grey = image.mean(axis=2) if image.ndim == 3 else image
    strength = np.abs(spoke) / max(float(np.abs(spoke).max()), 1e-9)
    tint = np.where(spoke[..., np.newaxis] > 0, FOR, AGAINST)
    share = 0.75 * strength[..., np.newaxis]
    mixed: NDArray[np.uint8] = (
        ((1 - share) * 200 * grey[..., np.newaxis] + share * tint).round().astype(np.uint8)
    )
    return mixed


# --- What it is reminded of ---


def reminded_of(
    network: InsidePredictor, run: Run, outline: Outline, image: NDArray[np.float32]
) -> None:
    """The training images that look alike to it."""
    st.subheader("What it is reminded of")
    try:
        dataset = _cached.dataset(run.config.dataset)
    except DatasetError as error:
        st.info(_page.plain(str(error)), icon=":material/image_not_supported:")
        return
    known = _known(run.folder, run.config.dataset, _cached.versions(run))
    hidden = network.last_hidden(image[np.newaxis])[0]
    near = inside.neighbours(hidden, known, dataset.y_train, ALIKE)
    named = [(outline.class_names[n.label], n) for n in near]
    _images.gallery(
        dataset.x_train[[n.index for n in near]],
        [f"Training image {n.index}, a {label}" for label, n in named],
        [f"{_page.plain(label)}  \n{n.distance:.2f}" for label, n in named],
        columns=4,
    )
    st.caption(
        f"Of the dataset's first {len(known):,} images for training, those whose last hidden layer "
        "answers most alike, with their labels and how far they are."
    )


@st.cache_resource(max_entries=2, show_spinner="Looking at the training images")
def _known(
    folder: Path,
    dataset_name: str,
    versions: tuple[Version, Version],
) -> NDArray[np.float32]:
    """What the last hidden layer answers to training images; ``(n, values)``."""
    images = inside.looked_at(_cached.dataset(dataset_name))
    return _network(folder, versions[0]).last_hidden(images)


# --- What its layers say ---


def layers(
    network: InsidePredictor, run: Run, outline: Outline, image: NDArray[np.float32]
) -> None:
    """Each hidden layer's answers as a picture; one of its units, looked at."""
    hidden = network.activations(image)[:-1]
    st.subheader("What its layers answer")
    with st.grid(2, min_column_width=300):
        for told in hidden:
            show_layer(told)
    one_unit(network, run, outline, hidden)


def show_layer(told: Activations) -> None:
    words, strengths = _page.plain(told.layer.words), told.strengths
    what = "units" if told.values.ndim == 1 else "filters"
    with st.container():
        st.image(
            _images.png(tiles(told.values), 480),
            output_format="PNG",
            alt=f"What the {len(strengths)} {what} of the layer {told.layer.words} answer",
        )
        silent = int((strengths == 0).sum())
        strongest = ", ".join(f"{unit} ({strengths[unit]:.2f})" for unit in told.strongest(4))
        st.caption(
            f"{words}: {len(strengths):,} {what}, {silent:,} of them silent. The strongest: "
            f"{strongest}."
        )


def tiles(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Answers as brightness: units in rows, or a small picture for each filter, side by side."""
    strength = np.abs(values)
    bright = (255 * strength / max(float(strength.max()), 1e-9)).astype(np.uint8)
    if bright.ndim == 1:
        across = max(ACROSS, round((3 * len(bright)) ** 0.5))
        rows = -(-len(bright) // across)
        padded = np.zeros(rows * across, np.uint8)
        padded[: len(bright)] = bright
        return padded.reshape(rows, across)
    return sheet(bright, max(1, ACROSS * 4 // (bright.shape[1] + 1)), 64)


def sheet(pictures: NDArray[T], most_across: int, gap: int = 0) -> NDArray[T]:
    """Small pictures, ``(height, width, n)``, side by side with lines of ``gap`` between them."""
    height, width, pieces = pictures.shape
    across = min(pieces, most_across)
    down = -(-pieces // across)
    whole = np.full((down * (height + 1), across * (width + 1)), gap, pictures.dtype)
    for number in range(pieces):
        row, column = divmod(number, across)
        top, left = row * (height + 1), column * (width + 1)
        whole[top : top + height, left : left + width] = pictures[..., number]
    return whole[:-1, :-1]


def one_unit(
    network: InsidePredictor, run: Run, outline: Outline, hidden: list[Activations]
) -> None:
    """The test images that drive a unit most, and what it weighs the pixels with."""
    left, right = st.columns(2)
    with left:
        number = st.selectbox(
            "Layer",
            range(len(hidden)),
            format_func=lambda i: f"{i + 1}: {hidden[i].layer.words}",
            key="why_layer",
        )
    told = hidden[number]
    strongest = told.strongest(len(told.strengths))
    with right:
        unit = st.selectbox(
            "Unit, the strongest first",
            strongest,
            key=f"why_unit_{number}",
            format_func=lambda unit: f"{unit}, answers {told.strengths[unit]:.2f}",
        )
    try:
        images = _cached.dataset(run.config.dataset)
    except DatasetError:
        return  # as is said above
    driven = _driven(run.folder, run.config.dataset, number, _cached.versions(run))[:, unit]
    most = (-driven).argsort(kind="stable")[:ALIKE]
    named = [(outline.class_names[images.y_test[i]], i) for i in most]
    with st.container(horizontal=True, gap="medium"):
        if number == 0 and (weights := network.incoming_weights(unit)) is not None:
            st.image(
                _images.png(coloured(np.zeros(weights.shape, np.float32), weights), 140),
                caption="Its weights for the pixels: teal above 0, orange below",
                width=140,
                output_format="PNG",
                alt=f"The incoming weights of unit {unit}",
            )
        with st.container():
            _images.gallery(
                images.x_test[most],
                [f"Test image {i}, a {label}" for label, i in named],
                [f"{_page.plain(label)}  \n{driven[i]:.2f}" for label, i in named],
                columns=8,
            )
            st.caption(
                f"Of the first {len(driven):,} test images, those that this unit answers most to."
            )


@st.cache_resource(max_entries=2, show_spinner="Looking at the test images")
def _driven(
    folder: Path,
    dataset_name: str,
    number: int,
    versions: tuple[Version, Version],
) -> NDArray[np.float32]:
    images = inside.scaled(_cached.dataset(dataset_name).x_test[: inside.MAPPED])
    return _network(folder, versions[0]).strengths(images, number)
