"""What the pages need of the private parts of Streamlit, gathered in one place.

A folder named ``pages`` makes Streamlit take the app for one of its first multipage kind, until
``st.navigation`` has run once. Whoever opened the address of a page first after a server's start
would get that page without ``app.py``: no navigation of ours, no title, no layout.
"""

import asyncio
import ctypes
import gc
import math
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, wraps
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import streamlit as st
from streamlit import config
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates
from streamlit.runtime import app_session
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.fragment import FragmentStorage
from streamlit.runtime.media_file_manager import MediaFileMetadata
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import RerunData, ScriptRunner, ScriptRunnerEvent
from streamlit.runtime.scriptrunner_utils.script_requests import (
    ScriptRequestType,
    _coalesce_widget_states,
    _has_active_trigger_value,
)
from streamlit.runtime.scriptrunner_utils.script_run_context import (
    ThreadState,
    get_script_run_ctx,
)
from streamlit.runtime.session_manager import SessionInfo
from streamlit.runtime.state import SessionState
from streamlit.runtime.state.common import WidgetMetadata
from streamlit.runtime.state.safe_session_state import SafeSessionState
from streamlit.runtime.state.session_state import WStates

from pages import _state

RUNS_A_SECOND = 25.0  # that timers ask for, of all sessions: about a quarter of a core
GONE_AFTER = 3.0  # seconds without asking, in which a timer asks several times
DOWNLOAD_SECONDS = 60.0  # from the press on a button in which its file begins to be fetched


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


def run_by_timer(part: Callable[[], None], seconds: float, due: Callable[[], bool]) -> None:
    """A fragment that runs again and again, where it has something new to show.

    Args:
        part: what it runs.
        seconds: from one look whether it is due to the next.
        due: whether it has to run; asked by the server's own thread, so that it has to be quick,
            and to raise nothing.
    """

    @wraps(part)  # a fragment is known by the name of what it runs
    def run() -> None:
        context, fragment = get_script_run_ctx(), ThreadState.get().fragment_id
        assert context
        assert fragment
        vars(context.fragment_storage.lookup(fragment))["due"] = due  # lives as long as that
        part()

    st.fragment(run, run_every=seconds)()


def _is_due(fragments: FragmentStorage, fragment: str) -> bool:
    """Whether a fragment that a timer asks for has to run; one that does not say, has to."""
    if not fragments.contains(fragment):
        return False  # the page has run again without it, and the browser has not heard so yet
    due: Callable[[], bool] | None = vars(fragments.lookup(fragment)).get("due")
    return due is None or due()


