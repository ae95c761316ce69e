"""What all pages have: how they begin, and names as they are in their texts."""

import re
from collections.abc import Mapping
from typing import Literal

import streamlit as st

from pages import _compat, _state

ABOUT_THE_ARTICLE = (
    "Digit Lab began with a tutorial of 2021 on dense networks. This is what its network of 512 "
    "and 256 units reached on MNIST's test images; the preset Article has its settings."
)


def begin(name: str, width: Literal["stretch", "content"] = "stretch") -> None:
    """Each page begins with this: its heading, and what the others kept until they were left."""
    _compat.run_through_app()
    _state.leave_others(name)
    st.title(name, width=width)


def way(
    label: str,
    page: str,
    icon: str,
    kind: Literal["primary", "secondary"] = "secondary",
    parameters: Mapping[str, str] | None = None,
) -> None:
    """A button that leads to another page: what to do next where there is nothing here yet.

    Args:
        page: its file, e.g. ``"pages/draw.py"``.
        parameters: what its address holds.
    """
    if st.button(label, icon=icon, type=kind):
        st.switch_page(page, query_params=parameters)


def plain(name: str) -> str:
    """For markdown: a class's name, or what was said of a file, whatever characters are in it."""
    return re.sub(r"([\\`*_\[\]<>$~#|]|:(?=\w))", r"\\\1", name)
