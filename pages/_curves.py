"""The curves of a run, and how their reader wants them, on every page that has some."""

from collections.abc import Mapping
from threading import Lock

import streamlit as st

from mnist_core import figures
from mnist_core.figures import Figure
from mnist_core.runs.catalog import Summary
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.history import History
from pages import _cached, _chosen, _names, _page, _state
from pages._live_chart import live_chart


def others(run: Run) -> dict[str, str]:
    """Runs to compare it with: of the newest, those on the same images. Id to label."""
    return {
        entry.run.id: _names.label(entry)
        for entry in _chosen.picker_entries(run)
        if isinstance(entry, Summary)
        and entry.run != run
        and entry.config.dataset == run.config.dataset
        and entry.progress.share
    }


class Curves:
    """The figures of a run at one moment, made once for all who want them in the same way.

    Args:
        history: which has to stay as it is.
        epochs: where the horizontal axes end.
    """

    def __init__(self, history: History, epochs: int) -> None:
        self.history = history
        self._epochs = epochs
        self._lock = Lock()
        self._made: dict[figures.View, tuple[Figure, Figure]] = {}

    def figures(
        self, view: figures.View, earlier: tuple[str, History] | None = None
    ) -> tuple[Figure, Figure]:
        """Accuracy and loss; see :func:`figures.training_curves`."""
        if earlier:
            return figures.training_curves(self.history, self._epochs, view, earlier)
        with self._lock:  # the others wait for the first one's
            if view not in self._made:
                self._made[view] = figures.training_curves(self.history, self._epochs, view)
            return self._made[view]


def show(run: Run, curves: Curves, others: Mapping[str, str]) -> None:
    """The two figures of a run, and below them what can be set about them.

    Args:
        others: those that it can be compared with; see :func:`others`.
    """
    history, columns = curves.history, st.columns(2)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = controls()
        earlier = compared(others) if others else None
    shown = curves.figures(view, earlier)
    for column, figure, name in zip(columns, shown, ("accuracy", "loss"), strict=True):
        with column:
            live_chart(figure, f"{name}_{run.id}", in_words(history, name))
    words = ["With a mouse, drag over a part to enlarge it, click twice to see all."]
    if len(history.epochs) > 2 * figures.EPOCH_BUCKETS:
        words.append("Of so many epochs, the best and the worst of each few have a point.")
    if history.marks():
        words.append("▲ a new learning rate, or another run that it continues.")
    if history.pauses:
        words.append("❙ paused.")
    words.append(history.about_losses(run.config.label_smoothing))
    st.caption(" ".join(words))


def controls(batches: bool = True) -> figures.View:
    """How the reader wants curves; the same on every page, and remembered.

    Args:
        batches: whether any are drawn, which might be smoothed.
    """
    smoothing, log = _state.SMOOTHING, _state.LOGARITHMIC
    return figures.View(
        smoothing=st.slider(
            "Smoothing",
            0.0,
            0.99,
            smoothing.default,
            0.01,
            key=smoothing.name,
            persist_state="session",
            disabled=not batches,
            width=200,
            help="How much of what came before is in the line through the batches: an exponential "
            "moving average, as TensorBoard has it, but over a tenth of the curve at most. 0 draws "
            "the batches as they are.",
        ),
        log=st.toggle(
            "Logarithmic",
            log.default,
            key=log.name,
            persist_state="session",
            help="Shows small differences of a small loss, and of an accuracy close to 100%.",
        ),
    )


def compared(others: Mapping[str, str]) -> tuple[str, History] | None:
    """The run that is drawn behind, if one is wanted: its name and what happened in it."""
    run_id = st.selectbox(
        "Compare with",
        list(others),
        index=None,
        # Streamlit tells options apart by their labels.
        format_func=lambda run_id: f"{others[run_id]} · {run_id[-4:]}",
        key=_state.BEHIND.name,
        persist_state="session",
        placeholder="Another run, in grey",
        width=320,
    )
    if not run_id:
        return None
    try:
        behind = _cached.store().get(run_id)
        return _names.run_name(_cached.catalog().entry(behind)), _cached.history(behind)
    except RunError as error:  # deleted meanwhile, or damaged
        st.caption(_page.plain(str(error)))
        return None


def in_words(history: History, name: str) -> str:
    """What a figure shows, for those who can't see it."""
    title = name.capitalize()
    if not history.epochs:
        return f"{title} by epoch, as it is trained"
    last = history.epochs[-1]
    trained = last.accuracy if name == "accuracy" else last.comparable_loss
    validated = last.val_accuracy if name == "accuracy" else last.comparable_val_loss
    figures = [
        f"{value:{'.1%' if name == 'accuracy' else '.4f'}} on the {images} images"
        for value, images in ((trained, "training"), (validated, "validation"))
        if value is not None
    ]
    return f"{title} by epoch; in epoch {last.epoch}, {' and '.join(figures)}"
