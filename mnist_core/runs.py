"""A run is a folder, and this is its format: who writes what, and how it is read back.

    config.json       asked: the TrainingConfig; its presence makes the folder a run
    owner.json        which process queued the run and answers for it
    before.jsonl      happened in the runs that this one continues; as events.jsonl
    events.jsonl      happened: one JSON object a line, appended by the run's one writer
    control.json      wanted now: written whole by whoever steers, read by the worker
    labels.json       name, tags and note, as people gave them; written whole
    environment.json  versions, processor, threads: what the figures were made with
    checkpoint.npz    all that training goes on from, as of the last epoch's end (or as of the last
                      one of the run that this one continues)
    dataset.json      class names, image shape, numbers of images: the dataset, without its images
    model.keras       the trained network, for Keras
    model.tflite      the same, for inference without TensorFlow
    test.npz          probabilities (n, classes) float32 on the test set, and labels (n,) uint8
    report.json       scikit-learn's classification report on the test set
    worker.log        what the worker process printed
    tensorboard/      the events again, for TensorBoard, where the configuration asks for it

The writer of ``events.jsonl`` is the worker process while it lives, and the run's owner (see
``workers``) before it starts and after it has died. Readers never lock: they may see the last line
torn, and skip it.
"""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import socket
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from zipfile import BadZipFile

import numpy as np
import psutil
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mnist_core.config import ConfigError, TrainingConfig, allowed, bounds, read_config
from mnist_core.data import loading
from mnist_core.data.dataset import Outline


class RunError(ValueError):
    """A run is missing or its folder can't be read; the message says which file and why."""


class State(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    """Waits for a worker; its owner is alive."""
    RUNNING = "running"
    """A worker has it; its owner is alive."""
    PAUSED = "paused"
    """The same, but the user has it wait between two steps."""
    FINISHED = "finished"
    """Trained to the end (or to its early stop) and evaluated."""
    STOPPED = "stopped"
    """Ended by the user; what was learned is kept and evaluated."""
    FAILED = "failed"
    """Ended by an error or by the death of its worker."""
    INTERRUPTED = "interrupted"
    """Its owner (the dashboard's server or the command line) ended first."""

    @property
    def live(self) -> bool:
        """Whether more is to be expected."""
        return self in (State.QUEUED, State.RUNNING, State.PAUSED)


# --- Events ---------------------------------------------------------------------------------------


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)

    time: float = Field(default_factory=time.time)
    """Seconds since the epoch of Unix."""


class Started(_Event):
    """The worker has taken the run."""

    kind: Literal["started"] = "started"


class Fitting(_Event):
    """Data and network are ready; training begins."""

    kind: Literal["fitting"] = "fitting"
    weights: int
    train_images: int
    validation_images: int
    steps_per_epoch: int
    multiply_adds: int | None = None
    """For one image, on its way through the network."""


class Batch(_Event):
    """Some steps further: means over the epoch so far. ``loss`` is None when not finite."""

    kind: Literal["batch"] = "batch"
    epoch: int
    step: int
    loss: float | None
    accuracy: float
    images_per_second: float
    elapsed: float = 0.0
    """Seconds in training so far: without pauses, with those of the runs that were continued."""


class Epoch(_Event):
    """An epoch has ended. Validation figures are None where nothing is held back."""

    kind: Literal["epoch"] = "epoch"
    epoch: int
    loss: float | None
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    learning_rate: float
    seconds: float
    """Without pauses."""
    elapsed: float = 0.0
    """As in :class:`Batch`."""
    step: int | None = None
    """How many steps it had: all, unless the user stopped it. None in runs of old."""


class Paused(_Event):
    """Training waits, after so many steps of the epoch and so many in all, for a change of wish."""

    kind: Literal["paused"] = "paused"
    epoch: int
    step: int
    steps: int


class Resumed(_Event):
    """Training goes on."""

    kind: Literal["resumed"] = "resumed"


