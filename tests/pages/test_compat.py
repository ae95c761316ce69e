"""What reaches the browser of a run of the script, where Streamlit itself would say otherwise."""

import asyncio
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit import config
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import Runtime, RuntimeConfig
from streamlit.runtime.app_session import AppSession
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.runtime.fragment import MemoryFragmentStorage
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.media_file_storage import MediaFileStorageError
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.script_data import ScriptData
from streamlit.runtime.scriptrunner import RerunData
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.runtime.scriptrunner_utils.script_requests import (
    ScriptRequest,
    ScriptRequests,
    ScriptRequestType,
)
from streamlit.runtime.session_manager import SessionInfo
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import ElementTree

from pages import _compat

FRAGMENT = ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY
INTERRUPTED = ForwardMsg.FINISHED_EARLY_FOR_RERUN


def queue() -> ForwardMsgQueue:
    _compat.mend_reruns()
    return ForwardMsgQueue()


def drawn(by: str) -> ForwardMsg:
    message = ForwardMsg()
    message.delta.fragment_id = by
    message.delta.new_element.markdown.body = by
    message.metadata.delta_path.extend([0, len(by)])
    return message


def ended(*fragments: str, interrupted: bool = False) -> ForwardMsg:
    message = ForwardMsg(script_finished=INTERRUPTED if interrupted else FRAGMENT)
    message.metadata.run.fragment_ids.extend(fragments)
    return message


def test_a_fragment_has_ended_though_another_one_begins_before_that_was_sent() -> None:
    messages = queue()
    messages.enqueue(drawn("matrix"))
    messages.enqueue(ended("matrix"))
    messages.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["look"])

    assert messages.flush() == [drawn("matrix"), ended("matrix")]


def test_one_that_runs_again_has_been_interrupted_for_what_it_drew_is_dropped() -> None:
    messages = queue()
    messages.enqueue(drawn("matrix"))
    messages.enqueue(ended("matrix"))
    messages.clear(retain_lifecycle_msgs=True, fragment_ids_this_run=["look", "matrix"])

    assert messages.flush() == [ended("matrix", interrupted=True)]


def test_so_has_every_fragment_where_the_whole_page_is_drawn_anew() -> None:
    messages = queue()
    messages.enqueue(ended("matrix"))
    messages.clear(retain_lifecycle_msgs=True)

    assert messages.flush() == [ended("matrix", interrupted=True)]


def asked_for(
    state: ClientState | None, running: bool, due: bool | None = None
) -> list[ClientState | None]:
    """What Streamlit is asked to run, while its session runs something or nothing.

    Args:
        due: whether the fragment "look" is; None: it does not say.
    """
    asked: list[ClientState | None] = []
    request = _compat._heeding_people(lambda _, state: asked.append(state), _compat.Turns(1000))
    fragments = MemoryFragmentStorage()
    fragments.register("look", lambda: None)
    if due is not None:
        vars(fragments.lookup("look"))["due"] = lambda: due
    session: Any = SimpleNamespace(
        id="session", _scriptrunner=object() if running else None, _fragment_storage=fragments
    )
    request(session, state)
    return asked


def wanted(by_timer: bool, pressed: bool = False) -> ClientState:
    state = ClientState(fragment_id="look", is_auto_rerun=by_timer)
    state.widget_states.widgets.add(id="menu", string_value="Any")
    state.widget_states.widgets.add(id="button", trigger_value=pressed)
    return state


def test_a_timer_waits_for_its_next_turn_while_something_runs() -> None:
    assert asked_for(wanted(by_timer=True), running=True) == []
    assert asked_for(wanted(by_timer=False), running=True) == [wanted(by_timer=False)]
    assert asked_for(None, running=True) == [None]


