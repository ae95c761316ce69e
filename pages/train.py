"""Choose a network, press Train, watch it learn, stop it."""

import streamlit as st

from mnist_core.runs.files import RunError
from pages import _cached, _changes, _chosen, _form, _link, _live_run, _page, _state
from pages._live_chart import load_plotly

left, right = st.columns([2, 3], gap="large")
with left:
    _page.begin("Train")
    _link.check()
    _form.bring_back()
    _state.FORM_SHOWN.set(True)
    introduction = st.container()
    below_form = _form.form()
with right:
    _state.show_notices("continuing")
    run, live = _chosen.chosen_run(), False
    if run:
        try:
            _live_run.name_others(run)
            _live_run.name_other_dataset(run)
            live = _live_run.watch(run, below_form)
        except RunError as error:
            st.error(str(error), title="This run can't be read", icon=":material/error:")
        _live_run.look_after(run)
        load_plotly()  # at the end: whatever is above the heading moves it down
    else:
        st.info("Press Train and watch the network learn here.", icon=":material/show_chart:")
        _changes.rerun_on_change(lambda: _cached.catalog().list(1), [])

with introduction:
    st.caption(
        f"The form is for the next network; [one is in training](#{_live_run.RUN_ANCHOR})."
        if live
        else "Choose a network, press Train, and watch it learn to tell pictures apart."
    )

_cached.pool()  # has a worker load TensorFlow while the reader chooses
