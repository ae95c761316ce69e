"""The studies, their trials and what mattered in them, each read once for all who look."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from mnist_core.data import known
from mnist_core.presets import title
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.search import study as studies
from mnist_core.search import suggest
from mnist_core.search.study import Study, Trial
from pages import _cached, _names

ANCHOR = "study"
"""Where the page Search shows the chosen one."""


def every() -> list[Study]:
    """The studies here, newest first."""
    return studies.every(_cached.store().folder)


def name(study: Study) -> str:
    """What it is called: what it started from, on which images, and when."""
    made = _names.made(Run(study.folder))
    try:
        base = study.plan.base
        return f"{title(base)}, varied · {known.title(base.dataset)} · {made}"
    except RunError:
        return f"{made} · damaged"


def version(study: Study) -> object:
    """Differs once there is something new to show; quick, and raises nothing."""
    names = ("study.json", "trials.jsonl", "control.json", "result.json")
    return [_cached.version(study.folder / name) for name in names], study.conducted


def trials(study: Study) -> Sequence[Trial]:
    """Those that are over.

    Raises:
        RunError: the file is damaged.
    """
    return _trials(study.folder, _cached.version(study.folder / "trials.jsonl"))


@st.cache_resource(max_entries=4, show_spinner=False)  # each trial makes one more
def _trials(folder: Path, version: tuple[int, int] | None) -> Sequence[Trial]:
    return Study(folder).trials()


def importances(study: Study) -> Mapping[str, float]:
    """How much each setting mattered, as of :func:`suggest.importances`."""
    return _importances(study.folder, _cached.version(study.folder / "trials.jsonl"))


@st.cache_resource(max_entries=4, show_spinner=False)
def _importances(folder: Path, version: tuple[int, int] | None) -> Mapping[str, float]:
    study = Study(folder)
    return suggest.importances(study.plan, trials(study))
