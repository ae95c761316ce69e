"""A study as it goes on: how far it is, what mattered, what is best, and whether that was luck."""

import zlib
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from mnist_core.config import FIELDS
from mnist_core.fields import shown
from mnist_core.figures import STATIC, Figure
from mnist_core.runs.catalog import Entry, Summary
from mnist_core.runs.events import State
from mnist_core.runs.files import RunError
from mnist_core.search import figures, suggest
from mnist_core.search import study as studies
from mnist_core.search.study import Plan, Result, Study, Trial, best
from mnist_core.storage import StorageError
from mnist_core.words import counted, reason
from pages import (
    _cached,
    _changes,
    _chosen,
    _compat,
    _ends,
    _in_view,
    _names,
    _page,
    _state,
    _studies,
    _study_by_hand,
    _study_export,
    _study_filter,
    _study_steering,
)

REFRESH_SECONDS = 1.0
NEWEST = 50
FEW = 20
"""Trials, of which importances are no more than a guess."""
"""As many of the newest runs are looked at for those that a study has in training."""


def chosen() -> Study | None:
    """The study just chosen, else that of ``?study=``, else the newest; with a menu of them."""
    found = _studies.every()
    wanted = next(iter(_state.STUDY.get()), None)
    by_id = {study.id: study for study in found}
    if wanted and wanted not in by_id:
        st.warning(
            f"There is no study {_page.plain(wanted)} here: it was deleted, or the address has a "
            "typo.",
            icon=":material/search_off:",
        )
    if not found:
        return None
    study = by_id.get(wanted or "", found[0])
    _state.STUDY.keep([study.id])
    picked = _state.PICKED_STUDY
    if len(found) > 1:
        # Streamlit tells options apart by their labels.
        names = _names.with_ids({other.id: _studies.name(other) for other in found})
        st.selectbox(
            "Study",
            list(names),
            list(names).index(study.id),
            format_func=names.__getitem__,
            key=picked.key(study.id),
            on_change=lambda: _state.STUDY.choose([picked.take()]),
        )
    return study


def wait_for_one() -> None:
    """Run the page again once there is a study."""

    def found() -> bool:
        try:
            return bool(_studies.every())
        except StorageError:
            return True  # the page says so

    def part() -> None:
        if found():
            st.rerun()

    _compat.run_by_timer(part, REFRESH_SECONDS, found)


def watch(study: Study) -> None:
    """The study, redrawn in place while it goes on."""
    going_on, drawn = study.conducted, _studies.version(study)

    def status() -> object:
        seen = _studies.version(study)
        draw_all_where_needed(study, going_on)
        try:
            _study_steering.status(study, going_on)
        except RunError as error:
            name_damage(error)
        return seen

    def results() -> object:
        seen = _studies.version(study)
        try:
            show_results(study, going_on)
        except RunError as error:
            name_damage(error)
        return seen

    def differs(seen: object) -> bool:
        return _studies.version(study) != seen

    st.header(_page.heading(_studies.name(study)), anchor=_studies.ANCHOR)
    _in_view.show(f"#{_studies.ANCHOR}")
    if going_on:
        _state.wait_for(study)
        _changes.redraw_on_change(status, REFRESH_SECONDS, differs)
        _ends.offer()
        training_now(study)
        _changes.redraw_on_change(results, REFRESH_SECONDS, differs)
    else:
        st.fragment(status)()
        st.fragment(results)()
        pages = _changes.pages()
        _compat.run_by_timer(
            lambda: None if _studies.version(study) == drawn else st.rerun(),
            REFRESH_SECONDS,
            lambda: _studies.version(study) != drawn and pages.take(),
        )
    with st.container():
        deleting(study)


def draw_all_where_needed(study: Study, going_on: bool) -> None:
    """In a fragment: run the page again where what surrounds it has something else to say, too."""
    if study.conducted != going_on or _state.has_notices("searching"):
        st.rerun()


def name_damage(error: RunError) -> None:
    words = _page.plain(str(error))
    st.error(words, title="This study can't be read", icon=":material/broken_image:")


# --- What it does ---


def training_now(study: Study) -> None:
    """The trials in training, redrawn in place, each with a link to where it is watched."""
    view = _changes.entries(("newest", NEWEST), lambda: _cached.catalog().list(NEWEST, trials=True))

    def part() -> Sequence[Entry]:
        now = view.get()
        own = [
            (entry, entry.trial)
            for entry in reversed(now)
            if isinstance(entry, Summary) and entry.trial and entry.trial.study == study.id
        ]
        if not own:
            st.progress(0.0, "Starting: in about ten seconds, the first trial begins")
        if confirming := [entry for entry, trial in own if trial.confirms]:
            over = sum(not entry.state.live for entry in confirming)
            st.caption(
                f"{over} of at most {counted(study.plan.finalists * study.plan.seeds, 'run')} that "
                "confirm the best are over."
            )
        for entry, trial in own:
            if not entry.state.live:
                continue
            done = entry.progress
            what = f"Trial {trial.number}"
            if trial.confirms:
                what += f" with seed {entry.config.seed}"
            if entry.state == State.QUEUED:
                at = "its worker loads TensorFlow"
            else:
                at = f"epoch {done.epoch} of {done.asked}"
            with st.container(horizontal=True, vertical_alignment="bottom"):
                st.progress(done.share, f"{what} · {at}")
                st.page_link(
                    "pages/train.py",
                    label="Watch it",
                    icon=":material/show_chart:",
                    query_params=_state.RUN.link(entry.run.id),
                )
        return now

    _changes.redraw_on_change(part, REFRESH_SECONDS, lambda shown: view.peek() is not shown)


