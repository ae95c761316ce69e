"""Draw something, or bring a picture, and see what the network makes of it."""

import random
import re
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mnist_core.answer import answer, no_answer
from mnist_core.data import pictures
from mnist_core.data.dataset import Outline
from mnist_core.data.loading import DatasetError
from mnist_core.drawing import network_input
from mnist_core.drawing.strokes import check_strokes, image_from_strokes
from mnist_core.forward import CheckpointPredictor
from mnist_core.inference import ModelError, Predictor
from mnist_core.inside import scaled
from mnist_core.runs.catalog import Damaged, Summary
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.store import BUILT_IN_RUN
from mnist_core.words import reason
from pages import _cached, _changes, _chosen, _images, _page, _state
from pages._answer import show_answer
from pages._canvas import pen_canvas
from pages._fool import fool
from pages._number import image_number
from pages._why import why

SIDE = 280  # of a picture, in pixels
SEEN_SIDE = 140
LOOK_SECONDS = 0.8  # between two looks for the network of a newer epoch
PICTURES = ["png", "jpg", "jpeg", "webp"]
MEGABYTES = 10

# On a wide screen the canvas leaves room for what stands above and below it, and the answer stands
# beside it; on a narrow one it takes all of the width, and the answer stands below.
CSS = """
<style>
.st-key-draw_head h1 { padding: 0; }
div:has(> .st-key-canvas_place) {
    flex: none; width: min(100%, max(25rem, min(40rem, 100dvh - 18rem)));
}
div:has(> .st-key-answer_place) { flex: 1 1 16rem; }
div:has(> div > .st-key-canvas_place) { row-gap: 0.75rem; }
@media (pointer: coarse) {
    .st-key-ask_about button, .st-key-draw_head [data-baseweb=select] > div { min-height: 2.75rem; }
}
</style>
"""


# --- The canvas. The browser keeps its drawing, and the session what was told of it. ---


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
            f"Reason: {_page.plain(str(reason))}. Allowed: PNG, JPEG and WebP pictures of up to "
            f"{MEGABYTES} MB.",
            title=f"{_page.plain(file.name)} can't be read",
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
            _page.plain(str(error)),
            title="The images can't be shown",
            icon=":material/image_not_supported:",
        )
        _page.step("pages/data.py", "Go to the data", ":material/grid_on:", first=False)
        return None
    last = len(images.x_test) - 1
    number = image_number(
        "test image", "Number", last, key=_state.TEST_IMAGE.name, bind="query-params"
    )
    st.button(
        "Random image",
        key="at_random",
        icon=":material/casino:",
        on_click=take_any,
        args=[last],
    )
    if number is None:
        return None
    return scaled(images.x_test[number]), int(images.y_test[number])


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
            f"The address asks about the test image {_page.plain(number)}; allowed: a whole number "
            "from 0.",
            icon=":material/search_off:",
        )


# --- The answer ---


Network = Predictor | CheckpointPredictor


def network_of(run: Run, live: bool) -> Network | None:
    """The run's network; of a live one, that of its newest epoch. None where there is none (yet).

    Raises:
        ModelError: the network can't be used.
        RunError: the checkpoint can't be used.
    """
    try:
        if run.has_model:
            return load_predictor(run.folder, (run.folder / "model.tflite").stat().st_mtime_ns)
        if live:
            return load_checkpoint(run.folder, run.checkpoint.stat().st_mtime_ns)
    except FileNotFoundError:
        pass  # its first epoch is not over, or it has just been deleted
    return None


@st.cache_resource(max_entries=8, show_spinner=False)
def load_predictor(folder: Path, version: int) -> Predictor:
    """The run's network, loaded once for all sessions; ``version`` is the file's time."""
    return Predictor(folder)


@st.cache_resource(max_entries=2, show_spinner=False)
def load_checkpoint(folder: Path, version: int) -> CheckpointPredictor:
    """The same of a checkpoint."""
    return CheckpointPredictor(Run(folder))


def since(network: Network, run: Run) -> str:
    """As of when the network answers, where it is not the finished one."""
    if isinstance(network, Predictor):
        return ""
    return f"As of epoch {network.epoch.epoch} of {run.config.epochs}; it answers anew after each."


