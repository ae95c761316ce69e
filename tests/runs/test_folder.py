"""A run's folder: what is written is read back, torn or damaged files are borne or named."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_core.config import ConfigError, TrainingConfig
from mnist_core.data import loading
from mnist_core.data.dataset import Outline
from mnist_core.runs import files
from mnist_core.runs.events import (
    Ended,
    Epoch,
    Evaluated,
    Event,
    LearningRate,
    Paused,
    Resumed,
    Started,
    State,
    append_event,
)
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Control, Owner, Run
from mnist_core.runs.store import RunStore
from tests.builders import batch, epoch, fitting

FITTING = fitting(train_images=90, validation_images=10, steps_per_epoch=2)
BATCH = batch()


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def run(store: RunStore) -> Run:
    return store.create(TrainingConfig(widths=(16,), seed=5))


def state(run: Run) -> State:
    return run.state(run.history())


def test_a_new_run_is_found_again_with_its_config(store: RunStore, run: Run) -> None:
    found = store.get(run.id)

    assert found.config == TrainingConfig(widths=(16,), seed=5)
    assert [r.id for r in store.list()] == [run.id]


def test_runs_list_newest_first_and_strangers_are_not_runs(store: RunStore) -> None:
    ids = [store.create(TrainingConfig()).id for _ in range(3)]
    for name, second in zip(ids, ("01", "02", "03"), strict=True):
        (store.folder / name).rename(store.folder / f"20260101-0000{second}-abcd")
    (store.folder / "notes").mkdir()
    (store.folder / "20260101-000009-abcd").mkdir()  # being made: no config yet

    assert [r.id[13:15] for r in store.list()] == ["03", "02", "01"]


def test_runs_of_one_second_list_newest_first_too(store: RunStore) -> None:
    created = [store.create(TrainingConfig()) for _ in range(8)]

    assert store.list() == created[::-1]


def test_no_folder_means_no_runs(store: RunStore) -> None:
    assert store.list() == []


@pytest.mark.parametrize("run_id", ["", "..", "../../etc", "20260101-000000-abcd", "x/y"])
def test_an_id_from_outside_can_name_nothing_but_a_run(store: RunStore, run_id: str) -> None:
    with pytest.raises(RunError, match="there is no run"):
        store.get(run_id)


def test_events_fold_into_a_history(run: Run) -> None:
    for event in (
        Started(),
        FITTING,
        BATCH,
        epoch(1),
        BATCH,
    ):
        append_event(run.folder, event)
    history = run.history()

    assert history.fitting
    assert history.fitting.train_images == 90
    assert history.epochs == [epoch(1)]
    assert history.batches == [BATCH]  # of the running epoch only

    append_event(
        run.folder, Evaluated(test_accuracy=0.9, test_loss=1, test_images=9, train_seconds=3)
    )
    append_event(run.folder, Ended(state=State.FINISHED))
    history.update()

    assert history.evaluated
    assert history.evaluated.test_accuracy == 0.9
    assert history.ended


def test_updating_reads_only_what_is_new(run: Run) -> None:
    append_event(run.folder, BATCH)
    history = run.history()
    history.update()
    history.update()

    assert history.batches == [BATCH]


def test_a_torn_last_line_is_skipped_until_it_is_whole(run: Run) -> None:
    path = run.folder / "events.jsonl"
    line = BATCH.model_dump_json().encode() + b"\n"
    path.write_bytes(line[:40])
    history = run.history()

    assert history.batches == []

    path.write_bytes(line)
    history.update()

    assert history.batches == [BATCH]


def test_a_writer_after_a_torn_line_loses_nothing_of_its_own(run: Run) -> None:
    (run.folder / "events.jsonl").write_bytes(b'{"kind": "batch", "epo')
    append_event(run.folder, Ended(state=State.FAILED, message="killed"))
    ended = run.history().ended

    assert ended
    assert ended.message == "killed"


def test_a_line_that_is_no_event_is_named(run: Run) -> None:
    (run.folder / "events.jsonl").write_text('{"kind": "party"}\n')

    with pytest.raises(RunError, match=r"events\.jsonl: not an event.*party"):
        run.history()


def test_states_by_event_and_owner(run: Run) -> None:
    assert state(run) is State.QUEUED

    append_event(run.folder, Started())

    assert state(run) is State.RUNNING

    append_event(run.folder, Ended(state=State.STOPPED))

    assert state(run) is State.STOPPED


def test_a_run_whose_owner_has_ended_is_interrupted(run: Run) -> None:
    owner = json.loads((run.folder / "owner.json").read_text())
    script = "import os, psutil; print(os.getpid(), psutil.Process().create_time())"
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    pid, created = ended.stdout.split()
    (run.folder / "owner.json").write_text(
        json.dumps(owner | {"pid": int(pid), "created": float(created)})
    )

    assert state(Run(run.folder)) is State.INTERRUPTED


def test_another_process_with_the_owners_number_is_not_the_owner() -> None:
    me = Owner.this_process()

    assert me.alive
    assert not me.model_copy(update={"created": me.created - 100}).alive
    assert not me.model_copy(update={"host": "elsewhere"}).alive


def test_a_run_without_an_owner_is_interrupted(run: Run) -> None:
    (run.folder / "owner.json").unlink()

    assert state(Run(run.folder)) is State.INTERRUPTED


def test_stop_is_a_wish_that_can_be_read(run: Run) -> None:
    assert not run.control().stop

    run.want(stop=True)

    assert run.control().stop


def test_wishes_add_up(run: Run) -> None:
    run.want(learning_rate=0.01)
    run.want(pause_at=0)
    assert run.control() == Control(learning_rate=0.01, pause_at=0)

    run.want(pause_at=None)
    assert run.control() == Control(learning_rate=0.01)


@pytest.mark.parametrize("wish", [{"learning_rate": 2}, {"pause_at": -1}, {"faster": True}])
def test_a_wish_that_can_not_be_is_refused_and_the_others_stay(
    run: Run, wish: dict[str, Any]
) -> None:
    run.want(learning_rate=0.01)
    with pytest.raises(ValueError, match=next(iter(wish))):
        run.want(**wish)

    assert run.control() == Control(learning_rate=0.01)


def test_damaged_wishes_are_named(run: Run) -> None:
    (run.folder / "control.json").write_text("{")
    with pytest.raises(RunError, match=r"control\.json is damaged"):
        run.control()


def test_a_paused_run_is_paused_until_it_goes_on(run: Run) -> None:
    for event in (Started(), Paused(epoch=1, step=32, steps=32)):
        append_event(run.folder, event)
    assert state(run) is State.PAUSED
    assert state(run).live

    append_event(run.folder, Resumed())
    assert state(run) is State.RUNNING


# --- Going on where another run was ---

OVER = Ended(state=State.STOPPED)


def with_checkpoint(run: Run, last: Epoch) -> Run:
    files.write_npz(run.checkpoint, epoch=np.array(last.model_dump_json()))
    return run


def test_a_continuation_begins_with_what_happened_before(store: RunStore, run: Run) -> None:
    early = LearningRate(epoch=1, step=1, learning_rate=0.01)
    # Both of an epoch that was lost: the checkpoint is from before.
    late: list[Event] = [
        LearningRate(epoch=e, step=s, learning_rate=0.02) for e, s in ((2, 2), (3, 1))
    ]
    for event in (Started(), FITTING, BATCH, early, epoch(1), epoch(2), *late, OVER):
        append_event(run.folder, event)
    with_checkpoint(run, epoch(2))
    child = store.create_continuation(run, epochs=3)
    history = child.history()

    assert child.config == run.config.model_copy(update={"epochs": 5})
    assert child.history().continued[-1].run == run.id
    assert child.checkpoint.read_bytes() == run.checkpoint.read_bytes()
    assert history.epochs == [epoch(1), epoch(2)]
    assert history.learning_rates == [early]
    (continued,) = history.continued
    assert (continued.run, continued.epochs, continued.asked) == (run.id, 2, run.config.epochs)
    assert child.state(history) is State.QUEUED


def test_the_curves_of_a_continuation_begin_with_the_batches_before(
    store: RunStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many of them as are drawn, and none of an epoch that was lost."""
    monkeypatch.setattr("mnist_core.runs.store.MOST_BATCHES", 4)
    append_event(run.folder, fitting())
    for number in (1, 2):
        for step in (20, 40, 57):
            append_event(run.folder, batch(number, step))
        append_event(run.folder, epoch(number))
    append_event(run.folder, batch(3, 20))
    append_event(run.folder, OVER)
    child = store.create_continuation(with_checkpoint(run, epoch(2)), epochs=1)
    append_event(child.folder, batch(3, 10))
    history = child.history()

    places = [20 / 57, 1, 1 + 40 / 57, 2 + 10 / 57]
    assert history.all_batches.at == pytest.approx(places)
    assert history.batches == [batch(3, 10)]


