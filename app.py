"""Digit Lab's dashboard: its server, page configuration and navigation, nothing else."""

from pathlib import Path

import streamlit as st

if __name__ != "__main__":  # the server, which imports this file, and runs it in each session
    from pages import _guesses, _plotly_file, _server

    app = st.App(
        __file__,
        routes=[_plotly_file.route()],
        middleware=[_server.our_hosts_only(), _guesses.lead_on()],
        lifespan=_server.open_browser,
    )
else:
    from pages import _browser, _cached, _compat, _ends, _page

    # A file of ours: icons by name come from the network, which may not be there.
    icon = Path(__file__).parent / "docs" / "icon.png"
    _compat.mend_reruns()
    _compat.mend_costs()
    st.set_page_config(
        page_icon=icon,
        layout="wide",
        # Without an entry of our own, there is no menu, and in it is the choice of the theme.
        menu_items={
            "About": "**Digit Lab**: train an image classifier, watch it learn, question it."
        },
    )

    pages = [
        st.Page(
            "pages/train.py",
            title="Train",
            icon=":material/model_training:",
            help="Choose a network, press Train and watch it learn.",
            default=True,
        ),
        st.Page(
            "pages/search.py",
            title="Search",
            icon=":material/travel_explore:",
            help="Try many settings, and see which ones matter and which are best.",
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
        st.Page(
            "pages/learn.py",
            title="Learn",
            icon=":material/school:",
            help="How a network learns, in eight parts, with one that learns as you press.",
        ),
    ]
    page = st.navigation(pages, position="top")
    st.set_page_config(page_title=f"{page.title} · Digit Lab")
    _browser.mend([page.url_path for page in pages])
    _page.run(page.run)
    _ends.tell(page.title)
    _cached.load_ahead()
