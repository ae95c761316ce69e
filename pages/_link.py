"""The settings in the address of the page Train: checked on arrival, and passed on."""

from typing import Any
from urllib.parse import urlencode

import streamlit as st

from mnist_core.config import TrainingConfig
from mnist_core.link import command, link_parameters, read_link
from pages import _page, _state


def check() -> None:
    """Mend the address that a session begins with, before the widgets take it in.

    Streamlit drops a value that a widget can't have, without a word, makes 2 of 2.7, and keeps a
    parameter that nobody knows.
    """
    if _state.LINK_PROBLEMS.get() is not None:
        return
    given = st.query_params.to_dict()
    link = read_link(given)
    _state.LINK_PROBLEMS.set(link.problems)
    if link.parameters != given:
        st.query_params.from_dict(link.parameters)
        st.rerun()


def notice(values: dict[str, Any]) -> None:
    """What was wrong with the address, until it is dismissed or the form has other ``values``."""
    problems = _state.LINK_PROBLEMS.get()
    if not problems:
        return
    if (_state.LINK_VALUES.get() or values) != values:
        dismiss()
        return
    _state.LINK_VALUES.set(values)
    st.warning(
        "\n".join(f"- {_page.plain(problem)}" for problem in problems),
        title="Part of this link can't be used; the defaults are used instead",
        icon=":material/link_off:",
    )
    st.button("Dismiss", icon=":material/close:", on_click=dismiss)


def dismiss() -> None:
    """The notice does not come again."""
    _state.LINK_PROBLEMS.set([])


def share(config: TrainingConfig) -> None:
    """The settings as a command and as a link, each with a button that copies it."""
    part = st.expander(
        "Share: command and link", icon=":material/share:", key="share_part", on_change="rerun"
    )
    if not part.open:  # what draws code takes a browser nearly half a second
        return
    with part:
        st.caption(
            "Starts the same training on the command line (.venv/bin/digit-lab after make app):"
        )
        st.code(command(config), language=None, wrap_lines=True)
        st.caption("Opens this page with all of these settings:")
        parameters = urlencode(link_parameters(config))
        st.code(f"{st.context.url or ''}?{parameters}", language=None, wrap_lines=True)