def test_a_timer_says_nothing_of_what_somebody_has_just_changed() -> None:
    (asked,) = asked_for(wanted(by_timer=True), running=False)
    assert asked
    assert asked.fragment_id == "look"
    assert not asked.widget_states.widgets
    assert asked_for(wanted(by_timer=False), running=False) == [wanted(by_timer=False)]


def test_what_is_pressed_is_pressed_once_though_a_timer_says_so_too() -> None:
    pressed = [wanted(by_timer, pressed=True) for by_timer in (True, False)]
    asked = [state for each in pressed for state in asked_for(each, running=False)]

    assert [len(state.widget_states.widgets) for state in asked if state] == [0, 2]


def test_a_callback_runs_to_its_end_though_somebody_clicks_meanwhile() -> None:
    _compat.mend_reruns()

    def page() -> None:
        import streamlit as st
        from streamlit.runtime.scriptrunner import RerunData, get_script_run_ctx

        def train() -> None:
            context = get_script_run_ctx()
            assert context
            assert context.script_requests
            context.script_requests.request_rerun(RerunData())  # as a click elsewhere does
            st.session_state["begun"] = True

        st.button("Train", on_click=train)
        st.session_state["drawn"] = st.session_state.get("drawn", 0) + 1

    dashboard = AppTest.from_function(page).run()
    dashboard.button[0].click().run()

    assert dashboard.session_state["begun"]
    assert dashboard.session_state["drawn"] == 2  # what was asked for has had its turn


def test_a_press_is_called_back_though_somebody_goes_on_before_that_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _compat.mend_reruns()

    def page() -> None:
        import streamlit as st

        st.button("Train", on_click=lambda: st.session_state.update(begun=True))

    dashboard = AppTest.from_function(page).run()
    taken: list[ScriptRequest] = []
    take = ScriptRequests.on_scriptrunner_ready

    def take_while_more_is_asked_for(requests: ScriptRequests) -> ScriptRequest:
        taken.append(take(requests))
        if len(taken) == 1:
            requests.request_rerun(RerunData())
        return taken[-1]

    monkeypatch.setattr(ScriptRequests, "on_scriptrunner_ready", take_while_more_is_asked_for)
    dashboard.button[0].click().run()

    assert dashboard.session_state["begun"]


@pytest.fixture
def chosen() -> tuple[AppTest, ElementTree]:
    """A form in which an architecture was chosen that brings its layers, and as it was before."""
    _compat.mend_reruns()

    def page() -> None:
        import streamlit as st

        def take_architecture() -> None:
            st.session_state.update(layers=1, width=128)

        st.toggle("Convolutional", on_change=take_architecture)
        st.number_input("Layers", value=2, key="layers")
        st.number_input("Width", value=512, key="width")
        st.number_input("Epochs", value=10, key="epochs")
        if st.button("Train"):
            st.text("trains")

    dashboard = AppTest.from_function(page).run()
    before = dashboard._tree
    for field in dashboard.number_input:
        field.set_value(field.value)  # told from here on, whatever the session holds
    dashboard.toggle[0].set_value(True).run()
    return dashboard, before


def unheard(chosen: tuple[AppTest, ElementTree]) -> AppTest:
    """The form in a browser that has not heard yet what the choice has brought."""
    dashboard, before = chosen
    dashboard._tree = before
    return dashboard


def in_form(dashboard: AppTest) -> list[float | None]:
    return [field.value for field in dashboard.number_input]


def test_what_a_callback_has_set_stays_though_the_browser_tells_what_was_before(
    chosen: tuple[AppTest, ElementTree],
) -> None:
    dashboard = unheard(chosen)
    dashboard.number_input(key="epochs").set_value(7).run()

    assert in_form(dashboard) == [1, 128, 7]
    assert all(dashboard.number_input(key=key).proto.set_value for key in ("layers", "width"))


def test_so_it_does_where_a_button_is_pressed(chosen: tuple[AppTest, ElementTree]) -> None:
    for _ in range(2):
        dashboard = unheard(chosen)
        dashboard.button[0].click().run()

        assert in_form(dashboard) == [1, 128, 10]
        assert dashboard.text[0].value == "trains"


