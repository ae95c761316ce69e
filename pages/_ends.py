"""A word when what was begun or watched in this session has ended, whichever page is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from mnist_core.data import known
from mnist_core.runs.catalog import Summary
from mnist_core.runs.events import State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.words import counted
from pages import _cached, _changes, _compat, _names, _page, _state

if TYPE_CHECKING:
    from mnist_core.search.study import Study

LOOK_SECONDS = 2.0
TOAST_SECONDS = 10
OUTCOMES = {
    State.FINISHED: ("Trained", ":material/check:"),
    State.STOPPED: ("Stopped", ":material/stop:"),
    State.FAILED: ("Failed", ":material/error:"),
    State.INTERRUPTED: ("Interrupted", ":material/power_off:"),
}

# Browsers give leave to a press alone, and none at all to pages from a network without encryption;
# on Android, a page can't notify by itself.
OFFER = """
export default function ({ data, parentElement }) {
    const button = parentElement.querySelector("button")
    const show = () => button.hidden = /Android/.test(navigator.userAgent)
        || globalThis.Notification?.permission !== "default"
    button.onclick = () => Notification.requestPermission().then(show)
    button.textContent = data
    show()
}
"""
OFFER_STYLE = """
button {
    padding: 0; border: 0; background: none; font: inherit; font-size: 0.875rem; cursor: pointer;
    color: inherit; text-decoration: underline; text-underline-offset: 0.15em; min-height: 1.5rem;
}
"""
# Who sees the page needs no second word.
NOTIFY = """
export default function ({ data }) {
    if (globalThis.Notification?.permission !== "granted" || !document.hidden) return
    for (const words of data) new Notification("Digit Lab", { body: words, tag: words })
}
"""
_offer = st.components.v2.component(
    "offer_notification", html="<button hidden></button>", css=OFFER_STYLE, js=OFFER
)
_notify = st.components.v2.component("notify", js=NOTIFY)


def offer() -> None:
    """A button that asks the browser for leave to notify, as long as that has no answer."""
    _offer(key="offer_notification", data="Notify me when it ends, should I be elsewhere")


def tell(page: str) -> None:
    """Tell of each end once; to be called at the end of each page.

    Args:
        page: its title; those whose end it shows by itself are told to the browser alone.
    """
    chosen = {"Train": _state.RUN, "Search": _state.STUDY}.get(page)
    ends = {what: _end(what) for what in _state.AWAITED.get()}
    if not ends:
        return

    def part() -> None:
        over = [what for what, is_over in ends.items() if is_over()]
        for what in over:
            del ends[what]
        _state.AWAITED.set([*ends])
        told = {what.id: said for what in over if (said := _told(what))}
        for id_, (words, icon) in told.items():
            if not chosen or id_ not in chosen.last():
                st.toast(_page.plain(words), icon=icon, duration=TOAST_SECONDS)
        if told:
            _notify(key="unseen_notify", data=[words for words, _ in told.values()])

    _compat.run_by_timer(part, LOOK_SECONDS, lambda: any(is_over() for is_over in [*ends.values()]))


def _end(what: Run | Study) -> Callable[[], bool]:
    """Whether it is over; quick, and raises nothing."""
    if not isinstance(what, Run):
        return lambda: not what.conducted
    look = _changes.entries(("end", what), lambda: [_cached.catalog().entry(what)])

    def is_over() -> bool:
        (entry,) = look.get()
        return not (isinstance(entry, Summary) and entry.state.live)

    return is_over


def _told(what: Run | Study) -> tuple[str, str] | None:
    """The words for the end, and their icon; None of what has been deleted."""
    if not what.folder.exists():
        return None
    if not isinstance(what, Run):
        from pages import _studies  # with Optuna, which only those have loaded who search

        try:
            tried, result = counted(len(_studies.trials(what)), "trial"), what.result()
        except RunError as error:
            return str(error), ":material/broken_image:"
        came, icon = ("over", "check") if result else ("interrupted", "power_off")
        return f"Search {came} after {tried}: {_studies.name(what)}", f":material/{icon}:"
    entry = _cached.catalog().entry(what)
    if not isinstance(entry, Summary):
        return entry.reason, ":material/broken_image:"
    if entry.state.live:
        return None  # its owner, on another machine, had been silent for long
    came, icon = OUTCOMES[entry.state]
    tested = [f"{entry.evaluated.test_accuracy:.1%}"] if entry.evaluated else []
    words = [_names.run_name(entry), *tested, known.title(entry.config.dataset)]
    message = f". {entry.message}" if entry.message else ""
    return f"{came}: {' · '.join(words)}{message}", icon
