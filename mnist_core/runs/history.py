"""What has happened in a run so far: its events, folded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnist_core.runs.batches import Batches, Column
from mnist_core.runs.events import (
    Batch,
    Continued,
    Ended,
    Epoch,
    Evaluated,
    Event,
    Fitting,
    LearningRate,
    Paused,
    Resumed,
    Started,
    State,
    parse_events,
)
from mnist_core.runs.files import unreadable
from mnist_core.runs.format import Completion

TELLING_SECONDS = 1.0
"""Of training, that tell how fast it goes; before that, too little has been seen of it."""


class Mark(NamedTuple):
    """Something that people did to a run."""

    at: float
    """When, in epochs."""
    label: str
    """For a chart."""
    words: str


class Pause(NamedTuple):
    """Training waited."""

    at: float
    """When, in epochs."""
    seconds: float | None
    """None while it does."""


class Progress(NamedTuple):
    """How much of a run's training is done."""

    asked: int
    """Epochs in all."""
    epochs: int
    """How many are over."""
    step: int
    """How many steps of the one after them are done."""
    steps_per_epoch: int
    """0 until training begins."""

    @property
    def epoch(self) -> int:
        """The one that is being trained; the last one once all are over."""
        return min(self.epochs + 1, self.asked)

    @property
    def steps(self) -> int:
        """How many steps are done in all."""
        return self.epochs * self.steps_per_epoch + self.step

    @property
    def share(self) -> float:
        """Of the epochs asked for, in [0, 1]."""
        part = self.step / self.steps_per_epoch if self.step else 0.0
        return min(1.0, (self.epochs + part) / self.asked)


