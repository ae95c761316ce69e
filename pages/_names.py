"""What runs are called, and what is said of them in a line."""

import math
from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from mnist_core.data import known
from mnist_core.runs.catalog import Damaged, Entry, Summary
from mnist_core.runs.folder import Run
from mnist_core.words import duration
from pages import _cached


def run_label(run: Run) -> str:
    """For headings, e.g. ``"22 Nov 14:02 · 98.1% · MNIST · 512-256"``."""
    return label(_cached.catalog().entry(run))


def label(entry: Entry) -> str:
    """For menus; see :func:`run_label`. What tells runs apart comes first: a phone cuts the end."""
    if isinstance(entry, Damaged):
        return f"{run_name(entry)} · {entry.state}"
    config = entry.config
    outcome = f"{entry.evaluated.test_accuracy:.1%}" if entry.evaluated else entry.state
    return f"{run_name(entry)} · {outcome} · {known.title(config.dataset)} · {config.network}"


def run_name(entry: Entry) -> str:
    """The name that the run was given, else when it was made, e.g. ``"22 Nov 14:02"``."""
    given = entry.labels.name if isinstance(entry, Summary) else ""
    created = local_time(entry.run)
    return given or (f"{created.day} {created:%b %H:%M}" if created else entry.run.id)


def local_time(run: Run) -> datetime | None:
    """When the run was made, by the clock of the reader; None where its folder does not say."""
    zone = ZoneInfo(st.context.timezone) if st.context.timezone else None
    return run.created.astimezone(zone) if run.created else None


def whereabouts(run: Run) -> str:
    """Of a run that has not ended: what speaks for or against that it is still trained."""
    if run.owner is None:
        return f"{run.folder / 'owner.json'}, which says who trains it, is missing or damaged."
    if not run.elsewhere:
        return ""
    ago = f"{duration(run.silence)} ago" if run.silence < math.inf else "nobody knows when"
    return f"It is on the machine {run.elsewhere}, last heard of {ago}."


def draw_label(run: Run) -> str:
    """What a link to the page Draw says."""
    return "Draw digits for it" if known.is_digits(run.config.dataset) else "Show it pictures"
