"""A study as files: its trials as a table for other programs, and all of it as one page."""

from functools import partial

import streamlit as st

from mnist_core.export import study as export
from mnist_core.search.study import Study


def downloads(study: Study) -> None:
    """A button for each; a file is made when its button is pressed."""
    with st.container(horizontal=True):
        for label, write, suffix, icon in (
            ("Trials as CSV", export.as_csv, ".csv", ":material/table:"),
            ("Report", export.report, ".html", ":material/article:"),
        ):
            st.download_button(
                label,
                partial(write, study),
                file_name=f"digit-lab-study-{study.id}{suffix}",
                key=f"study_{suffix.removeprefix('.')}",
                icon=icon,
                on_click="ignore",
            )
