"""Two to eight runs beside each other, and two of them image by image."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from mnist_core import figures
from mnist_core.comparison import (
    NotComparable,
    Verdict,
    compare,
    differing,
    in_words,
    settings_in_words,
)
from mnist_core.config import FIELDS
from mnist_core.evaluation import Evaluation
from mnist_core.fields import shown
from mnist_core.runs.catalog import Summary, Version, version
from mnist_core.runs.files import RunError
from mnist_core.runs.history import History
from mnist_core.runs.seeds import Group, difference_between
from mnist_core.words import sureness
from pages import _cached, _changes, _curves, _images, _names, _page, _run_table, _tables
from pages._browser import in_theme
from pages._live_chart import live_chart, load_plotly

IMAGES_ON_A_PAGE = 8
REFRESH_SECONDS = 0.8
ANCHOR = "comparison"


def show(picked: list[Summary], beside: _run_table.Beside) -> None:
    """All that can be said of these runs together."""
    st.header("Comparison", anchor=ANCHOR)
    names = _run_table.distinct_names(picked)
    load_plotly()
    curves(picked, names, beside.groups)
    settings(picked, names)
    st.subheader("Figures")
    st.dataframe(
        _run_table.data(picked, beside, index=list(names.values())).rename_axis("Run"),
        column_config=_run_table.COLUMNS,
        column_order=_run_table.shown(_run_table.FIGURES, picked, beside),
        placeholder="",
        alt="The figures of the compared runs, a row for each",
    )
    pair(picked, names, beside.groups)


def curves(picked: list[Summary], names: dict[str, str], seeds: Mapping[str, Group]) -> None:
    """The runs' curves in one figure each, redrawn while one of them is live."""
    groups = groups_of(picked, seeds)

    def versions() -> list[Version]:
        return [version(str(summary.run.folder)) for summary in picked]

    def part() -> list[Version]:
        drawn = versions()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            along = st.segmented_control(
                "Along",
                list(ALONG),
                format_func=ALONG.__getitem__,
                default="epochs",
                required=True,
                key="curves_along",
            )
            images = st.segmented_control(
                "Images",
                ["Validation", "Training"],
                default="Validation",
                required=True,
                key="curves_images",
            )
            view = _curves.controls(batches=images == "Training")
        histories: dict[str, History] = {}
        for summary in picked:
            try:
                histories[names[summary.run.id]] = _cached.history(summary.run)
            except RunError as error:
                st.error(_page.plain(str(error)), icon=":material/broken_image:")
        means: dict[str, figures.Seeds] = {}
        for name, group in groups.items():
            try:
                mean = together(group, names, histories)
            except RunError as error:
                st.error(_page.plain(str(error)), icon=":material/broken_image:")
            else:
                if len(mean.histories) > 1:
                    means[name] = mean
        accuracy, loss = figures.overlaid_curves(
            histories, along, training=images == "Training", view=view, groups=means
        )
        left, right = st.columns(2)
        alt = f"{images} {{}} of the compared runs along {ALONG[along].lower()}"
        if means:
            alt += ", and the mean and standard deviation of those that differ by their seed alone"
        with left:
            live_chart(accuracy, "compared_accuracy", alt.format("accuracy"))
        with right:
            live_chart(loss, "compared_loss", alt.format("loss"))
        if means:
            st.caption(
                "The thick lines are the mean of runs that differ by their seed alone, chosen or "
                "not; the bands are as wide as their standard deviation to either side."
            )
        _tables.below(
            f"{images} accuracy and loss by epoch",
            "compared_table",
            lambda: by_epoch(histories, means, "val_" if images == "Validation" else ""),
        )
        blind = [names[s.run.id] for s in picked if not s.config.validation_share]
        if blind and images == "Validation":
            st.caption(f"Trained without validation images: {_page.plain(', '.join(blind))}.")
        for summary in picked:
            past = histories.get(names[summary.run.id])
            words = past.about_losses(summary.config.label_smoothing) if past else ""
            if words:
                st.caption(_page.plain(f"{names[summary.run.id]}: {words}"))
        return drawn

    if any(summary.state.live for summary in picked):
        _changes.redraw_on_change(part, REFRESH_SECONDS, lambda drawn: drawn != versions())
    else:
        st.fragment(part)()


