"""A study as it goes on: how far it is, what mattered, what is best, and whether that was luck."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from mnist_core.config import FIELDS
from mnist_core.fields import shown
from mnist_core.figures import STATIC, Figure
from mnist_core.presets import title
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.search import conductor, figures
from mnist_core.search import study as studies
from mnist_core.search.study import Outcome, Result, Study, Trial, best
from mnist_core.search.suggest import importances
from mnist_core.words import duration, reason
from pages import _cached, _changes, _form, _names, _page, _state
from pages._number import whole_number
from pages._state import Notice

REFRESH_SECONDS = 1.0


def every() -> list[Study]:
    """The studies here, newest first."""
    return studies.every(_cached.store().folder)


def chosen() -> Study | None:
    """The study just chosen, else that of ``?study=``, else the newest; with a menu of them."""
    found = every()
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
        st.selectbox(
            "Study",
            list(by_id),
            list(by_id).index(study.id),
            format_func=lambda study_id: name(by_id[study_id]),
            key=picked.key(study.id),
            on_change=lambda: _state.STUDY.choose([picked.take()]),
        )
    return study


def name(study: Study) -> str:
    """What it is called: what it started from, and when."""
    try:
        return f"{title(study.plan.base)} · {_names.local_time(Run(study.folder)):%-d %b %H:%M}"
    except RunError:
        return study.id


def wait_for_one() -> None:
    """Run the page again once there is a study."""

    def part() -> None:
        if every():
            st.rerun()

    _changes.redraw_on_change(part, REFRESH_SECONDS, lambda _: bool(every()))


def watch(study: Study) -> None:
    """The study, redrawn in place while it goes on."""

    def part() -> object:
        seen = version(study)
        trials, result, going_on = study.trials(), study.result(), study.conducted
        st.header(_page.plain(name(study)))
        status(study, trials, result, going_on)
        with st.container():
            if result and result.confirmed:
                confirmed(study, trials, result)
        if trials:
            pictures(study, trials)
            table(study, trials)
        return seen

    _changes.redraw_on_change(part, REFRESH_SECONDS, lambda seen: seen != version(study))


def version(study: Study) -> object:
    """Differs once there is something new to show; quick, and raises nothing."""
    names = ("trials.jsonl", "control.json", "result.json")
    return [_version(study.folder / name) for name in names], study.conducted


def _version(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


# --- How far it is, and how it is steered ---


def status(study: Study, trials: Sequence[Trial], result: Result | None, going_on: bool) -> None:
    wanted, plan = study.wanted(), study.plan
    asked = conductor.asked(plan, wanted)
    counts = {outcome: sum(t.outcome == outcome for t in trials) for outcome in Outcome}
    told = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
    share = min(1.0, len(trials) / asked)
    if going_on and wanted.pause:
        st.progress(share, f"Paused · {len(trials)} of {asked} trials · {told}")
    elif going_on:
        left = seconds_left(study, trials, asked)
        words = f" · {duration(left)} left" if left else ""
        confirming = " · confirming the best" if len(trials) >= asked else ""
        st.progress(share, f"{len(trials)} of {asked} trials{confirming}{words} · {told}")
    elif result:
        st.success(f"{len(trials)} trials: {told}.", icon=":material/check:")
    else:
        st.warning(
            "Its process has ended before it was over. What was tried is kept.",
            title="The search was interrupted",
            icon=":material/power_off:",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if going_on:
            pause = "Go on" if wanted.pause else "Pause"
            icon = ":material/play_arrow:" if wanted.pause else ":material/pause:"
            st.button(
                pause,
                key="study_pause",
                icon=icon,
                on_click=want,
                args=(study,),
                kwargs={"pause": not wanted.pause},
                help="No trial begins meanwhile; those that have begun go on.",
            )
            st.button(
                "Stop",
                key="study_stop",
                icon=":material/stop:",
                on_click=want,
                args=(study,),
                kwargs={"stop": True},
                disabled=wanted.stop,
                help="No trial begins any more; the best are confirmed.",
            )
        whole_number("More trials", 20, key=_state.MORE_TRIALS.name, width=140)
        st.button(
            "Search on",
            key="study_more",
            icon=":material/add:",
            on_click=search_on,
            args=(study, len(trials), asked),
        )


def seconds_left(study: Study, trials: Sequence[Trial], asked: int) -> float:
    """About as long as the trials so far took; 0 where none tells."""
    if not trials or len(trials) >= asked:
        return 0.0
    each = sum(trial.ended - trial.began for trial in trials) / len(trials)
    return each * (asked - len(trials)) / study.plan.workers


def want(study: Study, **wishes: object) -> None:
    try:
        study.want(**wishes)
    except (ValueError, OSError) as error:
        leave_error(error)


def search_on(study: Study, tried: int, asked: int) -> None:
    """In a callback: more trials, by a process that may have to be started for it."""
    more = _state.MORE_TRIALS.get()
    try:
        study.want(trials=max(tried, asked) + int(more), stop=False, pause=False)
        if not study.conducted:
            conductor.start(study)
    except (ValueError, OSError) as error:
        leave_error(error)


def leave_error(error: Exception) -> None:
    words = _page.plain(reason(error))
    _state.leave_notice("searching", Notice(st.error, words, ":material/error:"))


# --- What it found ---


def pictures(study: Study, trials: Sequence[Trial]) -> None:
    plan = study.plan
    chart(figures.progress(trials, plan.aim), "progress", "Every trial, and the best so far")
    shares = importances(plan, trials)
    if shares:
        st.subheader("What mattered")
        st.caption("How much of the differences between good trials each setting explains.")
        chart(figures.importance(shares), "importance", "How much each setting mattered")
    st.subheader("All that varied, at once")
    chart(figures.parallel(trials, plan.space, plan.aim), "parallel", "A line for each trial")
    if plan.against:
        st.subheader("Both aims")
        front = figures.pareto(trials, plan.aim, plan.against)
        chart(front, "pareto", "Both aims of each trial")
    st.subheader("Setting by setting")
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
    if other:
        figure = figures.contour(trials, one, other, plan.space, plan.aim)
        chart(figure, "contour", f"What came of the trials along {titles[one]} and {titles[other]}")
    else:
        figure = figures.slice_of(trials, one, plan.space, plan.aim)
        chart(figure, "slice", f"What came of the trials along {titles[one]}")
    with st.expander("When each worker had which trial", icon=":material/schedule:"):
        chart(figures.timeline(trials), "timeline", "When each worker had which trial")


def chart(figure: Figure, key: str, alt: str) -> None:
    st.plotly_chart(figure, key=f"study_{key}", config=STATIC, alt=alt)


def table(study: Study, trials: Sequence[Trial]) -> None:
    plan = study.plan
    st.subheader("Trials")
    ranked = best(trials, plan.aim)
    ordered = [*ranked, *(t for t in reversed(trials) if t not in ranked)]
    rows = [
        {
            "Trial": trial.number,
            figures.AIMS[plan.aim]: trial.value(plan.aim),
            "Outcome": trial.outcome.value,
            **{
                str(FIELDS[name].title): shown(FIELDS[name], getattr(trial.config, name))
                if trial.config.uses(name)
                else "–"
                for name in plan.space
            },
            "Weights": trial.weights,
            "Seconds": trial.seconds,
        }
        for trial in ordered
    ]
    form = "%.2f%%" if plan.aim == "accuracy" else "%.4f"
    frame = pd.DataFrame(rows)
    if plan.aim == "accuracy":
        frame[figures.AIMS["accuracy"]] *= 100
    event = st.dataframe(
        frame,
        key=f"study_table_{study.id}_{len(trials)}",
        on_select="rerun",
        selection_mode="single-row",
        hide_index=True,
        column_config={
            figures.AIMS[plan.aim]: st.column_config.NumberColumn(format=form),
            "Weights": st.column_config.NumberColumn(format="localized"),
            "Seconds": st.column_config.NumberColumn(format="%.1f"),
        },
        height=min(420, 38 + 35 * len(rows)),
        alt="The trials with what varied and what came of them, the best first",
    )
    picked = event.selection.rows
    with st.container(horizontal=True):
        if picked:
            trial = ordered[picked[0]]
            link = _state.RUN.link(trial.run)
            _page.step(
                "pages/train.py", "See how it learned", ":material/show_chart:", link, first=False
            )
            st.button(
                "Use its settings",
                key="study_use",
                icon=":material/content_copy:",
                on_click=_form.put_in_form,
                args=(trial.config,),
                help="Copies them into the form on Train.",
            )
        else:
            st.caption("Tick a trial to see how it learned, or to use its settings on Train.")


def confirmed(study: Study, trials: Sequence[Trial], result: Result) -> None:
    """The best, trained again with other seeds, and how much of its lead was luck."""
    aim, by_number = study.plan.aim, {trial.number: trial for trial in trials}
    st.subheader("Confirmed with other seeds")
    rows = []
    for found in result.confirmed:
        spread = "" if found.deviation is None else f" ± {found.deviation:.2%}"
        chosen_by = by_number[found.number].value(aim)
        form = ".2%" if aim == "accuracy" else ".4f"
        rows.append(
            {
                "Trial": found.number,
                "In the search": "–" if chosen_by is None else f"{chosen_by:{form}}",
                "With other seeds": f"{found.value:{form}}",
                "Luck": "–" if chosen_by is None else f"{chosen_by - found.value:+{form}}",
                "Test accuracy": f"{found.accuracy:.2%}{spread}",
                "Seeds": ", ".join(map(str, found.seeds)),
            }
        )
    st.table(pd.DataFrame(rows).set_index("Trial"))
    st.caption(
        "The best of many trials was chosen for what it reached with one seed; part of that is "
        "luck, which other seeds do not have. The test images were used for these runs alone."
    )
