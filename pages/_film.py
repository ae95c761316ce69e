"""A run's network at moments of its training: what it makes of some images, and of a drawing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mnist_core import figures, scenes
from mnist_core.answer import answer
from mnist_core.data.dataset import Outline
from mnist_core.data.loading import DatasetError
from mnist_core.drawing import network_input
from mnist_core.drawing.strokes import image_from_strokes
from mnist_core.forward import Network
from mnist_core.inside import scaled
from mnist_core.png import address
from mnist_core.runs.files import RunError
from mnist_core.runs.film import Film, Moment
from mnist_core.runs.folder import Run
from mnist_core.scenes import Scene
from mnist_core.validation import split, steps_per_epoch
from mnist_core.words import counted
from pages import _cached, _changes, _compat, _images, _page, _state, _why
from pages._live_chart import live_chart
from pages._state import Key

LOOK_SECONDS = 0.5  # between two looks for a newer moment
FRAME_SECONDS = 0.8  # of a moment, while the film plays
TEST = "test"
TILES, TILES_ACROSS = 24, 8  # of the first layer

CSS = """
<style>
.strip { display: flex; flex-wrap: wrap; gap: 0.375rem; }
.sheet { display: block; width: 100%; max-width: 29rem; image-rendering: pixelated; }
.strip figure { margin: 0; width: 3rem; text-align: center; }
.strip img { display: block; width: 100%; image-rendering: pixelated; border: 0.1875rem solid; }
.strip figcaption {
    font-size: 0.8125rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
}
.strip .right img { border-color: var(--st-green-color, #0e7490); }
.strip .wrong img { border-color: var(--st-red-color, #b93815); }
.strip .wrong figcaption { font-weight: 700; }
</style>
"""


def film(run: Run, live: bool) -> None:
    """A part of the page Train that is drawn only while it is open.

    Args:
        live: whether the run is; then its newest moment is shown, as soon as there is one.
    """
    part = st.expander(
        "See inside, as it learns" if live else "See inside: the film of its training",
        icon=":material/movie:",
        key="film_part",
        on_change="rerun",
    )
    if not part.open:
        return
    with part:
        st.html(CSS)
        try:
            shown, outline = Film(run), run.dataset()
            asked = _asked(run, live, scenes.affordable(shown.layers))
            steps = steps_per_epoch(run.config, outline.train_images)
            if live:
                _newest(run, shown, outline, asked, steps)
            else:
                _any_moment(run, shown, outline, asked, steps)
        except (RunError, DatasetError) as error:
            st.info(_page.plain(str(error)), icon=":material/visibility_off:")


@dataclass(frozen=True, eq=False)
class _Asked:
    """The images that a network is asked about."""

    of: str
    """Which part of the dataset: :data:`TEST`, ``"validation"`` or ``"training"``."""
    images: NDArray[np.uint8]
    """``(n, ...)``."""
    labels: NDArray[np.uint8]
    """``(n,)``."""


def _asked(run: Run, live: bool, most: int) -> _Asked:
    """While it learns, images of those that it is judged by; later, those that it was tested on."""
    dataset = _cached.dataset(run.config.dataset)
    if not live:
        return _Asked(TEST, dataset.x_test[:most], dataset.y_test[:most])
    training, held_back = split(run.config, len(dataset.x_train))
    of, chosen = ("validation", held_back) if len(held_back) > 1 else ("training", training)
    chosen = chosen[:most]
    return _Asked(of, dataset.x_train[chosen], dataset.y_train[chosen])


# --- While it learns ---


def _newest(run: Run, shown: Film, outline: Outline, asked: _Asked, steps: int) -> None:
    """The newest moment, and each one that comes."""

    def part() -> object:
        before = _cached.version(run.film)
        moments = shown.moments()
        if moments:
            st.caption(f"The newest moment: {moments[-1].words(steps)}.")
            _scene_at(run, shown, outline, asked, moments, len(moments) - 1)
        else:
            _why_not(run, shown, live=True)
        return before

    _changes.redraw_on_change(part, LOOK_SECONDS, lambda seen: _cached.version(run.film) != seen)


def _why_not(run: Run, shown: Film, live: bool) -> None:
    """Why there is no film."""
    if not shown.fits:
        words = "This network has too many weights to be kept at each moment."
    elif run.is_trial:
        words = "A search keeps no films of what it tries: there may be hundreds."
    elif live:
        words = "It begins with the training."
    else:
        words = "This run has no film: it was made by an earlier version, or elsewhere without it."
    st.info(words, icon=":material/movie:")


# --- When it is over ---


def _any_moment(run: Run, shown: Film, outline: Outline, asked: _Asked, steps: int) -> None:
    """The moment that is chosen, or one after the other."""
    moments = shown.moments()
    if not moments:
        _why_not(run, shown, live=False)
        return
    last = len(moments) - 1
    words = [*(moment.words(steps) for moment in moments[:-1]), "the finished network"]
    at = Key(f"film_at_{run.id}", last)
    slider: Key[int | None] = Key(f"film_slider_{run.id}", None)
    playing = False

    def play() -> None:
        if at.get() == last:
            at.set(0)
        _state.FILM_PLAYS.set(True)

    def part() -> None:
        nonlocal playing
        if playing and _state.FILM_PLAYS.get():  # the moment before has been seen
            at.set(min(at.get() + 1, last))
            _state.FILM_PLAYS.set(at.get() < last)
        playing = _state.FILM_PLAYS.get()
        if slider.get() != at.get():  # else people's own moves would be undone
            slider.set(at.get())
        with st.container(horizontal=True, vertical_alignment="bottom"):
            if playing:
                st.button(
                    "Stop",
                    key="film_stop",
                    icon=":material/pause:",
                    on_click=lambda: _state.FILM_PLAYS.set(False),
                )
            else:
                st.button("Play", key="film_play", icon=":material/play_arrow:", on_click=play)
            st.select_slider(
                "Moment",
                range(len(moments)),
                format_func=words.__getitem__,
                key=slider.name,
                disabled=playing,
                on_change=lambda: at.set(slider.get() or 0),
            )
        _scene_at(run, shown, outline, asked, moments, at.get())

    _compat.run_by_timer(part, FRAME_SECONDS, lambda: playing)


# --- One moment ---


def _scene_at(
    run: Run,
    shown: Film,
    outline: Outline,
    asked: _Asked,
    moments: list[Moment],
    number: int,
) -> None:
    def scene_of(number: int) -> Scene:
        data = _cached.dataset_version(run.config.dataset)
        return _scene(run.folder, moments[number], asked.of, data, shown, number, asked.images)

    last = len(moments) - 1
    try:
        network, scene, at_last = scenes.network(shown, number), scene_of(number), scene_of(last)
        if asked.of == TEST and number == last and run.has_model:
            stored, _ = run.test_results()  # what the page Evaluate says
            scene = replace(scene, probabilities=stored[: len(asked.labels)])
    except RunError as error:
        st.info(_page.plain(str(error)), icon=":material/broken_image:")
        return
    predicted = scene.probabilities.argmax(axis=1)
    _strip(outline, asked, predicted)
    left, right = st.columns(2, gap="medium")
    with left:
        _first_layer(network, outline, scene)
    with right:
        places = scenes.aligned(scene.places, at_last.places)
        st.markdown("**Where the images lie in its last hidden layer**")
        figure = figures.image_map(places, asked.labels, predicted, outline.class_names)
        live_chart(figure, f"film_map_{run.id}", "Where images lie in the last hidden layer")
    left, right = st.columns(2, gap="medium")
    with left:
        right_ones = int((predicted == asked.labels).sum())
        images = counted(len(predicted), f"{asked.of} image")
        st.markdown(f"**{right_ones} of {images} right**")
        matrix = figures.confusion_matrix(scene.confusion(asked.labels), outline.class_names)
        matrix["layout"]["height"] = 360
        live_chart(matrix, f"film_matrix_{run.id}", "Confusion matrix of these images")
    with right:
        _drawing(network, outline)


@st.cache_resource(max_entries=48, show_spinner=False)
def _scene(
    folder: Path,
    moment: Moment,
    of: str,
    version: tuple[int, int] | None,
    _shown: Film,
    _number: int,
    _images: NDArray[np.uint8],
) -> Scene:
    """What the network of a moment makes of images; once for all who look.

    Args:
        of: which images.
        version: of the file that they are in.
    """
    return scenes.scene(scenes.network(_shown, _number), scaled(_images))


def _strip(outline: Outline, asked: _Asked, predicted: NDArray[np.int64]) -> None:
    """Images with what they are taken for; those that are taken for another class stand out."""
    names, cells, wrong = outline.class_names, [], []
    shown = slice(scenes.SHOWN)
    for image, label, taken_for in zip(
        asked.images[shown], asked.labels[shown], predicted[shown], strict=True
    ):
        verdict = "right" if taken_for == label else "wrong"
        if verdict == "wrong":
            wrong.append(f"{names[label]} taken for {names[taken_for]}")
        cells.append(
            f'<figure class="{verdict}"><img alt="" src="{address(image)}">'
            f"<figcaption>{escape(names[taken_for])}</figcaption></figure>"
        )
    words = f"{len(cells)} {asked.of} images, {len(cells) - len(wrong)} of them read rightly"
    alt = escape("; ".join([words, *wrong]))
    st.markdown(f"**What it takes {len(cells)} {asked.of} images for**")
    st.html(f'<div class="strip" role="img" aria-label="{alt}">{"".join(cells)}</div>')


def _first_layer(network: Network, outline: Outline, scene: Scene) -> None:
    """What its first weights look for, and how many units are of no use."""
    weights = scenes.first_weights(network, outline.image_shape)[:TILES]
    if weights.ndim == 4:
        weights = weights.mean(axis=3)  # of the channels
    most = max(float(np.quantile(np.abs(weights), 0.99)), 1e-9)  # a few are far larger
    sheet = _why.sheet(np.moveaxis(weights / most, 0, -1).clip(-1, 1), TILES_ACROSS)
    st.markdown("**What its first layer looks for**")
    what = "units" if scene.maps is None else "filters"
    _picture(
        _why.coloured(np.zeros(sheet.shape, np.float32), sheet),
        f"The weights of the first {len(weights)} {what}",
    )
    st.caption(f"The weights of the first {len(weights)} {what}: teal above 0, orange below.")
    if scene.maps is not None:
        maps = _why.tiles(scene.maps[..., :TILES])
        _picture(maps, "What the filters answer to the first image")
        st.caption("What these filters answer to the first image.")
    if scene.silent:
        said = [f"{silent:,} of {layer.output_shape[-1]:,}" for layer, silent in scene.silent]
        st.caption(
            f"Silent {what}, which answer none of the images, layer by layer: {', '.join(said)}."
        )


def _picture(image: NDArray[np.uint8], alt: str) -> None:
    st.html(f'<img class="sheet" alt="{alt}" src="{address(image)}">')


def _drawing(network: Network, outline: Outline) -> None:
    """How the network of this moment reads what was drawn on the page Draw."""
    st.markdown("**How it reads your drawing**")
    drawn = _state.DRAWN.get()
    if not outline.is_drawn:
        st.caption("Drawings can't be shown to networks of such images.")
    elif not drawn:
        _page.step("pages/draw.py", "Draw something for it", ":material/draw:", first=False)
    else:
        image = network_input.on_ground(image_from_strokes(drawn), outline)
        said = answer(network.probabilities(image[np.newaxis])[0], outline.class_names)
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            st.image(
                _images.png((255 * image).astype(np.uint8), 112),
                width=112,
                output_format="PNG",
                alt="Your drawing, as the network sees it",
            )
            st.markdown(f"### {_page.plain(said.heading)}\n{_page.plain(said.words)}")