# --- What it found ---


def show_results(study: Study, going_on: bool) -> None:
    plan, trials, result = study.plan, _studies.trials(study), study.result()
    with st.container():
        if result and result.confirmed:
            confirmed(plan, trials, result)
    if not trials:
        return
    pictures(study, trials)

    def by_setting() -> None:
        along_settings(plan, trials)

    def each() -> None:
        draw_all_where_needed(study, going_on)
        picked = table(study, trials)
        _study_by_hand.form(study, picked, len(trials))

    for part in (by_setting, each):
        # Of a study that is over, what is chosen there concerns nothing else.
        part() if going_on else st.fragment(part)()
    _study_export.downloads(study)


def confirmed(plan: Plan, trials: Sequence[Trial], result: Result) -> None:
    """The best, trained again with other seeds, and how much of its lead was luck."""
    by_number = {trial.number: trial for trial in trials}
    st.subheader("Confirmed with other seeds")
    rows = []
    for found in result.confirmed:
        trial = by_number.get(found.number)
        chosen_by = trial.value(plan.aim) if trial else None
        form = figures.FORMATS[plan.aim]
        rows.append(
            {
                "Trial": found.number,
                "In the search": "–" if chosen_by is None else f"{chosen_by:{form}}",
                "With other seeds": f"{found.value:{form}}",
                "Luck": "–" if chosen_by is None else f"{chosen_by - found.value:+{form}}",
                "Test accuracy": found.in_words(),
                "Seeds": ", ".join(map(str, found.seeds)),
            }
        )
    st.table(pd.DataFrame(rows).set_index("Trial"))
    st.caption(
        "The best of many trials was chosen for what it reached with one seed; part of that is "
        "luck, which other seeds do not have. The test images were used for these runs alone."
    )
    if winner := by_number.get(result.confirmed[0].number):
        varied = ", ".join(
            f"{FIELDS[name].title} {shown(FIELDS[name], getattr(winner.config, name))}"
            for name in plan.space
            if winner.config.uses(name)
        )
        st.markdown(
            f"**The best with other seeds is trial {winner.number}**: {_page.plain(varied)}."
        )
        query = _chosen.with_settings(winner.config, winner.run)
        _page.step("pages/train.py", "Use the best settings", ":material/content_copy:", query)


def pictures(study: Study, trials: Sequence[Trial]) -> None:
    plan = study.plan
    st.subheader("Trial by trial")
    chart(figures.progress(trials, plan.aim), "progress", "Every trial, and the best so far")
    with st.container():
        if plan.against:
            st.subheader("Both aims")
            front = figures.pareto(trials, plan.aim, plan.against)
            chart(front, "pareto", "Both aims of each trial")
    with st.container():
        st.subheader("What mattered")
        if shares := _studies.importances(study):
            words = "How much of the differences between good trials each setting explains."
            if len(trials) < FEW:
                words += f" After {len(trials)} trials, a first guess."
            st.caption(words)
            chart(figures.importance(shares), "importance", "How much each setting mattered")
        else:
            st.caption(f"Told once {suggest.OTHERS} trials have come to their end.")
    st.subheader("All that varied, at once")
    st.caption(
        "A line for each trial, amber for the best, grey for those far behind the median one. Drag "
        "along an axis to see only those within; a click there takes it back."
    )
    chart(figures.parallel(trials, plan.space, plan.aim), "parallel", "A line for each trial")


def along_settings(plan: Plan, trials: Sequence[Trial]) -> None:
    """What came of the trials along one setting, or two."""
    st.subheader("Setting by setting")
    st.caption("A dot for each trial, grey for the first and amber for the last ones.")
    names = list(plan.space)
    left, right = st.columns(2)
    titles = {name: str(FIELDS[name].title) for name in names}
    with left:
        one = st.selectbox("Setting", names, format_func=titles.__getitem__, key="study_one")
    with right:
        other = st.selectbox(
            "Together with",
            [name for name in names if name != one],
            index=None,
            format_func=titles.__getitem__,
            key="study_other",
            placeholder="Another one",
        )
    with st.container():
        if other:
            figure = figures.contour(trials, one, other, plan.space, plan.aim)
            both = f"{titles[one]} and {titles[other]}"
            chart(figure, "contour", f"What came of the trials along {both}")
        else:
            figure = figures.slice_of(trials, one, plan.space, plan.aim)
            chart(figure, "slice", f"What came of the trials along {titles[one]}")
    workers = "When each worker had which trial"
    part = st.expander(
        workers, icon=":material/schedule:", key="study_timeline_part", on_change="rerun"
    )
    if part.open:
        with part:
            chart(figures.timeline(trials), "timeline", workers)


