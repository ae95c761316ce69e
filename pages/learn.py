"""How a network learns, in eight parts, each with a small network that learns on this very page."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mnist_core import figures, lesson
from mnist_core.data import known
from mnist_core.data.dataset import Dataset
from mnist_core.drawing.strokes import image_from_strokes
from mnist_core.inference import Predictor
from mnist_core.inside import scaled
from mnist_core.lesson import Images, Learned, Pass, SmallNetwork
from mnist_core.runs.store import BUILT_IN_RUN
from mnist_core.words import counted
from pages import _cached, _images, _page, _state, _why
from pages._live_chart import live_chart, load_plotly
from pages._number import image_number

SET = known.BUILT_IN
PARTS = (
    "An image is numbers",
    "A unit adds up",
    "From sums to probabilities",
    "The loss",
    "One step",
    "Dropout",
    "Why images are held back",
    "Why convolutions",
)
SHOWN = 5  # numbers of many
SIDE = 168  # pixels, of a picture
MOVED = 500  # test images that are moved
FARTHEST = 6  # pixels


@st.cache_resource(show_spinner=False)
def _sample() -> Images:
    return Images.of(_cached.dataset(SET))


# --- The network, which learns in the session ---


def take(steps: int) -> None:
    """In a callback: so many steps of gradient descent."""
    learned = _state.LESSON.get()
    assert learned
    learned.take(steps, _sample())


def start_again() -> None:
    _state.LESSON.set(Learned.begin(_sample()))


# --- The parts ---


def an_image(dataset: Dataset) -> tuple[NDArray[np.float32], int | None]:
    """The image that the page is about, ``(28, 28)``, and its class, where that is known."""
    drawn = _state.DRAWN.get()
    left, right = st.columns([2, 3], gap="large")
    with left:
        of = "A test image"
        if drawn:
            of = st.segmented_control(
                "Look at", ["A test image", "My drawing"], default=of, required=True
            )
        if of == "A test image":
            last = len(dataset.x_test) - 1
            number = image_number("test image", "Test image", last, key=_state.LESSON_IMAGE.name)
            image = dataset.x_test[number or 0]
            shown, label = scaled(image), int(dataset.y_test[number or 0])
        else:
            shown, label = image_from_strokes(drawn), None
            image = (255 * shown).round().astype(np.uint8)
        st.markdown(
            f"To a network, a picture is a list: {image.shape[0]} rows of {image.shape[1]} pixels, "
            f"**{image.size} numbers** from 0, black, to 255, white. They are divided by 255. Of "
            f"this one, {np.count_nonzero(image)} are not 0. Point at a pixel to see its number."
        )
        _page.step("pages/draw.py", "Draw one of your own", ":material/draw:", first=False)
    with right:
        live_chart(figures.pixels(image), "lesson_pixels", "The image, pixel by pixel")
    return shown, label


def a_unit(network: SmallNetwork, image: NDArray[np.float32], told: Pass) -> None:
    unit = st.slider("Unit", 0, lesson.UNITS - 1, _strongest(told), key="lesson_unit")
    inputs, weights = image.reshape(-1), network.weights[:, unit]
    parts = inputs * weights
    most = np.abs(parts).argsort(kind="stable")[::-1][:SHOWN]
    left, right = st.columns([2, 3], gap="large")
    with left:
        scale = max(float(np.abs(weights).max()), 1e-9)
        st.image(
            _images.png(
                _why.coloured(
                    np.zeros(image.shape, np.float32), weights.reshape(image.shape) / scale
                ),
                SIDE,
            ),
            width=SIDE,
            output_format="PNG",
            caption="Its weights: teal above 0, orange below",
            alt=f"The weights of unit {unit}",
        )
    with right:
        st.markdown(
            "A unit has a weight for each pixel. It multiplies, adds all up, adds its bias, and "
            "answers the sum, or 0 where that is below 0 (**ReLU**)."
        )
        sides = image.shape[1]
        rows = [f"row {i // sides}, column {i % sides}" for i in most]
        sums = [f"{inputs[i]:.3f} × {weights[i]:+.4f} = {parts[i]:+.4f}" for i in most]
        rest = float(parts.sum() - parts[most].sum())
        st.table(
            {
                "What": [*rows, f"the other {len(parts) - SHOWN} pixels", "bias", "**sum**"],
                "Number": [
                    *sums,
                    f"{rest:+.4f}",
                    f"{network.bias[unit]:+.4f}",
                    f"**{told.sums[0, unit]:+.4f}**",
                ],
            },
            border="horizontal",
            alt=f"What unit {unit} adds up",
        )
        st.markdown(
            f"ReLU makes **{told.hidden[0, unit]:.4f}** of it. There are {lesson.UNITS} such "
            f"units; {int((told.hidden[0] > 0).sum())} of them answer this image with more than 0."
        )


def _strongest(told: Pass) -> int:
    return int(told.hidden[0].argmax())


def probabilities(told: Pass, names: tuple[str, ...]) -> None:
    st.markdown(
        "Ten more units, one for each class, add up what those answered, in the same way: these "
        "sums are the **logits**. **Softmax** takes e to the power of each, and divides by the "
        "total: numbers above 0 that make 100% together."
    )
    logits, shares = told.logits[0], told.probabilities[0]
    st.table(
        {
            "Class": [_page.plain(name) for name in names],
            "Logit": [f"{logit:+.3f}" for logit in logits],
            "e to its power": [f"{np.exp(logit):.4g}" for logit in logits],
            "Probability": [f"{share:.1%}" for share in shares],
        },
        border="horizontal",
        alt="Logits and probabilities of the classes",
    )
    st.markdown(f"So it takes the image for a **{_page.plain(names[int(shares.argmax())])}**.")


def the_loss(told: Pass, label: int | None, names: tuple[str, ...]) -> None:
    if label is None:
        st.markdown("Nobody has said which class a drawing is of. Choose a test image above.")
        return
    share = float(told.probabilities[0, label])
    st.markdown(
        f"It is a **{_page.plain(names[label])}**, and the network gives that {share:.1%}. How bad "
        "is that? The **loss** is minus the logarithm of it: nothing for 100%, and more, the less "
        f"the true class gets. Here −ln {share:.4g} = **{told.losses(np.array([label]))[0]:.3f}**. "
        f"One who guesses among ten classes has −ln 0.1 = {np.log(10):.3f}."
    )


def one_step(learned: Learned) -> None:
    network = learned.network
    st.markdown(
        "To learn is to make the loss smaller. For each weight, one works out how the mean loss "
        f"of {lesson.BATCH} images changes with it: the **gradient**. Then each weight moves a "
        f"little against it, here by {lesson.RATE:g} times the gradient. That is one step."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        for steps, label in ((1, "Take one step"), (20, "Take 20"), (400, "Take 400")):
            st.button(
                label,
                key=f"lesson_take_{steps}",
                icon=":material/footprint:",
                on_click=take,
                args=(steps,),
                type="primary" if steps == 1 else "secondary",
            )
        st.button("Start again", icon=":material/restart_alt:", on_click=start_again)
    loss, held_back = learned.losses[-1]
    st.markdown(
        f"After {counted(network.steps, 'step')}, the mean loss is **{loss:.3f}** on images that "
        f"it learns from, and **{held_back:.3f}** on others."
    )
    live_chart(
        figures.losses_by_step(learned.steps, learned.losses),
        "lesson_losses",
        "The mean loss by step, on images that it learns from and on others",
    )


def dropout(network: SmallNetwork, image: NDArray[np.float32], names: tuple[str, ...]) -> None:
    st.markdown(
        "While it learns, a network may have some of its units **dropped** at random, others in "
        "each step, so that it relies on none of them. What the others answer is made larger "
        "to make up for it. To answer in earnest, it has all of them again."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        share = st.slider("Dropout", 0.0, 0.9, 0.2, 0.1, key="lesson_dropout", width=260)
        st.button("Drop others", icon=":material/casino:", on_click=drop_others)
    kept = lesson.dropped(share, _state.LESSON_DROPPED.get())
    all_of_them, some = (
        network.answer(image.reshape(1, -1), which).probabilities[0] for which in (None, kept)
    )
    gone = [str(unit) for unit in np.flatnonzero(kept == 0)]
    st.markdown(f"Dropped: {', '.join(gone) if gone else 'none'}.")
    one, other = int(all_of_them.argmax()), int(some.argmax())
    st.markdown(
        f"With all units, it says **{_page.plain(names[one])}** ({all_of_them[one]:.1%}); without "
        f"these, **{_page.plain(names[other])}** ({some[other]:.1%})."
    )


def drop_others() -> None:
    _state.LESSON_DROPPED.set(_state.LESSON_DROPPED.get() + 1)


def held_back(learned: Learned) -> None:
    network, images = learned.network, _sample()
    on_both = (
        (images.learned, images.labels),
        (images.held_back, images.held_back_labels),
    )
    right, right_of_others = (
        float((network.answer(x).probabilities.argmax(axis=1) == y).mean()) for x, y in on_both
    )
    st.markdown(
        f"The network has never learned from {len(images.held_back):,} of the images. Now it is "
        f"right on **{right:.1%}** of the {len(images.learned):,} others, and on "
        f"**{right_of_others:.1%}** of those. Where the first goes on rising and the second does "
        "not, it learns its images by heart: it **overfits**. Take some thousand steps above, and "
        "see."
    )


def convolutions(network: SmallNetwork, dataset: Dataset) -> None:
    st.markdown(
        "A dense network has a weight for each place. Move a digit, and other weights see it. A "
        "**convolution** looks for the same small shapes everywhere."
    )
    across = st.slider("Pixels to the right", -FARTHEST, FARTHEST, 2, key="lesson_moved", width=320)
    images, labels = dataset.x_test[:MOVED], dataset.y_test[:MOVED]
    moved = lesson.shifted(scaled(images), across)
    answers = network.answer(moved.reshape(len(moved), -1)).probabilities.argmax(axis=1)
    with st.grid(2, min_column_width=200, gap="small", width=480):
        st.metric("The small dense network", f"{(answers == labels).mean():.1%}", border=True)
        st.metric("A convolutional one", f"{_convolutional(across):.1%}", border=True)
    st.caption(
        f"Of {MOVED} test images, moved so far. The convolutional one comes with Digit Lab; it "
        "learned for longer, and from altered images, too, which helps it with this."
    )
    _page.step("pages/train.py", "Train a network of your own", ":material/model_training:")


@st.cache_data(max_entries=2 * FARTHEST + 1, show_spinner=False)
def _convolutional(across: int) -> float:
    """The share of moved test images that the built-in network recognises."""
    dataset = _cached.dataset(SET)
    moved = lesson.shifted(scaled(dataset.x_test[:MOVED]), across)
    answers = Predictor(BUILT_IN_RUN.folder).probabilities(moved).argmax(axis=1)
    return float((answers == dataset.y_test[:MOVED]).mean())


# --- The page ---

_page.begin("Learn")
with st.container(horizontal=True, vertical_alignment="bottom"):
    st.markdown(
        "How a network learns to read digits, in eight parts. Every number belongs to a small "
        "network that learns on this page, when you press.",
        width="stretch",
    )
    last = st.selectbox(
        "Parts shown, up to",
        [str(number) for number in range(1, len(PARTS) + 1)],
        index=len(PARTS) - 1,
        key=_state.LESSON_UNTIL.name,
        bind="query-params",
        width=180,
        help="It stands in the address: a link to a lesson shows no more than its class needs.",
    )
sample = _cached.dataset(SET)
if not _state.LESSON.get():
    start_again()
state = _state.LESSON.get()
assert state
small, names = state.network, sample.class_names
for number, title in enumerate(PARTS[: int(last)], 1):
    st.header(f"{number}. {title}", divider="gray")
    match number:
        case 1:
            image, label = an_image(sample)
            answered = small.answer(image.reshape(1, -1))
        case 2:
            a_unit(small, image, answered)
        case 3:
            probabilities(answered, names)
        case 4:
            the_loss(answered, label, names)
        case 5:
            one_step(state)
        case 6:
            dropout(small, image, names)
        case 7:
            held_back(state)
        case 8:
            convolutions(small, sample)
load_plotly()
