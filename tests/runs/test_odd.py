"""One odd thing among the runs costs itself alone: it is named, and can be deleted."""

import io
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mnist_core.evaluation import classification_report
from mnist_core.runs import archive, trash
from mnist_core.runs.catalog import Catalog, Damaged, Summary, summarize
from mnist_core.runs.events import Ended, Evaluated, Started, State, append_event
from mnist_core.runs.files import RunError, write_json, write_npz
from mnist_core.runs.folder import SILENCE, Labels, Owner, Run
from mnist_core.runs.judging import judge
from mnist_core.runs.snapshot import take
from mnist_core.runs.store import RunStore
from mnist_core.storage import StorageError
from mnist_core.training.pool import BEAT
from tests.builders import batch, epoch, fitting
from tests.conftest import SMALL


def whole(store: RunStore) -> Run:
    """A run with every file that there is, but for networks that can be used."""
    run = store.create(SMALL)
    labels = np.arange(20).astype(np.uint8) % 10
    report = classification_report(labels.astype(np.int64), labels, tuple("0123456789"))
    write_npz(run.folder / "test.npz", probabilities=np.eye(10, dtype="f4")[labels], labels=labels)
    write_npz(run.checkpoint, epoch=np.array(epoch(2).model_dump_json()))
    write_json(run.folder / "dataset.json", run.dataset().model_dump())
    write_json(run.folder / "report.json", report)
    write_json(run.folder / "environment.json", {"keras": "3", "threads": 2})
    run.set_labels(Labels(name="Odd"))
    run.want(stop=True)
    (run.folder / "before.jsonl").write_bytes(epoch(1).model_dump_json().encode() + b"\n")
    for event in (
        *(Started(), fitting(), epoch(2)),
        Evaluated(test_accuracy=1, test_loss=0, test_images=20, train_seconds=1),
        Ended(state=State.FINISHED),
    ):
        append_event(run.folder, event)
    return run


JSON = ["config", "labels", "dataset", "environment", "report", "format", "owner", "control"]
FILES = [*(f"{name}.json" for name in JSON), "events.jsonl", "before.jsonl"]
FILES += ["checkpoint.npz", "test.npz"]
CONTENTS = {
    "nothing": b"",
    "garbage": b"\x00\xff\x93",
    "half of it": b'{"kind": "epoch", "epoch',
    "other types": b'{"kind": [], "name": {}, "version": "x", "0": {"recall": "x"}, "keras": []}',
    "a list": b"[1, 2]\n",
    "depth": b"[" * 100_000,
    "depth in an object": b'{"note": ' + b"[" * 100_000 + b"\n",
    "a long number": b'{"version": ' + b"9" * 10_000 + b"}\n",
    "huge numbers": b'{"kind": "epoch", "version": 1e999, "pid": 1e99, "keras": -1e999}\n',
    "no numbers": b'{"kind": "batch", "version": NaN, "keras": NaN, "stop": NaN}\n',
}
READERS: list[Callable[[Run], object]] = [
    *(lambda run: run.config, Run.history, Run.labels, Run.dataset, Run.environment, Run.report),
    *(Run.control, Run.checkpoint_epoch, Run.test_results, judge, lambda run: run.owner),
    *(lambda run: [*run.events(), *run.before()], lambda run: take(run, run.history())),
]


def refused(read: Callable[[Run], object], run: Run) -> str | None:
    try:
        read(run)
    except RunError as error:
        return str(error)
    return None


@pytest.mark.parametrize("file", FILES)
def test_whatever_a_file_holds_it_is_read_or_named(store: RunStore, file: str) -> None:
    run, good = whole(store), whole(store)
    before = (run.folder / file).read_bytes()

    def look() -> None:
        for said in filter(None, (refused(read, Run(run.folder)) for read in READERS)):
            assert str(run.folder) in said
            assert "Errno" not in said
        by_id = {entry.run: entry for entry in Catalog(store).list()}
        assert isinstance(by_id[good], Summary)
        odd = by_id[run]
        assert isinstance(odd, Summary) or file in odd.reason

    for content in (*CONTENTS.values(), before[: len(before) // 2]):
        (run.folder / file).write_bytes(content)
        look()
    (run.folder / file).unlink()
    (run.folder / file).mkdir()
    look()
    trash.purge([trash.discard(run)])
    assert store.list() == [good]


def with_events(run: Run, **figures: object) -> None:
    path = run.folder / "events.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text(
        "".join(
            json.dumps(line | {k: v for k, v in figures.items() if k in line}) + "\n"
            for line in lines
        )
    )


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        *(("steps_per_epoch", 0), ("train_images", -1), ("weights", 10**400), ("test_images", 0)),
        *(("accuracy", float("nan")), ("epoch", 0), ("val_loss", float("inf")), ("time", -1)),
    ],
)
def test_figures_that_no_training_gives_are_named(
    store: RunStore, figure: str, value: object
) -> None:
    run = whole(store)
    with_events(run, **{figure: value})
    found = summarize(run)

    assert isinstance(found, Damaged)
    assert "events.jsonl: an event '" in found.reason


