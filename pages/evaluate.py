"""What a trained network gets right and wrong on images that it has never seen."""

import zlib

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mnist_core import figures
from mnist_core.config import FIELDS, ConfigError, TrainingConfig
from mnist_core.data.known import article_accuracy
from mnist_core.evaluation import Evaluation, mistakes, right_answers
from mnist_core.fields import shown
from mnist_core.lessons import lessons_of
from mnist_core.link import command
from mnist_core.network import describe
from mnist_core.runs.events import State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.history import History
from mnist_core.words import sureness
from pages import (
    _cached,
    _chosen,
    _compat,
    _curves,
    _export,
    _images,
    _in_view,
    _map,
    _names,
    _page,
    _state,
    _tables,
)
from pages._browser import in_theme
from pages._live_chart import load_plotly

PREDICTIONS = 10
IMAGES_ON_A_PAGE = 12
MOST_ROWS = 20
BEHIND = "behind_the_cell"
"""Where the images behind a cell of the matrix begin."""
ANY = "Any"
CLASS_MENUS = {_state.TRUE_CLASS: "True class", _state.PREDICTED_CLASS: "Predicted class"}


# --- Where the run stands ---


def standing(run: Run, state: State, history: History) -> None:
    """Said when the run is not simply finished."""
    reason = _page.plain(history.ended.message) if history.ended else ""
    match state:
        case State.QUEUED | State.RUNNING | State.PAUSED:
            _chosen.still_training(run, state, "It is tested when training is over.")
        case State.STOPPED:
            st.info(
                reason or "What it had learned by then is tested here.",
                title="Training was stopped by hand",
                icon=":material/stop_circle:",
            )
        case State.FAILED:
            st.error(
                f"{reason or 'No reason was recorded.'}\n\nChoose another run above, or train "
                "a new network.",
                title="This run failed",
                icon=":material/error:",
            )
            link_to_continue(run)
        case State.INTERRUPTED:
            st.warning(
                "The program that was training it ended first. "
                f"{_page.plain(_names.whereabouts(run))} Choose another run above, or train a new "
                "network.",
                title="This run was interrupted",
                icon=":material/power_off:",
            )
            link_to_continue(run)


def link_to_continue(run: Run) -> None:
    if run.checkpoint.exists():
        _page.step(
            "pages/train.py",
            "Continue it from its last epoch",
            ":material/resume:",
            _state.RUN.link(run.id),
        )


# --- In numbers ---


def headline(result: Evaluation, dataset: str) -> None:
    low, high = result.interval
    article = article_accuracy(dataset)
    with st.grid(3, min_column_width=160):
        st.metric(
            "Test accuracy",
            f"{result.accuracy:.2%}",
            f"{low:.2%} to {high:.2%}",
            delta_color="off",
            delta_arrow="off",
            border=True,
        )
        st.metric("Test loss", f"{result.loss:.4f}", border=True, height="stretch")
        if article is not None:
            st.metric(
                "In the article",
                f"{article:.2%}",
                border=True,
                height="stretch",
                help=_page.about_the_article(),
            )
    st.markdown(
        f"The network was tested once, on {len(result.labels):,} images that it had never seen. "
        "Other images of the same kind would give another figure; the interval says how far off "
        f"it may be: with 95% confidence, the true accuracy lies from {low:.2%} to {high:.2%}."
    )
    if article is not None:
        if low > article:
            comparison = "The article's figure lies below that: this network is better."
        elif high < article:
            comparison = "The article's figure lies above that: this network is worse."
        else:
            comparison = (
                "The article's figure lies in that range, too: the difference may be chance."
            )
        st.markdown(comparison)


def curves(run: Run, history: History, epochs: int) -> None:
    st.header("Training curves")
    others = _curves.others(run)
    st.fragment(lambda: _curves.show(run, _curves.Curves(history, epochs), others))()
    st.caption(
        "Where training goes on improving and validation does not, the network has begun to "
        "learn its images by heart: it overfits."
    )
    _tables.below("Accuracy and loss by epoch", "curves_table", lambda: _tables.epochs(history))


