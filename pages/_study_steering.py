"""How far a study is, and what people want of it: pause, stop, go on, more trials."""

from collections.abc import Sequence

import streamlit as st

from mnist_core.config import TrainingConfig
from mnist_core.runs.files import RunError
from mnist_core.search import conductor, figures
from mnist_core.search import study as studies
from mnist_core.search.study import Outcome, Plan, Study, Trial
from mnist_core.words import duration, reason
from pages import _page, _state, _studies
from pages._number import whole_number
from pages._state import Notice


def status(study: Study, going_on: bool) -> None:
    plan, wanted, trials = study.plan, study.wanted(), _studies.trials(study)
    asked = conductor.asked(plan, wanted)
    counts = {outcome: sum(t.outcome == outcome for t in trials) for outcome in Outcome}
    told = ", ".join(f"{number:,} {figures.OUTCOMES[o]}" for o, number in counts.items() if number)
    done = f"{len(trials):,} of {asked:,} trials"
    with st.container():
        if going_on:
            words = [done, told]
            if wanted.stop:
                words.insert(0, "Stopping, then confirming the best")
            elif wanted.pause:
                words.insert(0, "Paused")
            elif len(trials) >= asked:
                words.insert(1, "confirming the best")
            elif left := seconds_left(plan, trials, asked):
                words.insert(1, f"about {duration(left)} left")
            st.progress(min(1.0, len(trials) / asked), " · ".join(filter(None, words)))
        elif study.result():
            came = f"{done}: {told or 'none came to an end'}."
            if top := studies.best(trials, plan.aim):
                reached = f"{top[0].value(plan.aim):{figures.FORMATS[plan.aim]}}"
                came += f" With the search's own seed, trial {top[0].number} was best: {reached}."
            st.success(came, icon=":material/check:")
        else:
            why = f" It wrote last: {_page.plain(study.last_words)}" if study.last_words else ""
            st.warning(
                f"{done}. Its process has ended before it was over; what was tried is kept.{why}",
                title="The search was interrupted",
                icon=":material/power_off:",
            )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if going_on:
            buttons(study, wanted.pause, wanted.stop)
        whole_number("More trials", 20, key=_state.MORE_TRIALS.name, width=130)
        st.button(
            "Add trials",
            key="study_more",
            icon=":material/add:",
            on_click=search_on,
            args=(study, len(trials), asked),
            help="Begins so many more trials, with all that was learned so far.",
        )


def buttons(study: Study, paused: bool, stopped: bool) -> None:
    st.button(
        "Go on" if paused else "Pause",
        key="study_pause",
        icon=":material/play_arrow:" if paused else ":material/pause:",
        on_click=want,
        args=(study,),
        kwargs={"pause": not paused},
        disabled=stopped,
        help="No trial begins meanwhile; those that have begun go on.",
    )
    st.button(
        "Stopping" if stopped else "Stop",
        key="study_stop",
        icon=":material/stop:",
        on_click=want,
        args=(study,),
        kwargs={"stop": True},
        disabled=stopped,
        help="No trial begins any more; the best are confirmed.",
    )


def seconds_left(plan: Plan, trials: Sequence[Trial], asked: int) -> float:
    """Of the trials, about, by those so far; 0 where none tells."""
    if not trials:
        return 0.0
    each = sum(trial.ended - trial.began for trial in trials) / len(trials)
    return each * (asked - len(trials)) / plan.workers


def want(study: Study, **wishes: object) -> None:
    """In a callback."""
    try:
        study.want(**wishes)
    except (ValueError, OSError) as error:
        leave_error(reason(error))


def search_on(study: Study, tried: int, asked: int) -> None:
    """In a callback: more trials, by a process that may have to be started for it."""
    more, so_far = _state.MORE_TRIALS.get(), max(tried, asked)
    most = studies.MOST_TRIALS - so_far
    if not (more.is_integer() and 1 <= more <= most):
        leave_error(
            f"More trials: {more:,g} is refused; allowed: a whole number from 1 to {most:,}"
        )
        return
    go_on(study, trials=so_far + int(more))


def go_on(study: Study, **wishes: object) -> None:
    """In a callback: have it conducted, with these wishes."""
    try:
        studies.check_here(study.plan)
        study.want(**{"stop": False, "pause": False} | wishes)
        if not study.conducted:
            conductor.start(study)
    except (ValueError, OSError) as error:
        leave_error(reason(error))


def add(study: Study, config: TrainingConfig, tried: int) -> None:
    """In a callback: one more trial, beside those that the search asks for by itself."""
    try:
        wanted = study.wanted()
    except RunError as error:
        leave_error(str(error))
        return
    asked = conductor.asked(study.plan, wanted) if study.conducted else tried
    go_on(study, added=(*wanted.added, config), trials=asked + 1)


def leave_error(words: str) -> None:
    _state.leave_notice("searching", Notice(st.error, _page.plain(words), ":material/error:"))
