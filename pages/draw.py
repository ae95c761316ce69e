"""Draw something, or bring a picture, and see what the network makes of it."""

import random
import re
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mnist_core import figures, words
from mnist_core.data import pictures
from mnist_core.data.dataset import Outline
from mnist_core.data.loading import DatasetError
from mnist_core.drawing import network_input
from mnist_core.drawing.strokes import check_strokes, image_from_strokes
from mnist_core.inference import ModelError, Predictor
from mnist_core.runs.catalog import Summary
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from pages import _cached, _chosen, _images, _page, _state
from pages._canvas import pen_canvas
from pages._live_chart import live_chart, load_plotly
from pages._number import whole_number

SIDE = 280  # pixels; on the narrowest phone it leaves room beside it for a thumb that scrolls
# Pixels that the answer to a drawing has above the canvas, which stays where it is meanwhile:
SAID_HEIGHT = 64  # a heading and two lines beside it
SAID_HEIGHT_OF_NAMES = 104  # names are longer than digits, and the lines may come below them
SEEN_SIDE = 140
# Of 7,494 drawings by 30 people, half of those that got less were recognised, 96% of the others.
UNSURE_BELOW = 0.9
PICTURES = ["png", "jpg", "jpeg", "webp"]
MEGABYTES = 10


# --- The canvas. It forgets its drawing when it leaves the page, so the session keeps it. ---


def keep_drawing() -> None:
    """The canvas tells of a change."""
    strokes = _state.CANVAS.get()["strokes"]
    check_strokes(strokes)
    _state.DRAWN.set(strokes)


def canvas(outline: Outline) -> NDArray[np.float32] | None:
    """The canvas and its tools; the drawing as the network is given it, or None without one."""
    drawn = _state.DRAWN.get()
    pen_canvas(
        drawn,
        side=SIDE,
        pen=_state.PEN_WIDTH.get(),
        key=_state.CANVAS.name,
        on_change=keep_drawing,
    )
    with (
        st.container(key="pen", width="content"),
        st.popover("Pen", icon=":material/line_weight:"),
    ):
        width = _state.PEN_WIDTH
        st.slider("Pen width", 6, 36, width.default, key=width.name, persist_state="session")
        st.caption("Changes only what you see: the network gets strokes as wide as those in MNIST.")
    if not drawn:
        return None
    return network_input.on_ground(image_from_strokes(drawn), outline)


# --- The other inputs ---


def picture(outline: Outline) -> NDArray[np.float32] | None:
    """A picture from a file or the camera; as the network is given it, or None without one."""
    of_what = " of a digit" if outline.is_digits else ""
    if st.toggle("Use the camera", key="use_camera", persist_state="session"):
        file = st.camera_input(f"Photo{of_what}")
    else:
        file = st.file_uploader(
            f"Picture{of_what}", type=PICTURES, max_upload_size=MEGABYTES, key="picture"
        )
    if file is None:
        return None
    try:
        with Image.open(file) as opened:
            image = network_input.as_input(opened, outline)
            upright = ImageOps.exif_transpose(opened)
    except (*pictures.UNREADABLE, ValueError) as error:
        reason = "damaged, huge, or no picture" if isinstance(error, pictures.UNREADABLE) else error
        st.error(
            f"Reason: {reason}. Allowed: PNG, JPEG and WebP pictures of up to {MEGABYTES} MB.",
            title=f"`{file.name}` can't be read",
            icon=":material/broken_image:",
        )
        return None
    upright.thumbnail((2 * SIDE, 2 * SIDE))
    st.image(
        upright.convert("RGBA" if upright.has_transparency_data else "RGB"),
        width=SIDE,
        alt=f"The picture {file.name}",
    )
    if outline.is_drawn and not image.any():
        what = "digit" if outline.is_digits else "drawing"
        st.info(f"No {what} was found in it.", icon=":material/search_off:")
        return None
    return image


def test_image(dataset: str) -> tuple[NDArray[np.float32], int] | None:
    """A test image by its number; as the network is given it, with its label."""
    try:
        images = _cached.dataset(dataset)
    except DatasetError as error:
        st.warning(
            str(error), title="The images can't be shown", icon=":material/image_not_supported:"
        )
        st.page_link("pages/data.py", label="Go to the data", icon=":material/grid_on:")
        return None
    last = len(images.x_test) - 1
    number = whole_number(
        f"Number, 0 to {last:,}", 0, key=_state.TEST_IMAGE.name, bind="query-params"
    )
    st.button(
        "Random image",
        key="at_random",
        icon=":material/casino:",
        on_click=take_any,
        args=[last],
    )
    if not (isinstance(number, int) and 0 <= number <= last):
        st.error(
            f"There is no test image {number:,}; allowed: 0 to {last:,}.", icon=":material/error:"
        )
        return None
    image: NDArray[np.float32] = images.x_test[number] / np.float32(255)
    return image, int(images.y_test[number])


def take_any(last: int) -> None:
    _state.TEST_IMAGE.set(random.randint(0, last))


def take_linked() -> None:
    """The test image that the address asks about."""
    number = st.query_params.get(_state.TEST_IMAGE.name)
    if number is None:
        return
    if re.fullmatch(r"-?\d{1,15}", number, re.ASCII):
        _state.ASK_ABOUT.set("Test image")
    else:
        del st.query_params[_state.TEST_IMAGE.name]
        st.warning(
            f"The address asks about the test image `{number}`; allowed: a whole number from 0.",
            icon=":material/search_off:",
        )


