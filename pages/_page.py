"""What all pages have: how they begin, and names as they are in their texts."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import streamlit as st

from mnist_core.presets import measured
from mnist_core.settings import Settings
from mnist_core.storage import StorageError
from pages import _compat, _state


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


def begin(name: str, width: Literal["stretch", "content"] = "stretch") -> None:
    """Each page begins with this: its heading, and what the others kept until they were left."""
    _compat.run_through_app()
    _state.leave_others(name)
    _state.BASELINE.keep(_state.BASELINE.get())  # on every page, for any may be loaded again
    st.title(name, width=width)


def step(
    page: str, label: str, icon: str, query: Mapping[str, str] | None = None, first: bool = True
) -> None:
    """A link to what is next, in the shape of a button.

    Args:
        first: filled, as the button that one needs most; else with a border alone.
    """
    with st.container(key=f"step_{'first' if first else 'other'}_{label}", width="content"):
        st.page_link(page, label=label, icon=icon, query_params=query)


MOST_BUTTONS = 6
"""As many choices as stand side by side; more are a menu."""


def choice(label: str, options: Sequence[str], default: str, **widget: Any) -> str:
    """One of several, as buttons, or as a menu where there are too many, as of one's own data."""
    if len(options) <= MOST_BUTTONS:
        chosen: str | None = st.segmented_control(
            label, options, default=default, required=True, wrap=True, **widget
        )
        assert chosen  # required
        return chosen
    return str(st.selectbox(label, options, options.index(default), **widget))


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


def refuse(faults: Iterable[str]) -> None:
    """Say why what is filled in can't be used, a paragraph for each fault."""
    st.error("\n\n".join(map(plain, faults)), icon=":material/error:")


def plain(text: str) -> str:
    """For Markdown: a name, an address or a message as it is, whatever characters are in it.

    All that people write goes through here where Streamlit takes Markdown: in texts, and in labels,
    titles, captions, progress bars and tables.
    """
    return _MARKUP.sub(r"\\\g<0>", _REPLACED.sub("\\g<0>\u2060", " ".join(text.split())))


def heading(name: str) -> str:
    """A name as :func:`plain` makes it; where it breaks, no line begins with its dot."""
    return plain(name).replace(" · ", "\u00a0· ")


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