def chart(figure: Figure, key: str, alt: str) -> None:
    st.plotly_chart(figure, key=f"study_{key}", config=STATIC, alt=alt)


def table(study: Study, trials: Sequence[Trial]) -> Trial | None:
    """The trials; returns the one that is picked."""
    plan = study.plan
    st.subheader("Trials")
    st.caption(f"The best first, by what each reached with seed {plan.base.seed} alone.")
    with st.container():
        ordered = ranked(_study_filter.filtered(plan, trials), plan)
    if not ordered:
        st.info("No trial has all of that.", icon=":material/search_off:")
        return None
    numbers = [trial.number for trial in ordered]
    of_study, picked = _state.PICKED_TRIAL.get()
    rows = [numbers.index(picked)] if of_study == study.id and picked in numbers else []
    # A table of its own for each order of trials: a click that the browser sent while it still
    # showed another order names rows of that one.
    key = f"study_table_{study.id}_{zlib.crc32(str(numbers).encode())}"
    if st.session_state.get(key, {}).get("selection", {}).get("rows", []) != rows:
        st.session_state[key] = {"selection": {"rows": rows}}
    aim, form = figures.AIMS[plan.aim], "%.2f%%" if plan.aim == "accuracy" else "%.4f"
    st.dataframe(
        frame(plan, ordered),
        key=key,
        on_select=lambda: take_row(study, key, numbers),
        selection_mode="single-row",
        hide_index=True,
        column_config={
            aim: st.column_config.NumberColumn(format=form),
            "Weights": st.column_config.NumberColumn(format="localized"),
            "Seconds": st.column_config.NumberColumn(format="%.1f"),
        },
        placeholder="–",
        height=min(420, 38 + 35 * len(ordered)),
        alt="The trials with what varied and what came of them, the best first",
    )
    trial = ordered[rows[0]] if rows else None
    with st.container(horizontal=True, vertical_alignment="center"):
        if trial:
            st.markdown(f"**Trial {trial.number}**", width="content")
            link = _state.RUN.link(trial.run)
            for label, icon, query in (
                ("See how it learned", ":material/show_chart:", link),
                (
                    "Use its settings",
                    ":material/content_copy:",
                    _chosen.with_settings(trial.config, trial.run),
                ),
            ):
                _page.step("pages/train.py", label, icon, query, first=False)
        else:
            st.caption("Tick a trial to see how it learned, or to use its settings on Train.")
    return trial


def take_row(study: Study, table_key: str, numbers: Sequence[int]) -> None:
    rows = st.session_state[table_key].selection.rows
    _state.PICKED_TRIAL.set((study.id, numbers[rows[0]] if rows else 0))


def ranked(trials: Sequence[Trial], plan: Plan) -> list[Trial]:
    """The best first; then those that did not come to their end, the newest first."""
    top = best(trials, plan.aim)
    valued = {trial.number for trial in top}
    return [*top, *(trial for trial in reversed(trials) if trial.number not in valued)]


def frame(plan: Plan, trials: Sequence[Trial]) -> pd.DataFrame:
    """A row for each trial, for reading."""
    scale = 100 if plan.aim == "accuracy" else 1
    return pd.DataFrame(
        [
            {
                "Trial": trial.number,
                figures.AIMS[plan.aim]: None if value is None else scale * value,
                "Outcome": figures.OUTCOMES[trial.outcome],
                **{
                    str(FIELDS[name].title): shown(FIELDS[name], getattr(trial.config, name))
                    if trial.config.uses(name)
                    else "–"
                    for name in plan.space
                },
                "Weights": trial.weights,
                "Seconds": trial.seconds,
            }
            for trial, value in ((trial, trial.value(plan.aim)) for trial in trials)
        ]
    )


# --- Deleting ---


def deleting(study: Study) -> None:
    """A button, and the question that it asks."""
    if _state.ASKED_ABOUT_STUDY.get() != study.id:
        st.button(
            "Delete this study",
            key="study_delete",
            icon=":material/delete:",
            on_click=_state.ASKED_ABOUT_STUDY.set,
            args=(study.id,),
            disabled=study.conducted,
        )
        return
    with st.container(border=True):
        st.markdown(
            "Delete this study for good, with the runs that it only tried? Those that confirmed "
            "its best stay on the page Runs."
        )
        with st.container(horizontal=True):
            st.button(
                "Yes, delete it",
                type="primary",
                icon=":material/delete:",
                on_click=delete,
                args=(study,),
            )
            st.button("Keep", on_click=_state.ASKED_ABOUT_STUDY.forget)


def delete(study: Study) -> None:
    _state.ASKED_ABOUT_STUDY.forget()
    try:
        studies.delete(study)
    except (RunError, OSError) as error:
        _study_steering.leave_error(reason(error))
    else:
        _state.STUDY.choose([])
