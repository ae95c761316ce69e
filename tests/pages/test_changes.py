"""What moves on a page is drawn again where it differs, and where it may not have been shown."""

from collections.abc import Callable

import pytest
from streamlit.runtime.scriptrunner import RerunData, RerunException

from mnist_core.runs.catalog import summarize
from mnist_core.runs.events import Paused, Started, State, append_event
from mnist_core.runs.store import RunStore
from pages import _changes, _compat
from tests.conftest import SMALL


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def redrawn(
    monkeypatch: pytest.MonkeyPatch, draw: Callable[[], int], differs: Callable[[int], bool]
) -> tuple[Callable[[], None], Callable[[], bool]]:
    """How the part of a page runs, and whether it is due to."""
    found: list[tuple[Callable[[], None], Callable[[], bool]]] = []

    def run_by_timer(part: Callable[[], None], _: float, due: Callable[[], bool]) -> None:
        found.append((part, due))

    monkeypatch.setattr(_compat, "run_by_timer", run_by_timer)
    _changes.redraw_on_change(draw, 0.4, differs)
    return found[0]


def test_a_part_is_drawn_where_it_differs_and_after_a_while_in_any_case(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    frames = [1]
    run, due = redrawn(monkeypatch, lambda: frames[-1], lambda shown: shown != frames[-1])
    assert due()
    run()
    assert not due()

    frames.append(2)
    assert due()
    run()
    assert not due()

    clock[0] += _changes.AGAIN_SECONDS + 0.1  # what was sent may have been lost
    assert due()
    run()
    assert not due()


def test_what_a_run_has_not_drawn_whole_does_not_count_as_shown(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    interrupted = False

    def draw() -> int:
        if interrupted:
            raise RerunException(RerunData())  # as Streamlit interrupts a run
        return 1

    run, due = redrawn(monkeypatch, draw, lambda _: False)
    run()
    assert not due()

    interrupted = True  # what it had drawn before is dropped, as it begins to draw it again
    with pytest.raises(RerunException):
        run()
    assert due()


def test_of_many_pages_that_run_again_so_many_do_in_a_second(clock: list[float]) -> None:
    pace = _changes.Pace(8)
    assert [pace.take() for _ in range(10)] == [True] * 8 + [False] * 2

    clock[0] += 0.25
    assert [pace.take() for _ in range(3)] == [True, True, False]

    clock[0] += 100
    assert [pace.take() for _ in range(10)] == [True] * 8 + [False] * 2


def test_it_matters_of_a_near_run_alone_whether_it_is_paused(store: RunStore) -> None:
    run = store.create(SMALL)
    append_event(run.folder, Started())
    running = summarize(run)
    append_event(run.folder, Paused(epoch=1, step=0, steps=0))
    paused = summarize(run)
    assert (running.state, paused.state) == (State.RUNNING, State.PAUSED)

    assert _changes.steady(running) != _changes.steady(paused)
    assert _changes.steady(running, near=False) == _changes.steady(paused, near=False)
