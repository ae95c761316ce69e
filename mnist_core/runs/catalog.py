"""Every run at a glance: what was asked, and what came of it.

A summary takes a run's configuration and the first and last of its events, so that thousands of
runs list at once. What lies between, the curves, is in ``history.History``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mnist_core import presets
from mnist_core.config import TrainingConfig
from mnist_core.data import known
from mnist_core.evaluation import wilson_interval
from mnist_core.runs.events import Batch, Continued, Epoch, Evaluated, Fitting, State, parse_events
from mnist_core.runs.files import RunError, unreadable
from mnist_core.runs.folder import Labels, Run, Trial
from mnist_core.runs.format import NewerFormat
from mnist_core.runs.history import History, Progress
from mnist_core.runs.store import RunStore
from mnist_core.words import reason

# --- One run --------------------------------------------------------------------------------------


DAMAGED = "damaged"
NEWER = "newer version"


@dataclass(frozen=True)
class Damaged:
    """A run that can't be read, at least not by this version of the program."""

    run: Run
    reason: str
    """Which file, and what is wrong with it."""
    state: str = DAMAGED
    """Else :data:`NEWER`: nothing is wrong with it, but a newer version has made it."""


@dataclass(frozen=True)
class Summary:
    """A run, as one line of a table."""

    run: Run
    config: TrainingConfig
    labels: Labels
    trial: Trial | None
    """What it is to a study, if one has asked for it."""
    state: State
    message: str
    """Why it ended so, where that needs saying."""
    elsewhere: str | None
    """The other machine that was last to answer for it, of a run that has not ended."""
    parent: str | None
    """The id of the run that it continues."""
    weights: int | None
    """None until training begins."""
    train_images: int | None
    """How many the dataset has, those for validation included; None until training begins."""
    progress: Progress
    train_seconds: float | None
    """Time in training, so far or in all; None until there is some."""
    evaluated: Evaluated | None

    @property
    def title(self) -> str:
        """What it is, where nobody has named it."""
        return called(self.config, self.state, self.progress)

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % confidence interval of the test accuracy."""
        if not self.evaluated:
            return None
        images = self.evaluated.test_images
        return wilson_interval(round(self.evaluated.test_accuracy * images), images)

    @cached_property
    def but_for_seed(self) -> str:
        """See :attr:`TrainingConfig.but_for_seed`; kept, for it is asked of thousands."""
        return self.config.but_for_seed

    @cached_property
    def steered(self) -> bool:
        """Whether somebody has set its learning rate, or nobody can tell; of a run that is over."""
        try:
            return self.run.control().learning_rate is not None
        except RunError:
            return True

    @property
    def epoch_seconds(self) -> float | None:
        """Time in training for an epoch, on average."""
        if not (self.train_seconds and self.progress.share):
            return None
        return self.train_seconds / (self.progress.share * self.config.epochs)


Entry = Summary | Damaged


def called(config: TrainingConfig, state: State, progress: Progress) -> str:
    """What a run is, by what it did; see :func:`presets.title`."""
    return presets.title(config, progress.epochs if state.cut_short else None)


def summarize(run: Run, past: History | None = None) -> Entry:
    """The run as it is now; by ``past``, where its history has been read anyway."""
    try:
        return _read(run, past)
    except NewerFormat as error:
        return Damaged(run, str(error), NEWER)
    except (RunError, OSError) as error:
        return Damaged(run, reason(error))


def _read(run: Run, past: History | None) -> Summary:
    config = run.config  # first: it refuses what this version may not understand
    past = past or _outline(run)
    newest: Sequence[Batch | Epoch] = past.batches or past.epochs
    seconds = newest[-1].elapsed if newest else None
    return Summary(
        run=run,
        config=config,
        labels=run.labels(),
        trial=run.trial,
        state=run.state(past),
        message=past.ended.message if past.ended else "",
        elsewhere=None if past.ended else run.elsewhere,
        parent=past.continued[-1].run if past.continued else None,
        weights=past.fitting.weights if past.fitting else None,
        train_images=(
            past.fitting.train_images + past.fitting.validation_images if past.fitting else None
        ),
        progress=past.progress(config.epochs),
        train_seconds=past.evaluated.train_seconds if past.evaluated else seconds,
        evaluated=past.evaluated,
    )


def _outline(run: Run) -> History:
    """A run's history but for its middle: of all epochs and batches, it has the newest alone."""
    path = run.folder / "events.jsonl"
    outline = History(path)
    newest_before = {type(event): event for event in run.before()}
    for kind in (Continued, Fitting, Epoch):
        if kind in newest_before:
            outline.add(newest_before[kind])
    try:
        with path.open("rb") as file:
            whole = takewhile(lambda line: line.endswith(b"\n"), file)
            for event in parse_events(whole, path):
                if isinstance(event, Epoch | Batch):
                    break
                outline.add(event)
            lines = _backwards(file)
            next(lines)  # what follows the last line break: nothing, or a line being written
            newest = []
            for event in parse_events(lines, path):
                newest.append(event)
                if isinstance(event, Epoch | Batch):
                    break
            for event in reversed(newest):
                outline.add(event)
    except FileNotFoundError:
        pass  # queued: nothing has happened yet
    except OSError as error:
        raise unreadable(path, error) from None
    return outline


