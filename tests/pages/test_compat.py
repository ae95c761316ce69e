"""What reaches the browser of a run of the script, where Streamlit itself would say otherwise."""

from types import SimpleNamespace
from typing import Any

from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.app_session import AppSessionState
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

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


def asked_for(state: ClientState | None, session: AppSessionState) -> list[ClientState | None]:
    """What Streamlit is asked to run, while its session is in this state."""
    asked: list[ClientState | None] = []
    request = _compat._heeding_people(lambda _, state: asked.append(state))
    runs: Any = SimpleNamespace(_state=session)
    request(runs, state)
    return asked


def wanted(by_timer: bool, pressed: bool = False) -> ClientState:
    state = ClientState(fragment_id="look", is_auto_rerun=by_timer)
    state.widget_states.widgets.add(id="menu", string_value="Any")
    state.widget_states.widgets.add(id="button", trigger_value=pressed)
    return state


def test_a_timer_waits_for_its_next_turn_while_something_runs() -> None:
    running = AppSessionState.APP_IS_RUNNING

    assert asked_for(wanted(by_timer=True), running) == []
    assert asked_for(wanted(by_timer=False), running) == [wanted(by_timer=False)]
    assert asked_for(None, running) == [None]


def test_a_timer_says_nothing_of_what_somebody_has_just_changed() -> None:
    idle = AppSessionState.APP_NOT_RUNNING

    (asked,) = asked_for(wanted(by_timer=True), idle)
    assert asked
    assert asked.fragment_id == "look"
    assert not asked.widget_states.widgets
    assert asked_for(wanted(by_timer=False), idle) == [wanted(by_timer=False)]


def test_a_press_that_comes_with_a_timer_is_not_lost() -> None:
    pressed = wanted(by_timer=True, pressed=True)

    assert asked_for(pressed, AppSessionState.APP_NOT_RUNNING) == [pressed]
