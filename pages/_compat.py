"""What the pages need of the private parts of Streamlit and plotly, gathered in one place.

A folder named ``pages`` makes Streamlit take the app for one of its first multipage kind, until
``st.navigation`` has run once. Whoever opened the address of a page first after a server's start
would get that page without ``app.py``: no navigation of ours, no title, no layout.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any
from weakref import WeakSet

import streamlit as st
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.media_file_manager import MediaFileMetadata
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner, ScriptRunnerEvent
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

from pages import _state

DOWNLOAD_SECONDS = 60.0  # from the press on a button in which its file begins to be fetched

STYLE = """
<style>
/* Its Stop ends the drawing of a page, and would stand above ours, which ends a training. */
[data-testid="stStatusWidget"] { display: none; }
/* What is in the page for its script alone leaves no gap. */
[class*="st-key-unseen_"] { position: absolute; }
/* Words beside two signs: for the navigation on a narrow screen, and for the theme. */
[data-testid="stExpandSidebarButton"]::after { content: "Menu"; }
[data-testid="stMainMenuButton"]::after { content: "Theme"; margin-left: 0.25rem; }
[data-testid="stMainBlockContainer"] h1 { padding-top: 0.25rem; }
/* Streamlit's grey on white, and its links in it, have too little contrast. */
[data-testid="stCaptionContainer"] {
    opacity: 1; color: color-mix(in srgb, currentColor 78%, transparent);
}
.js-plotly-plot :is(.xtick, .ytick, .xtitle, .ytitle, .legendtext, .annotation-text, .bartext),
.js-plotly-plot :is(.xtick, .ytick, .legend, .annotation) text { fill: currentColor !important; }
/* White has contrast on the primary colour of the dark theme, and so that has none as text. */
[data-testid="stMain"] button[data-selected][aria-checked],
[data-testid="stMain"] [data-testid="stSliderThumbValue"] { color: light-dark(#0f766e, #5eead4); }
[data-testid="stPaginationEllipsis"] { color: inherit; }
/* A table that is wider than its place would scroll, but not by keyboard. */
[data-testid="stTable"] td * { overflow-wrap: anywhere !important; }
/* Links to what is next: buttons, of which the first weighs most. */
[class*="st-key-step_"] a {
    min-height: 2.5rem; padding: 0.25rem 0.75rem; border-radius: 8px; color: inherit;
    border: 1px solid color-mix(in srgb, currentColor 30%, transparent);
}
[class*="st-key-step_first_"] a, [class*="st-key-step_first_"] a * { color: white; }
[class*="st-key-step_first_"] a { background: #0f766e; border-color: #0f766e; }
[class*="st-key-step_first_"] a:is(:hover, :focus-visible) { background: #0c615a; }
[class*="st-key-step_"] a:focus-visible { box-shadow: 0 0 0 0.2rem rgb(15 118 110 / 50%); }
/* The menu of a narrow screen: what lies beside it is dark, and closes it. */
[data-testid="stSidebar"][data-collapsed="false"]::after {
    content: ""; position: absolute; top: 0; left: 100%; width: 100vw; height: 100vh;
    background: rgb(0 0 0 / 45%);
}
/* A finger needs 44 pixels. */
@media (pointer: coarse) {
    [data-testid="stSidebarNavLink"], [data-testid="stMain"] :is(
        [class*="st-key-step_"] a, summary, button:is([role="radio"], [data-testid^="stPagination"],
            [data-testid^="stBaseButton-"]:not([data-testid$="Toolbar"]))
    ) { min-height: 44px; }
}
</style>
"""

SCRIPT = """
export default function ({ data: { paths } }) {
    const places = paths.map(path => location.pathname.replace(/[^/]*$/, path))
    const opened = new URL(performance.getEntriesByType("navigation")[0].name).pathname
    if (!document.mended) {
        document.mended = true
        document.addEventListener("touchstart", event => {
            if (event.target.closest(".js-plotly-plot")) event.stopPropagation()
        }, { capture: true, passive: true })
        addEventListener("click", ({ target }) => {
            const menu = target.closest("[data-testid=stSidebar]")
            if (menu && (target === menu || target.closest("a"))) {
                menu.querySelector("[data-testid=stSidebarCollapseButton] button").click()
            }
        })
    }
    const kept = place => `stActiveTheme-${place}-v2`
    const theme = localStorage.getItem(kept(opened))
    if (theme) for (const place of places) localStorage.setItem(kept(place), theme)
}
"""
_script = st.components.v2.component("mended", js=SCRIPT, isolate_styles=False)


def mend_browser(paths: Sequence[str]) -> None:
    """Mend what people see of Streamlit and plotly, on every page.

    Style: see there. Fingers: plotly takes every touch of a chart for the begin of a drag, so that
    no swipe over one scrolls. It is not told of touches, and the browser goes on: it scrolls, and
    makes a click of a tap, as it does everywhere. The menu of a narrow screen: Streamlit leaves it
    open over the page that was chosen, and hands on a tap beside it to what lies there. The theme:
    Streamlit keeps what was chosen for the one address that the tab was opened at; here it is kept
    for all pages.

    Args:
        paths: of the pages, below the app's own address.
    """
    st.html(STYLE)
    _script(key="unseen_script", data={"paths": paths})


def run_through_app() -> None:
    """Begin again by way of ``app.py`` where Streamlit has run a page without it."""
    # Once in a session, for what was just pressed would be lost in beginning again.
    if PagesManager.uses_pages_directory and not _state.THROUGH_APP.get():
        _state.THROUGH_APP.set(True)
        PagesManager.uses_pages_directory = False
        st.rerun()


def put_in_address(values: Mapping[str, str | list[str] | None]) -> None:
    """In a callback that sets several widgets which stand in the address: one press, one entry.

    Streamlit would make an entry of the browser's history for each of them, so that Back leads to
    where nobody has been. Here it finds them in the address when it comes to the widgets.

    Args:
        values: by parameter, as the widgets write them: a list for one with buttons or pills; None
            for a widget that has its default.
    """
    context = get_script_run_ctx()
    assert context
    with context.session_state.query_params() as address:
        before = dict(address._query_params)
        for name, value in values.items():
            if value is None:
                address.discard_param_no_forward_msg(name)
            else:
                address.set_with_no_forward_msg(name, value)
        if address._query_params != before:
            address._send_query_param_msg()


@cache
def mend_reruns() -> None:
    """Mend five faults of Streamlit 1.67, for all fragments and all widgets.

    They show where a fragment with ``run_every`` runs at the moment at which somebody clicks.
    """
    AppSession.request_rerun = _heeding_people(AppSession.request_rerun)  # type: ignore[method-assign,assignment]
    ForwardMsgQueue.clear = _keeping_ends(ForwardMsgQueue.clear)  # type: ignore[method-assign,assignment]
    _hear_runs_out()
    MediaFileMetadata.mark_for_delete = _after_a_while(MediaFileMetadata.mark_for_delete)  # type: ignore[method-assign,assignment]


Rerun = Callable[[AppSession, ClientState | None], None]
Clear = Callable[[ForwardMsgQueue, bool, list[str] | None], None]


def _heeding_people(request_rerun: Rerun) -> Rerun:
    """A run that no person has asked for, but a timer, gives way to those that one has.

    Where something runs already, it waits for its next turn: the end of a run that the browser has
    not heard of would get lost. And it comes without the values of widgets. What somebody has just
    changed is sent a moment later, by itself: a button would be pressed twice, and any other widget
    call back in a run that does not draw it, and the value that the callback gives it would be lost
    to the browser's in the run that follows.
    """

    def request(session: AppSession, state: ClientState | None) -> None:
        if state and state.is_auto_rerun:
            if session._scriptrunner is not None:
                return
            quiet = ClientState()
            quiet.CopyFrom(state)
            quiet.ClearField("widget_states")
            state = quiet
        request_rerun(session, state)

    return request


def _hear_runs_out() -> None:
    """What a fragment has drawn reaches the browser, whatever is asked for before it is sent.

    A request that comes when a run is over, but what it tells is still on its way to the session's
    loop, begins a new runner. Streamlit then ignores what the former one tells, as if it had been
    stopped: all that it has drawn is lost, and nobody draws it again.
    """
    create, handle = (
        AppSession._create_scriptrunner,
        AppSession._handle_scriptrunner_event_on_event_loop,
    )
    over: WeakSet[ScriptRunner] = WeakSet()

    def create_scriptrunner(session: AppSession, data: RerunData) -> None:
        if session._scriptrunner is not None:  # one that was stopped has been taken away before
            over.add(session._scriptrunner)
        create(session, data)

    def handle_event(
        session: AppSession, sender: ScriptRunner | None, event: ScriptRunnerEvent, *rest: Any
    ) -> None:
        if sender in over and event != ScriptRunnerEvent.SHUTDOWN:
            sender = session._scriptrunner
        handle(session, sender, event, *rest)

    AppSession._create_scriptrunner = create_scriptrunner  # type: ignore[method-assign,assignment]
    AppSession._handle_scriptrunner_event_on_event_loop = handle_event  # type: ignore[method-assign,assignment]


def _after_a_while(
    mark: Callable[[MediaFileMetadata], None],
) -> Callable[[MediaFileMetadata], None]:
    """A file that was made when its button was pressed stays until the browser has fetched it.

    Streamlit takes it away when two runs of whichever fragment or page are over, of any session.
    With a timer on each page, that is a moment.
    """

    def mark_later(file: MediaFileMetadata) -> None:
        first = vars(file).setdefault("first_marked", time.monotonic())
        if time.monotonic() - first > DOWNLOAD_SECONDS:
            mark(file)

    return mark_later


def _keeping_ends(clear: Clear) -> Clear:
    """A fragment that has run has ended, whatever begins before the browser was told.

    It clears away what the fragment has not drawn again once it hears so. If another fragment
    begins first, Streamlit says "interrupted" instead, though all of the first was drawn: what it
    had drawn before would stay on the page, beside what it has drawn now, until it ran again.
    """

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

    return clear_but_ends
