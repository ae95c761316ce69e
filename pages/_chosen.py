"""The run that Train, Evaluate and Draw show, and the menu that chooses another one."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mnist_core.config import TrainingConfig
from mnist_core.link import link_parameters
from mnist_core.runs.catalog import Damaged, Entry
from mnist_core.runs.events import State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.store import BUILT_IN_RUN
from pages import _cached, _changes, _in_view, _names, _page, _state

RUNS_IN_PICKER = 50
RUN_ANCHOR = "run"
"""Where Train shows the chosen run."""


def submit(*runs: Run) -> None:
    """In a callback: have them trained in their order, and show the first."""
    for run in runs:
        _cached.pool().submit(run)
        _state.wait_for(run)
    _state.RUN.choose([runs[0].id])
    _in_view.ask(f"#{RUN_ANCHOR}")


def chosen_run() -> Run | None:
    """The run just chosen, else that of ``?run=``, else the last one chosen, else the newest.

    None where there is no run.
    """
    wanted = next(iter(_state.RUN.get()), None)
    try:
        run = _cached.store().get(wanted) if wanted else None
    except RunError:
        st.warning(
            f"There is no run {_page.plain(str(wanted))} here: it was deleted, or the address has "
            "a typo.",
            icon=":material/search_off:",
        )
        run = None
    run = run or _newest()
    if run:
        _state.RUN.keep([run.id])
    return run


def _newest() -> Run | None:
    """The newest run; of those that a search asked for, only where there are no others."""
    entries = _cached.catalog().list(RUNS_IN_PICKER)
    of_people = [entry for entry in entries if isinstance(entry, Damaged) or not entry.trial]
    return next((entry.run for entry in of_people or entries), None)


def run_picker(beside: DeltaGenerator | None = None) -> Run:
    """The chosen run, with a menu of the newest ones; before there is any, the built-in one.

    Args:
        beside: where the menu goes, without its label; by default, it stands here.
    """
    run = chosen_run() or BUILT_IN_RUN
    entries = picker_entries(run)
    # Streamlit tells options apart by their labels.
    labels = _names.told_apart(entries, {entry.run.id: _names.label(entry) for entry in entries})
    picked = _state.PICKED_RUN
    picked.set(run.id)
    (beside or st.container()).selectbox(
        "Run",
        list(labels),
        format_func=labels.__getitem__,
        key=picked.name,
        on_change=lambda: _state.RUN.choose([picked.get()]),
        help=f"The newest {RUNS_IN_PICKER}. The address of this page names the chosen run: "
        "keep it to come back to the run, or to show it to others.",
        label_visibility="collapsed" if beside else "visible",
    )
    _changes.rerun_on_change(("picker", run), lambda: picker_entries(run), entries, near=run)
    return run


def picker_entries(run: Run) -> list[Entry]:
    """The newest runs, then ``run`` where it is older than those, and the built-in one."""
    entries = _cached.catalog().list(RUNS_IN_PICKER)
    for other in (run, BUILT_IN_RUN):
        if all(entry.run != other for entry in entries):
            entries.append(_cached.catalog().entry(other))
    return entries


def about_built_in(run: Run) -> None:
    """What there is to know of the built-in run where it is chosen, and the way to another one."""
    if run == BUILT_IN_RUN:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                "This network comes with Digit Lab. It has learned from the 4,000 training images "
                "of the MNIST sample alone.",
                width="content",
            )
            _page.step("pages/train.py", "Train your own", ":material/model_training:")


def about_trial(run: Run) -> None:
    """Why a search's trial can be neither evaluated nor drawn for, and the way to both."""
    st.info(
        "A search compares its trials on the validation images: none of them is tested, or asked "
        "what it makes of a drawing. Train its settings to do both.",
        title="This is a trial of a search",
        icon=":material/travel_explore:",
    )
    query = with_settings(run.config, run.id)
    _page.step("pages/train.py", "Use its settings", ":material/content_copy:", query)


def with_settings(config: TrainingConfig, run_id: str) -> dict[str, str]:
    """The parameters of a link to Train, with a run's settings in the form, and it beside."""
    return link_parameters(config) | _state.RUN.link(run_id)


def name_damage(run: Run) -> None:
    """Say what is wrong with a run that can be shown all the same, at least in part."""
    entry = _cached.catalog().entry(run)
    if isinstance(entry, Damaged):
        words = _page.plain(entry.reason)
        st.error(words, title="Part of this run can't be read", icon=":material/broken_image:")


def still_training(run: Run, state: State, words: str) -> None:
    """Said of a live run on a page that needs its network, with a link to where it is watched."""
    st.info(
        words,
        title="Training is paused" if state == State.PAUSED else "This network is still training",
        icon=":material/model_training:",
    )
    _page.step("pages/train.py", "Watch it learn", ":material/show_chart:", _state.RUN.link(run.id))