class LearningRate(_Event):
    """The user's new learning rate (the peak, where a schedule varies it).

    It holds from the step after the epoch's ``step`` on.
    """

    kind: Literal["learning_rate"] = "learning_rate"
    epoch: int
    step: int
    learning_rate: float


class Continued(_Event):
    """What comes next happened in another run, which took over where this one was."""

    kind: Literal["continued"] = "continued"
    run: str
    """The id of the run that ends here."""
    epochs: int
    """How many were over."""
    asked: int
    """How many it had been asked for, which its learning-rate schedule spanned."""


class Evaluated(_Event):
    """The test set has been used, once. ``train_seconds`` is as ``elapsed`` in :class:`Batch`."""

    kind: Literal["evaluated"] = "evaluated"
    test_accuracy: float
    test_loss: float
    test_images: int
    train_seconds: float


class Ended(_Event):
    """The last event of a run."""

    kind: Literal["ended"] = "ended"
    state: Literal[State.FINISHED, State.STOPPED, State.FAILED, State.INTERRUPTED]
    message: str = ""
    """For people: why it ended so, where that needs saying."""


Event = (
    Started
    | Fitting
    | Batch
    | Epoch
    | Paused
    | Resumed
    | LearningRate
    | Continued
    | Evaluated
    | Ended
)
_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="kind")])


def append_event(folder: Path, event: Event) -> None:
    """Append one line; a line torn by the death of the last writer is closed first."""
    with (folder / "events.jsonl").open("ab+") as file:
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(event.model_dump_json().encode() + b"\n")


def parse_events(lines: Iterable[bytes], path: Path) -> Iterator[Event]:
    """The events in whole lines of ``path``, one after the other.

    Raises:
        RunError: a line is JSON but no event.
    """
    for line in lines:
        try:
            yield _EVENT.validate_json(line)
        except ValidationError as error:
            if error.errors()[0]["type"] == "json_invalid":
                continue  # torn: its writer died in the middle of it
            raise RunError(f"{path}: not an event: {line[:200]!r} ({error})") from None


def _events(path: Path) -> Iterator[Event]:
    """All events of a file; none where there is no file."""
    if path.is_file():
        yield from parse_events(path.read_bytes().splitlines(), path)


class Mark(NamedTuple):
    """Something that people did to a run."""

    at: float
    """When, in epochs."""
    label: str
    """For a chart."""
    words: str


@dataclass
class History:
    """A run's events, folded; call :meth:`update` to take in what has been appended since.

    Those of the runs that it continues come first, so that its curves begin with theirs.
    """

    path: Path
    started: Started | None = None
    fitting: Fitting | None = None
    batches: list[Batch] = field(default_factory=list)
    """Of the running epoch only."""
    epochs: list[Epoch] = field(default_factory=list)
    paused: Paused | None = None
    """Where it waits, while it does."""
    learning_rates: list[LearningRate] = field(default_factory=list)
    continued: list[Continued] = field(default_factory=list)
    """The runs that it continues, the last of them its parent."""
    evaluated: Evaluated | None = None
    ended: Ended | None = None
    _offset: int = 0

    def update(self) -> None:
        """Read on from where the last update ended; cheap when nothing has happened.

        Raises:
            RunError: a whole line is JSON but no event.
        """
        for event in self._read_on():
            self.add(event)

    def add(self, event: Event) -> None:
        """Take in what happened next."""
        match event:
            case Started():
                self.started = event
            case Fitting():
                self.fitting = event
            case Batch():
                self.batches.append(event)
            case Epoch():
                self.epochs.append(event)
                self.batches.clear()
            case Paused():
                self.paused = event
            case Resumed():
                self.paused = None
            case LearningRate():
                self.learning_rates.append(event)
            case Continued():
                self.continued.append(event)
            case Evaluated():
                self.evaluated = event
            case Ended():
                self.paused, self.ended = None, event

    def marks(self) -> list[Mark]:
        """What people did to it, in order: learning rates set by hand, runs that it took over."""
        steps = self.fitting.steps_per_epoch if self.fitting else 1
        # Of several rates that were set at one step, in a pause, only the last was trained with.
        rates = {
            (change.epoch, change.step): change.learning_rate for change in self.learning_rates
        }
        marks = [
            Mark(
                epoch - 1 + step / steps,
                f"learning rate {rate:g}",
                f"learning rate set to {rate:g} in epoch {epoch}",
            )
            for (epoch, step), rate in rates.items()
        ]
        marks += [
            Mark(
                past.epochs, "continued", f"continued from run {past.run} after epoch {past.epochs}"
            )
            for past in self.continued
        ]
        return sorted(marks)

    def _read_on(self) -> Iterator[Event]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        yield from parse_events(whole.splitlines(), self.path)