def _backwards(file: BinaryIO) -> Iterator[bytes]:
    """What lies between line breaks, the last first; reads no more than it is asked for."""
    position, rest = file.seek(0, os.SEEK_END), b""
    while position > 0:
        size = min(1024, position)  # the end of a run takes about 500
        position = file.seek(position - size)
        rest, *lines = (file.read(size) + rest).split(b"\n")
        yield from reversed(lines)
    yield rest


# --- All of them ----------------------------------------------------------------------------------


class Catalog:
    """The summaries of a store's runs; that of a run that is over is kept until a file changes."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._over: dict[str, tuple[Version, Summary]] = {}

    def list(self, limit: int | None = None, trials: bool = False) -> list[Entry]:
        """The runs as they are now, newest first: at most ``limit`` of them, or every one.

        Args:
            trials: those, too, that a study only tries.
        """
        ids = self._store.ids()
        found: list[Entry] = []
        for run_id in ids:
            if len(found) == limit:
                break
            entry = self._entry(run_id)
            if entry and (trials or not is_trial(entry)):
                found.append(entry)
        for run_id in {*tuple(self._over)}.difference(ids):  # a copy, for other threads add to it
            self._over.pop(run_id, None)
        return found

    def entry(self, run: Run) -> Entry:
        """One run as it is now."""
        return self._entry(run.id) or summarize(run)

    def _entry(self, run_id: str) -> Entry | None:
        """A run as it is now; None for what is half made, or never was a run."""
        folder = f"{self._store.folder}/{run_id}"  # thousands of paths would take longer than this
        now = version(folder)
        kept = self._over.get(run_id)
        if kept and kept[0] == now:
            return kept[1]
        entry = summarize(Run(Path(folder)))
        if isinstance(entry, Damaged):
            if not self._store.is_run(run_id):
                return None
        elif not entry.state.live and not entry.elsewhere:  # for that may still be heard of
            self._over[run_id] = (now, entry)
        return entry


class Version(NamedTuple):
    """Differs once a file in a run's folder has come, gone, been replaced or been appended to."""

    folder: int
    events: tuple[int, int] | None


def version(folder: str) -> Version:
    """Of what the run's files say; quick, and raises nothing."""
    changed = 0
    try:
        changed = os.stat(folder).st_mtime_ns
        events = os.stat(f"{folder}/events.jsonl")
    except OSError:
        return Version(changed, None)
    return Version(changed, (events.st_mtime_ns, events.st_size))


def is_trial(entry: Entry) -> bool:
    """Whether a study only tries that run, so that it is not tested."""
    trial = entry.trial if isinstance(entry, Summary) else None
    return trial is not None and not trial.confirms


def mentions(entry: Entry, words: str) -> bool:
    """Whether each of the words is in the run's id, labels, dataset, network, state or role."""
    if isinstance(entry, Damaged):
        parts = [entry.run.id, entry.state, entry.reason]
    else:
        labels, config = entry.labels, entry.config
        parts = [entry.run.id, labels.name, *labels.tags, labels.note, entry.state, entry.message]
        parts += [config.dataset, known.title(config.dataset), config.optimizer]
        parts += [config.network, entry.title]
        parts += [entry.trial.role] if entry.trial else []
    text = " ".join(parts).casefold()
    return all(word in text for word in words.casefold().split())
