"""Digit Lab's dashboard: page configuration and navigation, nothing else."""

from pathlib import Path

import streamlit as st

from pages import _cached, _compat, _page

# A file of ours: icons by name come from the network, which may not be there.
icon = Path(__file__).parent / "docs" / "icon.png"
_compat.mend_reruns()
st.set_page_config(page_title="Digit Lab", page_icon=icon, layout="wide")

page = st.navigation(
    [
        st.Page(
            "pages/train.py",
            title="Train",
            icon=":material/model_training:",
            help="Choose a network, press Train and watch it learn.",
            default=True,
        ),
        st.Page(
            "pages/evaluate.py",
            title="Evaluate",
            icon=":material/fact_check:",
            help="What a trained network gets right and wrong on images it has never seen.",
        ),
        st.Page(
            "pages/draw.py",
            title="Draw",
            icon=":material/draw:",
            help="Draw, or bring a picture, and see what the network makes of it.",
        ),
        st.Page(
            "pages/runs.py",
            title="Runs",
            icon=":material/table_rows:",
            help="Every run: find, name, compare and delete them, and see which are the best.",
        ),
        st.Page(
            "pages/data.py",
            title="Data",
            icon=":material/grid_on:",
            help="The images themselves: see them, download more, bring your own.",
        ),
    ],
    position="top",
)
_compat.label_menu()
_page.run(page.run)
_cached.load_ahead()
