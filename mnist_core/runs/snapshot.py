"""A run as it is at one moment, its files read once: what a dashboard draws of it."""

from __future__ import annotations

from dataclasses import dataclass

from mnist_core.runs.catalog import Entry, Summary, summarize
from mnist_core.runs.events import State
from mnist_core.runs.folder import Control, Run
from mnist_core.runs.history import History, Progress
from mnist_core.words import duration


@dataclass(frozen=True)
class Snapshot:
    """A run and where it stands."""

    run: Run
    entry: Entry
    """Its line in a list of runs."""
    state: State
    progress: Progress
    history: History
    """What had happened by then."""
    wanted: Control
    """Of a live run; nothing in particular, of one that is over."""

    @property
    def learning_rate(self) -> float:
        """What is wanted now, else what was set last, else what the configuration has."""
        changes = self.history.learning_rates
        return (
            self.wanted.learning_rate
            or (changes[-1].learning_rate if changes else None)
            or self.run.config.learning_rate
        )

    @property
    def seconds_left(self) -> float | None:
        """Of training, as it goes now; None where that says nothing yet."""
        pace = self.history.pace
        return None if pace is None else pace * (1 - self.progress.share) * self.progress.asked

    @property
    def stage(self) -> str:
        """What a run that a worker has is at, in words."""
        history, done = self.history, self.progress
        if not history.fitting:
            return "Loading the images and building the network"
        if done.share == 1.0:
            return "Testing it on images it has never seen, and saving it"
        said = f"Epoch {done.epoch} of {done.asked}"
        if history.paused and history.paused.step == done.steps_per_epoch:
            said = f"Epoch {history.paused.epoch} of {done.asked} is over"
        elif done.step:
            said += f", step {done.step:,} of {done.steps_per_epoch:,}"
        if self.wanted.stop:
            return f"Stopping · {said}"
        if history.paused:
            return f"Paused · {said}"
        left = self.seconds_left
        return f"{said} · " + ("estimating…" if left is None else f"{duration(left)} left")


def take(run: Run, history: History) -> Snapshot:
    """The run as it is now.

    Args:
        history: the run's own, which is brought up to date.

    Raises:
        RunError: a file that says where it stands is damaged.
    """
    history.update()
    entry = summarize(run, history)
    state = entry.state if isinstance(entry, Summary) else run.state(history)
    return Snapshot(
        run,
        entry,
        state,
        history.progress(run.config.epochs),
        history.copy(),
        run.control() if state.live else Control(),
    )
