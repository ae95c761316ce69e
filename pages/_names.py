"""What runs are called, and what is said of them in a line."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import streamlit as st

from mnist_core.data import known
from mnist_core.runs.catalog import Damaged, Entry, Summary
from mnist_core.runs.folder import Run, Trial
from mnist_core.words import duration
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
    of_search = [f"{entry.trial.role} of a search"] if entry.trial else []
    last = config.network if entry.labels.name else made(entry.run)
    return " · ".join([run_name(entry), outcome, *of_search, known.title(config.dataset), last])


def run_name(entry: Entry) -> str:
    """The name that the run was given, else what it is; of one that can't be read, when it was."""
    if isinstance(entry, Damaged):
        return made(entry.run)
    return entry.labels.name or entry.title


def full_name(summary: Summary) -> str:
    """What a run is called where several are shown, whose networks may differ."""
    if not summary.labels.name:
        return run_name(summary)
    return f"{summary.labels.name} · {summary.config.network}"


def told_apart(entries: Sequence[Entry], names: Mapping[str, str]) -> dict[str, str]:
    """Names by id; one that several runs have is followed by their seeds, else by their ids' end.

    Args:
        names: by id.
    """
    seeds: dict[str, set[int]] = defaultdict(set)
    runs = [entry for entry in entries if isinstance(entry, Summary)]
    for summary in runs:
        seeds[names[summary.run.id]].add(summary.config.seed)
    seeded = {
        summary.run.id: f"{name} · seed {summary.config.seed}"
        for summary in runs
        if len(seeds[name := names[summary.run.id]]) > 1
    }
    return with_ids({**names, **seeded})


def run_names(entries: Sequence[Entry]) -> dict[str, str]:
    """What runs are called, by id, none as another one."""
    return told_apart(entries, {entry.run.id: run_name(entry) for entry in entries})


def with_ids(names: Mapping[str, str]) -> dict[str, str]:
    """Names by id; one that several runs have is followed by the end of their ids, or by all."""
    times = Counter(names.values())
    ends = Counter((name, run_id[-4:]) for run_id, name in names.items())

    def told(run_id: str, name: str) -> str:
        if times[name] == 1:
            return name
        return f"{name} · {run_id[-4:] if ends[name, run_id[-4:]] == 1 else run_id}"

    return {run_id: told(run_id, name) for run_id, name in names.items()}


def made(run: Run) -> str:
    """When, e.g. ``"22 Nov 14:02"``; the folder's name where that does not say."""
    created = local_time(run)
    return f"{created.day} {created:%b %H:%M}" if created else run.id


def search_made(trial: Trial) -> str:
    """When the study began that asked for a run; see :func:`made`."""
    return made(Run(Path(trial.study)))  # its id is made like a run's


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