def test_a_continuation_of_a_continuation_has_the_whole_past(store: RunStore, run: Run) -> None:
    append_event(run.folder, epoch(1))
    append_event(run.folder, OVER)
    child = store.create_continuation(with_checkpoint(run, epoch(1)), epochs=1)
    for event in (Started(), FITTING, epoch(2), OVER):
        append_event(child.folder, event)
    grandchild = store.create_continuation(with_checkpoint(child, epoch(2)), epochs=1)
    history = grandchild.history()

    assert [e.epoch for e in history.epochs] == [1, 2]
    assert [(c.run, c.epochs) for c in history.continued] == [(run.id, 1), (child.id, 2)]
    assert grandchild.history().continued[-1].run == child.id


def test_an_epoch_that_only_the_checkpoint_knows_is_not_lost(store: RunStore, run: Run) -> None:
    append_event(run.folder, epoch(1))
    append_event(run.folder, OVER)
    child = store.create_continuation(with_checkpoint(run, epoch(2)), epochs=1)

    assert [e.epoch for e in child.history().epochs] == [1, 2]


def test_a_live_run_can_not_be_continued(store: RunStore, run: Run) -> None:
    with pytest.raises(RunError, match="is queued; only one that is over"):
        store.create_continuation(with_checkpoint(run, epoch(1)), epochs=1)


