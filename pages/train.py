"""Choose a network, press Train, watch it learn, stop it."""

import streamlit as st

from mnist_core.runs.files import RunError
from pages import (
    _cached,
    _changes,
    _chosen,
    _film,
    _form,
    _in_view,
    _link,
    _live_run,
    _network,
    _page,
    _state,
)
from pages._live_chart import load_plotly


def first_screen() -> None:
    """What Digit Lab is, and what there is to do before a network has been trained here."""
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        with st.container(gap=None):
            st.header("Digit Lab", anchor=False)
            st.markdown(
                "Train an image classifier, watch it learn, and question it. A network that reads "
                "digits comes along: draw for it."
            )
        with st.container(horizontal=True, width="content"):
            _page.step("pages/draw.py", "Draw a digit", ":material/draw:")
            _page.step(
                "pages/evaluate.py", "See where it errs", ":material/fact_check:", first=False
            )


top = st.container()
left, right = st.columns([2, 3], gap="large")
with left:
    _page.begin("Train")
    _link.check()
    _form.bring_back()
    _state.FORM_SHOWN.set(True)
    introduction = st.container()
    below_form, network = _form.form()
with right:
    said = st.container(key="beside_title")
    with said:
        _state.show_notices("training")
        run, live, taken = _chosen.chosen_run(), False, None
    if run:
        others = _live_run.also_live(run)
        try:
            with said:
                _live_run.name_others(run, others)
                _live_run.name_other_dataset(run)
            taken = _live_run.settings_taken(run)
            live = _live_run.watch(run, below_form)
        except RunError as error:
            words = _page.plain(str(error))
            st.error(words, title="This run can't be read", icon=":material/error:")
        else:
            _film.film(run, live)
        _live_run.look_after(run, others)
        _in_view.show(f"#{_chosen.RUN_ANCHOR}")
        load_plotly()  # at the end: whatever is above the heading moves it down
    else:
        with top:
            first_screen()
        st.info("Press Train and watch the network learn here.", icon=":material/show_chart:")
        with st.container():
            if network:
                st.subheader("The network, before it is trained")
                _network.show(network.layers, network.dataset)
        _changes.rerun_on_change("newest", lambda: _cached.catalog().list(1), [])

if run and network:
    with network.part:
        _network.show(network.layers, network.dataset)
if taken:
    introduction.info(_page.plain(taken), icon=":material/content_copy:")
elif run:  # else the first screen says so, and the button is to be in sight below it
    introduction.caption(
        f"The form is for the next network; [one is in training](#{_chosen.RUN_ANCHOR})."
        if live
        else "The form is for the next network; another one is in training."
        if others
        else "Choose a network, press Train, and watch it learn to tell pictures apart."
    )

_cached.pool()  # has a worker load TensorFlow while the reader chooses
