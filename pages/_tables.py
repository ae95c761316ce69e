"""What charts show, in tables: for those who can't see it, and for those who want to copy it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mnist_core.runs.history import History

if TYPE_CHECKING:
    import pandas as pd


def below(chart: str, key: str, table: Callable[[], pd.DataFrame]) -> None:
    """Below a chart, folded: the same in a table, which is made once somebody wants it.

    Args:
        chart: what it shows, as in "Accuracy and loss by epoch".
        key: of what is folded.
    """
    part = st.expander(f"{chart}, in a table", icon=":material/table:", key=key, on_change="rerun")
    if part.open:
        part.dataframe(table(), alt=chart)


def epochs(history: History) -> pd.DataFrame:
    """A row for each epoch, with what the curves show of it."""
    import pandas as pd

    columns = {
        "accuracy": "Training accuracy",
        "val_accuracy": "Validation accuracy",
        "comparable_loss": "Training loss",
        "comparable_val_loss": "Validation loss",
        "learning_rate": "Learning rate",
        "seconds": "Seconds",
    }
    index = pd.Index([epoch.epoch for epoch in history.epochs], name="Epoch")
    return pd.DataFrame(
        {
            title: [getattr(epoch, name) for epoch in history.epochs]
            for name, title in columns.items()
        },
        index,
    )


def matrix(counts: NDArray[np.int64], class_names: Sequence[str]) -> pd.DataFrame:
    """A row for each true class, a column for each answer; ``(classes, classes)`` counts."""
    import pandas as pd

    return pd.DataFrame(counts, pd.Index(class_names, name="True class"), list(class_names))


def places(
    places: NDArray[np.float32], true: Sequence[str], answers: Sequence[str]
) -> pd.DataFrame:
    """A row for each image on a map, ``(n, 2)``, with its class and what it was taken for."""
    import pandas as pd

    columns = {"True class": true, "Answer": answers, "Across": places[:, 0], "Up": places[:, 1]}
    return pd.DataFrame(columns, pd.RangeIndex(len(places), name="Test image"))
