"""The format of a run's folder: which version of it a folder is of, and how old ones differ.

``format.json`` says it, in a file of its own because it is read before all others: whatever a
version to come changes in those, this one names a folder as newer instead of taking it for damaged,
or reading it wrong. It goes with the run wherever that goes, in its zip, too.

    1   has no format.json. It was written while the format grew, so that it may lack all that came
        in time: whole files (dataset.json, report.json, environment.json, checkpoint.npz), which is
        what their readers' None stands for, settings, which then are as by default, and figures of
        events, which :class:`Completion` makes up for. Folders stay as they are stored.
    2   is what this version writes.

A new version is due when a reader of today would take what is written for something else. A new
setting needs none: those who don't know it refuse the run, and name the setting.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from mnist_core.runs.events import Batch, Epoch, Event, Fitting
from mnist_core.runs.files import RunError, read_model, write_whole

FILE = "format.json"
CURRENT = 2


class NewerFormat(RunError):  # noqa: N818
    """A run was made by a version of Digit Lab that came after this one."""


class Format(BaseModel):
    """What ``format.json`` says; newer versions may say more there."""

    model_config = ConfigDict(frozen=True)

    version: int = Field(ge=1)

    def check(self, where: Path | str) -> None:
        """Refuse what this version may not understand.

        Args:
            where: the file that says it, for the message.

        Raises:
            NewerFormat: it is newer than this program.
        """
        if self.version > CURRENT:
            raise NewerFormat(
                f"{where}: made by a newer version of Digit Lab, in format {self.version}; this "
                f"version reads formats up to {CURRENT}"
            )


def check_format(folder: Path) -> None:
    """Refuse a run's folder that this version may not understand.

    Raises:
        NewerFormat: it is of a newer format.
        RunError: the file that says so is damaged.
    """
    found = read_model(folder / FILE, Format)
    if found:
        found.check(folder / FILE)


def write_format(folder: Path) -> None:
    """Mark a new folder as one of today's format."""
    write_whole(folder / FILE, Format(version=CURRENT).model_dump_json().encode())


class Completion:
    """Events as they would be written today, one after the other, in the order of their file."""

    def __init__(self) -> None:
        self._fitting: Fitting | None = None
        self._step = 0

    def __call__(self, event: Event) -> Event:
        """The event, with what was not yet written down when it happened."""
        match event:
            case Fitting():
                # All networks were dense then, where all but the biases multiply.
                event = self._fitting = _filled(event, multiply_adds=event.weights)
            case Batch():
                self._step = event.step
                event = _filled(event, elapsed=self._elapsed(event))
            case Epoch():
                whole = self._fitting.steps_per_epoch if self._fitting else 0
                event = _filled(event, step=self._step or whole, elapsed=self._elapsed(event))
                self._step = 0
        return event

    def _elapsed(self, event: Batch | Epoch) -> float:
        # Nobody could pause or continue a run then.
        return max(0.0, event.time - self._fitting.time) if self._fitting else 0.0


_Kind = TypeVar("_Kind", Fitting, Batch, Epoch)


def _filled(event: _Kind, **figures: float) -> _Kind:
    """The event with those of the figures that it lacks, if it does lack some."""
    missing = {name: value for name, value in figures.items() if not getattr(event, name)}
    return event.model_copy(update=missing) if missing else event
