"""A run as it learns, how it is steered, and what can be done with it when it is over."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mnist_core.config import FIELDS
from mnist_core.data import known, places
from mnist_core.fields import bounds
from mnist_core.lessons import no_better_than_guessing
from mnist_core.runs.catalog import Entry, Summary, version
from mnist_core.runs.events import State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run, Trial
from mnist_core.runs.history import History
from mnist_core.runs.seeds import tally
from mnist_core.runs.snapshot import Snapshot, take
from mnist_core.words import counted, duration, reason
from pages import _cached, _changes, _chosen, _curves, _ends, _form, _names, _page, _state
from pages._number import as_whole, whole_number
from pages._shared import Shared, shared
from pages._state import Notice

REFRESH_SECONDS = 0.4
STEP = 32  # batches; the longest that a worker trains without a look at what is wanted
RATES = [float(f"{m}e{e}") for e in range(-5, 0) for m in (1, 1.5, 2, 3, 5, 7)] + [1.0]


# --- The run ---


def start_continuation(run: Run) -> None:
    more = as_whole(_state.MORE_EPOCHS.get())
    try:
        _chosen.submit(_cached.store().create_continuation(run, more))
    except (ValueError, OSError) as error:
        leave_error(error)


def leave_error(error: Exception) -> None:
    words = _page.plain(reason(error))
    _state.leave_notice("training", Notice(st.error, words, ":material/error:"))


@dataclass(frozen=True)
class Frame:
    """What is shown of a run at one moment, to all who watch it."""

    now: Snapshot
    stage: str
    """What it is at, in words."""
    where: str
    """Who trains it, where that needs saying."""
    failure: str | None
    """Why it has failed, where that could not be written into it."""
    curves: _curves.Curves = field(compare=False)


def frames(run: Run) -> Shared[Frame]:
    """A run for all who watch it: read once for each change, and its figures made once."""
    history: History | None = None

    def look() -> Frame:
        nonlocal history
        past, history = history, None  # where this fails, all is read anew, and fails again
        past = past or run.history()
        now = take(run, past)
        history, ended = past, now.history.ended
        return Frame(
            now,
            stage(now),
            "" if ended else _names.whereabouts(run),
            None if ended else _cached.pool().failure(run),
            _curves.Curves(now.history, now.progress.asked),
        )

    # No file tells that its owner has died, and where it stands in the queue.
    return Shared(look, seconds=1.0, version=lambda: version(str(run.folder)))


def watch(run: Run, below_form: DeltaGenerator) -> bool:
    """The chosen run, redrawn in place while it is live; returns whether it is.

    Args:
        below_form: gets a line on the run, for it lies out of sight on a narrow screen.
    """
    view = shared(run, lambda: frames(run))
    live = view.get().now.state.live  # what is damaged is said here, by the page
    with st.container():
        _chosen.name_damage(run)
    others = _curves.others(run)

    def part() -> Frame:
        try:
            frame = view.get()
        except RunError:
            if live:
                st.rerun()  # the page says what is wrong
            raise
        now = frame.now
        if live and not now.state.live:
            st.rerun()  # the timer ends with the run
        if _state.has_notices("training"):
            st.rerun()  # of the steering below: here, the timer would take them away at once
        label = _names.label(now.entry)
        with below_form:
            pointer(frame.stage if now.state.live else label)
        st.header(_page.heading(label), anchor=_chosen.RUN_ANCHOR)
        if now.history.continued:
            parent(now.history.continued[-1].run)
        if isinstance(now.entry, Summary) and now.entry.trial:
            of_search(now.entry.trial)
        status_place = st.container()
        with st.container(gap="small"):
            if now.state.live:
                steering(frame, status_place)
            else:
                with status_place:
                    status(frame)
        figures_so_far(now)
        with st.container():
            if not now.state.live:  # not above the figures, where Pause and Stop have been
                what_next(now)
                of_seeds(now)

        def curves() -> None:
            _curves.show(run, frame.curves, others)

        # Of a run that is over, what is set about its curves concerns nothing else.
        curves() if live else st.fragment(curves)()
        return frame

    if live:
        _state.wait_for(run)
        pages = _changes.pages()

        def differs(shown: Frame) -> bool:
            newest = view.peek()
            is_over = newest is not None and not newest.now.state.live  # then the page runs again
            return newest is not shown and (not is_over or pages.take())

        _changes.redraw_on_change(part, REFRESH_SECONDS, differs)
        _ends.offer()
    else:
        part()
    return live


def name_other_dataset(run: Run) -> None:
    """Say so where the run is on other images than the form beside it asks for."""
    form, learned = _state.FORM_LEFT.get(), run.config.dataset
    if form and form.dataset != learned:
        of_run, of_form = (_page.plain(known.title(name)) for name in (learned, form.dataset))
        st.caption(f":material/info: This run is on {of_run}; the form is set to {of_form}.")


def settings_taken(run: Run) -> str | None:
    """What to say where the form has the settings of a search's run, but for its epochs."""
    form, trial, config = _state.FORM_LEFT.get(), run.trial, run.config
    if not (form and trial and form.model_copy(update={"epochs": config.epochs}) == config):
        return None
    words = (
        f"The form has the settings of trial {trial.number} of the search of "
        f"{_names.search_made(trial)}"
    )
    last = next(reversed(_cached.history(run).epochs), None)
    if last and last.val_accuracy is not None:
        words += f": {last.val_accuracy:.2%} in validation after {counted(last.epoch, 'epoch')}"
    if form.epochs == config.epochs:
        return f"{words}. Trials are short: raise Epochs, then press Train."
    return f"{words}. Epochs is {form.epochs} now: press Train."


