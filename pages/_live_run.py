"""A run as it learns, how it is steered, and what can be done with it when it is over."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mnist_core.config import FIELDS
from mnist_core.data import places
from mnist_core.data.known import article_accuracy
from mnist_core.fields import bounds
from mnist_core.lessons import no_better_than_guessing
from mnist_core.runs.catalog import Summary
from mnist_core.runs.events import State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.snapshot import Snapshot, take
from mnist_core.words import duration
from pages import _cached, _changes, _chosen, _curves, _form, _names, _page, _state
from pages._state import Notice

REFRESH_SECONDS = 0.4
RUN_ANCHOR = "run"
STEP = 32  # batches; the longest that a worker trains without a look at what is wanted
RATES = [float(f"{m}e{e}") for e in range(-5, 0) for m in (1, 1.5, 2, 3, 5, 7)] + [1.0]


# --- The run ---


def start_continuation(run: Run) -> None:
    try:
        _chosen.submit(_cached.store().create_continuation(run, _state.MORE_EPOCHS.get()))
    except ValueError as error:
        _state.leave_notice("continuing", Notice(st.error, str(error), ":material/error:"))


def watch(run: Run, below_form: DeltaGenerator) -> bool:
    """The chosen run, redrawn in place while it is live; returns whether it is.

    Args:
        below_form: gets a line on the run, for it lies out of sight on a narrow screen.
    """
    history = run.history()
    live = take(run, history).state.live  # what is damaged is said here, by the page
    others = _curves.others(run)

    def part() -> None:
        now = take(run, history)
        if live and not now.state.live:
            st.rerun()  # the timer ends with the run
        label = _names.label(now.entry)
        with below_form:
            pointer(stage(now) if now.state.live else label)
        st.subheader(label, anchor=RUN_ANCHOR)
        if now.history.continued:
            parent(now.history.continued[-1].run)
        status(now)
        with st.container(gap="small"):
            if now.state.live:
                steering(now)
            else:
                what_next(now)
        figures_so_far(now)

        def curves() -> None:
            _curves.show(run, now.history, now.progress.asked, others)

        # Of a run that is over, what is set about its curves concerns nothing else.
        curves() if live else st.fragment(curves)()

    if live:
        st.fragment(part, run_every=REFRESH_SECONDS)()
    else:
        part()
    return live


def pointer(words: str) -> None:
    """Where the chosen run stands, with a link that scrolls to it."""
    st.caption(f":material/show_chart: {_page.plain(words)} · [See it](#{RUN_ANCHOR})")


def parent(run_id: str) -> None:
    """Which run this one continues."""
    try:
        label = _names.run_label(_cached.store().get(run_id))
    except RunError:
        st.caption(f"Continues run {run_id}, which is no longer here.")
    else:
        st.page_link(
            "pages/train.py",
            label=f"Continues {label}",
            icon=":material/history:",
            query_params=_state.RUN.link(run_id),
        )


# --- Steering: what is wanted of a live run is written into its folder, and heard by its worker ---


def steering(now: Snapshot) -> None:
    """The buttons and the learning rate of a live run."""
    run, wanted = now.run, now.wanted
    paused = now.state == State.PAUSED
    with st.container(horizontal=True, gap="xsmall"):
        if paused:
            st.button(
                "Continue",
                key="continue",
                icon=":material/play_arrow:",
                type="primary",
                on_click=run.want,
                kwargs={"pause_at": None},
            )
        else:
            st.button(
                "Pause",
                key="pause",
                icon=":material/pause:",
                on_click=run.want,
                kwargs={"pause_at": 0},
                disabled=now.state == State.QUEUED or wanted.pause_at == 0,
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
                on_click=run.want,
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
            on_click=run.want,
            kwargs={"stop": True},
            disabled=wanted.stop,
            help="Ends training after the current steps; what was learned is kept and evaluated.",
        )
    rate_slider(now)


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
    slider.set(rate)  # also when another tab has changed it
    st.select_slider(
        "Learning rate" if run.config.schedule == "constant" else "Peak learning rate",
        sorted({*RATES, rate}),
        format_func=lambda value: f"{value:g}",
        key=slider.name,
        on_change=lambda: run.want(learning_rate=slider.get()),
        help="Change it while the network learns: it takes effect after the current steps, and is "
        "marked in the curves and recorded with the run.",
    )


# --- A run that is over ---


def what_next(now: Snapshot) -> None:
    """What can be done with it now."""
    run = now.run
    with st.container(horizontal=True, vertical_alignment="center"):
        if now.history.evaluated:
            for page, label, icon in (
                ("pages/evaluate.py", "Evaluate it", ":material/fact_check:"),
                ("pages/draw.py", _names.draw_label(run), ":material/draw:"),
            ):
                st.page_link(page, label=label, icon=icon, query_params=_state.RUN.link(run.id))
        st.button(
            "Use its settings",
            key="use_settings",
            icon=":material/content_copy:",
            on_click=_form.put_in_form,
            args=(run.config,),
            disabled=not places.available(run.config.dataset),
            help="Copies this run's settings into the form.",
        )
    last = run.checkpoint_epoch()
    most = bounds(FIELDS["epochs"])[1] - last.epoch if last else 0
    if most > 0:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.number_input(
                "More epochs",  # without bounds, as in the form
                value=min(5, int(most)),
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


def status(now: Snapshot) -> None:
    """One line on where the run stands."""
    reason = now.history.ended.message if now.history.ended else ""
    match now.state:
        case State.QUEUED:
            st.progress(0.0, stage(now))
        case State.RUNNING | State.PAUSED:
            st.progress(now.progress.share, stage(now))
        case State.FINISHED:
            words = reason or "Trained to the end."
            if guessing := guesses(now.run):
                st.warning(f"{words} {guessing}", icon=":material/casino:")
            else:
                st.success(words, icon=":material/check:")
        case State.STOPPED:
            st.info(reason or "Stopped. What was learned is kept.", icon=":material/stop:")
        case State.FAILED:
            st.error(reason, title="The run failed", icon=":material/error:")
        case State.INTERRUPTED:
            st.warning(
                "The server that was training it ended first. "
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
        if other.state(_cached.history(other)) == State.PAUSED:
            return "Waiting for a paused run to be continued or stopped: " + _names.run_label(other)
    return "Waiting for the run ahead of this one to end"


def stage(now: Snapshot) -> str:
    """What a live run is at, in words."""
    return waiting_for(now.run) if now.state == State.QUEUED else now.stage


def figures_so_far(now: Snapshot) -> None:
    history = now.history
    if history.evaluated:
        shown = {"Test accuracy": percent(history.evaluated.test_accuracy)}
        article = article_accuracy(now.run.config.dataset)
        if article is not None:
            shown["The article's accuracy"] = percent(article)
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
            st.metric(label, value, border=True, help=EXPLAINED.get(label))


EXPLAINED = {"The article's accuracy": _page.ABOUT_THE_ARTICLE}


def images_per_second(now: Snapshot) -> str:
    history = now.history
    if history.batches:
        return f"{history.batches[-1].images_per_second:,.0f}"
    if history.epochs and history.fitting:
        return f"{history.fitting.train_images / history.epochs[-1].seconds:,.0f}"
    return "–"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def look_after(run: Run) -> None:
    """See when a run that is over changes; one that is live is watched anyway."""
    entry = _cached.catalog().entry(run)
    if not (isinstance(entry, Summary) and entry.state.live):
        _changes.rerun_on_change(lambda: [_cached.catalog().entry(run)], [entry])
