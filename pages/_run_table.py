"""Runs as rows of a table: the columns, the cells, and what to call each run."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
import streamlit as st

from mnist_core.data.known import title
from mnist_core.runs.catalog import Damaged, Entry, Summary
from mnist_core.runs.seeds import Group
from pages import _names

COLUMNS: dict[str, Any] = {
    "name": st.column_config.TextColumn("Name", pinned=True),
    "accuracy": st.column_config.NumberColumn("Test accuracy", format="%.2f%%"),
    "lead": st.column_config.NumberColumn(
        "To the baseline",
        format="%+.2f",
        help="Percentage points by which the test accuracy is above that of the baseline, or "
        "below; of runs that were tested on the same images.",
    ),
    "seeds": st.column_config.TextColumn(
        "Mean of seeds",
        help="Of the test accuracies of the runs with these settings, each with another seed: "
        "mean ± standard deviation, and how many there are.",
    ),
    "search": st.column_config.TextColumn(
        "Search",
        width=170,
        help="The search that asked for the run, by when it began, and what for: the best trials "
        "are confirmed by training their settings again, with other seeds.",
    ),
    "state": st.column_config.TextColumn("State"),
    "dataset": st.column_config.TextColumn("Dataset"),
    "network": st.column_config.TextColumn("Network", help="Units in each hidden layer."),
    "weights": st.column_config.NumberColumn("Weights", format="localized"),
    "interval": st.column_config.TextColumn(
        "95% interval", help="Where the true accuracy lies, with 95% confidence."
    ),
    "loss": st.column_config.NumberColumn("Test loss", format="%.4f"),
    "epochs": st.column_config.NumberColumn("Epochs"),
    "seed": st.column_config.NumberColumn("Seed", format="%d"),
    "seconds": st.column_config.NumberColumn("Time in training", format="%.1f s"),
    "epoch_seconds": st.column_config.NumberColumn("Seconds per epoch", format="%.2f"),
    "when": st.column_config.DatetimeColumn("When", format="D MMM YYYY, HH:mm"),
    "continues": st.column_config.TextColumn(
        "Continues", help="The run whose network this one took over."
    ),
    "tags": st.column_config.ListColumn("Tags"),
    "note": st.column_config.TextColumn("Note"),
}
FIRST = ("name", "accuracy", "lead", "seeds", "search", "state", "dataset", "network", "when")
"""The columns that are seen at once; the table's tool bar has a menu for the others."""
FIGURES = (
    *("state", "accuracy", "lead", "interval", "seeds", "loss", "weights", "epochs"),
    *("seconds", "epoch_seconds"),
)
"""The columns that say what came of a run."""


class Beside(NamedTuple):
    """What a run's figures are seen beside."""

    groups: Mapping[str, Group]
    """Those of seeds that runs are in, by the run's id."""
    baseline: Summary | None
    """The run that the others' accuracies are told from."""


def data(entries: Sequence[Entry], beside: Beside, index: list[str] | None = None) -> pd.DataFrame:
    """A row for each run; the columns are those of :data:`COLUMNS`."""
    names = _names.run_names(entries)
    rows = [_row(entry, names, beside) for entry in entries]
    return pd.DataFrame(rows, index, list(COLUMNS))


def shown(columns: Sequence[str], entries: Sequence[Entry], beside: Beside) -> list[str]:
    """The columns, but for those that would be empty: of seeds, of searches, and of a baseline."""
    several = any(entry.run.id in beside.groups for entry in entries)
    searched = any(isinstance(entry, Summary) and entry.trial for entry in entries)
    empty = {"seeds": not several, "search": not searched, "lead": beside.baseline is None}
    return [column for column in columns if not empty.get(column)]


def _row(entry: Entry, names: dict[str, str], beside: Beside) -> dict[str, Any]:
    """An entry's cells; those that move while the run trains stay empty until it is over."""
    cells: dict[str, Any] = dict.fromkeys(COLUMNS)
    cells |= {
        "name": names[entry.run.id],
        "state": str(entry.state),
        "when": _names.local_time(entry.run),
    }
    if isinstance(entry, Damaged):
        return cells | {"note": entry.reason}
    config, group = entry.config, beside.groups.get(entry.run.id)
    unfinished = f"on {entry.elsewhere}" if entry.elsewhere else ""
    cells |= {
        "dataset": title(config.dataset),
        "network": config.network,
        "weights": entry.weights,
        "seed": config.seed,
        "lead": beside.baseline and _lead(entry, beside.baseline),
        "seeds": group and f"{group.in_words()} ({len(group.seeds)})",
        "search": entry.trial and f"{_names.search_made(entry.trial)}: {entry.trial.role}",
        "continues": entry.parent and names.get(entry.parent, entry.parent),
        "tags": list(entry.labels.tags),
        "note": entry.labels.note or entry.message or unfinished,
    }
    return cells if entry.state.live else cells | _figures(entry)


def _lead(summary: Summary, baseline: Summary) -> float | None:
    """In percentage points of the test accuracy; None where that was of other images."""
    if summary.run == baseline.run:
        return None
    (dataset, tested), (other, other_tested) = (
        (each.config.dataset, each.evaluated) for each in (summary, baseline)
    )
    if not (tested and other_tested and dataset == other):
        return None
    if tested.test_images != other_tested.test_images:
        return None
    return _percent(tested.test_accuracy - other_tested.test_accuracy)


def _figures(summary: Summary) -> dict[str, Any]:
    tested = summary.evaluated
    low, high = summary.interval or (None, None)
    return {
        "accuracy": tested and _percent(tested.test_accuracy),
        "interval": low and high and f"{low:.2%} to {high:.2%}",
        "loss": tested and tested.test_loss,
        "epochs": summary.progress.epochs,
        "seconds": summary.train_seconds,
        "epoch_seconds": summary.epoch_seconds,
    }


def distinct_names(summaries: Sequence[Summary]) -> dict[str, str]:
    """By id, what to call each run where several are shown."""
    return _names.told_apart(summaries, {s.run.id: _names.full_name(s) for s in summaries})


def _percent(share: float) -> float:
    """Without the noise of binary fractions, which a screen reader reads out."""
    return round(100 * share, 4)