def report(result: Evaluation) -> None:
    st.header("Classification report")
    explained = {
        "precision": "Of the images taken for this class, the share that really belongs to it.",
        "recall": "Of the images that belong to this class, the share that was recognised.",
        "f1-score": "The harmonic mean of precision and recall: high only where both are high.",
    }
    columns = {
        name: st.column_config.NumberColumn(name.capitalize(), format="%.4f") for name in explained
    }
    columns["support"] = st.column_config.NumberColumn("Support", format="localized")
    classes = len(result.confusion)
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.dataframe(
            result.report[:classes].rename_axis("Class"),
            column_config=columns,
            height="content" if classes <= MOST_ROWS else 38 + 35 * MOST_ROWS,
            alt="Precision, recall, F1-score and support of each class",
        )
    with right:
        st.dataframe(
            result.report[classes:].rename_axis("All classes").rename(index=str.capitalize),
            column_config=columns,
            height="content",
            placeholder="",
            alt="Accuracy, and averages of precision, recall and F1-score",
        )
        st.markdown("\n".join(f"- **{n.capitalize()}**: {text}" for n, text in explained.items()))
        st.caption(
            "Click on a column's name to sort. The macro average counts each class alike, the "
            "weighted average by its support: how many test images belong to it."
        )


# --- In pictures ---


def show(
    indices: NDArray[np.int64],
    images: NDArray[np.uint8],
    result: Evaluation,
    columns: int,
) -> None:
    """Test images with the network's answers."""
    names = result.class_names
    captions, alts = [], []
    for index in indices:
        answer, truth = names[result.predicted[index]], names[result.labels[index]]
        confidence = sureness(result.confidence[index])
        if answer == truth:
            right = f":green[:material/check: **{_page.plain(answer)}**]"
            captions.append(f"{right}  \n{_page.plain(confidence)}")
            alts.append(f"{truth}, recognised with {confidence}; test image {index}")
        else:
            captions.append(_images.wrong_caption(answer, truth, confidence))
            alts.append(f"{truth}, taken for {answer} with {confidence}; test image {index}")
    _images.gallery(images[indices], alts, captions, columns)


@st.fragment
def predictions(images: NDArray[np.uint8], result: Evaluation) -> None:
    st.header("Predictions")
    seed = _state.SHUFFLED.get()
    if seed is None:
        indices = np.arange(min(PREDICTIONS, len(images)))
        st.caption("The first ten test images, with the network's answer and how sure it is.")
    else:
        indices = np.random.default_rng(seed).permutation(len(images))[:PREDICTIONS]
        st.caption("Ten test images at random, with the network's answer and how sure it is.")
    show(indices, images, result, columns=5)
    with st.container(horizontal=True):
        st.button("Shuffle", icon=":material/shuffle:", on_click=shuffle)


def shuffle() -> None:
    _state.SHUFFLED.set((_state.SHUFFLED.get() or 0) + 1)