def test_what_somebody_chooses_who_has_heard_is_taken(chosen: tuple[AppTest, ElementTree]) -> None:
    dashboard, _ = chosen
    dashboard.number_input(key="layers").set_value(2).run()  # as it was before
    assert in_form(dashboard) == [2, 128, 10]

    dashboard.number_input(key="width").set_value(64).run()
    assert in_form(dashboard) == [2, 64, 10]


def test_what_somebody_chooses_who_has_not_heard_is_taken(
    chosen: tuple[AppTest, ElementTree],
) -> None:
    dashboard = unheard(chosen)
    dashboard.number_input(key="width").set_value(64).run()

    assert in_form(dashboard) == [1, 64, 10]


@pytest.fixture
def with_width() -> AppTest:
    """A page with a width, and a button that trains with it; it notes what each of its runs saw."""
    _compat.mend_reruns()

    def page() -> None:
        import streamlit as st

        seen = st.session_state
        seen["drawn"] = [*seen.get("drawn", ()), seen.get("trained")]
        width = st.number_input("Width", value=512)
        st.button("Train", on_click=lambda: seen.update(trained=width))

    return AppTest.from_function(page).run()


def test_what_was_typed_and_is_told_together_with_a_press_is_called_back(
    with_width: AppTest,
) -> None:
    with_width.number_input[0].set_value(64)
    with_width.button[0].click().run()

    assert with_width.session_state["trained"] == 64
    assert with_width.session_state["drawn"] == [None, None, 64]


def test_nothing_is_drawn_twice_where_nothing_was_typed(with_width: AppTest) -> None:
    for _ in range(2):
        with_width.button[0].click().run()
    with_width.number_input[0].set_value(64).run()
    with_width.button[0].click().run()

    assert with_width.session_state["drawn"] == [None, 512, 512, 512, 64]


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("fragment", ["", "form"])
def test_what_was_pressed_is_handed_on_to_the_run_that_comes_before_its_own(
    begun: bool, fragment: str
) -> None:
    requests, asked = ScriptRequests(), list[ClientState | None]()
    pressed, page = ClientState(fragment_id=fragment), ClientState(page_script_hash="draw")
    pressed.widget_states.widgets.add(id="train", trigger_value=True)
    page.widget_states.widgets.add(id="width", int_value=512)
    requests.request_rerun(RerunData(widget_states=pressed.widget_states, fragment_id=fragment))
    if begun:
        requests.on_scriptrunner_ready()
    session: Any = SimpleNamespace(_scriptrunner=SimpleNamespace(_requests=requests))
    _compat._hand_on(lambda _, state: asked.append(state))(session, page)

    (state,) = asked
    assert state
    assert state.page_script_hash == "draw"
    held = {widget.id for widget in state.widget_states.widgets}
    assert held == ({"width"} if begun else {"width", "train"})  # it is pressed once
    if not begun:
        assert requests.on_scriptrunner_ready().type == ScriptRequestType.STOP


def test_a_file_waits_for_the_browser_that_asked_for_it_whatever_runs_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _compat.mend_reruns()
    storage = MemoryMediaFileStorage("/media")
    files = MediaFileManager(storage)
    address = files.execute_deferred(files.add_deferred(lambda: b"report", None, "1", "report"))
    name = address.rpartition("/")[2]
    for _ in range(10):
        files.remove_orphaned_files()
    assert storage.get_file(name).content == b"report"

    monkeypatch.setattr(_compat, "DOWNLOAD_SECONDS", -1)
    for _ in range(2):
        files.remove_orphaned_files()
    with pytest.raises(MediaFileStorageError):
        storage.get_file(name)