def odd_name(store: RunStore, run: Run) -> Run:
    return Run(run.folder.rename(store.folder / "20269999-120000-abcd"))


def far_future(store: RunStore, run: Run) -> Run:
    return Run(run.folder.rename(store.folder / "99991231-235959-abcd"))


def link(store: RunStore, run: Run) -> Run:
    return Run(linked(store, run, "20260101-120000-abcd"))


def dangling_link(store: RunStore, run: Run) -> Run:
    path = store.folder / "20260101-120000-abcd"
    path.symlink_to(store.folder / "nowhere")
    return Run(path)


def link_in_it(store: RunStore, run: Run) -> Run:
    (run.folder / "model.tflite").symlink_to("/etc/hostname")
    return run


def pipe_in_it(store: RunStore, run: Run) -> Run:
    (run.folder / "events.jsonl").unlink()
    os.mkfifo(run.folder / "events.jsonl")
    return run


def linked(store: RunStore, run: Run, name: str) -> Path:
    """A link among the runs to a run that was moved elsewhere."""
    target = run.folder.rename(store.folder.parent / "elsewhere")
    path = store.folder / name
    path.symlink_to(target)
    return path


@pytest.mark.parametrize(
    "make", [odd_name, far_future, link, dangling_link, link_in_it, pipe_in_it]
)
def test_an_odd_folder_is_named_and_can_be_deleted(
    store: RunStore, make: Callable[[RunStore, Run], Run]
) -> None:
    good, other = whole(store), whole(store)
    odd = make(store, Run(other.folder))
    entries = {entry.run: entry for entry in Catalog(store).list()}

    assert isinstance(entries[good], Summary)
    damaged = entries[odd]
    assert isinstance(damaged, Damaged)
    assert str(odd.folder) in damaged.reason
    assert store.get(odd.id) == odd
    trash.restore(trash.discard(odd))
    assert os.path.lexists(odd.folder)
    trash.purge([trash.discard(odd)])
    assert not os.path.lexists(odd.folder)
    assert good in store.list()


def test_deleting_a_link_leaves_its_target_as_it_is(store: RunStore) -> None:
    path = linked(store, whole(store), "20260101-120000-abcd")
    target = path.resolve()
    before = {file.name: file.read_bytes() for file in target.iterdir()}
    trash.purge([trash.discard(Run(path))])

    assert {file.name: file.read_bytes() for file in target.iterdir()} == before


def test_odd_things_in_the_trash_are_deleted_and_links_not_followed(store: RunStore) -> None:
    run, kept = whole(store), whole(store)
    trash.discard(kept)
    linked(store, run, f"{trash.TRASH}/{run.id}")
    (store.folder / trash.TRASH / "20260101-120000-abcd").write_text("no folder")
    trash.purge_leftovers(store)

    assert not os.path.lexists(store.folder / trash.TRASH / run.id)
    assert (store.folder.parent / "elsewhere" / "config.json").exists()
    assert (store.folder / trash.TRASH / kept.id).exists()


@pytest.mark.parametrize("name", [trash.TRASH, archive.IMPORTS])
def test_a_link_in_place_of_a_folder_of_ours_is_not_followed(store: RunStore, name: str) -> None:
    run, others = whole(store), RunStore(store.folder.parent / "others")
    other = whole(others)
    packed = io.BytesIO(archive.pack(other))
    (store.folder / name).symlink_to(others.folder)
    trash.purge_leftovers(store)
    archive.purge_leftovers(store)

    assert other.folder.exists()
    uses: dict[str, Callable[[], object]] = {
        trash.TRASH: lambda: trash.discard(run),
        archive.IMPORTS: lambda: archive.unpack(packed, store),
    }
    with pytest.raises(StorageError, match=f"{name} is a link, and links are not followed"):
        uses[name]()
    assert run.folder.exists()
    assert others.list() == [other]