def groups_of(picked: list[Summary], seeds: Mapping[str, Group]) -> dict[str, Group]:
    """The groups that some of the runs are in, by what to call them."""
    found = {group.summaries[0].run.id: group for s in picked if (group := seeds.get(s.run.id))}
    names = _names.with_ids({i: _names.full_name(g.best) for i, g in found.items()})
    return {f"{names[i]} · mean of {len(g.seeds)} seeds": g for i, g in found.items()}


def together(group: Group, names: dict[str, str], histories: dict[str, History]) -> figures.Seeds:
    """A group for the curves.

    Args:
        histories: those that are drawn by themselves, by name.

    Raises:
        RunError: another one is damaged.
    """
    ids = [summary.run.id for summary in group.summaries]
    read = {name: histories[name] for i in ids if (name := names.get(i, "")) in histories}
    others = [_cached.history(s.run) for s in group.summaries if s.run.id not in names]
    return figures.Seeds([*read.values(), *others], read.keys())


def by_epoch(
    histories: dict[str, History], means: Mapping[str, figures.Seeds], part: str
) -> pd.DataFrame:
    """What the curves show, as a table: a row for each epoch."""

    def column(history: History, figure: str) -> "pd.Series[float]":
        return pd.Series({e.epoch: getattr(e, part + figure) for e in history.epochs}, dtype=float)

    columns = {
        f"{name}: {figure}": column(history, figure)
        for name, history in histories.items()
        for figure in ("accuracy", "loss")
    }
    for name, seeds in means.items():
        for figure in ("accuracy", "loss"):
            each = pd.DataFrame([column(history, figure) for history in seeds.histories])
            columns[f"{name}: {figure}"] = each.mean(skipna=False)
            columns[f"{name}: deviation of {figure}"] = each.std(skipna=False)
    return pd.DataFrame(columns).rename_axis("Epoch")


ALONG = {"epochs": "Epochs", "seconds": "Time in training", "images": "Images seen"}


def settings(picked: list[Summary], names: dict[str, str]) -> None:
    st.subheader("Settings that differ")
    differences = differing([summary.config for summary in picked])
    if differences:
        st.dataframe(
            pd.DataFrame(
                {
                    FIELDS[name].title: [shown(FIELDS[name], value) for value in values]
                    for name, values in differences.items()
                },
                index=pd.Index(names.values(), name="Run"),
            ),
            alt="The settings in which the compared runs differ, a row for each run",
        )
    else:
        st.markdown("None: all settings are the same, seed included.")
    for summary in picked:
        try:
            by_hand = _cached.history(summary.run).by_hand()
        except RunError:
            continue  # said above, in the place of its curves
        if by_hand:
            words = (
                f"What the settings of {names[summary.run.id]} do not say: {'; '.join(by_hand)}."
            )
            st.caption(_page.plain(words))


@st.fragment
def pair(picked: list[Summary], names: dict[str, str], seeds: Mapping[str, Group]) -> None:
    """Two of the runs: whether one is better, and image by image."""
    st.header("Image by image")
    first, second = picked[:2]
    if len(picked) > 2:
        by_id = {summary.run.id: summary for summary in picked}
        left, right = st.columns(2)
        first = by_id[left.selectbox("One run", list(names), format_func=names.__getitem__)]
        others = [run_id for run_id in names if run_id != first.run.id]
        same = seeds.get(first.run.id)  # that of other settings first, which are to be judged
        begin = (n for n, other in enumerate(others) if not same or seeds.get(other) is not same)
        another = right.selectbox("Another run", others, next(begin, 0), names.__getitem__)
        second = by_id[another]
    one, other = names[first.run.id], names[second.run.id]
    try:
        with st.spinner("Checking the answers"):
            results = _cached.evaluation(first.run), _cached.evaluation(second.run)
    except RunError as error:
        st.info(
            _page.plain(str(error)), title="There is nothing to compare", icon=":material/compare:"
        )
        return
    try:
        found = compare(*results)
    except NotComparable as error:
        st.warning(
            f"{bold(one)} and {bold(other)} can't be compared image by image: "
            f"{_page.plain(str(error))}. An accuracy on other images says nothing about which "
            "network is better.",
            icon=":material/difference:",
        )
        found = None
    if found:
        difference = difference_between(seeds, first.run.id, second.run.id)
        verdict(
            settings_in_words(difference, bold(one), bold(other))
            if difference
            else in_words(found, bold(one), bold(other))
        )
    matrices(results, one, other, found is not None)
    if found and len(found.only_first) + len(found.only_second):
        images = _images.test_images(results[0], first.config.dataset)
        if images is not None:
            left, right = st.columns(2, gap="large")
            with left:
                alone(found.only_first, one, other, results[1], images)
            with right:
                alone(found.only_second, other, one, results[0], images)


