"""What happens in a run: a line of ``events.jsonl`` each, appended and read back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from mnist_core.runs.files import RunError, unreadable


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

    @property
    def cut_short(self) -> bool:
        """Whether it ended by something else than its settings."""
        return self in (State.STOPPED, State.FAILED, State.INTERRUPTED)


# What training can give: pages divide by these figures and count on them, wherever they are from.
Count = Annotated[int, Field(ge=0, lt=10**15)]
Number = Annotated[int, Field(ge=1, lt=10**15)]
Measure = Annotated[float, Field(ge=0, lt=1e15)]
Share = Annotated[float, Field(ge=0, le=1)]
Loss = Annotated[float, Field(ge=0)]

CameLater = Annotated[Count, BeforeValidator(lambda value: value or 0)]
"""A figure that the first runs did not write down, or wrote as null: 0 in what is stored of them,
until :class:`mnist_core.runs.format.Completion` has made up for it."""


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    time: Measure = Field(default_factory=time.time)
    """Seconds since the epoch of Unix."""


class Started(_Event):
    """The worker has taken the run."""

    kind: Literal["started"] = "started"


class Fitting(_Event):
    """Data and network are ready; training begins."""

    kind: Literal["fitting"] = "fitting"
    weights: Count
    train_images: Count
    validation_images: Count
    steps_per_epoch: Count
    multiply_adds: CameLater = 0
    """For one image, on its way through the network."""

    def model_post_init(self, _context: object) -> None:
        if not (self.weights and self.train_images and self.steps_per_epoch):
            raise ValueError("an event 'fitting' is of no weights, images or steps")


class Batch(_Event):
    """Some steps further: means over the epoch so far. ``loss`` is None when not finite."""

    kind: Literal["batch"] = "batch"
    epoch: Number
    step: Number
    loss: Loss | None
    accuracy: Share
    images_per_second: Measure
    elapsed: Measure = 0.0
    """Seconds in training so far: without pauses, with those of the runs that were continued."""
    learning_rate: float | None = None
    """Of the step to come; None in runs that did not write it down."""
    crossentropy: float | None = None
    """The loss on the labels as they are, where ``loss`` has them smoothed."""

    @property
    def comparable_loss(self) -> float | None:
        """The loss that can be set beside that of a run without label smoothing, if it is known."""
        return self.loss if self.crossentropy is None else self.crossentropy


class Epoch(_Event):
    """An epoch has ended. Validation figures are None where nothing is held back."""

    kind: Literal["epoch"] = "epoch"
    epoch: Number
    loss: Loss | None
    accuracy: Share
    val_loss: Loss | None
    val_accuracy: Share | None
    learning_rate: Measure
    seconds: Measure
    """Without pauses."""
    elapsed: Measure = 0.0
    """As in :class:`Batch`."""
    step: CameLater = 0
    """How many steps it had: all, unless the user stopped it."""
    crossentropy: float | None = None
    """As in :class:`Batch`."""
    val_crossentropy: float | None = None
    """The same of ``val_loss``."""

    @property
    def comparable_loss(self) -> float | None:
        """As in :class:`Batch`."""
        return self.loss if self.crossentropy is None else self.crossentropy

    @property
    def comparable_val_loss(self) -> float | None:
        """The same of ``val_loss``."""
        return self.val_loss if self.val_crossentropy is None else self.val_crossentropy


class Paused(_Event):
    """Training waits, after so many steps of the epoch and so many in all, for a change of wish."""

    kind: Literal["paused"] = "paused"
    epoch: Number
    step: Count
    steps: Count


class Resumed(_Event):
    """Training goes on."""

    kind: Literal["resumed"] = "resumed"


class LearningRate(_Event):
    """The user's new learning rate (the peak, where a schedule varies it).

    It holds from the step after the epoch's ``step`` on.
    """

    kind: Literal["learning_rate"] = "learning_rate"
    epoch: Number
    step: Count
    learning_rate: Measure


class Continued(_Event):
    """What comes next happened in another run, which took over where this one was."""

    kind: Literal["continued"] = "continued"
    run: str
    """The id of the run that ends here."""
    epochs: Count
    """How many were over."""
    asked: Count
    """How many it had been asked for, which its learning-rate schedule spanned."""


class Evaluated(_Event):
    """The test set has been used, once. ``train_seconds`` is as ``elapsed`` in :class:`Batch`."""

    kind: Literal["evaluated"] = "evaluated"
    test_accuracy: Share
    test_loss: Loss
    test_images: Count
    train_seconds: Measure

    def model_post_init(self, _context: object) -> None:
        if not self.test_images:
            raise ValueError("an event 'evaluated' is of no images")


class Ended(_Event):
    """The last event of a run."""

    kind: Literal["ended"] = "ended"
    state: Literal[State.FINISHED, State.STOPPED, State.FAILED, State.INTERRUPTED]
    message: str = ""
    """For people: why it ended so, where that needs saying."""
    died: bool = False
    """Whether it failed because its process died, which says nothing on its settings."""


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
        RunError: a line is JSON but no event, or one that no training gives.
    """
    for line in lines:
        try:
            yield _EVENT.validate_json(line)
        except ValidationError as error:
            fault = error.errors()[0]
            if fault["type"] == "json_invalid" and not _is_too_much(fault["msg"]):
                continue  # torn: its writer died in the middle of it
            raise RunError(f"{path}: {_explain(fault, line, error)}") from None


def _is_too_much(fault: str) -> bool:
    """Whether JSON is refused for its depth or the length of a number: no torn line is."""
    return "recursion limit" in fault or "number out of range" in fault


def _explain(fault: ErrorDetails, line: bytes, error: ValidationError) -> str:
    kind, *names = fault["loc"] or ("",)
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    if names and fault["type"] != "missing":
        return f"an event {kind!r} has the {names[0]} {str(fault['input'])[:200]}: {fault['msg']}"
    return f"not an event: {line[:200]!r} ({error})"


def read_events(path: Path) -> Iterator[Event]:
    """All events of a file; none where there is no file.

    Raises:
        RunError: it can't be read, or is damaged.
    """
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        raise unreadable(path, error) from None
    yield from parse_events(lines, path)
