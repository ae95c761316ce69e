"""Which format a run's folder is of: newer ones are named, old ones are read as today's."""

import json
from typing import Any

import numpy as np
import pytest

from mnist_core.config import TrainingConfig
from mnist_core.runs.catalog import NEWER, Catalog, Damaged, Summary, mentions, summarize
from mnist_core.runs.events import Ended, Epoch, Event, Fitting, State, append_event
from mnist_core.runs.files import RunError, write_json, write_npz
from mnist_core.runs.folder import Run
from mnist_core.runs.format import CURRENT, FILE, Completion, NewerFormat
from mnist_core.runs.store import RunStore
from tests import builders

START = builders.START


@pytest.fixture
def run(store: RunStore) -> Run:
    return store.create(TrainingConfig(dataset="mnist-sample", widths=(16,)))


# --- The version ---


def test_a_new_run_is_of_today_s_format(store: RunStore, run: Run) -> None:
    append_event(run.folder, Ended(state=State.FINISHED))
    write_npz(run.checkpoint, epoch=np.array(builders.epoch(1).model_dump_json()))
    longer = store.create_continuation(run, epochs=1)

    for made in (run, longer):
        assert json.loads((made.folder / FILE).read_bytes()) == {"version": CURRENT}


def test_without_a_version_it_is_of_the_first_format_and_stays_as_it_is(run: Run) -> None:
    (run.folder / FILE).unlink()
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}

    assert Run(run.folder).config == run.config
    assert isinstance(summarize(run), Summary)
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before


def test_a_newer_run_is_named_as_such_and_the_others_are_listed(store: RunStore, run: Run) -> None:
    newer = store.create(run.config)
    write_json(newer.folder / FILE, {"version": CURRENT + 1, "what": "nobody knows yet"})
    # All else may have changed, too.
    (newer.folder / "config.json").write_text('{"layers": []}')
    (newer.folder / "events.jsonl").write_text('{"kind": "party"}\n')
    listed = {entry.run.id: entry for entry in Catalog(store).list()}
    entry = listed[newer.id]

    assert isinstance(listed[run.id], Summary)
    assert isinstance(entry, Damaged)
    assert entry.state == NEWER
    assert "made by a newer version of Digit Lab" in entry.reason
    assert f"format {CURRENT + 1}" in entry.reason
    assert mentions(entry, "newer version")
    for read in (lambda: Run(newer.folder).config, Run(newer.folder).history):
        with pytest.raises(NewerFormat, match="made by a newer version"):
            read()


def test_one_of_today_s_format_may_say_more_of_it(run: Run) -> None:
    write_json(run.folder / FILE, {"version": CURRENT, "program": "2.1"})

    assert isinstance(summarize(run), Summary)


@pytest.mark.parametrize("content", ["", "[2]", "{}", '{"version": 0}', '{"version": "two"}'])
def test_a_damaged_version_is_damage(run: Run, content: str) -> None:
    (run.folder / FILE).write_text(content)
    found = summarize(run)

    assert isinstance(found, Damaged)
    assert found.state == "damaged"
    assert f"{FILE} is damaged" in found.reason
    with pytest.raises(RunError, match=FILE):
        run.history()


# --- What old folders lack ---


LATER: dict[type, set[str]] = {Fitting: {"multiply_adds"}, Epoch: {"step"}}


def of_old(run: Run, name: str, *events: Any, null: bool = False) -> None:
    """Write events as the first version did, without what came later, or with null for it."""
    (run.folder / FILE).unlink(missing_ok=True)
    lines = []
    for event in events:
        later = LATER.get(type(event), set())
        kept = event.model_dump(mode="json", exclude={"elapsed", *later})
        lines.append(json.dumps(kept | (dict.fromkeys(later) if null else {})))
    (run.folder / name).write_text("".join(f"{line}\n" for line in lines))


OLD = (
    builders.fitting(steps_per_epoch=57, weights=12_730),
    builders.batch(1, 32, time=START + 1),
    builders.epoch(1, time=START + 2.5),
    builders.batch(2, 32, time=START + 3),
    builders.batch(2, 40, time=START + 4),
    builders.epoch(2, time=START + 5),
    builders.epoch(3, time=START + 7),
    builders.batch(4, 8, time=START + 8),
)
AS_TODAY = [(32, 2.5), (40, 5.0), (57, 7.0)]
"""Of each epoch: how many steps it had, by the last that was told of it, else all; and when."""


def test_old_events_are_read_as_today_s(run: Run) -> None:
    of_old(run, "events.jsonl", *OLD)
    history = run.history()

    assert history.fitting
    assert history.fitting.multiply_adds == 12_730
    assert [(epoch.step, epoch.elapsed) for epoch in history.epochs] == AS_TODAY
    assert [batch.elapsed for batch in history.batches] == [8.0]
    events = list(run.events())
    assert [(e.step, e.elapsed) for e in events if isinstance(e, Epoch)] == AS_TODAY
    found = summarize(run)
    assert isinstance(found, Summary)
    assert found.train_seconds == 8.0


def test_old_events_of_a_continued_run_too(run: Run) -> None:
    of_old(run, "before.jsonl", *OLD, null=True)

    assert [(e.step, e.elapsed) for e in run.before() if isinstance(e, Epoch)] == AS_TODAY
    assert [(epoch.step, epoch.elapsed) for epoch in run.history().epochs] == AS_TODAY


def test_what_is_appended_later_is_read_with_what_came_before(run: Run) -> None:
    of_old(run, "events.jsonl", *OLD[:2])
    history = run.history()
    of_old(run, "events.jsonl", *OLD)
    history.update()

    assert [(epoch.step, epoch.elapsed) for epoch in history.epochs] == AS_TODAY


def test_today_s_events_stay_as_they_are() -> None:
    today: list[Event] = [
        builders.fitting(multiply_adds=99),
        builders.batch(1, 32, time=START + 9, elapsed=1.0),
        builders.epoch(1, time=START + 9, elapsed=2.0, step=57),
    ]

    complete = Completion()
    assert [complete(event) for event in today] == today
