"""What all pages have: how they begin, and names as they are in their texts."""

import re

import streamlit as st

from mnist_core.presets import measured
from pages import _compat, _state


def begin(name: str) -> None:
    """Each page begins with this: its heading, and what the others kept until they were left."""
    _compat.run_through_app()
    _state.leave_others(name)
    st.title(name)


def about_the_article() -> str:
    """What its figure is, and why the preset's is another one."""
    words = (
        "Digit Lab began with a tutorial of 2021 on dense networks. This is what its network of "
        "512 and 256 units reached on MNIST's test images; the preset Article has its settings."
    )
    here = measured().get("article")
    if here:
        words += (
            f" With them, Digit Lab gets {here.accuracy:.2%}, the median of {here.seeds} seeds."
        )
    return words


def plain(name: str) -> str:
    """For markdown: a class's name, or what was said of a file, whatever characters are in it."""
    return re.sub(r"([\\`*_\[\]<>$~#|]|:(?=\w))", r"\\\1", name)