# --- Control --------------------------------------------------------------------------------------


class Control(BaseModel):
    """What the user wants of a live run: how it should be, not what should be done to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stop: bool = False
    pause_at: int | None = Field(None, ge=0)
    """Wait once so many steps are done, in all epochs: 0 at once, None never."""
    learning_rate: float | None = Field(None, ge=1e-5, le=1.0)
    """The peak, where a schedule varies it; None for that of the configuration."""


# --- Labels ---------------------------------------------------------------------------------------


class Labels(BaseModel):
    """What people call a run; it changes nothing about the run itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    name: str = Field("", max_length=60)
    tags: tuple[Annotated[str, Field(min_length=1, max_length=30)], ...] = Field((), max_length=10)
    note: str = Field("", max_length=2000)


# --- The run --------------------------------------------------------------------------------------


class Owner(BaseModel):
    """The process that answers for a run; a process id alone may be given to another one later."""

    model_config = ConfigDict(frozen=True)

    host: str
    pid: int
    created: float
    """When the process began, in seconds since the epoch of Unix."""

    @classmethod
    def this_process(cls) -> Owner:
        return cls(
            host=socket.gethostname(), pid=os.getpid(), created=psutil.Process().create_time()
        )

    @property
    def alive(self) -> bool:
        """Whether the process still runs, on this machine."""
        if self.host != socket.gethostname():
            return False
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return bool(abs(process.create_time() - self.created) < 1)
        except psutil.NoSuchProcess:
            return False


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
            RunError: the file is missing, no JSON, or not a configuration.
        """
        path = self.folder / "config.json"
        try:
            return read_config(json.loads(path.read_bytes()), of_a_run=True)
        except FileNotFoundError:
            raise RunError(f"no run {self.id!r}: {path} does not exist") from None
        except (json.JSONDecodeError, UnicodeDecodeError, ConfigError) as error:
            raise RunError(f"{path}: {error}") from None

    def dataset(self) -> Outline:
        """What it is trained on: as its worker wrote it down, else as it is on this machine.

        Raises:
            RunError: the file is damaged; or the worker has written none, and there is none here.
        """
        path = self.folder / "dataset.json"
        try:
            return Outline.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            pass  # waits for its worker, or is from before datasets of one's own
        except ValidationError as error:
            raise RunError(f"{path} is damaged: {error.errors()[0]['msg']}") from None
        try:
            return loading.outline(self.config.dataset)
        except loading.DatasetError as error:
            raise RunError(str(error)) from None

    @cached_property
    def owner(self) -> Owner | None:
        try:
            return Owner.model_validate_json((self.folder / "owner.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    @property
    def created(self) -> datetime:
        """When the run was asked for (UTC)."""
        return datetime.strptime(self.id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)

    def history(self) -> History:
        """All that has happened so far."""
        history = History(self.folder / "events.jsonl")
        for event in self.before():
            history.add(event)
        history.update()
        return history

    def before(self) -> Iterator[Event]:
        """What happened in the runs that this one continues."""
        return _events(self.folder / "before.jsonl")

    @property
    def parent(self) -> str | None:
        """The id of the run that this one continues."""
        continued = [event for event in self.before() if isinstance(event, Continued)]
        return continued[-1].run if continued else None

    def events(self) -> Iterator[Event]:
        """What has happened in this run alone."""
        return _events(self.folder / "events.jsonl")

    def state(self, history: History) -> State:
        """Where the run stands, by what has happened and whether its owner is alive."""
        if history.ended:
            return State(history.ended.state)
        if self.owner is None or not self.owner.alive:
            return State.INTERRUPTED
        if history.paused:
            return State.PAUSED
        return State.RUNNING if history.started else State.QUEUED

    @property
    def has_model(self) -> bool:
        """Whether the run can be evaluated and asked: its model and test results are there."""
        return all((self.folder / name).is_file() for name in ("model.tflite", "test.npz"))

    def control(self) -> Control:
        """What is wanted now.

        Raises:
            RunError: the file is damaged.
        """
        path = self.folder / "control.json"
        try:
            return Control.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return Control()
        except ValidationError as error:
            raise RunError(f"{path} is damaged: {error.errors()[0]['msg']}") from None

    def want(self, **wishes: Any) -> None:
        """Change what is wanted of the run: fields of :class:`Control`; the others stay.

        Raises:
            ValueError: a wish is out of bounds, or none that there is.
        """
        control = Control(**(self.control().model_dump() | wishes))
        write_whole(self.folder / "control.json", control.model_dump_json().encode())

    @property
    def checkpoint(self) -> Path:
        """The file that training goes on from; see ``training.checkpoint``."""
        return self.folder / "checkpoint.npz"

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
            raise RunError(f"{self.checkpoint} is damaged: {error}") from error

    def labels(self) -> Labels:
        """What people call the run; all empty until somebody has named it.

        Raises:
            RunError: the file is damaged.
        """
        path = self.folder / "labels.json"
        try:
            return Labels.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return Labels()
        except ValidationError as error:
            raise RunError(f"{path} is damaged: {error.errors()[0]['msg']}") from None

    def set_labels(self, labels: Labels) -> None:
        """Call the run so from now on.

        Raises:
            RunError: the run is not there any more.
        """
        try:
            write_whole(self.folder / "labels.json", labels.model_dump_json(indent=2).encode())
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
            raise RunError(f"{path} is damaged: {error}") from error

    def report(self) -> dict[str, Any] | None:
        """The classification report that the worker kept; None where it kept none.

        Raises:
            RunError: the file is no JSON object.
        """
        return self._object("report.json")

    def environment(self) -> dict[str, Any]:
        """What the run was made with: versions, processor, threads; {} where that was not kept.

        Without the worker's whole time, which of a continued run is only the last part's.

        Raises:
            RunError: the file is no JSON object.
        """
        found = self._object("environment.json") or {}
        return {name: value for name, value in found.items() if name != "duration_seconds"}

    def _object(self, name: str) -> dict[str, Any] | None:
        path = self.folder / name
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError:
            return None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise RunError(f"{path} is damaged: {error}") from None
        if not isinstance(found, dict):
            raise RunError(f"{path} is damaged: not a JSON object")
        return found


DAMAGED_NPZ = (ValueError, TypeError, KeyError, OSError, EOFError, BadZipFile, zlib.error)
"""What NumPy raises at a damaged npz."""

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

    def create_continuation(self, parent: Run, epochs: int) -> Run:
        """A new run, queued, owned by this process, that goes on where another one was.

        It has the parent's settings, but for the epochs: those that the parent's checkpoint was
        made after, and ``epochs`` more. It needs nothing of the parent any more.

        Raises:
            RunError: the parent is live or damaged, or has no checkpoint.
            ConfigError: too many epochs, or less than one.
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
        if epochs < 1 or total > bounds("epochs")[1]:
            raise ConfigError(
                f"{epochs:,} more epochs after {last.epoch:,} make {total:,}; "
                f"allowed: at least 1 more, and {allowed('epochs')} in all"
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


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, whole (see :func:`write_whole`)."""
    write_whole(path, json.dumps(value, indent=2).encode())


def write_npz(path: Path, **arrays: NDArray[Any]) -> None:
    """Write ``arrays`` as compressed npz, whole (see :func:`write_whole`)."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_whole(path, buffer.getvalue())
