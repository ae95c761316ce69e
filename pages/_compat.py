"""What the pages need of the private parts of Streamlit and plotly, gathered in one place.

A folder named ``pages`` makes Streamlit take the app for one of its first multipage kind, until
``st.navigation`` has run once. Whoever opened the address of a page first after a server's start
would get that page without ``app.py``: no navigation of ours, no title, no layout.
"""

from functools import cache
from weakref import WeakKeyDictionary

import streamlit as st
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.pages_manager import PagesManager

from pages import _state

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
    if PagesManager.uses_pages_directory and not _state.THROUGH_APP.get():
        _state.THROUGH_APP.set(True)
        PagesManager.uses_pages_directory = False
        st.rerun()


def label_menu() -> None:
    """Put a word beside the two arrows that stand for the navigation on a narrow screen."""
    st.html(
        "<style>[data-testid=stExpandSidebarButton]::after { content: 'Menu'; }</style>",
    )


@cache
def mend_messages() -> None:
    """Mend two faults in how Streamlit 1.67 tells the browser what a run of the script did.

    Fragments: the browser clears away what a fragment has not drawn again once it hears that the
    fragment has run. If another one begins before that was sent (those that look for changes begin
    at any moment), the message says "interrupted" instead, though all of the first was drawn: what
    it had drawn before would stay on the page, beside what it has drawn now, until it ran again.

    The address: each parameter that changes is an entry of its own in the browser's history, so
    that Back would lead to where nobody has been. Here a run makes one entry, at its end.
    """
    enqueue, clear = ForwardMsgQueue.enqueue, ForwardMsgQueue.clear
    addresses: WeakKeyDictionary[ForwardMsgQueue, ForwardMsg] = WeakKeyDictionary()

    def enqueue_one_address(queue: ForwardMsgQueue, message: ForwardMsg) -> None:
        if message.HasField("page_info_changed"):
            addresses[queue] = message
            return
        if message.HasField("script_finished") and queue in addresses:
            enqueue(queue, addresses.pop(queue))
        enqueue(queue, message)

    def clear_but_ends(
        queue: ForwardMsgQueue,
        retain_lifecycle_msgs: bool = False,
        fragment_ids_this_run: list[str] | None = None,
    ) -> None:
        ended = [
            message
            for message in queue._queue
            if message.script_finished == ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
            # What was drawn by one that runs again is dropped, and so its end has to be.
            and set(message.metadata.run.fragment_ids).isdisjoint(fragment_ids_this_run or [])
        ]
        clear(queue, retain_lifecycle_msgs, fragment_ids_this_run)
        if fragment_ids_this_run:  # else all is drawn anew
            for message in ended:
                message.script_finished = ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY

    ForwardMsgQueue.enqueue = enqueue_one_address  # type: ignore[method-assign,assignment]
    ForwardMsgQueue.clear = clear_but_ends  # type: ignore[method-assign,assignment]
