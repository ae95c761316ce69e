"""The map: where a network puts the images that it was tested on, and a drawing among them."""

from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mnist_core import figures, inside
from mnist_core.data.dataset import Outline
from mnist_core.drawing import network_input
from mnist_core.drawing.strokes import image_from_strokes
from mnist_core.evaluation import Evaluation
from mnist_core.inside import InsidePredictor, MissingExtraError, Plane
from mnist_core.runs.folder import Run
from mnist_core.words import sureness
from pages import _cached, _images, _page, _state, _tables, _why
from pages._cached import Version
from pages._live_chart import live_chart
from pages._number import image_number

METHODS = {
    "PCA": "along the two directions in which they differ most",
    "t-SNE": "beside those that they resemble most; how far groups lie apart says little",
}
SIDE = 168  # pixels, of a picture


@st.fragment
def image_map(run: Run, images: NDArray[np.uint8], result: Evaluation) -> None:
    """A part of the page Evaluate that is drawn only while it is open."""
    title = "The map: which images lie side by side for it"
    opened = _why.look_inside(run, title, ":material/scatter_plot:", "map_part")
    if not opened:
        return
    with opened.part:
        network, outline = opened.network, opened.outline
        names, mapped = result.class_names, images[: inside.MAPPED]
        with st.container(horizontal=True, vertical_alignment="bottom"):
            method = st.segmented_control(
                "Placed by", list(METHODS), default="PCA", required=True, key="map_method"
            )
            classes = st.multiselect(
                "In colour", names, key="map_classes", placeholder="All classes", width=360
            )
        try:
            plane = _plane(run.folder, _cached.versions(run), method, network, mapped)
        except (MissingExtraError, ValueError) as error:
            st.info(_page.plain(str(error)), icon=":material/extension_off:")
            return
        left, right = st.columns([3, 2], gap="large")
        with right:
            chosen = _chosen_image(run, images, result)
        with left:
            labels, predicted = result.labels[: len(mapped)], result.predicted[: len(mapped)]
            figure = figures.image_map(
                plane.places,
                labels,
                predicted,
                names,
                {names.index(name) for name in classes} or None,
                _marked(network, outline, plane, images, chosen),
            )
            figure["layout"]["height"] = 460
            live_chart(
                figure,
                f"map_{run.id}",
                "Where test images lie in the last hidden layer; the same in the table below",
                on_click=lambda told: take(told, len(images)),
            )
            wrong = int((labels != predicted).sum())
            st.caption(
                f"{len(mapped):,} test images by what the last hidden layer answers to them, "
                f"{METHODS[method]}. The {wrong:,} that were taken for another class are circled. "
                "Click on one to see it."
            )
            _tables.below(
                "The map",
                "map_table",
                lambda: _tables.places(
                    plane.places, [names[i] for i in labels], [names[i] for i in predicted]
                ),
            )


@st.cache_resource(max_entries=4, show_spinner="Placing the images")
def _plane(
    folder: Path,
    versions: tuple[Version, Version],
    method: str,
    _network: InsidePredictor,
    _images: NDArray[np.uint8],
) -> Plane:
    """Where images lie, found once for all sessions; raises what the methods do."""
    return inside.PLANES[method](_network.last_hidden(inside.scaled(_images)))


def take(told: object, images: int) -> None:
    """In a callback: look at the image that was clicked on."""
    if isinstance(told, int) and 0 <= told < images:
        _state.MAP_IMAGE.set(float(told))


def _chosen_image(run: Run, images: NDArray[np.uint8], result: Evaluation) -> int | None:
    """The image that is looked at: its number, from the field or from a click on the map."""
    number = image_number("test image", "Test image", len(images) - 1, key=_state.MAP_IMAGE.name)
    if number is None:
        return None
    names = result.class_names
    answer, true = names[result.predicted[number]], names[result.labels[number]]
    sure = sureness(result.confidence[number])
    verdict = f"{true}, recognised" if answer == true else f"{true}, taken for {answer}"
    st.image(
        _images.png(images[number], SIDE),
        width=SIDE,
        output_format="PNG",
        alt=f"Test image {number}: {verdict}",
    )
    st.markdown(f"**{_page.plain(verdict)}**: {_page.plain(sure)}")
    st.page_link(
        "pages/draw.py",
        label="Why this answer?",
        icon=":material/psychology:",
        query_params=_state.RUN.link(run.id) | {_state.TEST_IMAGE.name: str(number)},
    )
    return number


def _marked(
    network: InsidePredictor,
    outline: Outline,
    plane: Plane,
    images: NDArray[np.uint8],
    chosen: int | None,
) -> dict[str, NDArray[np.float32]]:
    """What stands out on the map: the image that is looked at, and what was drawn on Draw."""
    looked_at = {}
    if chosen is not None:
        looked_at[f"Test image {chosen}"] = inside.scaled(images[chosen])
    if outline.is_drawn and (drawn := _state.DRAWN.get()):
        looked_at["Your drawing"] = network_input.on_ground(image_from_strokes(drawn), outline)
    if not looked_at:
        return {}
    places = plane.place(network.last_hidden(np.stack(list(looked_at.values()))))
    return dict(zip(looked_at, places, strict=True))
