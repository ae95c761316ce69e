"""Deleting runs in two steps: out of sight, where they can be brought back, then for good.

A deleted run waits in the folder ``.trash`` inside its store's folder, whole. Its ``deleted.json``
names the process that may still bring it back; once that one has ended, nobody can. A link among
the runs is moved and deleted itself; what it leads to is left alone.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable

from mnist_core import storage
from mnist_core.runs.catalog import Summary, summarize
from mnist_core.runs.files import RunError, delete, own_folder, write_whole
from mnist_core.runs.folder import Owner, Run
from mnist_core.runs.store import RunStore
from mnist_core.words import reason

TRASH = ".trash"
DAY = 24 * 60 * 60
"""Seconds that another machine has for bringing a run back."""


def discard(run: Run) -> Run:
    """Take a run out of its store; returns it as it lies in the trash.

    Raises:
        RunError: it is still live, or not there any more.
        StorageError: it can't be moved.
    """
    summary = summarize(run)
    if isinstance(summary, Summary) and summary.state.live:
        raise RunError(f"run {run.id} is {summary.state}; stop it before you delete it")
    with storage.using(run.folder.parent, storage.RUNS):
        trash = own_folder(run.folder.parent / TRASH)
        try:
            if not run.folder.is_symlink():
                owner = Owner.this_process().model_dump_json().encode()
                write_whole(run.folder / "deleted.json", owner)
            return Run(run.folder.rename(trash / run.id))
        except FileNotFoundError:
            raise RunError(f"there is no run {run.id!r} any more") from None


def restore(discarded: Run) -> Run:
    """Bring a run back from the trash; returns it in its old place.

    Raises:
        RunError: it has been purged.
        StorageError: it can't be moved.
    """
    with storage.using(discarded.folder.parents[1], storage.RUNS):
        try:
            run = Run(discarded.folder.rename(discarded.folder.parents[1] / discarded.id))
        except FileNotFoundError:
            raise RunError(f"run {discarded.id!r} has been deleted for good") from None
        if not run.folder.is_symlink():
            (run.folder / "deleted.json").unlink(missing_ok=True)
    return run


def purge(discarded: Iterable[Run]) -> None:
    """Delete runs for good.

    Raises:
        ValueError: one of them is not in the trash; nothing is deleted then.
        StorageError: one of them can't be deleted; the others are.
    """
    folders = [run.folder for run in discarded]
    for folder in folders:
        if folder.parent.name != TRASH:
            raise ValueError(f"{folder} is not in a folder {TRASH}; only what is can be purged")
    stuck: list[OSError] = []
    for folder in folders:
        try:
            with contextlib.suppress(FileNotFoundError):  # purged by another process, or restored
                delete(folder)
        except OSError as error:
            stuck.append(error)
    for error in stuck:
        raise storage.StorageError(f"a deleted run can't be removed: {reason(error)}") from error


def purge_leftovers(store: RunStore) -> None:
    """Delete for good what nobody can bring back, since the process that deleted it has ended.

    What can't be deleted is told to the log, and tried again the next time.
    """
    trash = store.folder / TRASH
    try:
        discarded = [] if trash.is_symlink() else map(Run, RunStore(trash).folders())
        purge([run for run in discarded if not _kept(run)])
    except OSError as error:
        logging.getLogger(__name__).warning("%s: %s", trash, error)


def _kept(discarded: Run) -> bool:
    if discarded.folder.is_symlink():
        return False
    mark = discarded.folder / "deleted.json"
    owner = Owner.read(mark)
    return owner is not None and owner.still_minds(mark, discarded.folder.parent, DAY)
