"""Where all runs are: makes new ones, and finds those that there are."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from mnist_core.config import FIELDS, ConfigError, TrainingConfig
from mnist_core.fields import allowed, bounds
from mnist_core.runs.events import Continued, Epoch, Event, Fitting, LearningRate
from mnist_core.runs.files import RunError, write_whole
from mnist_core.runs.folder import Owner, Run
from mnist_core.runs.format import write_format

_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}", re.ASCII)


def is_run_id(name: str) -> bool:
    """Whether a run could be called so; the first part of its id is a time."""
    try:
        return bool(_RUN_ID.fullmatch(name) and Run(Path(name)).created)
    except ValueError:
        return False


@dataclass(frozen=True)
class RunStore:
    """The folder that holds every run's folder."""

    folder: Path

    def create(self, config: TrainingConfig) -> Run:
        """A new run, queued, owned by this process."""
        run = self._new_folder()
        write_whole(run.folder / "config.json", config.model_dump_json(indent=2).encode())
        return run

    def create_continuation(self, parent: Run, epochs: float) -> Run:
        """A new run, queued, owned by this process, that goes on where another one was.

        It has the parent's settings, but for the epochs: those that the parent's checkpoint was
        made after, and ``epochs`` more. It needs nothing of the parent any more.

        Raises:
            RunError: the parent is live or damaged, or has no checkpoint.
            ConfigError: too many epochs, less than one, or a part of one.
        """
        past = parent.history()
        state = parent.state(past)
        if state.live:
            raise RunError(f"run {parent.id} is {state}; only one that is over can be continued")
        last = parent.checkpoint_epoch()
        if last is None:
            raise RunError(
                f"run {parent.id} has nothing to go on from: it ended before its first epoch did"
            )
        total = last.epoch + epochs
        if not isinstance(total, int) or epochs < 1 or total > bounds(FIELDS["epochs"])[1]:
            raise ConfigError(
                f"{epochs:,} more epochs after {last.epoch:,} make {total:,}; "
                f"allowed: at least 1 more, and {allowed(FIELDS['epochs'])} in all"
            )
        config = parent.config.model_copy(update={"epochs": total})
        before: list[Event] = []
        over = False
        for event in (*parent.before(), *parent.events()):
            match event:
                case Epoch():
                    over = over or event.epoch == last.epoch
                    if event.epoch < last.epoch:
                        before.append(event)
                case LearningRate() if not over and event.epoch <= last.epoch:
                    before.append(event)  # later ones are lost with their epoch
                case Fitting() | Continued():
                    before.append(event)
        # The last epoch as the checkpoint has it: death may have kept it from the events.
        before += [last, Continued(run=parent.id, epochs=last.epoch, asked=parent.config.epochs)]

        run = self._new_folder()
        lines = b"".join(event.model_dump_json().encode() + b"\n" for event in before)
        write_whole(run.folder / "before.jsonl", lines)
        write_whole(run.checkpoint, parent.checkpoint.read_bytes())
        write_whole(run.folder / "config.json", config.model_dump_json(indent=2).encode())
        return run

    def _new_folder(self) -> Run:
        """No run yet: its ``config.json`` is missing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        while True:
            run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
            folder = self.folder / run_id
            try:
                folder.mkdir()
                break
            except FileExistsError:
                continue
        write_format(folder)
        write_whole(folder / "owner.json", Owner.this_process().model_dump_json().encode())
        return Run(folder)

    def get(self, run_id: str) -> Run:
        """The run of that id.

        Raises:
            RunError: there is none, or the id is not one.
        """
        run = Run(self.folder / run_id)
        if not _RUN_ID.fullmatch(run_id) or not (run.folder / "config.json").is_file():
            raise RunError(f"there is no run {run_id!r} in {self.folder}")
        return run

    def ids(self) -> list[str]:
        """Every folder that is named like a run, newest first; it may be damaged, or half made."""
        if not self.folder.is_dir():
            return []
        with os.scandir(self.folder) as entries:
            ids = [e.name for e in entries if _RUN_ID.fullmatch(e.name) and e.is_dir()]
        return sorted(ids, reverse=True)

    def folders(self) -> Iterator[Path]:
        """The folders of :meth:`ids`."""
        return (self.folder / run_id for run_id in self.ids())

    def list(self, limit: int | None = None) -> list[Run]:
        """The runs, newest first: at most ``limit`` of them, or every one."""
        runs = (Run(folder) for folder in self.folders())
        return list(islice((run for run in runs if (run.folder / "config.json").is_file()), limit))
