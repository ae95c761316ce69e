"""What the pages need of the private parts of Streamlit and plotly, gathered in one place.

A folder named ``pages`` makes Streamlit take the app for one of its first multipage kind, until
``st.navigation`` has run once. Whoever opened the address of a page first after a server's start
would get that page without ``app.py``: no navigation of ours, no title, no layout.
"""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

POINT = """
export default function () {
    if (document.pointsBeforeTaps) return
    document.pointsBeforeTaps = true
    const point = ({ target, touches: [{ clientX, clientY }] }) => {
        if (target.closest(".js-plotly-plot"))
            target.dispatchEvent(new MouseEvent("mousemove", { clientX, clientY, bubbles: true }))
    }
    document.addEventListener("touchstart", point, { capture: true, passive: true })
}
"""
_point = st.components.v2.component("point_before_taps", js=POINT, isolate_styles=False)


def let_taps_select() -> None:
    """Have a tap on a chart select what lies under the finger.

    Plotly selects what the pointer was on last, and a finger has been nowhere before it taps: it
    selected what had been tapped before.
    """
    _point(key="point_before_taps")


def run_through_app() -> None:
    """Begin again by way of ``app.py`` where Streamlit has run a page without it."""
    # Once in a session, for what was just pressed would be lost in beginning again.
    if PagesManager.uses_pages_directory and "through_app" not in st.session_state:
        st.session_state["through_app"] = True
        PagesManager.uses_pages_directory = False
        st.rerun()


def label_menu() -> None:
    """Put a word beside the two arrows that stand for the navigation on a narrow screen."""
    st.html(
        "<style>[data-testid=stExpandSidebarButton]::after { content: 'Menu'; }</style>",
    )
