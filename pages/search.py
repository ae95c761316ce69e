"""Look for better settings: say what may vary, press Search, watch, take the best."""

import streamlit as st

from mnist_core.runs.files import RunError
from pages import _page, _state, _study, _study_form

_page.begin("Search")
left, right = st.columns([2, 3], gap="large")
with left:
    _study_form.form()
with right:
    said = st.container()
    with said:
        _state.show_notices("searching")
        study = _study.chosen()
    if study:
        try:
            _study.watch(study)
        except RunError as error:
            st.error(_page.plain(str(error)), icon=":material/broken_image:")
    else:
        st.info(
            "Choose what may vary, press Search, and see here what matters.",
            icon=":material/travel_explore:",
        )
        _study.wait_for_one()