def test_a_run_without_an_epoch_can_not_be_continued(store: RunStore, run: Run) -> None:
    append_event(run.folder, OVER)
    with pytest.raises(RunError, match="nothing to go on from"):
        store.create_continuation(run, epochs=1)


@pytest.mark.parametrize("more", [0, -1, 199])
def test_too_many_epochs_or_none_are_refused(store: RunStore, run: Run, more: int) -> None:
    append_event(run.folder, OVER)
    with pytest.raises(ConfigError, match=f"{more} more epochs after 2 make {2 + more}; allowed"):
        store.create_continuation(with_checkpoint(run, epoch(2)), epochs=more)

    assert len(store.list()) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"dropout": 7}', b"\xff\xfe"])
def test_a_damaged_config_is_named(run: Run, content: bytes) -> None:
    path = run.folder / "config.json"
    path.write_bytes(content)

    with pytest.raises(RunError, match=r"config\.json"):
        _ = Run(run.folder).config


def test_results_come_back_as_written(run: Run) -> None:
    probabilities = np.full((3, 10), 0.1, np.float32)
    labels = np.array([1, 2, 3], np.uint8)
    files.write_npz(run.folder / "test.npz", probabilities=probabilities, labels=labels)
    read = run.test_results()

    np.testing.assert_array_equal(read[0], probabilities)
    np.testing.assert_array_equal(read[1], labels)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY"])
def test_damaged_results_are_named(run: Run, content: bytes) -> None:
    (run.folder / "test.npz").write_bytes(content)

    with pytest.raises(RunError, match=r"test\.npz is damaged"):
        run.test_results()


def test_a_failed_write_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    files.write_whole(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        files.write_whole(path, b"new")

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


# --- The dataset ---

PETS = Outline(
    name="pets",
    class_names=("cat", "dog"),
    image_shape=(32, 32, 3),
    train_images=8,
    test_images=2,
    ground="light",
)


def on_pets(store: RunStore) -> Run:
    return store.create(TrainingConfig(dataset="pets"))


def test_what_the_worker_wrote_of_a_dataset_outlives_it(store: RunStore) -> None:
    run = on_pets(store)
    files.write_json(run.folder / "dataset.json", PETS.model_dump())

    assert store.get(run.id).dataset() == PETS
    assert store.get(run.id).config.dataset == "pets"


def test_a_run_without_it_is_on_the_dataset_of_this_machine(run: Run) -> None:
    assert run.dataset() == loading.outline("mnist")


OF_CODE = PETS.model_copy(update={"name": 'pets"""\nimport os'})  # a script would have it as code


@pytest.mark.parametrize(
    "content",
    [None, b"{", b"[1]", b'{"name": "pets"}', OF_CODE.model_dump_json().encode()],
)
def test_an_unknown_or_damaged_dataset_is_named(store: RunStore, content: bytes | None) -> None:
    run = on_pets(store)
    if content:
        (run.folder / "dataset.json").write_bytes(content)

    with pytest.raises(RunError, match=r"dataset\.json is damaged" if content else r"pets\.npz"):
        run.dataset()
