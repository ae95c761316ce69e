"""Look for better settings: say what may vary, press Search, watch, take the best."""

import streamlit as st

from pages import _page, _state, _study, _study_form

_page.begin("Search")
left, right = st.columns([2, 3], gap="large")
with left:
    _study_form.form()
with right:
    with st.container(key="beside_title"):
        _state.show_notices("searching")
        study = _study.chosen()
    if study:
        _study.watch(study)
    else:
        st.info(
            "Choose what may vary, press Search, and see here what matters.",
            icon=":material/travel_explore:",
        )
        _study.wait_for_one()
