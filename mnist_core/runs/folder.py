"""A run is a folder, and this is its format: who writes what, and how it is read back.

    format.json       which version of this format it is; see ``format``
    config.json       asked: the TrainingConfig; its presence makes the folder a run
    owner.json        which process queued the run and answers for it; touched every few seconds
                      while it does, for the machines that can't see the process
    before.jsonl      happened in the runs that this one continues; as events.jsonl
    events.jsonl      happened: one JSON object a line, appended by the run's one writer
    control.json      wanted now: written whole by whoever steers, read by the worker
    labels.json       name, tags and note, as people gave them; written whole
    trial.json        the study that asked for it, and what for; missing where people did
    environment.json  versions, processor, threads: what the figures were made with
    checkpoint.npz    all that training goes on from, as of the last epoch's end (or as of the last
                      one of the run that this one continues)
    film.bin          the network at moments of its training; see ``runs.film``
    dataset.json      class names, image shape, numbers of images: the dataset, without its images
    model.keras       the trained network, for Keras
    model.tflite      the same, for inference without TensorFlow
    test.npz          probabilities (n, classes) float32 on the test set, and labels (n,) uint8
    report.json       scikit-learn's classification report on the test set
    worker.log        what the worker process printed
    tensorboard/      the events again, for TensorBoard, where the configuration asks for it

The writer of ``events.jsonl`` is the worker process while it lives, and the run's owner (see
``training.pool``) before it starts and after it has died. Readers never lock: they may see the
last line torn, and skip it.
"""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, RootModel

from mnist_core import storage
from mnist_core.config import ConfigError, TrainingConfig, read_config
from mnist_core.data import loading
from mnist_core.data.dataset import Outline
from mnist_core.runs.events import Epoch, Event, State, read_events
from mnist_core.runs.files import (
    DAMAGED_NPZ,
    RunError,
    age,
    read_model,
    read_object,
    unreadable,
    write_whole,
)
from mnist_core.runs.format import Completion, check_format
from mnist_core.runs.history import History
from mnist_core.words import reason

SILENCE = 15.0
"""Seconds after which nobody waits any more for another machine to touch its runs."""


class Control(BaseModel):
    """What the user wants of a live run: how it should be, not what should be done to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stop: bool = False
    pause_at: int | None = Field(None, ge=0)
    """Wait once so many steps are done, in all epochs: 0 at once, None never."""
    learning_rate: float | None = Field(None, ge=1e-5, le=1.0)
    """The peak, where a schedule varies it; None for that of the configuration."""


class Labels(BaseModel):
    """What people call a run; it changes nothing about the run itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    name: str = Field("", max_length=60)
    tags: tuple[Annotated[str, Field(min_length=1, max_length=30)], ...] = Field((), max_length=10)
    note: str = Field("", max_length=2000)


class Trial(BaseModel):
    """What a run is to the study that asked for it; see ``mnist_core.search``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    """Its id."""
    number: int = Field(ge=1)
    """Of the trial; that of a continuation is the number of the run that it continues."""
    confirms: bool = False
    """Whether it trains that trial's settings with a seed that the search had not seen. Else the
    run is not tested: a search may choose by the validation images alone."""
    added: bool = False
    """Whether people asked for that trial, not the search."""

    @property
    def role(self) -> str:
        """What the run is to the study, in words, e.g. ``"confirms trial 7"``."""
        return f"{'confirms ' if self.confirms else ''}trial {self.number}"


class Owner(BaseModel):
    """The process that answers for a run; a process id alone may be given to another one later."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    host: str
    pid: int = Field(gt=0, lt=2**31)
    created: float
    """When the process began, in seconds since the epoch of Unix."""

    @classmethod
    def this_process(cls) -> Owner:
        return cls.of_process(os.getpid())

    @classmethod
    def of_process(cls, pid: int) -> Owner:
        """A process on this machine."""
        created = psutil.Process(pid).create_time()
        return cls(host=socket.gethostname(), pid=pid, created=created)

    @classmethod
    def read(cls, path: Path) -> Owner | None:
        """The process that a file names; None where there is none, or it can't be read."""
        try:
            return read_model(path, cls)
        except RunError:
            return None

    @property
    def is_here(self) -> bool:
        """Whether the process is, or was, on this machine."""
        return self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        """Whether the process still runs, on this machine."""
        if not self.is_here:
            return False
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return bool(abs(process.create_time() - self.created) < 1)
        except psutil.Error:
            return False

    def still_minds(self, mark: Path, beside: Path, silence: float) -> bool:
        """Whether the process goes on minding what it has marked with a file that names it.

        Of a process on another machine, that is judged by when it last touched the file.

        Args:
            beside: a folder of the same file system; see ``files.age``.
            silence: after so many seconds without a touch, it does not.
        """
        if self.is_here:
            return self.alive
        try:
            return abs(age(mark, beside)) < silence  # a touch of tomorrow is none
        except OSError:
            return False