# --- Folders that can't be used ---


@pytest.fixture
def unusable(tmp_path: Path) -> RunStore:
    """Nobody, not even root, can make a folder there."""
    (tmp_path / "file").touch()
    return RunStore(tmp_path / "file" / "runs")


def test_a_folder_that_can_not_be_used_is_named_with_what_sets_another(unusable: RunStore) -> None:
    words = f"{unusable.folder} can't be used: Not a directory.*DIGIT_LAB_RUNS can name another"
    for use in (unusable.list, lambda: unusable.create(SMALL)):
        with pytest.raises(StorageError, match=words):
            use()


def test_what_can_not_be_written_leaves_nothing(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = whole(store)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match=r"disk is full: .* for format.json, .*DIGIT_LAB_RUNS"):
        store.create(SMALL)
    with pytest.raises(StorageError, match=r"disk is full: .* for labels.json"):
        parent.set_labels(Labels(name="Wide"))
    monkeypatch.undo()

    assert [path.name for path in store.folder.iterdir()] == [parent.id]
    assert parent.labels().name == "Odd"


# --- Another machine's runs ---


@pytest.fixture
def theirs(store: RunStore) -> Run:
    """A run that another machine trains."""
    run = store.create(SMALL)
    for event in (Started(), fitting(), batch()):
        append_event(run.folder, event)
    owner = Owner.this_process().model_copy(update={"host": "elsewhere", "pid": 1})
    (run.folder / "owner.json").write_text(owner.model_dump_json())
    return Run(run.folder)


def last_touched(run: Run, seconds: float) -> Run:
    """The run as if it had been touched so many seconds ago."""
    path = run.folder / "owner.json"
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))
    return Run(run.folder)


def test_a_run_that_another_machine_minds_is_live(store: RunStore, theirs: Run) -> None:
    found = summarize(theirs)
    assert isinstance(found, Summary)
    assert (found.state, found.elsewhere) == (State.RUNNING, "elsewhere")
    with pytest.raises(RunError, match="is running; stop it"):
        trash.discard(theirs)
    write_npz(theirs.checkpoint, epoch=np.array(epoch(1).model_dump_json()))
    with pytest.raises(RunError, match="is running; only one that is over"):
        store.create_continuation(theirs, 1)


@pytest.mark.parametrize("seconds", [SILENCE + 1, -SILENCE - 60])
def test_a_run_whose_machine_is_silent_is_interrupted_until_it_is_heard_of(
    store: RunStore, theirs: Run, seconds: float
) -> None:
    catalog, silent = Catalog(store), last_touched(theirs, seconds)
    assert catalog.entry(silent).state == State.INTERRUPTED

    os.utime(silent.folder / "owner.json")
    assert catalog.entry(silent).state == State.RUNNING
    trash.discard(last_touched(theirs, seconds))
    assert not store.list()


def test_the_silence_of_a_dead_machine_is_noticed_soon_and_not_for_a_few_lost_beats() -> None:
    assert 4 * BEAT < SILENCE <= 15


def test_the_clocks_of_two_machines_may_differ(
    theirs: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: theirs.folder.stat().st_mtime + 1e6)

    assert theirs.state(theirs.history()) == State.RUNNING


def test_what_another_machine_has_deleted_or_imports_is_left_to_it(store: RunStore) -> None:
    run = trash.discard(whole(store))
    place = store.folder / archive.IMPORTS / "import"
    place.mkdir(parents=True)
    for mark in (run.folder / "deleted.json", place / "owner.json"):
        owner = Owner.this_process().model_copy(update={"host": "elsewhere"})
        mark.write_text(owner.model_dump_json())
    trash.purge_leftovers(store)
    archive.purge_leftovers(store)
    assert run.folder.exists()
    assert place.exists()

    for mark in (run.folder / "deleted.json", place / "owner.json"):
        os.utime(mark, (0, 0))
    trash.purge_leftovers(store)
    archive.purge_leftovers(store)
    assert not run.folder.exists()
    assert not place.exists()


@pytest.mark.parametrize("pid", [0, -1, 2**31 - 1, 10**30])
def test_an_owner_that_can_be_no_process_is_none(store: RunStore, pid: int) -> None:
    run = store.create(SMALL)
    owner = {"host": socket.gethostname(), "pid": pid, "created": 1.0}
    write_json(run.folder / "owner.json", owner)

    assert Run(run.folder).state(run.history()) == State.INTERRUPTED