class Turns:
    """Runs that timers ask for: so many a second in all, and as many for each who asks."""

    def __init__(self, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second, self._clock = a_second, clock
        self._asked: dict[Hashable, float] = {}
        self._next: dict[Hashable, float] = {}

    def take(self, who: Hashable) -> bool:
        """Whether it is their turn; if not, they may ask again."""
        now = self._clock()
        self._asked[who] = now
        for other in [o for o, asked in self._asked.items() if now - asked > GONE_AFTER]:
            del self._asked[other]
            self._next.pop(other, None)
        due = self._next.get(who, now)
        if now < due:
            return False
        # From when it was due: who asks a moment too early, and so comes late, loses nothing.
        round_ = len(self._asked) / self._a_second
        self._next[who] = max(due, now - round_) + round_
        return True


@cache
def mend_reruns() -> None:
    """Mend ten faults of Streamlit 1.67, for all fragments and all widgets.

    They show where a fragment with ``run_every`` runs at the moment at which somebody clicks, or
    where people click faster than they hear. And have no more of them run than the server can.
    """
    AppSession.request_rerun = _heeding_people(  # type: ignore[method-assign,assignment]
        _hand_on(AppSession.request_rerun), Turns(RUNS_A_SECOND)
    )
    ForwardMsgQueue.clear = _keeping_ends(ForwardMsgQueue.clear)  # type: ignore[method-assign,assignment]
    _hear_runs_out()
    _call_back_whole()
    _draw_before_calling_back()
    _keep_what_was_set()
    _tell_again()
    MediaFileMetadata.mark_for_delete = _after_a_while(MediaFileMetadata.mark_for_delete)  # type: ignore[method-assign,assignment]


Rerun = Callable[[AppSession, ClientState | None], None]
Clear = Callable[[ForwardMsgQueue, bool, list[str] | None], None]


def _heeding_people(request_rerun: Rerun, turns: Turns) -> Rerun:
    """A run that no person has asked for, but a timer, gives way to those that one has.

    It is not begun where it is not due, for that costs as much as to draw what there is, nor out
    of turn: where fifty people look on, all of them want to see something new at every moment, and
    fifty threads that draw it leave nothing to the one that answers those who click.

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
            is_due = _is_due(session._fragment_storage, state.fragment_id)
            if not (is_due and turns.take((session.id, state.fragment_id))):
                return
            state = _copy(state)
            state.ClearField("widget_states")
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


_to_its_end = threading.local()


@contextmanager
def _giving_no_way() -> Iterator[None]:
    """What this thread runs is not ended for what is asked for meanwhile, which waits."""
    before = getattr(_to_its_end, "now", False)
    _to_its_end.now = True
    try:
        yield
    finally:
        _to_its_end.now = before


def _call_back_whole() -> None:
    """What was pressed is called back, and to its end, whatever is asked for meanwhile.

    Streamlit ends a run that another one is to follow wherever it draws, and wherever it reads or
    writes the session: on its way to the callbacks and in them, too, and nobody calls those again.
    Who presses Train and goes to another page in the same moment would have begun nothing, or a
    training that the session does not know of. What is asked for has its turn as soon as the
    callbacks are over.
    """
    call, give_way = (
        SafeSessionState.on_script_will_rerun,
        ScriptRunner._maybe_handle_execution_control_request,
    )

    def call_callbacks(state: SafeSessionState, *asked: Any, **more: Any) -> None:
        with _giving_no_way():
            call(state, *asked, **more)

    def give_way_after_callbacks(runner: ScriptRunner) -> None:
        if not getattr(_to_its_end, "now", False):
            give_way(runner)

    SafeSessionState.on_script_will_rerun = call_callbacks  # type: ignore[method-assign,assignment]
    ScriptRunner._maybe_handle_execution_control_request = give_way_after_callbacks  # type: ignore[method-assign,assignment]


def _draw_before_calling_back() -> None:
    """A button calls back with what the page has made of all that was filled in before the press.

    Streamlit calls back with what the button had when it was last drawn. Who types a number and
    presses a button at once tells both within a moment: the run that was to draw the button with
    that number is ended for the press, or has not even begun. So it is drawn first.
    """
    run, draw = ScriptRunner._run_script, SessionState._set_widget_metadata

    def run_script(runner: ScriptRunner, data: RerunData) -> None:
        states = data.widget_states
        here = data.page_script_hash in ("", runner._pages_manager.current_page_script_hash)
        if states and here:
            session = runner._session_state._state
            pressed = {state.id for state in states.widgets if _has_active_trigger_value(state)}
            filled_in = [state for state in states.widgets if state.id not in pressed]
            if _tells_something_new(session, filled_in):
                widgets = session._new_widget_state.widget_metadata
                _state.OUTDATED.set({id_ for id_, widget in widgets.items() if widget.callback})
            if pressed & _state.OUTDATED.get():
                nothing_pressed = replace(
                    data,
                    widget_states=WidgetStates(widgets=filled_in),
                    replay_trigger_states=None,
                    replay_trigger_values=None,
                )
                with _giving_no_way():
                    run(runner, nothing_pressed)
        run(runner, data)

    def set_widget_metadata(session: SessionState, widget: WidgetMetadata[Any]) -> None:
        draw(session, widget)
        _state.OUTDATED.get().discard(widget.id)

    ScriptRunner._run_script = run_script  # type: ignore[method-assign,assignment]
    SessionState._set_widget_metadata = set_widget_metadata  # type: ignore[method-assign,assignment]


def _tells_something_new(session: SessionState, states: Sequence[WidgetState]) -> bool:
    """Whether somebody has given a widget another value than the session has."""
    now, before = session._new_widget_state, session._old_state
    told, told_before = WStates(widget_metadata=dict(now.widget_metadata)), _state.TOLD.get()
    for state in states:
        if state != told_before.get(state.id):
            told.set_widget_from_proto(state)
    return any(told.get(id_) != now.get(id_, before.get(id_)) for id_ in told)


def _hand_on(request_rerun: Rerun) -> Rerun:
    """What was pressed is handed on to the next run, where that comes before its own has begun.

    Streamlit stops a run for one of the whole page, and what the former was still to do with it: a
    press of which its thread had not heard yet, or in a fragment, which waits for the page's end.
    """

    def request(session: AppSession, state: ClientState | None) -> None:
        runner = session._scriptrunner
        if state and not state.fragment_id and runner is not None:
            requests = runner._requests
            with requests._lock:  # from here on it has either begun with it, or never will
                waiting = requests._state == ScriptRequestType.RERUN
                if waiting:
                    requests._state = ScriptRequestType.STOP
            if waiting:
                pressed = _coalesce_widget_states(
                    requests._rerun_data.widget_states, state.widget_states
                )
                state = _copy(state)
                state.widget_states.CopyFrom(pressed or WidgetStates())
        request_rerun(session, state)

    return request


def _keep_what_was_set() -> None:
    """What a callback has given a widget stays, though somebody clicks before the browser hears.

    The browser tells the values of all widgets with each click, and Streamlit takes each of them
    for somebody's choice. Who chooses an architecture, and another setting a moment later, would
    have taken back the layers that came with the architecture. So a widget that the browser tells
    as it did before is left as it was set since, where it is something else that was clicked.
    """
    set_widgets = SessionState.set_widgets_from_proto

    def set_widgets_from_proto(session: SessionState, states: WidgetStates) -> None:
        set_widgets(session, states)
        before, now = _state.TOLD.get(), {state.id: state for state in states.widgets}
        if not now:  # a timer's
            return
        _state.TOLD.set(now)
        pressed = {id_ for id_, state in now.items() if _has_active_trigger_value(state)}
        here = now.keys() & session._old_state.keys()
        other = {id_ for id_ in here if session._widget_changed(id_)} - pressed
        as_before = {id_ for id_ in other if now[id_] == before.get(id_)}
        if not (pressed or other - as_before):
            return  # it is one of them that was clicked: back to what it was before it was set
        keys = session._key_id_mapper.id_key_mapping
        for id_ in as_before & keys.keys():
            del session._new_widget_state[id_]
            session._new_session_state[keys[id_]] = session._old_state[id_]

    SessionState.set_widgets_from_proto = set_widgets_from_proto  # type: ignore[method-assign,assignment]


def _copy(state: ClientState) -> ClientState:
    copy = ClientState()
    copy.CopyFrom(state)
    return copy


def _tell_again() -> None:
    """A browser is told whole what it may have dropped until it hears.

    With each request it names what it keeps, so that it is not sent again, and drops what no run
    of the last ``maxCachedMessageAge`` has shown: a run that ends meanwhile, too. The answer would
    then name what is gone, and all that the page shows from there on is "Connection error". So
    what half as many runs have not shown is sent.
    """
    enqueue, request_rerun = AppSession._enqueue_forward_msg, AppSession.request_rerun
    of_sessions: WeakKeyDictionary[AppSession, _Shown] = WeakKeyDictionary()

    def enqueue_forward_msg(session: AppSession, message: ForwardMsg) -> None:
        of_sessions.setdefault(session, _Shown()).take(message)
        enqueue(session, message)

    def request(session: AppSession, state: ClientState | None) -> None:
        if state and state.cached_message_hashes:
            shown, asked = of_sessions.get(session, _Shown()), state.cached_message_hashes
            state = _copy(state)
            state.cached_message_hashes[:] = filter(shown.lately, asked)
        request_rerun(session, state)

    AppSession._enqueue_forward_msg = enqueue_forward_msg  # type: ignore[method-assign,assignment]
    AppSession.request_rerun = request  # type: ignore[method-assign,assignment]


class _Shown:
    """What the runs of a session have shown, by its hash."""

    def __init__(self) -> None:
        self._runs = 0
        self._newest: dict[str, int] = {}

    def take(self, message: ForwardMsg) -> None:
        if message.WhichOneof("type") == "script_finished":
            self._runs += 1
            oldest = self._runs - config.get_option("global.maxCachedMessageAge") / 2
            self._newest = {hash_: run for hash_, run in self._newest.items() if run >= oldest}
        elif shown := message.ref_hash or (message.metadata.cacheable and message.hash):
            self._newest[shown] = self._runs

    def lately(self, hash_: str) -> bool:
        return hash_ in self._newest


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


@cache
def mend_costs() -> None:
    """Mend what each run of each session costs the server, and what a closed session leaves."""
    app_session._populate_theme_msg = _made_once(app_session._populate_theme_msg)  # type: ignore[assignment]
    MemorySessionStorage.save = _forgetting(MemorySessionStorage.save)  # type: ignore[method-assign,assignment]
    # Measured when each session was sent plotly, 1.4 MB: the C library takes such blocks, once it
    # has seen some come and go, from its arenas (eight for each core), keeps several MB free at the
    # end of each, and malloc_trim does not get those: 100 MB in all. Not so where it is told from
    # which size on a block comes from the system, and goes back there as it is freed.
    _c_library("mallopt", -3, 256 * 1024)  # M_MMAP_THRESHOLD, bytes


Populate = Callable[[CustomThemeConfig, str], None]
Save = Callable[[MemorySessionStorage, SessionInfo], None]


def _made_once(populate: Populate) -> Populate:
    """The theme goes to the browser with every run, and takes a quarter of a short one's time."""

    @cache
    def made(section: str) -> CustomThemeConfig:
        theme = CustomThemeConfig()
        populate(theme, section)
        return theme

    def populate_once(message: CustomThemeConfig, section: str = "theme") -> None:
        if made(section).ListFields():  # else it would be there, and empty
            message.MergeFrom(made(section))

    return populate_once


def _forgetting(save: Save) -> Save:
    """A closed session is forgotten once its browser has had time to come back.

    Streamlit 1.67 keeps it for ``server.disconnectedSessionTTL``, and after that until another
    session is closed: the last fifty would stay for ever. And the C library keeps for later what
    was freed.
    """

    def save_for_a_while(storage: MemorySessionStorage, closed: SessionInfo) -> None:
        save(storage, closed)
        kept: Any = storage._cache

        def forget() -> None:
            if kept.expire():
                gc.collect()  # what a session holds holds the session
                _c_library("malloc_trim", 0)

        loop = asyncio.get_running_loop()
        # Those that are closed in the same second go together, for collecting takes a while.
        loop.call_at(math.ceil(loop.time() + kept.ttl) + 0.1, forget)

    return save_for_a_while


def _c_library(function: str, *arguments: int) -> None:
    """Call a function of glibc's; where there is another library, memory is given back later."""
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), function):
        getattr(ctypes.CDLL(None), function)(*arguments)