def verdict(answered: int, label: int | None, outline: Outline) -> tuple[bool, str] | None:
    """Whether the answer is right, where that is known."""
    if label is None:
        return None
    words = "Right" if answered == label else "Wrong"
    return answered == label, f"{words}: it is labelled {outline.class_names[label]}."


def show_input(image: NDArray[np.float32]) -> None:
    """What the network is given."""
    st.image(
        _images.png((255 * image).round().astype(np.uint8), SEEN_SIDE),
        caption="What the network sees",
        width=SEEN_SIDE,
        output_format="PNG",  # JPEG would blur the squares
        alt=f"The {image.shape[0]} x {image.shape[1]} pixels that the network is given",
    )


# --- The page ---


def ask(run: Run, outline: Outline, live: bool) -> None:
    """An input and the answer to it: all that runs again when somebody draws, or an epoch ends."""
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
    with st.container(horizontal=True, gap="medium"):
        drawing = source == "Drawing"
        asked = st.container(key="canvas_place") if drawing else st.container(width=SIDE)
        answered = st.container(horizontal=True, key="answer_place")
    label = None
    with asked:
        if source == "Drawing":
            image = canvas(outline)
        elif source == "Picture":
            image = picture(outline)
        else:
            image, label = test_image(run.config.dataset) or (None, None)
    network = network_of(run, live)
    with answered:
        if network is None:
            show_answer(
                no_answer(outline.class_names, "It answers as soon as its first epoch is over.")
            )
        elif image is None:
            if words := invitation(source, outline):
                show_answer(no_answer(outline.class_names, words), since=since(network, run))
        else:
            probabilities = network.probabilities(image[np.newaxis])[0]
            show_answer(
                answer(probabilities, outline.class_names),
                verdict(int(probabilities.argmax()), label, outline),
                since(network, run),
            )
            with st.container(width=SEEN_SIDE):
                show_input(image)
    if image is not None and run.has_model:
        why(run, outline, image)
        fool(run, outline, image)


def invitation(source: str, outline: Outline) -> str:
    """What to do where nothing has been asked yet."""
    match source:
        case "Drawing":
            what = "a digit from 0 to 9" if outline.is_digits else f"one of {known(outline)}"
            return f"Draw {what}. The network answers after every stroke."
        case "Picture":
            return f"This network can tell apart: {known(outline)}."
    return ""


def known(outline: Outline, most: int = 12) -> str:
    """The classes that a network has learned, in words."""
    named = ", ".join(outline.class_names[:most])
    more = outline.classes - most
    return named if more <= 0 else f"{named} and {more} more"


def unreadable(why: str) -> None:
    st.error(_page.plain(why), title="This network can't be used", icon=":material/error:")


def other_run(run: Run) -> None:
    """A way out where this run has no network."""
    able = next((r for r in _cached.store().list() if r.has_model and r != run), BUILT_IN_RUN)
    which = "one that comes with Digit Lab" if able == BUILT_IN_RUN else "newest finished network"
    st.button(f"Use the {which}", on_click=_state.RUN.choose, args=[[able.id]])


st.html(CSS)
head = st.container(horizontal=True, vertical_alignment="center", key="draw_head")
with head:
    _page.begin("Draw", width="content")
run = _chosen.run_picker(beside=head)
entry = _cached.catalog().entry(run)
state = entry.state if isinstance(entry, Summary) and entry.state.live else None
live = state is not None
try:
    outline = run.dataset()
    network = network_of(run, live)
    if isinstance(network, Predictor):
        network.check(outline.image_shape, outline.classes)
except (ModelError, RunError, OSError) as error:
    unreadable(reason(error))
    other_run(run)
else:
    usable = live or network is not None
    if usable:
        with st.container():
            _chosen.name_damage(run)
            take_linked()
        if live:

            def ask_newest() -> object:
                newest = _cached.network_version(run)
                ask(run, outline, live)
                return newest

            _changes.redraw_on_change(
                ask_newest, LOOK_SECONDS, lambda asked: asked != _cached.network_version(run)
            )
        else:
            st.fragment(ask)(run, outline, live)
    elif isinstance(entry, Damaged):
        unreadable(entry.reason)
    elif run.is_trial:
        _chosen.about_trial(run)
    else:
        st.info("This run has no network to ask.", icon=":material/search_off:")
    if state:
        _chosen.still_training(run, state, "The network of its newest epoch answers.")
    if live or not usable:
        other_run(run)
    _chosen.about_built_in(run)
