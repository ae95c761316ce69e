"""The form of the page Search: what varies, where, for what, and how long."""

import os
from collections.abc import Sequence
from typing import Any, get_args

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mnist_core.config import FIELDS, ConfigError, TrainingConfig, read_config
from mnist_core.data import known, places
from mnist_core.data.loading import DatasetError
from mnist_core.fields import choices, setting, shown, word
from mnist_core.presets import PRESETS, apply_preset, presets_for, title
from mnist_core.runs.catalog import Entry, Summary
from mnist_core.search import conductor
from mnist_core.search import study as studies
from mnist_core.search.space import VARIABLE, Options, Where, usual, within
from mnist_core.search.study import Aim, Method, Plan
from mnist_core.words import counted, reason
from pages import _cached, _in_view, _names, _page, _state, _studies
from pages._number import whole_number
from pages._state import Notice

NEWEST = 20
"""Runs that a search can start from."""
FIRST_VARIED = ("learning_rate", "dropout", "widths", "batch_size", "schedule")
AIMS: dict[Aim, str] = {"accuracy": "Accuracy", "loss": "Loss"}
BESIDE_LABEL: dict[str, Any] = {"label_visibility": "collapsed", "width": 80}
NO_OTHER = "none"
AGAINST = {
    NO_OTHER: "Nothing else",
    "weights": "Fewer weights",
    "seconds": "Less time",
}
METHODS: dict[Method, str] = {"tpe": "Learns from the trials", "random": "Random", "grid": "Grid"}
WHY_VALIDATION = (
    "Trials are compared on the validation images, never on the test images: the best of many "
    "would look better there than it is, for having been chosen by them. The best ones are then "
    "trained again with seeds that the search has not seen, and tested once."
)


def form() -> None:
    """All that a study needs, and the button that begins it; the address holds what differs."""
    newest = _cached.catalog().list(NEWEST)  # here: a fragment would show an error as a traceback
    st.fragment(_form)(newest)


def _form(newest: Sequence[Entry]) -> None:
    values: dict[str, Any] = {}
    faults: list[str] = []
    start = base(newest, faults)
    if start:
        values["base"] = start
    names = st.multiselect(
        "What varies",
        VARIABLE,
        [*FIRST_VARIED],
        format_func=lambda name: str(FIELDS[name].title),
        key="search_varied",
        bind="query-params",
        placeholder="Settings",
        help="All others stay as they are.",
    )
    left, right = st.columns(2)
    with left:
        values["trials"] = plan_number("trials")
    with right:
        values["workers"] = workers()
    # What comes and goes with what varies stands below the button, which so is in sight.
    button_place = st.container()
    values["space"] = {}
    with st.expander(
        "Between which values", expanded=True, icon=":material/arrow_range:", key="where_part"
    ):
        for name in names:
            try:
                values["space"][name] = where(name)
            except ConfigError as error:
                faults.append(f"{FIELDS[name].title}{str(error).removeprefix(name)}")
    with st.expander("Aim and method", icon=":material/tune:", key="search_method_part"):
        values |= details()
    with st.expander("Why the test images are left out", icon=":material/help:"):
        st.markdown(WHY_VALIDATION)
    with button_place:
        if not names:
            faults.append("Nothing varies: choose at least one setting above.")
        plan = None if faults else _read(values, faults)
        if faults:
            _page.refuse(faults)
        pressed = st.button(
            "Search",
            key="begin_search",
            type="primary",
            icon=":material/travel_explore:",
            width="stretch",
            on_click=begin if plan else None,
            args=(plan,),
            disabled=plan is None,
        )
        if plan:
            st.caption(about(plan))
    if pressed:
        st.rerun()  # the study is beside the form


def plan_number(name: str, **options: Any) -> int | float:
    """The widget of a whole number of the plan's."""
    field = Plan.model_fields[name]
    return whole_number(
        str(field.title), field.default, key=f"search_{name}", bind="query-params", **options
    )


def base(newest: Sequence[Entry], faults: list[str]) -> TrainingConfig | None:
    """What the trials have in common: a preset's settings, the form's on Train, or a run's.

    Where that can't be, None, and the reason is among the faults.
    """
    dataset = st.selectbox(
        "Dataset",
        [name for name in places.names() if places.available(name)],
        format_func=known.title,
        key="search_dataset",
        bind="query-params",
    )
    offered: dict[str, tuple[str, TrainingConfig]] = {
        f"preset {name}": (
            PRESETS[name].title,
            apply_preset(name, TrainingConfig(dataset=dataset)),
        )
        for name in presets_for(dataset)
    }
    if (form := _state.FORM_LEFT.get()) and form.dataset == dataset:
        offered["form"] = (f"The form on Train: {title(form)}", form)
    for entry in newest:
        if isinstance(entry, Summary) and entry.config.dataset == dataset:
            offered[entry.run.id] = (_names.label(entry), entry.config)
    labels = {label for label, _ in offered.values()}
    chosen = _state.SEARCH_BASE
    asked = None if chosen.get() else st.query_params.get(chosen.name)  # of a link
    with st.container():
        if asked and asked not in labels:
            st.warning(
                f"There is no {_page.plain(asked)} to start from here; what stands below is taken.",
                icon=":material/link_off:",
            )
    left, right = st.columns([2, 1])
    with left:
        start = st.selectbox(
            "Start from",
            list(offered),
            format_func=lambda name: offered[name][0],
            key=chosen.name,
            bind="query-params",
        )
    with right:
        epochs = whole_number(
            "Epochs per trial",
            3,
            key="search_epochs",
            bind="query-params",
            help="Few: what is good early mostly stays so.",
        )
    config = offered[start][1]
    try:
        return read_config(config.model_dump() | {"epochs": epochs}, by_title=True)
    except ConfigError as error:
        faults += str(error).splitlines()
        return None