class _Report(RootModel[dict[str, dict[str, float] | float]]):
    """Figures for each class, then for all of them."""

    model_config = ConfigDict(allow_inf_nan=False)


class _Environment(RootModel[dict[str, str | bool | int | float | None]]):
    """Facts by their names."""

    model_config = ConfigDict(allow_inf_nan=False)


@dataclass(frozen=True)
class Run:
    """A run's folder; every property reads the disk."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @cached_property
    def config(self) -> TrainingConfig:
        """What was asked.

        Raises:
            NewerFormat: a newer version of the program has made the run.
            RunError: the file is missing, damaged, or not a configuration.
        """
        self._check()
        path = self.folder / "config.json"
        asked = read_object(path)
        if asked is None:
            raise RunError(f"no run {self.id!r}: {path} does not exist")
        try:
            return read_config(asked, of_a_run=True)
        except ConfigError as error:
            raise RunError(f"{path}: {error}") from None

    def _check(self) -> None:
        """Refuse a folder that can't be a run's, whatever its files say.

        Raises:
            NewerFormat: a newer version of the program has made it.
            RunError: its name is no run's, it can't be read, or it leads elsewhere.
        """
        if self.created is None:
            raise RunError(f"{self.folder}: the name begins with {self.id[:15]}, which is no time")
        if self.folder.is_symlink():
            raise RunError(f"{self.folder} is a link, and links are not followed")
        try:
            with os.scandir(self.folder) as files:
                odd = [
                    file.path
                    for file in files
                    if not (
                        file.is_file(follow_symlinks=False) or file.is_dir(follow_symlinks=False)
                    )
                ]
        except (FileNotFoundError, NotADirectoryError):
            odd = []  # as its files are missed
        except OSError as error:
            raise unreadable(self.folder, error) from None
        if odd:
            raise RunError(f"{min(odd)} is a link or a device, which are not followed")
        check_format(self.folder)

    def dataset(self) -> Outline:
        """What it is trained on: as its worker wrote it down, else as it is on this machine.

        Raises:
            RunError: the file is damaged; or the worker has written none, and there is none here.
        """
        written = read_model(self.folder / "dataset.json", Outline)
        if written:
            return written
        # It waits for its worker, or is from before datasets of one's own.
        try:
            return loading.outline(self.config.dataset)
        except loading.DatasetError as error:
            raise RunError(str(error)) from None

    @cached_property
    def owner(self) -> Owner | None:
        return Owner.read(self.folder / "owner.json")

    @property
    def elsewhere(self) -> str | None:
        """The other machine that answers for it, if one does."""
        return self.owner.host if self.owner and not self.owner.is_here else None

    @property
    def silence(self) -> float:
        """Seconds since its owner's machine last touched it; infinite where that can't be told."""
        try:
            return max(0.0, age(self.folder / "owner.json", self.folder.parent))
        except OSError:
            return math.inf

    @property
    def created(self) -> datetime | None:
        """When the run was asked for (UTC); None where its folder's name says no such time."""
        try:
            # Thousands of runs are listed at once, and strptime would take a twentieth of that.
            moment = datetime.fromisoformat(f"{self.id[:8]}T{self.id[9:15]}").replace(tzinfo=UTC)
        except ValueError:
            return None
        return moment if 1970 <= moment.year < 2200 else None  # what tables can hold

    def history(self) -> History:
        """All that has happened so far.

        Raises:
            NewerFormat: a newer version of the program has made the run.
            RunError: the events are damaged.
        """
        self._check()
        try:
            batch_size = self.config.batch_size
        except RunError:
            batch_size = 0  # what happened can be shown all the same
        history = History(self.folder / "events.jsonl", batch_size)
        for event in self.before():
            history.add(event)
        history.update()
        return history

    def before(self) -> Iterator[Event]:
        """What happened in the runs that this one continues."""
        return map(Completion(), read_events(self.folder / "before.jsonl"))

    @cached_property
    def trial(self) -> Trial | None:
        """What it is to a study; None where people asked for it.

        Raises:
            RunError: the file is damaged.
        """
        return read_model(self.folder / "trial.json", Trial)

    @property
    def is_trial(self) -> bool:
        """Whether a study only tries it, so that it is not tested."""
        try:
            return self.trial is not None and not self.trial.confirms
        except RunError:
            return False  # as with other damage, it is shown, and said what is wrong

    def events(self) -> Iterator[Event]:
        """What has happened in this run alone."""
        return map(Completion(), read_events(self.folder / "events.jsonl"))

    def state(self, history: History) -> State:
        """Where the run stands, by what has happened and whether its owner still minds it."""
        if history.ended:
            return State(history.ended.state)
        mark = self.folder / "owner.json"
        if not (self.owner and self.owner.still_minds(mark, self.folder.parent, SILENCE)):
            return State.INTERRUPTED
        if history.paused:
            return State.PAUSED
        return State.RUNNING if history.started else State.QUEUED

    @property
    def has_model(self) -> bool:
        """Whether the run can be evaluated and asked: its model and test results are there."""
        # Not Path.exists, which raises where the folder may not be entered.
        return all(os.path.exists(self.folder / name) for name in ("model.tflite", "test.npz"))

    def control(self) -> Control:
        """What is wanted now.

        Raises:
            RunError: the file is damaged.
        """
        return read_model(self.folder / "control.json", Control) or Control()

    def want(self, **wishes: Any) -> None:
        """Change what is wanted of the run: fields of :class:`Control`; the others stay.

        Raises:
            ValueError: a wish is out of bounds, or none that there is.
            RunError: the run is not there any more, or what is wanted of it is damaged.
            StorageError: it can't be written.
        """
        control = Control(**(self.control().model_dump() | wishes))
        self._write("control.json", control.model_dump_json().encode())

    @property
    def checkpoint(self) -> Path:
        """The file that training goes on from; see ``training.checkpoint``."""
        return self.folder / "checkpoint.npz"

    @property
    def film(self) -> Path:
        """The file with the network at moments of its training; see ``runs.film``."""
        return self.folder / "film.bin"

    def checkpoint_epoch(self) -> Epoch | None:
        """The epoch that the checkpoint was made after; None without a checkpoint.

        Raises:
            RunError: the file is damaged.
        """
        try:
            with self.checkpoint.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return Epoch.model_validate_json(str(arrays["epoch"]))
        except FileNotFoundError:
            return None
        except DAMAGED_NPZ as error:
            raise RunError(f"{self.checkpoint} is damaged: {reason(error)}") from error

    def labels(self) -> Labels:
        """What people call the run; all empty until somebody has named it.

        Raises:
            RunError: the file is damaged.
        """
        return read_model(self.folder / "labels.json", Labels) or Labels()

    def set_labels(self, labels: Labels) -> None:
        """Call the run so from now on.

        Raises:
            RunError: the run is not there any more.
            StorageError: it can't be written.
        """
        self._write("labels.json", labels.model_dump_json(indent=2).encode())

    def _write(self, name: str, content: bytes) -> None:
        with storage.using(self.folder.parent, storage.RUNS):
            try:
                write_whole(self.folder / name, content)
            except FileNotFoundError:
                raise RunError(f"there is no run {self.id!r} any more") from None

    def test_results(self) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Probabilities ``(n, classes)`` float32 on the test set, and its labels ``(n,)`` uint8.

        Raises:
            RunError: the run has none (yet), or the file is damaged.
        """
        path = self.folder / "test.npz"
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return arrays["probabilities"], arrays["labels"]
        except FileNotFoundError:
            raise RunError(f"run {self.id} has no test results: {path} does not exist") from None
        except DAMAGED_NPZ as error:
            raise RunError(f"{path} is damaged: {reason(error)}") from error

    def report(self) -> dict[str, Any] | None:
        """The classification report that the worker kept; None where it kept none.

        Raises:
            RunError: the file is damaged.
        """
        found = read_model(self.folder / "report.json", _Report)
        return found.root if found else None

    def environment(self) -> dict[str, Any]:
        """What the run was made with: versions, processor, threads; {} where that was not kept.

        Without the worker's whole time, which of a continued run is only the last part's.

        Raises:
            RunError: the file is damaged.
        """
        found = read_model(self.folder / "environment.json", _Environment)
        facts = found.root if found else {}
        return {name: value for name, value in facts.items() if name != "duration_seconds"}
