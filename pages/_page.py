"""What all pages have: how they begin, and names as they are in their texts."""

import re

import streamlit as st

from pages import _compat, _state

ABOUT_THE_ARTICLE = (
    "Digit Lab began with a tutorial of 2021 on dense networks. This is what its network of 512 "
    "and 256 units reached on MNIST's test images; the preset Article has its settings."
)


def begin(name: str) -> None:
    """Each page begins with this: its heading, and what the others kept until they were left."""
    _compat.run_through_app()
    _state.leave_others(name)
    st.title(name)


def plain(text: str) -> str:
    """For Markdown: a name, an address or a message as it is, whatever characters are in it.

    All that people write goes through here where Streamlit takes Markdown: in texts, and in labels,
    titles, captions, progress bars and tables.
    """
    return _MARKUP.sub(r"\\\g<0>", _REPLACED.sub("\\g<0>\u2060", " ".join(text.split())))


_MARKUP = re.compile(r"[\\`*_\[\]<>$~#|&]|:(?=\w)|^[-+=]")
# Addresses, :names: of pictures and arrows are looked for once the backslashes are gone, so that
# only a character between theirs helps: one that is not seen, and that no line breaks at.
_REPLACED = re.compile(
    r"""
    :(?=//|[\w+/-]+:) | \bwww(?=\.) | \S(?=@)
    | (?<!\S)[-<>~](?=[-=>]+(?!\S))
    | ^\d+(?=[.)](?!\S))  # the number of a list
    """,
    re.VERBOSE | re.IGNORECASE,
)