@st.fragment
def confusion(run: Run, images: NDArray[np.uint8] | None, result: Evaluation) -> None:
    st.header("Confusion matrix and mistakes")
    names = result.class_names
    for menu in CLASS_MENUS:
        if menu.get() not in (None, ANY, *names):
            menu.set(ANY)  # chosen of a run that knows other classes
    left, right = st.columns([3, 2], gap="large")
    with right:  # before the matrix, which frames what is chosen here
        st.markdown(
            "Click on a cell, or choose its classes here with mouse or keyboard, to see its images."
        )
        true, predicted = (
            place.selectbox(label, [ANY, *names], key=menu.name, bind="query-params")
            for place, (menu, label) in zip(st.columns(2), CLASS_MENUS.items(), strict=True)
        )
        indices, words = behind(result, true, predicted)
        with st.container(horizontal=True, vertical_alignment="center", key=BEHIND):
            st.markdown(words)
            if (true, predicted) != (ANY, ANY):
                st.button("Show all mistakes", icon=":material/clear:", on_click=show_all)
        place, page_place, page = st.container(key="images_of_cell"), st.container(), 1
        if images is not None and len(indices):
            pages = -(-len(indices) // IMAGES_ON_A_PAGE)
            if pages > 1:
                with page_place:
                    page = st.pagination(pages, key=f"page_of_{true}_{predicted}")
            indices = indices[(page - 1) * IMAGES_ON_A_PAGE : page * IMAGES_ON_A_PAGE]
            with place:
                show(indices, images, result, columns=4)
        else:
            indices = indices[:0]  # none is shown
        if run.has_model:
            links_to_draw(run, indices)
        _in_view.show(f".st-key-{BEHIND}")
    with left:
        numbers = st.segmented_control(
            "Numbers",
            ["Images", "Percent of the true class"],
            default="Images",
            required=True,
            label_visibility="collapsed",
        )
        # A click on the matrix of a run that knows other classes is none on this one.
        key = in_theme(f"confusion_{zlib.crc32(repr(names).encode())}")
        row, column = (None if name == ANY else names.index(name) for name in (true, predicted))
        st.plotly_chart(
            figures.confusion_matrix(result.confusion, names, numbers != "Images", row, column),
            key=key,
            config=figures.STATIC,
            on_select=lambda: take_cell(key, names),
            selection_mode="points",
            alt="How many images of each class were taken for each class",
        )
        st.caption(
            "A row for each true class, a column for each answer; right answers lie on the "
            "diagonal. Shades follow the square root of the share, so that rare mistakes show."
        )
        _tables.below(
            "The confusion matrix", "matrix_table", lambda: _tables.matrix(result.confusion, names)
        )


def show_all() -> None:
    choose_classes(ANY, ANY)


def links_to_draw(run: Run, shown: NDArray[np.int64]) -> None:
    """To where the network can be asked more, of the first image shown and of others."""
    with st.container(horizontal=True):
        if len(shown):
            st.page_link(
                "pages/draw.py",
                label="What else it took the first one for",
                icon=":material/bar_chart:",
                query_params=_state.RUN.link(run.id) | {_state.TEST_IMAGE.name: str(shown[0])},
            )
        link, label = _state.RUN.link(run.id), _names.draw_label(run)
        _page.step("pages/draw.py", label, ":material/draw:", link, first=False)


def take_cell(matrix_key: str, names: tuple[str, ...]) -> None:
    """Put the clicked cell into the menus."""
    points = st.session_state[matrix_key].selection.points
    if points:
        row, column = divmod(points[0]["point_index"], len(names))
        choose_classes(names[row], names[column])
        _in_view.ask(f".st-key-{BEHIND}")


def choose_classes(true: str, predicted: str) -> None:
    """In a callback: put both into the menus, and into the address in one step."""
    chosen = dict(zip(CLASS_MENUS, (true, predicted), strict=True))
    for menu, name in chosen.items():
        menu.set(name)
    _compat.put_in_address(
        {menu.name: None if name == ANY else name for menu, name in chosen.items()}
    )


def behind(result: Evaluation, true: str, predicted: str) -> tuple[NDArray[np.int64], str]:
    """The images of a cell, a row, a column, or of all mistakes; and the same in words."""
    names = result.class_names
    if true == predicted != ANY:
        indices = right_answers(result, names.index(true))
        words = f"**{_page.plain(true)}, recognised: {len(indices):,}**"
        return indices, f"{words}, the least confident first"
    indices = mistakes(
        result,
        None if true == ANY else names.index(true),
        None if predicted == ANY else names.index(predicted),
    )
    if true == predicted == ANY:
        what = "Mistakes"
    elif predicted == ANY:
        what = f"{true}, taken for something else"
    elif true == ANY:
        what = f"Something else, taken for {predicted}"
    else:
        what = f"{true}, taken for {predicted}"
    return indices, f"**{_page.plain(what)}: {len(indices):,}**" + (
        ", the most confident first" if len(indices) > 1 else ""
    )


# --- What it was made with ---


def making(run: Run, config: TrainingConfig, history: History) -> None:
    part = st.expander(
        "How this network was made", icon=":material/settings:", key="made_part", on_change="rerun"
    )
    if not part.open:  # what draws code takes a browser nearly half a second
        return
    by_hand = _page.plain("; ".join(history.by_hand()))
    with part:
        if by_hand:
            st.info(f"What its settings do not say: {by_hand}.", icon=":material/back_hand:")
        left, middle, right = st.columns(3, gap="medium")
        with left:
            st.markdown("**Settings**")
            st.table(
                {
                    str(FIELDS[name].title): _page.plain(shown(FIELDS[name], value))
                    for name, value in config
                    if config.uses(name)
                },
                border="horizontal",
                alt="Settings of the run",
            )
        with middle:
            st.markdown("**Layers**")
            layers_table(run, config)
        with right:
            st.markdown("**Environment**")
            try:
                environment = run.environment()
            except RunError as error:
                st.error(_page.plain(str(error)), icon=":material/error:")
            else:
                if environment:
                    st.table(
                        {
                            _page.plain(key): _page.plain(str(value))
                            for key, value in environment.items()
                        },
                        border="horizontal",
                        alt="Versions and machine that the run was made with",
                    )
                else:
                    st.markdown("Not recorded.")
        if history.evaluated:
            before = ", that of the runs that it continues included" if history.continued else ""
            st.markdown(f"Time in training: {history.evaluated.train_seconds:.1f} s{before}.")
        st.markdown("**Train it again from the command line**")
        st.code(command(config), language=None, wrap_lines=True)
        if by_hand:
            st.markdown(
                f"This repeats the settings, but not what was done by hand: {by_hand}. "
                "The Python script under *Take it home* repeats that, too."
            )


def layers_table(run: Run, config: TrainingConfig) -> None:
    try:
        outline = run.dataset()
        layers = describe(config, outline.image_shape, outline.classes)
    except RunError:  # it never began, and the dataset is not here any more
        st.markdown("Not known without the dataset.")
        return
    except ConfigError as error:  # it never began either, or its files don't fit each other
        st.error(_page.plain(str(error)), icon=":material/error:")
        return
    st.table(
        {
            "Layer": [layer.words for layer in layers],
            "Weights": [f"{layer.weights:,}" for layer in layers],
        },
        border="horizontal",
        alt="Layers of the network and their weights",
    )
    st.markdown(f"{sum(layer.weights for layer in layers):,} weights in all.")


def lessons(result: Evaluation | None, history: History) -> None:
    st.header("What to take away")
    if result:
        st.markdown(
            "\n".join(f"- {_page.plain(sentence)}" for sentence in lessons_of(result, history))
        )
    with st.expander("What holds for such networks in general", icon=":material/school:"):
        st.markdown(IN_GENERAL)


IN_GENERAL = """
- **ReLU** is cheap, and its gradient does not vanish, however many layers it passes.
- **Dropout** keeps a network from relying on single units. For small data sets, it is often all
  the regularisation that is needed.
- **Softmax** turns the sums of the last layer into probabilities. That they are high does not make
  them right: see the most confident mistakes above.
- **Sparse categorical cross-entropy** takes labels as plain numbers, so there is no need for a
  one-hot table.
- **Flattening** loses track of which pixels are neighbours. For small, centred, grey pictures,
  dense layers do well all the same; convolutions keep the picture's structure and get past 99%.
- **What next?** On the page Train: convolutional layers, training on turned, shifted and
  stretched copies (Augmentation), and harder pictures, such as clothes (Fashion-MNIST),
  photographs (CIFAR-10) or your own.
"""


# --- The page ---

_page.begin("Evaluate")
run = _chosen.run_picker()
said, headline_place, export_place, curves_place = (st.container() for _ in range(4))
with said:
    _chosen.about_built_in(run)
    try:
        config, history = run.config, _cached.history(run)
    except RunError as error:
        st.error(_page.plain(str(error)), title="This run can't be read", icon=":material/error:")
        st.stop()
    _chosen.name_damage(run)
    state = run.state(history)
    standing(run, state, history)
with export_place:
    _export.downloads(run)
if history.epochs:
    with curves_place:
        curves(run, history, config.epochs if state.live else len(history.epochs))
result = None
if run.is_trial and not state.live:
    with said:
        _chosen.about_trial(run)
elif not state.live:
    try:
        with st.spinner("Checking the answers"):
            result = _cached.evaluation(run)
    except RunError as error:
        if state in (State.FINISHED, State.STOPPED):
            words = _page.plain(str(error))
            st.error(words, title="There is nothing to judge", icon=":material/error:")
if result:
    with headline_place:
        headline(result, config.dataset)
    report(result)
    images = _images.test_images(result, config.dataset)
    confusion(run, images, result)
    if images is not None:
        predictions(images, result)
        if run.has_model:
            _map.image_map(run, images, result)
st.fragment(making)(run, config, history)
lessons(result, history)
load_plotly()
