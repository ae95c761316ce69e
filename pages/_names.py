"""What runs are called, and what is said of them in a line."""

from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from mnist_core import presets
from mnist_core.data import known
from mnist_core.runs.catalog import Damaged, Entry
from mnist_core.runs.folder import Run
from pages import _cached


def run_label(run: Run) -> str:
    """For headings, e.g. ``"Article · 98.1% · MNIST · 22 Nov 14:02"``."""
    return label(_cached.catalog().entry(run))


def label(entry: Entry) -> str:
    """For menus; see :func:`run_label`. What tells runs apart comes first: a phone cuts the end."""
    if isinstance(entry, Damaged):
        return f"{run_name(entry)} · {entry.state}"
    config = entry.config
    outcome = f"{entry.evaluated.test_accuracy:.1%}" if entry.evaluated else entry.state
    last = config.network if entry.labels.name else made(entry.run)
    return f"{run_name(entry)} · {outcome} · {known.title(config.dataset)} · {last}"


def run_name(entry: Entry) -> str:
    """The name that the run was given, else what it is; of one that can't be read, when it was."""
    if isinstance(entry, Damaged):
        return made(entry.run)
    return entry.labels.name or presets.title(entry.config)


def made(run: Run) -> str:
    """When, e.g. ``"22 Nov 14:02"``."""
    created = local_time(run)
    return f"{created.day} {created:%b %H:%M}"


def local_time(run: Run) -> datetime:
    """When the run was made, by the clock of the reader."""
    return run.created.astimezone(ZoneInfo(st.context.timezone) if st.context.timezone else None)


def draw_label(run: Run) -> str:
    """What a link to the page Draw says."""
    return "Draw digits for it" if known.is_digits(run.config.dataset) else "Show it pictures"
