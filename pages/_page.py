"""What all pages have: how they begin, and names as they are in their texts."""

import re
from collections.abc import Callable

import streamlit as st

from mnist_core.settings import Settings
from mnist_core.storage import StorageError
from pages import _compat, _state

ABOUT_THE_ARTICLE = (
    "Digit Lab began with a tutorial of 2021 on dense networks. This is what its network of 512 "
    "and 256 units reached on MNIST's test images; the preset Article has its settings."
)


def run(page: Callable[[], None]) -> None:
    """Draw a page; where this server's settings or folders are of no use, say so in its place."""
    try:
        Settings.from_environment()
    except ValueError as error:
        st.error(plain(str(error)), title="This server can't start", icon=":material/settings:")
        st.stop()
    try:
        page()
    except StorageError as error:
        st.error(plain(str(error)), title="The runs can't be shown", icon=":material/folder_off:")


def begin(name: str) -> None:
    """Each page begins with this: its heading, and what the others kept until they were left."""
    _compat.run_through_app()
    _state.leave_others(name)
    st.title(name)


def plain(name: str) -> str:
    """For markdown: a class's name, or what was said of a file, whatever characters are in it."""
    return re.sub(r"([\\`*_\[\]<>$~#|]|:(?=\w))", r"\\\1", name)
