"""The chosen run as files for other programs, and a run from elsewhere among those here."""

from functools import partial

import streamlit as st

from mnist_core.export import formats
from mnist_core.runs import archive
from mnist_core.runs.folder import Run
from pages import _cached, _names, _page, _state
from pages._state import Notice

ICONS = {
    "keras": ":material/network_node:",
    "tflite": ":material/smartphone:",
    "onnx": ":material/swap_horiz:",
    "script": ":material/code:",
    "report": ":material/article:",
    "zip": ":material/folder_zip:",
}
MOST_MEGABYTES = 500


def downloads(run: Run) -> None:
    """A button for each format; a file is made when its button is pressed."""
    part = st.expander(
        "Take it home: as a model, a script, a report or all of it",
        key=_state.TAKE_HOME.name,
        icon=":material/download:",
        bind="query-params",
    )
    if not part.open:
        return
    with part, st.grid(3, min_column_width=240):
        for name, format in formats.FORMATS.items():
            with st.container():
                why_not = formats.obstacle(run, name)
                st.download_button(
                    format.title,
                    partial(formats.export, run, name),
                    file_name=formats.file_name(run, name),
                    key=f"take_home_{name}",
                    icon=ICONS[name],
                    on_click="ignore",
                    disabled=why_not is not None,
                    width="stretch",
                )
                st.caption(f"Not now: {_page.plain(why_not)}." if why_not else format.description)


def uploader() -> None:
    """Takes in what the button Whole run gave on another machine."""
    attempt = _state.IMPORTS.get()
    with st.expander("Import a run from another machine", icon=":material/upload:"):
        file = st.file_uploader(
            "The zip file from the button Whole run on that machine's page Evaluate",
            type="zip",
            key=f"import_{attempt}",  # a new one for each file, lest one is taken in twice
            max_upload_size=MOST_MEGABYTES,
        )
    if file:
        _state.IMPORTS.set(attempt + 1)  # first: a click while it is checked begins anew
        try:
            with st.spinner("Checking the run and its network, about ten seconds"):
                words = _names.run_label(archive.unpack(file, _cached.store()))
            notice = Notice(st.success, _page.plain(words), ":material/check:", "Imported")
        except (archive.ImportRefused, OSError) as error:
            words = f"{file.name}: {error}. Nothing was imported."
            notice = Notice(
                st.error, _page.plain(words), ":material/block:", "The run was not imported"
            )
        _state.leave_notice("importing", notice)
        st.rerun()
    _state.show_notices("importing")
