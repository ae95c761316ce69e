"""Odd things among the runs, and folders that can't be used: the pages say so, and go on."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mnist_core.runs import trash
from mnist_core.runs.events import Ended, Paused, Started, State, append_event
from mnist_core.runs.files import write_json
from mnist_core.runs.folder import Owner, Run
from mnist_core.runs.store import RunStore
from pages import _cached, _page
from tests.builders import batch, fitting
from tests.conftest import SMALL, wait_until

APP = str(Path(__file__).parents[2] / "app.py")
PAGES = [f"pages/{name}.py" for name in ("train", "evaluate", "draw", "runs", "data", "search")]


def page(path: str, run: Run | None = None) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=30)
    if run:
        app.query_params["compare" if path == "pages/runs.py" else "run"] = run.id
    app = app.switch_page(path).run() if path != PAGES[0] else app.run()
    assert not app.exception
    return app


def errors(app: AppTest) -> str:
    return "\n".join(error.value for error in app.error)


def without_date(run: Run) -> Run:
    return Run(run.folder.rename(run.folder.parent / "20269999-120000-abcd"))


def linked(run: Run) -> Run:
    path = run.folder.parent / "20260101-120000-abcd"
    path.symlink_to(run.folder.rename(run.folder.parents[1] / "elsewhere"))
    return Run(path)


def replaced(name: str, content: str | None) -> Callable[[Run], Run]:
    """A run with another content of a file; None for a folder in its place."""

    def replace(run: Run) -> Run:
        path = run.folder / name
        path.unlink()
        if content is None:
            path.mkdir()
        else:
            path.write_text(content)
        return run

    return replace


def written(run: Run, name: str, content: str) -> Run:
    (run.folder / name).write_text(content)
    return run


ODD: dict[str, tuple[Callable[[Run], Run], str]] = {
    "no date": (without_date, "the name begins with 20269999-120000, which is no time"),
    "link": (linked, "is a link, and links are not followed"),
    "events folder": (replaced("events.jsonl", None), "events.jsonl can't be read: Is a directory"),
    "config": (replaced("config.json", "{"), "config.json is damaged"),
    "depth": (replaced("config.json", "[" * 100_000), "config.json is damaged"),
    "labels": (lambda run: written(run, "labels.json", "[]"), "labels.json is damaged"),
    "steps": (
        replaced("events.jsonl", fitting().model_dump_json().replace("57", "0") + "\n"),
        "events.jsonl: an event 'fitting' is of no weights, images or steps",
    ),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_run_is_named_on_every_page(store: RunStore, trained: Run, odd: str) -> None:
    make, words = ODD[odd]
    good = shutil.copytree(trained.folder, store.folder / trained.id)
    run = make(Run(shutil.copytree(good, store.folder / "20260101-130000-abcd")))
    for path in PAGES[:4]:
        app = page(path, run)
        assert words in errors(app), path
    assert sorted(app.dataframe[0].value["state"]) == ["damaged", "finished"]

    for label in ("Delete", "Yes, delete 1 run"):
        (button,) = [button for button in app.button if button.label == label]
        app = button.click().run()
        assert not app.exception
    assert [found.id for found in store.list()] == [good.name]


def test_odd_things_in_the_trash_take_no_page_down(store: RunStore, tmp_path: Path) -> None:
    place = store.folder / trash.TRASH / "20260101-120000-abcd"
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path)

    for path in PAGES:
        page(path)
    assert tmp_path.exists()
    assert not os.path.lexists(place)


def live(store: RunStore) -> Run:
    run = store.create(SMALL)
    for event in (Started(), fitting(), batch(), Paused(epoch=1, step=32, steps=32)):
        append_event(run.folder, event)
    return run


def test_damaged_wishes_of_a_live_run_are_named(store: RunStore) -> None:
    run = live(store)
    app = page("pages/train.py")
    (run.folder / "control.json").write_text("garbage")
    app.button(key="stop").click().run()
    assert not app.exception
    assert _page.plain(f"{run.folder / 'control.json'} is damaged") in errors(app)

    append_event(run.folder, Ended(state=State.FAILED, message="as its worker finds"))
    app.run()
    assert "as its worker finds" in errors(app)


def test_who_trains_a_run_that_is_not_known_or_elsewhere_is_said(store: RunStore) -> None:
    run = live(store)
    write_json(run.folder / "owner.json", {"host": "here", "pid": -1, "created": 1})
    (warning,) = page("pages/train.py").warning
    assert "owner.json, which says who trains it, is missing or damaged" in warning.value

    theirs = Owner.this_process().model_copy(update={"host": "elsewhere"})
    write_json(run.folder / "owner.json", theirs.model_dump())
    app = page("pages/train.py")
    assert any("on the machine elsewhere, last heard of" in c.value for c in app.caption)
    assert app.button(key="stop")
    os.utime(run.folder / "owner.json", (0, 0))
    wait_until(lambda: len(page("pages/train.py").warning))  # those who watch look once a second
    (warning,) = page("pages/train.py").warning
    assert "on the machine elsewhere, last heard of" in warning.value


# --- Folders that can't be used ---


@pytest.fixture
def unusable(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Not even root can make a folder there."""
    monkeypatch.setenv("DIGIT_LAB_RUNS", "/proc/digit-lab")
    return empty_machine


def test_a_run_that_can_not_be_made_is_no_traceback(unusable: Path) -> None:
    app = page("pages/train.py")
    app.button(key="train").click().run()

    assert not app.exception
    assert "/proc/digit-lab can't be used: No such file or directory" in errors(app)
    assert "DIGIT\\_LAB\\_RUNS can name another folder" in errors(app)


@pytest.mark.parametrize("path", PAGES)
def test_runs_that_can_not_be_listed_are_no_traceback(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DIGIT_LAB_RUNS", str(tmp_path / "file"))
    app = page(path)

    assert path == "pages/data.py" or "can't be used: Not a directory" in errors(app)


def test_settings_of_the_server_that_are_wrong_are_named(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGIT_LAB_WORKERS", "none")

    assert "WORKERS is 'none'. Allowed: a whole number" in errors(page("pages/train.py"))


def test_a_pool_that_has_ended_is_started_again() -> None:
    ended = _cached.pool()
    assert _cached.pool() is ended
    ended.close()
    with _cached.pool() as pool:
        assert pool is not ended
        assert pool.alive
