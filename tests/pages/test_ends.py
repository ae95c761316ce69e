"""A word at the end of what was begun or watched, on whichever page one is."""

import shutil

import pytest
from streamlit.testing.v1 import AppTest

from mnist_core.runs.events import Ended, Started, State, append_event
from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore
from mnist_core.search.study import Study
from pages import _changes
from tests.conftest import SMALL
from tests.search.builders import searched


def waiting(what: Run | Study, page: str = "Data") -> AppTest:
    """A page on which a run or study is waited for; it is the one that is chosen."""

    def app() -> None:
        import streamlit as st

        from mnist_core.runs.folder import Run
        from pages import _ends, _state

        what = st.session_state["what"]
        if not st.session_state.get("waits"):
            st.session_state["waits"] = True
            (_state.RUN if isinstance(what, Run) else _state.STUDY).keep([what.id])
            _state.wait_for(what)
        _ends.tell(st.session_state["page"])

    dashboard = AppTest.from_function(app)
    dashboard.session_state["what"], dashboard.session_state["page"] = what, page
    return dashboard


def told(dashboard: AppTest) -> list[str]:
    dashboard.run()
    assert not dashboard.exception
    return [toast.value for toast in dashboard.toast]


@pytest.fixture
def live(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(_changes, "LOOK_SECONDS", 0)  # what has been found is never new enough
    run = store.create(SMALL)
    append_event(run.folder, Started())
    return run


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Ended(state=State.FINISHED), "Trained: "),
        (Ended(state=State.STOPPED), "Stopped: "),
        (Ended(state=State.FAILED, message="The loss is no number any more"), "Failed: "),
    ],
)
def test_the_end_of_a_run_is_told_once(live: Run, event: Ended, words: str) -> None:
    dashboard = waiting(live)
    assert told(dashboard) == []
    append_event(live.folder, event)

    (said,) = told(dashboard)
    assert said.startswith(words)
    assert event.message in said
    assert told(dashboard) == []


@pytest.mark.parametrize(("page", "times"), [("Train", 0), ("Search", 1), ("Evaluate", 1)])
def test_where_the_page_shows_it_that_is_enough(live: Run, page: str, times: int) -> None:
    dashboard = waiting(live, page)
    told(dashboard)
    append_event(live.folder, Ended(state=State.FINISHED))

    assert len(told(dashboard)) == times


def test_nothing_is_said_of_a_run_that_was_deleted(live: Run) -> None:
    dashboard = waiting(live)
    told(dashboard)
    shutil.rmtree(live.folder)

    assert told(dashboard) == []
    assert told(dashboard) == []


def test_a_run_that_can_not_be_read_any_more_is_named(live: Run) -> None:
    dashboard = waiting(live)
    told(dashboard)
    (live.folder / "config.json").write_bytes(b"nothing")

    (said,) = told(dashboard)
    assert "config.json" in said


def test_the_end_of_a_search_is_told(store: RunStore) -> None:
    study = searched(store.folder)

    (said,) = told(waiting(study))
    assert said.startswith("Search over after 5 trials: ")
    assert told(waiting(study, "Search")) == []


def test_so_is_that_of_one_whose_process_has_died(store: RunStore) -> None:
    (said,) = told(waiting(searched(store.folder, result=None)))

    assert said.startswith("Search interrupted after 5 trials: ")