def pointer(words: str) -> None:
    """Where the chosen run stands, with a link that scrolls to it."""
    st.caption(f":material/show_chart: {_page.plain(words)} · [See it](#{_chosen.RUN_ANCHOR})")


def parent(run_id: str) -> None:
    """Which run this one continues."""
    try:
        label = _names.run_label(_cached.store().get(run_id))
    except RunError:
        st.caption(f"Continues run {_page.plain(run_id)}, which is no longer here.")
    else:
        st.page_link(
            "pages/train.py",
            label=f"Continues {_page.plain(label)}",
            icon=":material/history:",
            query_params=_state.RUN.link(run_id),
        )


def of_search(trial: Trial) -> None:
    """What the run is to a search, with a link to that."""
    from pages import _studies  # not before there is such a run, for it loads Optuna

    words = f"{trial.role.capitalize()} of the search of {_page.plain(_names.search_made(trial))}"
    if any(study.id == trial.study for study in _studies.every()):
        st.page_link(
            "pages/search.py",
            label=words,
            icon=":material/travel_explore:",
            query_params=_state.STUDY.link(trial.study),
        )
    else:
        st.caption(f"{words}, which is no longer here.")


# --- Steering: what is wanted of a live run is written into its folder, and heard by its worker ---


def want(run: Run, **wishes: Any) -> None:
    try:
        run.want(**wishes)
    except (RunError, OSError) as error:
        leave_error(error)


def steering(frame: Frame, above: DeltaGenerator) -> None:
    """The buttons of a live run; above them its learning rate, beside where it stands."""
    left, right = above.columns([3, 2], gap="medium", vertical_alignment="bottom")
    with left:
        status(frame)
    with right:
        rate_slider(frame.now)
    now, run, wanted = frame.now, frame.now.run, frame.now.wanted
    paused, trained = now.state == State.PAUSED, now.progress.share == 1.0
    with st.container(horizontal=True, gap="xsmall"):
        if paused:
            st.button(
                "Continue",
                key="continue",
                icon=":material/play_arrow:",
                type="primary",
                on_click=want,
                args=(run,),
                kwargs={"pause_at": None},
            )
        else:
            st.button(
                "Pause",
                key="pause",
                icon=":material/pause:",
                on_click=want,
                args=(run,),
                kwargs={"pause_at": 0},
                disabled=now.state == State.QUEUED
                or trained
                or wanted.stop
                or wanted.pause_at == 0,
                help="Training keeps its worker and waits until you continue or stop it.",
            )
        pauses = next_pauses(now)
        for key, label, icon in (
            ("step", f"{STEP} batches", ":material/skip_next:"),
            ("epoch", "To the epoch's end", ":material/fast_forward:"),
        ):
            st.button(
                label,
                key=key,
                icon=icon,
                on_click=want,
                args=(run,),
                kwargs={"pause_at": pauses.get(key)},
                disabled=key not in pauses,
                help="Then it waits again, at the epoch's end at the latest."
                if paused
                else "Pause training first.",
            )
        st.button(
            "Stopping" if wanted.stop else "Stop",
            key="stop",
            icon=":material/stop:",
            on_click=want,
            args=(run,),
            kwargs={"stop": True},
            disabled=wanted.stop or trained,
            help="Ends training after the current steps; what was learned is kept and evaluated.",
        )