# --- The answer ---


@st.cache_resource(max_entries=8, show_spinner=False)
def load_predictor(folder: Path, version: int) -> Predictor:
    """The run's network, loaded once for all sessions; ``version`` is the file's time."""
    return Predictor(folder)


def say(probabilities: NDArray[np.float32], names: list[str], label: int | None) -> None:
    """What the network takes it for, and how sure it is."""
    second, first = probabilities.argsort()[-2:]
    if probabilities[first] < UNSURE_BELOW:
        st.header(f"{names[first]} or {names[second]}?", anchor=False, width="content")
        said = f"Unsure: {probabilities[first]:.1%} and {probabilities[second]:.1%}."
    else:
        st.header(names[first], anchor=False, width="content")
        said = f"{_page.plain(words.sureness(probabilities[first]))} sure."
    if label is not None:
        right, wrong = ":green[:material/check: Right]", ":red[:material/close: Wrong]"
        said += f"  \n{right if first == label else wrong}: it is labelled {names[label]}."
    st.markdown(said)


def show(
    image: NDArray[np.float32], probabilities: NDArray[np.float32], class_names: tuple[str, ...]
) -> None:
    """What the network is given, and what it makes of every class."""
    st.image(
        _images.png((255 * image).round().astype(np.uint8), SEEN_SIDE),
        caption="What the network sees",
        width=SEEN_SIDE,
        output_format="PNG",  # JPEG would blur the squares
        alt=f"The {image.shape[0]} x {image.shape[1]} pixels that the network is given",
    )
    live_chart(
        figures.probability_bars(probabilities, class_names),
        key="probabilities",
        alt=", ".join(
            f"{name}: {p:.1%}" for name, p in zip(class_names, probabilities, strict=True)
        ),
    )
    st.caption("It has to choose one of these, whatever it is shown.")


# --- The page ---


@st.fragment
def ask(predictor: Predictor, outline: Outline, dataset: str) -> None:
    """An input and the answer to it: all that runs again when somebody draws."""
    sources = ["Drawing", "Picture", "Test image"]
    if not outline.is_drawn:
        sources.remove("Drawing")
    if _state.ASK_ABOUT.get() not in (None, *sources):
        _state.ASK_ABOUT.set(sources[0])  # chosen of a network that takes drawings
    source = st.segmented_control(
        "Ask about",
        sources,
        default=sources[0],
        required=True,
        key=_state.ASK_ABOUT.name,
        bind="query-params",
        label_visibility="collapsed",
    )
    # Above what is asked about: on a phone, nothing below the canvas is on the screen with it.
    height = SAID_HEIGHT if outline.is_digits else SAID_HEIGHT_OF_NAMES
    said = st.container(
        horizontal=True,
        vertical_alignment="center",
        height=height if source == "Drawing" else "content",
        border=False,
    )
    with st.container(horizontal=True, gap="medium"):
        asked, answered = st.container(width=SIDE), st.container()
    label = None
    with asked:
        if source == "Drawing":
            image = canvas(outline)
        elif source == "Picture":
            image = picture(outline)
        else:
            image, label = test_image(dataset) or (None, None)
    if image is not None:
        probabilities = predictor.probabilities(image[np.newaxis])[0]
        with said:
            say(probabilities, [_page.plain(name) for name in outline.class_names], label)
        with answered:
            show(image, probabilities, outline.class_names)
    elif source == "Drawing":
        what = "a digit from 0 to 9" if outline.is_digits else f"one of {known(outline)}"
        said.markdown(f"Draw {what}. The network answers after every stroke.")
    elif source == "Picture":
        said.markdown(f"This network can tell apart: {known(outline)}.")


def known(outline: Outline, most: int = 12) -> str:
    """The classes that a network has learned, in words."""
    named = ", ".join(map(_page.plain, outline.class_names[:most]))
    more = outline.classes - most
    return named if more <= 0 else f"{named} and {more} more"


def other_run(run: Run) -> None:
    """A way out where this run has no network."""
    able = next((r for r in _cached.store().list() if r.has_model and r != run), None)
    if able:
        st.button("Use the newest network", on_click=_state.RUN.choose, args=[[able.id]])
    else:
        st.page_link("pages/train.py", label="Train one", icon=":material/model_training:")


_page.begin("Draw")
run = _chosen.run_picker()
if run is None:
    st.stop()
if not run.has_model:
    entry = _cached.catalog().entry(run)
    if isinstance(entry, Summary) and entry.state.live:
        _chosen.still_training(run, entry.state, "It can be asked when training is over.")
    else:
        st.info("This run has no network to ask.", icon=":material/search_off:")
    other_run(run)
    st.stop()
try:
    predictor = load_predictor(run.folder, (run.folder / "model.tflite").stat().st_mtime_ns)
    outline = run.dataset()
except (ModelError, RunError) as error:
    st.error(str(error), title="This network can't be used", icon=":material/error:")
    other_run(run)
else:
    take_linked()
    ask(predictor, outline, run.config.dataset)
    load_plotly()
