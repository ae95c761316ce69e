"""Where all runs are: makes new ones, and finds those that there are."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from mnist_core import storage
from mnist_core.config import FIELDS, ConfigError, TrainingConfig
from mnist_core.fields import allowed, bounds
from mnist_core.runs.events import Batch, Continued, Epoch, Event, Fitting, LearningRate
from mnist_core.runs.files import RunError, new_folder, write_whole
from mnist_core.runs.folder import Owner, Run, Trial
from mnist_core.runs.format import write_format

BUILT_IN_RUN = Run(Path(__file__).parent / "built_in" / "20261127-200000-0000")
"""Comes with the program, so that there is a network before one has been trained here: see
``built_in/README.md``. Every store has it, but none lists it; nobody changes it."""

MOST_BATCHES = 2_000
"""Of the past that a continuation takes with it: evenly far apart, for its curves alone."""

_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}", re.ASCII)


def is_run_id(name: str) -> bool:
    """Whether a run could be called so; the first part of its id is a time."""
    return bool(_RUN_ID.fullmatch(name) and Run(Path(name)).created)


def _last_epoch(parent: Run) -> Epoch:
    """The one after which a run that is over can be gone on with.

    Raises:
        RunError: it is live or damaged, has no checkpoint, or is the built-in one.
    """
    if parent == BUILT_IN_RUN:
        raise RunError(f"run {parent.id} comes with Digit Lab and can't be continued")
    state = parent.state(parent.history())
    if state.live:
        raise RunError(f"run {parent.id} is {state}; only one that is over can be continued")
    last = parent.checkpoint_epoch()
    if last is None:
        raise RunError(
            f"run {parent.id} has nothing to go on from: it ended before its first epoch did"
        )
    return last


@dataclass(frozen=True)
class RunStore:
    """The folder that holds every run's folder."""

    folder: Path

    def create(self, config: TrainingConfig, trial: Trial | None = None) -> Run:
        """A new run, queued, owned by this process.

        Args:
            trial: what it is to a study that asks for it.

        Raises:
            StorageError: it can't be written.
        """
        with self._new_run(trial) as run:
            write_whole(run.folder / "config.json", config.model_dump_json(indent=2).encode())
        return run

    def create_continuation(self, parent: Run, epochs: float) -> Run:
        """A new run, queued, owned by this process, that goes on where another one was.

        It has the parent's settings, but for the epochs: those that the parent's checkpoint was
        made after, and ``epochs`` more. It needs nothing of the parent any more.

        Raises:
            RunError: the parent is live or damaged, has no checkpoint, or is the built-in one.
            ConfigError: too many epochs, less than one, or a part of one.
            StorageError: it can't be written.
        """
        last = _last_epoch(parent)
        total = last.epoch + epochs
        if not isinstance(total, int) or epochs < 1 or total > bounds(FIELDS["epochs"])[1]:
            raise ConfigError(
                f"{epochs:,} more epochs after {last.epoch:,} make {total:,}; "
                f"allowed: at least 1 more, and {allowed(FIELDS['epochs'])} in all"
            )
        return self._go_on(parent, last, total)

    def create_resumption(self, parent: Run, trial: Trial) -> Run:
        """A new run, queued, owned by this process, of the epochs that a dead one was asked for.

        Of none, if death came after the last one.

        Args:
            trial: what it is to the study that asks for it.

        Raises:
            RunError: the parent is live or damaged, or has no checkpoint.
            StorageError: it can't be written.
        """
        return self._go_on(parent, _last_epoch(parent), parent.config.epochs, trial)

    def _go_on(self, parent: Run, last: Epoch, epochs: int, trial: Trial | None = None) -> Run:
        config = parent.config.model_copy(update={"epochs": epochs})
        before: list[Event] = []
        over = False
        for event in (*parent.before(), *parent.events()):
            match event:
                case Epoch():
                    over = over or event.epoch == last.epoch
                    if event.epoch < last.epoch:
                        before.append(event)
                case Batch() | LearningRate() if not over and event.epoch <= last.epoch:
                    before.append(event)  # later ones are lost with their epoch
                case Fitting() | Continued():
                    before.append(event)
        batches = [place for place, event in enumerate(before) if isinstance(event, Batch)]
        left_out = {*batches}.difference(batches[:: 1 + len(batches) // MOST_BATCHES])
        before = [event for place, event in enumerate(before) if place not in left_out]
        # The last epoch as the checkpoint has it: death may have kept it from the events.
        before += [last, Continued(run=parent.id, epochs=last.epoch, asked=parent.config.epochs)]

        lines = b"".join(event.model_dump_json().encode() + b"\n" for event in before)
        with self._new_run(trial) as run:
            write_whole(run.folder / "before.jsonl", lines)
            write_whole(run.checkpoint, parent.checkpoint.read_bytes())
            if parent.film.exists():
                write_whole(run.film, parent.film.read_bytes())
            write_whole(run.folder / "config.json", config.model_dump_json(indent=2).encode())
        return run

    @contextlib.contextmanager
    def _new_run(self, trial: Trial | None) -> Iterator[Run]:
        """No run yet: the block writes its ``config.json``, last. Nothing is left where it fails.

        Raises:
            StorageError: it can't be written.
        """
        with storage.using(self.folder, storage.RUNS):
            self.folder.mkdir(parents=True, exist_ok=True)
            folder = new_folder(self.folder)
            try:
                write_format(folder)
                write_whole(folder / "owner.json", Owner.this_process().model_dump_json().encode())
                if trial:
                    write_whole(folder / "trial.json", trial.model_dump_json().encode())
                yield Run(folder)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise

    def get(self, run_id: str) -> Run:
        """The run of that id.

        Raises:
            RunError: there is none, or the id is not one.
        """
        if run_id == BUILT_IN_RUN.id:
            return BUILT_IN_RUN
        if not _RUN_ID.fullmatch(run_id) or not self.is_run(run_id):
            raise RunError(f"there is no run {run_id!r} in {self.folder}")
        return Run(self.folder / run_id)

    def is_run(self, run_id: str) -> bool:
        """Whether what is named like a run is one, if only a damaged one, or a link to one.

        It is none while it is made: ``config.json`` comes last, and nothing happens before.
        """
        folder = f"{self.folder}/{run_id}"  # thousands of paths would take longer than this
        if os.path.islink(folder):
            return True
        try:
            names = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return "config.json" in names or "events.jsonl" in names

    def ids(self) -> list[str]:
        """What is named like a run, newest first; it may be damaged, half made, or a link.

        Raises:
            StorageError: the folder can't be read.
        """
        with storage.using(self.folder, storage.RUNS):
            try:
                with os.scandir(self.folder) as entries:
                    ids = [
                        entry.name
                        for entry in entries
                        if _RUN_ID.fullmatch(entry.name) and (entry.is_symlink() or entry.is_dir())
                    ]
            except FileNotFoundError:
                ids = []
        return sorted(ids, reverse=True)

    def folders(self) -> Iterator[Path]:
        """The folders of :meth:`ids`."""
        return (self.folder / run_id for run_id in self.ids())

    def list(self, limit: int | None = None, trials: bool = False) -> list[Run]:
        """The runs, newest first: at most ``limit`` of them, or every one.

        Args:
            trials: those, too, that a study only tries: thousands, and none of them is tested.
        """
        runs = (Run(folder) for folder in self.folders())
        wanted = (run for run in runs if self.is_run(run.id) and (trials or not run.is_trial))
        return list(islice(wanted, limit))
