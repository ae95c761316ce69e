"""Which trials of a study the table shows: those whose settings lie where the reader wants them."""

from collections.abc import Sequence

import streamlit as st

from mnist_core.config import FIELDS
from mnist_core.fields import shown
from mnist_core.search.figures import from_unit, unit_of
from mnist_core.search.space import Options, Range
from mnist_core.search.study import Plan, Trial

STEPS = [step / 20 for step in range(21)]
"""Of the way from the least value that the study tries to the greatest one."""
ALL = (STEPS[0], STEPS[-1])


def filtered(plan: Plan, trials: Sequence[Trial]) -> Sequence[Trial]:
    """Those that the reader wants to see."""
    kept = trials
    with st.popover("Filter", icon=":material/filter_list:", key="study_filter"):
        for name, where in plan.space.items():
            if isinstance(where, Options):
                kept = among(name, where, kept)
            else:
                kept = between(name, where, kept)
    if len(kept) < len(trials):
        st.caption(f"{len(kept):,} of {len(trials):,} trials")
    return kept


def among(name: str, where: Options, trials: Sequence[Trial]) -> Sequence[Trial]:
    field = FIELDS[name]
    picked = st.multiselect(
        str(field.title),
        where.values,
        format_func=lambda value: shown(field, value),
        key=f"study_filter_{name}",
        placeholder="All",
    )
    if not picked:
        return trials
    return [t for t in trials if t.config.uses(name) and getattr(t.config, name) in picked]


def between(name: str, where: Range, trials: Sequence[Trial]) -> Sequence[Trial]:
    field = FIELDS[name]

    def value(at: float) -> str:
        found = from_unit(at, where)
        return f"{found:.2g}" if field.annotation is float else f"{found:,.0f}"

    chosen = st.select_slider(
        f"{field.title}: geometric mean" if where.most else str(field.title),
        STEPS,
        ALL,
        format_func=value,
        key=f"study_filter_{name}",
    )
    if chosen == ALL:  # then also what somebody has added beyond it
        return trials
    low, high = chosen
    return [t for t in trials if t.config.uses(name) and low <= unit_of(name, t, where) <= high]
