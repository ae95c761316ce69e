"""What happens to runs meanwhile, in this session, another one, or on another server."""

from collections.abc import Callable, Sequence

import streamlit as st

from mnist_core.runs.catalog import Entry, Summary

LOOK_SECONDS = 0.6  # between two looks at the runs, which other servers may change, too


def rerun_on_change(look: Callable[[], Sequence[Entry]], seen: Sequence[Entry]) -> None:
    """Run the page again once ``look`` finds runs in another state than those ``seen``."""
    steadily_seen = [steady(entry) for entry in seen]

    @st.fragment(run_every=LOOK_SECONDS)
    def part() -> None:
        if [steady(entry) for entry in look()] != steadily_seen:
            st.rerun()

    part()


def steady(entry: Entry) -> object:
    """All of an entry but what moves while the run trains."""
    if isinstance(entry, Summary) and entry.state.live:
        return entry.run, entry.state, entry.labels, entry.weights
    return entry