def next_pauses(now: Snapshot) -> dict[str, int]:
    """After how many steps a paused run would wait again; {} for one that is not paused."""
    paused, fitting = now.history.paused, now.history.fitting
    if not (paused and fitting):
        return {}
    left = fitting.steps_per_epoch - paused.step or fitting.steps_per_epoch
    return {"step": paused.steps + min(STEP, left), "epoch": paused.steps + left}


def rate_slider(now: Snapshot) -> None:
    run, rate = now.run, now.learning_rate
    slider = _state.rate_of(run)
    st.select_slider(
        "Learning rate" if run.config.schedule == "constant" else "Peak learning rate",
        sorted({*RATES, rate}),
        rate,
        format_func=lambda value: np.format_float_positional(value, trim="-"),
        key=slider.key(rate),
        on_change=lambda: want(run, learning_rate=slider.take()),
        disabled=now.progress.share == 1.0,
        help="Change it while the network learns: it takes effect after the current steps, and is "
        "marked in the curves and recorded with the run.",
    )


# --- A run that is over ---


def what_next(now: Snapshot) -> None:
    """What can be done with it now."""
    run = now.run
    with st.container(horizontal=True, vertical_alignment="center"):
        if now.history.evaluated:
            link, draw = _state.RUN.link(run.id), _names.draw_label(run)
            _page.step("pages/evaluate.py", "Evaluate it", ":material/fact_check:", link)
            _page.step("pages/draw.py", draw, ":material/draw:", link, first=False)
    if by_hand := now.history.by_hand():
        st.caption(f"What its settings do not say: {_page.plain('; '.join(by_hand))}.")
    try:
        last = run.checkpoint_epoch()
    except RunError as error:
        st.error(_page.plain(str(error)), icon=":material/broken_image:")
        last = None
    most = bounds(FIELDS["epochs"])[1]
    if last and last.epoch >= most:
        st.caption(f"It has been trained for {most:.0f} epochs, the most that a run can have.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if last and last.epoch < most:
            whole_number(
                "More epochs",
                min(5, int(most) - last.epoch),
                key=_state.MORE_EPOCHS.name,
                width=140,
                help="Starts a new run with the network and the optimizer as the last epoch left "
                "them, as if this one had been given that many more epochs from the start.",
            )
            st.button(
                "Train more",
                key="train_more",
                icon=":material/resume:",
                on_click=start_continuation,
                args=(run,),
            )
        # Not in the row above, where Stop has been: whoever presses that twice would press this.
        st.button(
            "Use its settings",
            key="use_settings",
            icon=":material/content_copy:",
            on_click=_form.put_in_form,
            args=(run.config,),
            disabled=not places.available(run.config.dataset),
            help="Copies this run's settings into the form.",
        )


def status(frame: Frame) -> None:
    """One line on where the run stands."""
    now, where = frame.now, _page.plain(frame.where)
    ended = now.history.ended
    message = _page.plain(ended.message) if ended else ""
    if frame.failure:
        st.error(_page.plain(frame.failure), title="The run failed", icon=":material/error:")
        return
    if where and now.state.live:
        st.caption(where)
    match now.state:
        case State.QUEUED:
            st.progress(0.0, _page.plain(frame.stage))
        case State.RUNNING | State.PAUSED:
            st.progress(now.progress.share, _page.plain(frame.stage))
        case State.FINISHED:
            words = message or "Trained to the end."
            if guessing := guesses(now.run):
                st.warning(f"{words} {_page.plain(guessing)}", icon=":material/casino:")
            else:
                st.success(words, icon=":material/check:")
        case State.STOPPED:
            st.info(message or "Stopped. What was learned is kept.", icon=":material/stop:")
        case State.FAILED:
            st.error(message, title="The run failed", icon=":material/error:")
        case State.INTERRUPTED:
            st.warning(
                f"The server that was training it ended first. {where} "
                + (
                    "Train more continues from its last complete epoch."
                    if now.run.checkpoint.exists()
                    else "Press Train to start again."
                ),
                title="The run was interrupted",
                icon=":material/power_off:",
            )


def guesses(run: Run) -> str | None:
    """What to say of a network that may as well guess."""
    try:
        return no_better_than_guessing(_cached.evaluation(run))
    except RunError:
        return None  # its answers are missing or damaged, as the page Evaluate says


def waiting_for(run: Run) -> str:
    place = _cached.pool().place(run)
    if place is None:
        return "Waiting for its turn"
    if place > 0:
        return f"Waiting: {place} {'run is' if place == 1 else 'runs are'} ahead of this one"
    if _cached.pool().starting:
        return "Loading TensorFlow, which takes about ten seconds; later runs start at once"
    for other in _cached.pool().running:
        entry = _cached.catalog().entry(other)
        if entry.state == State.PAUSED:
            return "Waiting for a paused run to be continued or stopped: " + _names.label(entry)
    return "Waiting for the run ahead of this one to end"


def stage(now: Snapshot) -> str:
    """What a live run is at, in words."""
    return waiting_for(now.run) if now.state == State.QUEUED else now.stage


def figures_so_far(now: Snapshot) -> None:
    history, interval = now.history, None
    explained: dict[str, str] = {}
    if history.evaluated:
        shown = {"Test accuracy": percent(history.evaluated.test_accuracy)}
        if isinstance(now.entry, Summary) and now.entry.interval:
            interval = "{:.1%} to {:.1%}".format(*now.entry.interval)
            explained["Test accuracy"] = (
                "On images that it had never seen; below it, where the true accuracy lies, with "
                "95% confidence."
            )
        article = known.article_accuracy(now.run.config.dataset)
        if article is not None:
            shown["In the article"] = percent(article)
            explained["In the article"] = _page.about_the_article()
        shown["Test loss"] = number(history.evaluated.test_loss)
        shown["Time in training"] = duration(history.evaluated.train_seconds)
    else:
        epoch = history.epochs[-1] if history.epochs else None
        newest = history.batches[-1] if history.batches else epoch
        shown = {
            "Training accuracy": percent(newest.accuracy if newest else None),
            "Validation accuracy": percent(epoch.val_accuracy if epoch else None),
            "Training loss": number(newest.comparable_loss if newest else None),
            "Images per second": images_per_second(now),
        }
    with st.grid(4, min_column_width=140, gap="small"):
        for label, value in shown.items():
            st.metric(
                label,
                value,
                interval if label == "Test accuracy" else None,
                delta_color="off",
                delta_arrow="off",
                border=True,
                height="stretch",
                help=explained.get(label),
            )


def of_seeds(now: Snapshot) -> None:
    """What its settings reach with other seeds, too; a link to the runs beside each other."""
    if not isinstance(now.entry, Summary):
        return
    found = tally(now.entry, _cached.catalog().list())
    if found:
        several = found.group.summaries[: _state.COMPARED.most] if found.group else ()
        ids = [summary.run.id for summary in several]
        st.page_link(
            "pages/runs.py",
            label=found.in_words(),
            icon=":material/casino:",
            help="Test accuracies of runs that differ by their seed alone: their mean ± their "
            "standard deviation. Runs shows them beside each other.",
            query_params=_state.COMPARED.link(*ids) if ids else None,
        )


def images_per_second(now: Snapshot) -> str:
    history = now.history
    if history.batches:
        return f"{history.batches[-1].images_per_second:,.0f}"
    if history.epochs and history.fitting and history.epochs[-1].seconds:
        return f"{history.fitting.train_images / history.epochs[-1].seconds:,.0f}"
    return "–"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


# --- Beside it ---

LATEST = 10
"""Among so many of the newest runs, others that are live are looked for."""


def name_others(run: Run, others: list[Summary]) -> None:
    """Which other runs are live, whoever has started them, with links to watch them."""
    entry = _cached.catalog().entry(run)
    too = ", too" if isinstance(entry, Summary) and entry.state.live else ""
    for other in reversed(others):  # the first one that was asked for comes first
        what = "Waiting" if other.state == State.QUEUED else "In training"
        name, seed = _names.run_name(other), other.config.seed
        if run.config.seed != seed and run.config.but_for_seed == other.but_for_seed:
            name += f", seed {seed}"
        st.page_link(
            "pages/train.py",
            label=_page.plain(f"{what}{too}: {name}"),
            icon=":material/model_training:",
            query_params=_state.RUN.link(other.run.id),
        )


def also_live(run: Run) -> list[Summary]:
    """The live runs but this one, newest first."""
    entries = _cached.catalog().list(LATEST)
    return [e for e in entries if isinstance(e, Summary) and e.state.live and e.run != run]


def look_after(run: Run, others: list[Summary]) -> None:
    """See when a run that is over changes, for a live one is watched anyway, and when others do."""

    def entry_if_over() -> list[Entry]:
        entry = _cached.catalog().entry(run)
        return [] if isinstance(entry, Summary) and entry.state.live else [entry]

    def look() -> list[Entry]:
        return [*also_live(run), *entry_if_over()]

    seen = [*others, *entry_if_over()]
    _changes.rerun_on_change(("live", run), look, seen, near=run)
