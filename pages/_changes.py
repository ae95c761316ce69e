"""What happens to runs meanwhile, in this session, another one, or on another server."""

import time
from collections.abc import Callable, Hashable, Sequence
from functools import wraps
from typing import TypeVar

import streamlit as st

from mnist_core.runs.catalog import Entry, Summary
from mnist_core.runs.events import State
from mnist_core.runs.folder import Run
from pages import _cached, _compat
from pages._shared import Shared, shared

T = TypeVar("T")

LOOK_SECONDS = 0.6  # between two looks at the runs, which other servers may change, too
PAGES_A_SECOND = 8.0
"""Whole pages, of all sessions, that run again because a run has changed: where fifty people look
on, and somebody starts another run, they would keep the processor from those who click."""
AGAIN_SECONDS = 5.0  # after which what moves is drawn again though nothing is new


def entries(what: Hashable, look: Callable[[], Sequence[Entry]]) -> Shared[Sequence[Entry]]:
    """What ``look`` finds, of which one session looks for all; at most half a look old."""
    return shared((_cached.store(), what), lambda: Shared(look, LOOK_SECONDS / 2))


def redraw_on_change(draw: Callable[[], T], seconds: float, differs: Callable[[T], bool]) -> None:
    """A part of a page that is drawn again once there is something new in it.

    It counts as shown only when a run has drawn all of it, for one that is interrupted is not heard
    of again. And it is drawn anew after :data:`AGAIN_SECONDS` in any case: what did not reach a
    browser, for whatever reason, would else stay away until something happens in the run.

    Args:
        draw: draws it; returns what it has drawn.
        seconds: from one look to the next.
        differs: whether there is something else to draw than that; quick, and raises nothing.
    """
    shown: tuple[T, float] | None = None

    @wraps(draw)
    def part() -> None:
        nonlocal shown
        shown, began = None, time.monotonic()
        shown = draw(), began

    def due() -> bool:
        now = shown  # another thread may draw meanwhile
        return now is None or differs(now[0]) or time.monotonic() - now[1] > AGAIN_SECONDS

    _compat.run_by_timer(part, seconds, due)


class Pace:
    """So many a second, or as many at once; to be asked by one thread alone."""

    def __init__(self, a_second: float) -> None:
        self._a_second = self._left = a_second
        self._asked = time.monotonic()

    def take(self) -> bool:
        """Whether there is one left."""
        now = time.monotonic()
        left = self._left + (now - self._asked) * self._a_second
        self._asked, self._left = now, min(left, self._a_second)
        if self._left < 1:
            return False
        self._left -= 1
        return True


@st.cache_resource(show_spinner=False)
def pages() -> Pace:
    """Those that run again because a run has changed."""
    return Pace(PAGES_A_SECOND)


def rerun_on_change(
    what: Hashable,
    look: Callable[[], Sequence[Entry]],
    seen: Sequence[Entry],
    near: Run | None = None,
) -> None:
    """Run the page again once ``look`` finds runs in another state than those ``seen``.

    Args:
        what: it looks at, of which one session looks for all.
        near: of the other runs, it does not matter whether they are paused.
    """
    steadily_seen = [steady(entry, entry.run == near) for entry in seen]
    now = shared(
        (_cached.store(), what),
        lambda: Shared(
            lambda: [steady(entry, entry.run == near) for entry in look()], LOOK_SECONDS / 2
        ),
    )
    is_first, pace = True, pages()

    def part() -> None:
        nonlocal is_first
        # What others have looked at might be older than the page itself.
        if not is_first and now.get() != steadily_seen:
            st.rerun()
        is_first = False

    def due() -> bool:
        """By what the page shows, not by what was found when: one that was not drawn is, later."""
        found = now.peek()
        return found is None or (found != steadily_seen and pace.take())

    _compat.run_by_timer(part, LOOK_SECONDS, due)


def steady(entry: Entry, near: bool = True) -> object:
    """All of an entry but what moves while the run trains.

    Args:
        near: whether it matters that the run is paused.
    """
    if isinstance(entry, Summary) and entry.state.live:
        paused = entry.state == State.PAUSED and not near
        state = State.RUNNING if paused else entry.state
        return entry.run, state, entry.labels, entry.weights
    return entry