def verdict(words: Verdict) -> None:
    """Whether the difference is more than chance."""
    if words.better:
        title, kind, icon = "More than chance", st.success, ":material/check_circle:"
    elif words.method:
        title, kind, icon = "Perhaps chance", st.info, ":material/casino:"
    else:
        title, kind, icon = "No difference", st.info, ":material/balance:"
    kind(f"{words.facts} {words.judgement}", title=title, icon=icon)
    if words.method:
        with st.expander("How this is judged", icon=":material/functions:"):
            st.markdown(words.method)


def bold(name: str) -> str:
    return f"**{_page.plain(name)}**"


def matrices(
    results: tuple[Evaluation, Evaluation],
    one: str,
    other: str,
    same_images: bool,
) -> None:
    st.subheader("Confusion matrices")
    with st.grid(3, min_column_width=320):
        for name, result in zip((one, other), results, strict=True):
            with st.container():
                st.markdown(bold(name))
                st.plotly_chart(
                    figures.confusion_matrix(result.confusion, result.class_names),
                    key=in_theme(f"confusion_{name}"),
                    config=figures.STATIC,
                    alt=f"How many images of each class {name} took for each class",
                )
        if same_images:
            with st.container():
                st.markdown(f"{bold(other)} minus {bold(one)}")
                st.plotly_chart(
                    figures.confusion_difference(
                        results[0].confusion, results[1].confusion, results[0].class_names
                    ),
                    key=in_theme("confusion_difference"),
                    config=figures.STATIC,
                    alt="The second confusion matrix minus the first",
                )
    st.caption(
        "A row for each true class, a column for each answer. In the difference, green is for the "
        "better and orange for the worse: more or fewer right answers on the diagonal, fewer or "
        "more mistakes elsewhere."
    )
    for number, (name, result) in enumerate(zip((one, other), results, strict=True)):
        table = partial(_tables.matrix, result.confusion, result.class_names)
        _tables.below(f"The matrix of {_page.plain(name)}", f"matrix_table_{number}", table)
    if same_images:
        difference = results[1].confusion - results[0].confusion
        table = partial(_tables.matrix, difference, results[0].class_names)
        _tables.below("The difference", "difference_table", table)


def alone(
    indices: NDArray[np.int64],
    right: str,
    wrong: str,
    mistaken: Evaluation,
    images: NDArray[np.uint8],
) -> None:
    """The images that one network alone got right, with the answers of the one that is wrong."""
    st.subheader(f"Only {_page.plain(right)} is right: {len(indices):,}")
    if not len(indices):
        st.caption("No image.")
        return
    st.caption(f"These are the answers of {_page.plain(wrong)}, the most confident first.")
    place = st.container()
    pages = -(-len(indices) // IMAGES_ON_A_PAGE)
    page = st.pagination(pages, key=f"page_{right}_{wrong}") if pages > 1 else 1
    shown = indices[(page - 1) * IMAGES_ON_A_PAGE : page * IMAGES_ON_A_PAGE]
    captions, alts = [], []
    for index in shown:
        truth = mistaken.class_names[mistaken.labels[index]]
        answer = mistaken.class_names[mistaken.predicted[index]]
        confidence = sureness(mistaken.confidence[index])
        captions.append(_images.wrong_caption(answer, truth, confidence))
        alts.append(f"{truth}, taken for {answer} with {confidence}; test image {index}")
    with place:
        _images.gallery(images[shown], alts, captions, columns=4)
