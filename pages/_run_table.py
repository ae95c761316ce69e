"""Runs as rows of a table: the columns, the cells, and what to call each run."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from mnist_core.data.known import title
from mnist_core.runs.catalog import Damaged, Entry, Summary
from mnist_core.runs.seeds import Group
from pages import _names

COLUMNS: dict[str, Any] = {
    "name": st.column_config.TextColumn("Name", pinned=True),
    "accuracy": st.column_config.NumberColumn("Test accuracy", format="%.2f%%"),
    "seeds": st.column_config.TextColumn(
        "Mean of seeds",
        help="Of the test accuracies of the runs with these settings, each with another seed: "
        "mean ± standard deviation, and how many there are.",
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
FIRST = ("name", "accuracy", "seeds", "state", "dataset", "network", "when")
"""The columns that are seen at once; the table's tool bar has a menu for the others."""
FIGURES = (
    *("state", "accuracy", "interval", "seeds", "loss", "weights", "epochs", "seconds"),
    "epoch_seconds",
)
"""The columns that say what came of a run."""


def data(
    entries: Sequence[Entry], groups: Mapping[str, Group], index: list[str] | None = None
) -> pd.DataFrame:
    """A row for each run; the columns are those of :data:`COLUMNS`.

    Args:
        groups: those that runs are in, by the run's id.
    """
    names = _names.told_apart(entries, {entry.run.id: _names.run_name(entry) for entry in entries})
    rows = [_row(entry, names, groups.get(entry.run.id)) for entry in entries]
    return pd.DataFrame(rows, index, list(COLUMNS))


def shown(
    columns: Sequence[str], entries: Sequence[Entry], groups: Mapping[str, Group]
) -> list[str]:
    """The columns, but for the mean of seeds where no run has any other seed beside its own."""
    several = any(entry.run.id in groups for entry in entries)
    return [column for column in columns if several or column != "seeds"]


def _row(entry: Entry, names: dict[str, str], group: Group | None) -> dict[str, Any]:
    """An entry's cells; those that move while the run trains stay empty until it is over."""
    cells: dict[str, Any] = dict.fromkeys(COLUMNS)
    cells |= {
        "name": names[entry.run.id],
        "state": str(entry.state),
        "when": _names.local_time(entry.run),
    }
    if isinstance(entry, Damaged):
        return cells | {"note": entry.reason}
    config = entry.config
    unfinished = f"on {entry.elsewhere}" if entry.elsewhere else ""
    cells |= {
        "dataset": title(config.dataset),
        "network": config.network,
        "weights": entry.weights,
        "seed": config.seed,
        "seeds": group and f"{group.in_words()} ({len(group.seeds)})",
        "continues": entry.parent and names.get(entry.parent, entry.parent),
        "tags": list(entry.labels.tags),
        "note": entry.labels.note or entry.message or unfinished,
    }
    return cells if entry.state.live else cells | _figures(entry)


def _figures(summary: Summary) -> dict[str, Any]:
    tested = summary.evaluated
    low, high = summary.interval or (None, None)
    return {
        "accuracy": tested and 100 * tested.test_accuracy,
        "interval": low and high and f"{low:.2%} to {high:.2%}",
        "loss": tested and tested.test_loss,
        "epochs": summary.progress.epochs,
        "seconds": summary.train_seconds,
        "epoch_seconds": summary.epoch_seconds,
    }


def distinct_names(summaries: Sequence[Summary]) -> dict[str, str]:
    """By id, what to call each run where several are shown."""
    return _names.told_apart(summaries, {s.run.id: _names.full_name(s) for s in summaries})
