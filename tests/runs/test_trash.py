"""Deleting: what is discarded can be brought back by its process, what is purged can not."""

import subprocess
import sys

import pytest

from mnist_core.runs.events import Ended, Started, State, append_event
from mnist_core.runs.files import RunError, write_whole
from mnist_core.runs.folder import Owner, Run
from mnist_core.runs.store import RunStore
from mnist_core.runs.trash import TRASH, discard, purge, purge_leftovers, restore
from tests.conftest import SMALL


def finished(store: RunStore) -> Run:
    run = store.create(SMALL)
    append_event(run.folder, Ended(state=State.FINISHED))
    return run


def content(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.folder.iterdir()}


def test_a_discarded_run_is_in_no_list_and_comes_back_as_it_was(store: RunStore) -> None:
    run, other = finished(store), finished(store)
    before = content(run)

    discarded = discard(run)
    assert store.list() == [other]
    with pytest.raises(RunError):
        store.get(run.id)

    assert restore(discarded) == run
    assert set(store.list()) == {run, other}
    assert content(run) == before


def test_a_live_run_is_not_discarded(store: RunStore) -> None:
    queued, running = store.create(SMALL), store.create(SMALL)
    append_event(running.folder, Started())

    with pytest.raises(RunError, match="queued; stop it"):
        discard(queued)
    with pytest.raises(RunError, match="running; stop it"):
        discard(running)
    assert len(store.list()) == 2


def test_a_damaged_run_can_be_discarded(store: RunStore) -> None:
    run = finished(store)
    (run.folder / "config.json").write_text("{")

    assert restore(discard(run)) == run


def test_what_is_purged_is_gone(store: RunStore) -> None:
    run, other = discard(finished(store)), discard(finished(store))
    purge([run])

    assert not run.folder.exists()
    with pytest.raises(RunError, match="for good"):
        restore(run)
    assert restore(other)


def test_nothing_outside_the_trash_is_purged(store: RunStore) -> None:
    run, discarded = finished(store), discard(finished(store))

    with pytest.raises(ValueError, match=str(run.folder)):
        purge([discarded, run])
    assert run.folder.exists()
    assert discarded.folder.exists()


def test_purging_twice_is_no_error(store: RunStore) -> None:
    run = discard(finished(store))
    purge([run])
    purge([run])


def test_discarding_twice_says_that_the_run_is_not_there(store: RunStore) -> None:
    run = finished(store)
    discard(run)

    with pytest.raises(RunError, match="no run"):
        discard(run)


def dead_owner() -> Owner:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = Owner.this_process().model_copy(update={"pid": process.pid})
        process.communicate(b"\n")
    return owner


def test_leftovers_are_those_of_processes_that_have_ended(store: RunStore) -> None:
    ours, theirs, nobodys = (discard(finished(store)) for _ in range(3))
    write_whole(theirs.folder / "deleted.json", dead_owner().model_dump_json().encode())
    (nobodys.folder / "deleted.json").unlink()
    purge_leftovers(store)

    assert [path.name for path in (store.folder / TRASH).iterdir()] == [ours.id]
    assert restore(ours)


def test_a_leftover_that_was_purged_in_part_goes_as_well(store: RunStore) -> None:
    run = discard(finished(store))
    for name in ("deleted.json", "config.json"):
        (run.folder / name).unlink()
    purge_leftovers(store)

    assert not run.folder.exists()


def test_leftovers_of_a_store_that_is_not_there_are_none(store: RunStore) -> None:
    purge_leftovers(store)

    assert not store.folder.exists()
