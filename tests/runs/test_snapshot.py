"""A run at one moment: where it stands, how far it is, what is wanted of it, and the words."""

from pathlib import Path

import pytest

from mnist_core.config import TrainingConfig
from mnist_core.runs.catalog import Catalog, Damaged
from mnist_core.runs.events import Ended, Event, LearningRate, Paused, Started, State, append_event
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Control, Run
from mnist_core.runs.snapshot import Snapshot, take
from mnist_core.runs.store import RunStore
from tests.builders import batch, epoch, fitting

ASKED = TrainingConfig(dataset="mnist-sample", widths=(16,), epochs=4, learning_rate=0.001)


@pytest.fixture
def run(store: RunStore) -> Run:
    return store.create(ASKED)


def after(run: Run, *events: Event) -> Snapshot:
    for event in events:
        append_event(run.folder, event)
    return take(run, run.history())


def test_a_queued_run_has_done_nothing(run: Run) -> None:
    now = after(run)

    assert now.state == State.QUEUED
    assert (now.progress.share, now.progress.steps, now.progress.epoch) == (0, 0, 1)
    assert now.seconds_left is None


def test_how_far_a_run_is_goes_from_0_to_1(run: Run) -> None:
    begun = after(run, Started())
    assert (begun.state, begun.progress.share) == (State.RUNNING, 0)
    assert begun.stage == "Loading the images and building the network"

    built = after(run, fitting())
    assert (built.progress.share, built.stage) == (0, "Epoch 1 of 4 · estimating…")

    some = after(run, batch(1, 19))
    assert some.progress.share == pytest.approx(19 / 57 / 4)
    assert some.progress.steps == 19
    assert some.stage == "Epoch 1 of 4, step 19 of 57 · estimating…"

    one = after(run, batch(1, 57), epoch(1))
    assert (one.progress.share, one.progress.steps) == (0.25, 57)

    last_step = after(run, epoch(2), epoch(3), batch(4, 57))
    assert (last_step.progress.share, last_step.progress.epoch) == (1, 4)
    assert last_step.stage == "Testing it on images it has never seen, and saving it"
    assert after(run, epoch(4)).progress == (4, 4, 0, 57)


def test_a_run_that_is_to_stop_says_so_until_it_has(run: Run) -> None:
    after(run, Started(), fitting(), batch(1, 19))
    run.want(stop=True)

    assert after(run).stage == "Stopping · Epoch 1 of 4, step 19 of 57"


def test_the_time_left_follows_from_what_comes_after_the_graph_was_built(run: Run) -> None:
    """The first batches and the first epoch take much longer, and say nothing of the others."""
    slow, fast = {"images_per_second": 200}, {"images_per_second": 1_200}
    begun = after(run, Started(), fitting(), batch(1, 19, **slow, elapsed=6.0))
    assert begun.seconds_left is None
    little = after(run, batch(1, 29, **fast, elapsed=6.5))
    assert little.seconds_left is None

    enough = after(run, batch(1, 39, **fast, elapsed=7.1))
    assert enough.seconds_left == pytest.approx(3 * (4 - 39 / 57))  # 3 s for 3,600 images
    first = after(run, batch(1, 57, **fast, elapsed=8.0), epoch(1, seconds=12, elapsed=12.0))
    assert first.stage == "Epoch 2 of 4 · 9.0 s left"

    # From then on, with the validation, and as fast as it has come to be.
    second = after(run, batch(2, 57, **fast), epoch(2, seconds=3.3))
    assert second.stage == "Epoch 3 of 4 · 6.6 s left"
    assert after(run, epoch(3, seconds=5)).stage == "Epoch 4 of 4 · 5.0 s left"


def test_one_that_goes_on_builds_its_graph_anew(store: RunStore, run: Run) -> None:
    lines = [fitting(), epoch(1, seconds=9), epoch(2, seconds=1)]
    before = b"".join(event.model_dump_json().encode() + b"\n" for event in lines)
    (run.folder / "before.jsonl").write_bytes(before)

    begun = after(run, Started(), fitting(), batch(3, 57), epoch(3, seconds=9))
    assert begun.stage == "Epoch 4 of 4 · estimating…"


def test_one_that_waits_says_where(run: Run) -> None:
    begun: list[Event] = [Started(), fitting(), epoch(1), batch(2, 32)]
    within = after(run, *begun, Paused(epoch=2, step=32, steps=89))

    assert within.state == State.PAUSED
    assert within.stage == "Paused · Epoch 2 of 4, step 32 of 57"
    between = after(run, epoch(2), Paused(epoch=2, step=57, steps=114))
    assert between.stage == "Paused · Epoch 2 of 4 is over"


def test_the_learning_rate_is_the_one_wanted_else_the_last_set_else_the_one_asked_for(
    run: Run,
) -> None:
    assert after(run, Started(), fitting()).learning_rate == 0.001
    changed = LearningRate(epoch=1, step=32, learning_rate=0.003)
    assert after(run, changed).learning_rate == 0.003

    run.want(learning_rate=0.02)

    assert after(run).wanted == Control(learning_rate=0.02)
    assert after(run).learning_rate == 0.02


def test_it_is_taken_anew_with_what_has_happened_since(run: Run) -> None:
    history = run.history()
    assert take(run, history).state == State.QUEUED
    append_event(run.folder, Started())

    now = take(run, history)

    assert now.state == State.RUNNING
    assert now.history.started


def test_its_entry_is_that_of_the_list(store: RunStore, run: Run) -> None:
    now = after(run, Started(), fitting(), epoch(1, elapsed=1.0), batch(2, 19, elapsed=1.5))

    assert now.entry == Catalog(store).entry(run)


def test_a_continued_run_begins_where_its_parent_ended(store: RunStore, run: Run) -> None:
    now = after(run, Started(), fitting(), epoch(1), epoch(2), Ended(state=State.STOPPED))
    assert now.state == State.STOPPED
    child = store.create(ASKED)
    (child.folder / "before.jsonl").write_bytes(
        b"".join(event.model_dump_json().encode() + b"\n" for event in (fitting(), epoch(1)))
    )

    assert after(child, Started(), fitting()).progress.share == 0.25
    assert after(child, batch(2, 57)).progress.share == 0.5


def test_what_was_wanted_of_a_run_that_is_over_is_not_asked(run: Run) -> None:
    control = run.folder / "control.json"
    control.write_text("{")
    with pytest.raises(RunError, match=r"control\.json"):
        after(run, Started())

    assert after(run, Ended(state=State.STOPPED)).wanted == Control()


def test_damaged_labels_cost_the_name_alone(run: Run) -> None:
    Path(run.folder / "labels.json").write_text("{")
    now = after(run, Started(), fitting(), epoch(1))

    assert isinstance(now.entry, Damaged)
    assert (now.state, now.progress.share) == (State.RUNNING, 0.25)
