"""One more trial of a study, with the values that somebody wants to know of."""

from typing import Any

import streamlit as st

from mnist_core.config import FIELDS, ConfigError, TrainingConfig, read_config
from mnist_core.data import loading
from mnist_core.data.loading import DatasetError
from mnist_core.fields import applies, choices, setting, word
from mnist_core.network import describe
from mnist_core.search.study import Study, Trial
from pages import _page, _study_steering
from pages._number import as_whole, whole_number


def form(study: Study, start: Trial | None, tried: int) -> None:
    """What varies in the study, to be filled in, and the button that adds it.

    Args:
        start: the trial whose values it has at first; None for those of the study's base.
        tried: how many trials are over.
    """
    plan = study.plan
    with st.expander("Add a trial by hand", icon=":material/add_circle:", key="study_by_hand"):
        values = (start.config if start else plan.base).model_dump()
        key = f"study_value_{study.id}_{start.number if start else 0}"
        with st.container():
            for name, field in FIELDS.items():  # what decides before what it decides
                if not applies(field, values):
                    del values[name]
                elif name in plan.space:
                    values[name] = value_widget(name, values[name], f"{key}_{name}")
        with st.container():
            config = read(values)
        st.button(
            "Add this trial",
            key="study_add",
            icon=":material/add:",
            on_click=_study_steering.add if config else None,
            args=(study, config, tried),
            disabled=config is None,
            help="It is tried next, and the search learns from it. Tick a trial above to begin "
            "with its values.",
        )


def value_widget(name: str, value: Any, key: str) -> Any:
    field = FIELDS[name]
    label = str(field.title)
    if choices(field):
        return _page.choice(
            label, choices(field), value, format_func=lambda one: word(field, one), key=key
        )
    if field.annotation is bool:
        return st.toggle(label, value, key=key)
    if parts := setting(field).parts:
        text = st.text_input(
            f"{label}: {parts[1]} in each", " ".join(map(str, value)), key=key, placeholder="None"
        )
        return tuple(map(_number, text.replace(",", " ").split()))
    if field.annotation is float:
        return st.number_input(label, value=value, format="%g", key=key)
    return whole_number(label, value, key=key)


def _number(text: str) -> int | float | str:
    """As it was typed where it is none, which no configuration accepts."""
    try:
        return as_whole(float(text))
    except ValueError:
        return text


def read(values: dict[str, Any]) -> TrainingConfig | None:
    """The configuration; None where it is none, with the reason on the page."""
    try:
        config = read_config(values, of_a_run=True, by_title=True)
        images = loading.outline(config.dataset)
        describe(config, images.image_shape, images.classes)
    except (ConfigError, DatasetError) as error:
        _page.refuse(str(error).splitlines())
        return None
    return config