def test_a_timer_runs_nothing_that_has_nothing_new_but_whoever_clicks_is_answered() -> None:
    assert len(asked_for(wanted(by_timer=True), running=False, due=True)) == 1
    assert asked_for(wanted(by_timer=True), running=False, due=False) == []
    assert asked_for(wanted(by_timer=False), running=False, due=False) == [wanted(by_timer=False)]


def test_a_timer_of_a_fragment_that_is_gone_asks_in_vain() -> None:
    gone = ClientState(fragment_id="gone", is_auto_rerun=True)

    assert asked_for(gone, running=False) == []


@pytest.mark.parametrize(("people", "runs_of_each"), [(1, 25), (8, 25), (10, 25), (50, 7)])
def test_timers_of_many_people_take_turns(people: int, runs_of_each: int) -> None:
    """For ten seconds, each asks every 0.4 s, one after the other."""
    now = 0.0
    turns = _compat.Turns(25, clock=lambda: now)
    given = dict.fromkeys(range(people), 0)
    for tick in range(25):
        for who in given:
            now = 0.4 * tick + 0.4 * who / people
            given[who] += turns.take(who)

    assert max(given.values()) <= runs_of_each
    assert min(given.values()) >= runs_of_each - 2
    assert sum(given.values()) <= 25 * 10 + people  # each begins at once


def test_those_who_are_gone_leave_their_turns_to_the_others() -> None:
    now = 0.0
    turns = _compat.Turns(25, clock=lambda: now)
    for who in range(100):
        assert turns.take(who)
    now = 3.5
    assert turns.take("one")
    now += 0.1
    assert turns.take("one")


def test_the_theme_is_made_once_and_says_the_same() -> None:
    _compat.mend_costs()
    made: list[str] = []

    def populate(message: CustomThemeConfig, section: str) -> None:
        made.append(section)
        if section == "theme.light":
            message.primary_color = "#0f766e"

    populate_once = _compat._made_once(populate)
    for _ in range(2):
        theme = CustomThemeConfig()
        populate_once(theme.light, "theme.light")
        populate_once(theme.dark, "theme.dark")
        assert theme == CustomThemeConfig(light=CustomThemeConfig(primary_color="#0f766e"))

    assert made == ["theme.light", "theme.dark"]


def test_a_closed_session_is_given_up_though_nobody_closes_another_one() -> None:
    class Session:
        id = "one"

        def __init__(self) -> None:
            self.itself = self  # as what it holds holds it

    async def close() -> None:
        storage = MemorySessionStorage(ttl_seconds=0)
        session: Any = Session()
        storage.save(SessionInfo(client=None, session=session))
        gone = weakref.ref(session)
        del session
        assert gone()
        async with asyncio.timeout(30):
            while gone():
                await asyncio.sleep(0.01)

    _compat.mend_costs()
    with ThreadPoolExecutor(1) as thread:  # this one may have a loop, a browser's
        thread.submit(lambda: asyncio.run(close())).result()


TWO_FRAGMENTS = """
import streamlit as st

for name in ("matrix", "look"):
    st.fragment(st.text)(name)
"""


InSession = Callable[[str, Callable[[AppSession], Awaitable[None]]], None]


@pytest.fixture
def in_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InSession:
    """Runs what is to happen in a session that runs a script."""

    def run(code: str, happens: Callable[[AppSession], Awaitable[None]]) -> None:
        _compat.mend_reruns()
        script = tmp_path / "app.py"
        script.write_text(code)
        monkeypatch.setattr(Runtime, "_instance", None)
        uploads = MemoryUploadedFileManager("/upload")
        Runtime(RuntimeConfig(str(script), MemoryMediaFileStorage("/media"), uploads))

        async def session() -> None:
            session = AppSession(ScriptData(str(script)), uploads, ScriptCache(), None, {})
            await happens(session)
            session.shutdown()

        with ThreadPoolExecutor(1) as thread:  # this one may have a loop, a browser's
            thread.submit(lambda: asyncio.run(session())).result()

    return run