@dataclass
class History:
    """A run's events, folded; call :meth:`update` to take in what has been appended since.

    Those of the runs that it continues come first, so that its curves begin with theirs.
    """

    path: Path
    batch_size: int = 0
    """Images in a step; 0: not known, and taken to be the same in all steps."""
    started: Started | None = None
    fitting: Fitting | None = None
    batches: list[Batch] = field(default_factory=list)
    """Of the running epoch only, as they were told."""
    all_batches: Batches = field(default_factory=Batches, repr=False, compare=False)
    """Of all epochs, what the curves are drawn of."""
    epochs: list[Epoch] = field(default_factory=list)
    paused: Paused | None = None
    """Where it waits, while it does."""
    pauses: list[Pause] = field(default_factory=list)
    learning_rates: list[LearningRate] = field(default_factory=list)
    continued: list[Continued] = field(default_factory=list)
    """The runs that it continues, the last of them its parent."""
    evaluated: Evaluated | None = None
    ended: Ended | None = None
    _begun: tuple[int, int] = (0, 0)
    """How many batches and epochs there were when this training began."""
    _offset: int = 0
    _complete: Completion = field(default_factory=Completion, repr=False, compare=False)

    def update(self) -> None:
        """Read on from where the last update ended; cheap when nothing has happened.

        Raises:
            RunError: the file can't be read, or has a whole line of JSON that is no event.
        """
        for event in self._read_on():
            self.add(event)

    def add(self, event: Event) -> None:
        """Take in what happened next."""
        event = self._complete(event)
        match event:
            case Started():
                self.started = event
            case Fitting():
                self.fitting = event
                self._begun = len(self.all_batches), len(self.epochs)
            case Batch():
                self._add_batch(event)
                self.batches.append(event)
            case Epoch():
                if not self.batches:  # of a run that this one continues
                    self._add_batch(event)
                self.epochs.append(event)
                self.batches.clear()
            case Paused():
                self.paused = event
                self.pauses.append(Pause(self.place(event.epoch, event.step), None))
            case Resumed():
                if self.paused:
                    seconds = event.time - self.paused.time
                    self.pauses[-1] = self.pauses[-1]._replace(seconds=seconds)
                self.paused = None
            case LearningRate():
                self.learning_rates.append(event)
            case Continued():
                self.continued.append(event)
            case Evaluated():
                self.evaluated = event
            case Ended():
                self.paused, self.ended = None, event

    def copy(self) -> History:
        """What has happened by now, whatever comes next; not to be updated itself."""
        return replace(
            self,
            batches=[*self.batches],
            all_batches=copy(self.all_batches),  # what is told stays in the columns of both
            epochs=[*self.epochs],
            pauses=[*self.pauses],
            learning_rates=[*self.learning_rates],
            continued=[*self.continued],
        )

    def progress(self, asked: int) -> Progress:
        """How much is done of so many epochs; the newest epoch and batch are enough to tell."""
        epochs, step = (self.epochs[-1].epoch if self.epochs else 0), 0
        steps_per_epoch = self.fitting.steps_per_epoch if self.fitting else 0
        if self.fitting and self.batches:
            epochs, step = self.batches[-1].epoch - 1, self.batches[-1].step
        return Progress(asked, epochs, step, steps_per_epoch)

    @property
    def pace(self) -> float | None:
        """Seconds that an epoch takes, as it goes now; None until enough was seen of it.

        What is done once is left out: building the graph, with the first batches and in the first
        validation, takes as long as many an epoch. So the second epoch is the first one that tells
        by itself; before it is over, the batches but for the first ones do.
        """
        batches, epochs = self._begun
        if len(self.epochs) > epochs + 1:
            return self.epochs[-1].seconds
        seconds = float(self.all_batches.seconds[batches + 1 :].sum())
        if not self.fitting or seconds < TELLING_SECONDS:
            return None
        images = float(self.all_batches.images[batches + 1 :].sum())
        return self.fitting.train_images * seconds / images

    def place(self, epoch: int, step: int = 0) -> float:
        """Where on an axis of epochs that step ends; without one, the epoch does."""
        steps = self.fitting.steps_per_epoch if self.fitting else 0
        return epoch - 1 + step / steps if step and steps else epoch

    def validation(self, name: str) -> tuple[Column, Column]:
        """Where each epoch ended, in epochs, and how it did on the validation images.

        Args:
            name: ``"accuracy"`` or ``"loss"``; a loss is comparable with that of other runs, where
                it can be.

        Returns:
            Both ``(epochs,)``; NaN where nothing was held back, or the loss was not finite.
        """
        attribute = "val_accuracy" if name == "accuracy" else "comparable_val_loss"
        found = [getattr(epoch, attribute) for epoch in self.epochs]
        places = [self.place(epoch.epoch, epoch.step) for epoch in self.epochs]
        return np.array(places, float), np.array(found, float)

    def marks(self) -> list[Mark]:
        """What people did to it, in order: learning rates set by hand, runs that it took over."""
        # Of several rates that were set at one step, in a pause, only the last was trained with.
        rates = {
            (change.epoch, change.step): change.learning_rate for change in self.learning_rates
        }
        marks = [
            Mark(
                self.place(epoch, step),
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

    def by_hand(self) -> list[str]:
        """What repeating the settings would leave out, in words and in order."""
        done = [mark.words for mark in self.marks()]
        if self.ended and self.ended.state == State.STOPPED:
            steps = self.fitting.steps_per_epoch if self.fitting else 0
            whole = self.epochs and self.epochs[-1].step == steps
            done.append(f"stopped {'after' if whole else 'in'} epoch {len(self.epochs)}")
        return done

    def about_losses(self, smoothing: float) -> str:
        """What has to be said of the losses of a run with so much label smoothing; else empty."""
        if not smoothing:
            return ""
        if all(epoch.crossentropy is not None for epoch in self.epochs):
            return (
                f"The loss is drawn without the label smoothing of {smoothing:g} that it was "
                "trained with, so that it compares with that of other runs."
            )
        return (
            f"The loss is that of labels smoothed by {smoothing:g}, all that was written down of "
            "it: it lies above that of a run without smoothing that is as good."
        )

    def _add_batch(self, event: Batch | Epoch) -> None:
        if self.fitting:
            even = math.ceil(self.fitting.train_images / self.fitting.steps_per_epoch)
            self.all_batches.add(event, self.fitting, self.batch_size or even)

    def _read_on(self) -> Iterator[Event]:
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return
        except OSError as error:
            raise unreadable(self.path, error) from None
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        yield from parse_events(whole.splitlines(), self.path)
