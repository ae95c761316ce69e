"""Deleting runs in two steps: out of sight, where they can be brought back, then for good.

A deleted run waits in the folder ``.trash`` inside its store's folder, whole. Its ``deleted.json``
names the process that may still bring it back; once that one has ended, nobody can.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable

from mnist_core.runs.catalog import Summary, summarize
from mnist_core.runs.files import RunError, write_whole
from mnist_core.runs.folder import Owner, Run
from mnist_core.runs.store import BUILT_IN_RUN, RunStore

TRASH = ".trash"


def discard(run: Run) -> Run:
    """Take a run out of its store; returns it as it lies in the trash.

    Raises:
        RunError: it is still live, not there any more, or the built-in one.
    """
    if run == BUILT_IN_RUN:
        raise RunError(f"run {run.id} comes with Digit Lab and can't be deleted")
    summary = summarize(run)
    if isinstance(summary, Summary) and summary.state.live:
        raise RunError(f"run {run.id} is {summary.state}; stop it before you delete it")
    trash = run.folder.parent / TRASH
    trash.mkdir(exist_ok=True)
    try:
        write_whole(run.folder / "deleted.json", Owner.this_process().model_dump_json().encode())
        return Run(run.folder.rename(trash / run.id))
    except FileNotFoundError:
        raise RunError(f"there is no run {run.id!r} any more") from None


def restore(discarded: Run) -> Run:
    """Bring a run back from the trash; returns it in its old place.

    Raises:
        RunError: it has been purged.
    """
    try:
        run = Run(discarded.folder.rename(discarded.folder.parents[1] / discarded.id))
    except FileNotFoundError:
        raise RunError(f"run {discarded.id!r} has been deleted for good") from None
    (run.folder / "deleted.json").unlink(missing_ok=True)
    return run


def purge(discarded: Iterable[Run]) -> None:
    """Delete runs for good.

    Raises:
        ValueError: one of them is not in the trash; nothing is deleted then.
    """
    folders = [run.folder for run in discarded]
    for folder in folders:
        if folder.parent.name != TRASH:
            raise ValueError(f"{folder} is not in a folder {TRASH}; only what is can be purged")
    for folder in folders:
        with contextlib.suppress(FileNotFoundError):  # purged by another process, or restored
            shutil.rmtree(folder)


def purge_leftovers(store: RunStore) -> None:
    """Delete for good what nobody can bring back, since the process that deleted it has ended."""
    discarded = map(Run, RunStore(store.folder / TRASH).folders())
    purge([run for run in discarded if not _kept(run)])


def _kept(discarded: Run) -> bool:
    owner = Owner.read(discarded.folder / "deleted.json")
    return owner is not None and owner.alive