async def heard_out(session: AppSession) -> None:
    async with asyncio.timeout(30):
        while session._scriptrunner:
            await asyncio.sleep(0.01)


def test_what_a_run_has_drawn_is_sent_though_the_next_begins_before_that_was_heard_of(
    in_session: InSession,
) -> None:
    def drawn_since(session: AppSession) -> list[tuple[str, str]]:
        """Texts, each with its fragment."""
        deltas = [message.delta for message in session._browser_queue.flush()]
        return [(d.new_element.text.body, d.fragment_id) for d in deltas if d.new_element.text.body]

    async def ask_twice(session: AppSession) -> None:
        session.request_rerun(None)
        await heard_out(session)
        matrix, look = drawn_since(session)
        session.request_rerun(ClientState(fragment_id=matrix[1]))
        assert session._scriptrunner
        assert session._scriptrunner._script_thread
        session._scriptrunner._script_thread.join()  # over, and nobody has heard of it
        session.request_rerun(ClientState(fragment_id=look[1], is_auto_rerun=True))
        session.request_rerun(ClientState(fragment_id=look[1]))
        await heard_out(session)

        assert drawn_since(session) == [matrix, look]

    in_session(TWO_FRAGMENTS, ask_twice)


SLOW_BUTTON = """
import time
import streamlit as st

seen = st.session_state
seen.drawn = seen.get("drawn", 0) + 1
width = st.number_input("Width", value=512)
while seen.drawn == 2:  # until the press ends this run
    st.empty()
    time.sleep(0.01)
st.button("Train", on_click=lambda: seen.update(trained=width))
"""


def test_what_was_typed_is_called_back_though_the_press_ends_the_run_that_was_to_draw_it(
    in_session: InSession,
) -> None:
    async def type_and_press(session: AppSession) -> None:
        session.request_rerun(None)
        await heard_out(session)
        elements = [message.delta.new_element for message in session._browser_queue.flush()]
        typed = ClientState()
        (width,) = [element.number_input.id for element in elements if element.number_input.id]
        typed.widget_states.widgets.add(id=width, double_value=64)
        session.request_rerun(typed)
        async with asyncio.timeout(30):
            while "drawn" not in session.session_state or session.session_state["drawn"] < 2:
                await asyncio.sleep(0.01)
        pressed = ClientState()
        pressed.CopyFrom(typed)
        (button,) = [element.button.id for element in elements if element.button.id]
        pressed.widget_states.widgets.add(id=button, trigger_value=True)
        session.request_rerun(pressed)
        await heard_out(session)

        assert session.session_state["trained"] == 64

    in_session(SLOW_BUTTON, type_and_press)


A_LONG_TEXT = """
import streamlit as st

st.text(st.query_params["shown"] * 20_000)
"""


def test_what_a_browser_may_drop_before_it_hears_is_told_again(in_session: InSession) -> None:
    kept: set[str] = set()  # a browser drops some of that meanwhile

    async def shows(session: AppSession, letter: str) -> str:
        """What is sent where that text is to be shown."""
        session.request_rerun(
            ClientState(query_string=f"shown={letter}", cached_message_hashes=kept)
        )
        await heard_out(session)
        messages = session._browser_queue.flush()
        kept.update(message.hash for message in messages if message.metadata.cacheable)
        (sent,) = [m for m in messages if m.ref_hash or m.delta.new_element.text.body]
        return sent.delta.new_element.text.body[:1] or "as before"

    async def show(session: AppSession) -> None:
        assert await shows(session, "a") == "a"
        assert await shows(session, "a") == "as before"
        assert await shows(session, "b") == "b"
        assert await shows(session, "a") == "as before"
        for _ in range(config.get_option("global.maxCachedMessageAge")):
            assert await shows(session, "b") == "as before"
        assert await shows(session, "a") == "a"

    in_session(A_LONG_TEXT, show)