def where(name: str) -> Where:
    """The widgets that say where a study looks for a setting."""
    field, by_itself = FIELDS[name], usual(name)
    if isinstance(by_itself, Options):
        picked = st.multiselect(
            str(field.title),
            by_itself.values,
            by_itself.values,
            format_func=lambda value: (
                word(field, str(value)) if choices(field) else shown(field, value)
            ),
            key=f"search_among_{name}",
            bind="query-params",
        )
        if not picked:
            raise ConfigError(f"{name} has nothing to choose from; allowed: one of them or more")
        return Options(values=tuple(picked))
    bounds: dict[str, float] = {}
    part = setting(field).parts
    if part:
        with row(str(field.title), f"{name}_count"):
            for bound in ("fewest", "most"):
                if bound == "most":
                    st.markdown(":small[to]", width="content")
                bounds[bound] = whole_number(
                    f"{field.title}: {bound}",
                    getattr(by_itself, bound),
                    key=f"search_{bound}_{name}",
                    bind="query-params",
                    **BESIDE_LABEL,
                )
    with row(f"{part[1].capitalize()} in each" if part else str(field.title), name):
        for bound, side in (("low", "from"), ("high", "to")):
            if side == "to":
                st.markdown(":small[to]", width="content")
            bounds[bound] = st.number_input(
                f"{field.title}: {side}",
                value=getattr(by_itself, bound),
                format="%g",
                key=f"search_{bound}_{name}",
                bind="query-params",
                **BESIDE_LABEL,
            )
    return within(name, bounds)


def row(label: str, key: str) -> DeltaGenerator:
    """A label, and beside it room for two fields, on a phone, too."""
    place = st.container(
        horizontal=True, vertical_alignment="center", gap="xsmall", key=f"in_one_row_{key}"
    )
    place.markdown(f":small[{label}]", width="stretch")
    return place


def workers() -> int | float:
    most = os.cpu_count() or 1
    return plan_number("workers", help=f"At most {most}, the cores here, which they share.")


def details() -> dict[str, Any]:
    """What is aimed for, and how."""
    aim = _page.choice(
        "Aim",
        get_args(Aim),
        "accuracy",
        format_func=AIMS.__getitem__,
        key="search_aim",
        bind="query-params",
    )
    against = _page.choice(
        "And at the same time",
        [*AGAINST],
        NO_OTHER,
        format_func=AGAINST.__getitem__,
        key="search_against",
        bind="query-params",
        help="With two aims there is no best trial, but a front of those that none beats in both.",
    )
    method = _page.choice(
        "Method",
        get_args(Method),
        "tpe",
        format_func=METHODS.__getitem__,
        key="search_method",
        bind="query-params",
    )
    prune = st.toggle(
        "Stop hopeless trials early",
        True,
        key="search_prune",
        bind="query-params",
        help="Those that after an epoch are among the worst quarter.",
    )
    minutes = st.number_input(
        str(Plan.model_fields["minutes"].title),
        value=None,
        key="search_minutes",
        bind="query-params",
        placeholder="As long as the trials take",
    )
    left, middle, right = st.columns(3)
    with left:
        finalists = plan_number("finalists")
    with middle:
        seeds = plan_number("seeds")
    with right:
        seed = plan_number("seed")
    return {
        "aim": aim,
        "against": None if against == NO_OTHER else against,
        "method": method,
        "prune": prune,
        "minutes": minutes,
        "finalists": finalists,
        "seeds": seeds,
        "seed": seed,
    }


def _read(values: dict[str, Any], faults: list[str]) -> Plan | None:
    try:
        plan = studies.read_plan(values, by_title=True)
        studies.check_here(plan)
    except (ConfigError, DatasetError) as error:
        faults += str(error).splitlines()
        return None
    return plan


def about(plan: Plan) -> str:
    """What it will train."""
    confirming = plan.finalists * plan.seeds
    words = f"{counted(plan.trials, 'trial')} of {counted(plan.base.epochs, 'epoch')}"
    if confirming:
        words += f", then {counted(confirming, 'run')} to confirm the best"
    return f"{words}. It goes on when this page is closed."


def begin(plan: Plan) -> None:
    """In a callback: have it conducted, and show it."""
    try:
        study = studies.create(_cached.store().folder, plan)
        conductor.start(study)
    except OSError as error:
        words = _page.plain(reason(error))
        _state.leave_notice("searching", Notice(st.error, words, ":material/error:"))
    else:
        _state.STUDY.choose([study.id])
        _in_view.ask(f"#{_studies.ANCHOR}")
