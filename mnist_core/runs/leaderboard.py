"""Which runs are the best, among those on the same images."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mnist_core.data import known
from mnist_core.evaluation import wilson_interval
from mnist_core.runs.catalog import Entry, Summary
from mnist_core.runs.seeds import Group


@dataclass(frozen=True)
class Standing:
    """What settings have reached: by one run, or on average of several seeds."""

    summary: Summary
    """The run; of several seeds, that with the most accurate one."""
    group: Group | None
    """None: the run stands for itself."""

    @property
    def accuracy(self) -> float:
        """On the test images."""
        if self.group:
            return self.group.mean
        return self.summary.evaluated.test_accuracy if self.summary.evaluated else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the accuracy: the seeds were tested on the same images."""
        images = self.summary.evaluated.test_images if self.summary.evaluated else 1
        return wilson_interval(round(self.accuracy * images), images)

    @property
    def weights(self) -> int:
        return self.summary.weights or 0

    @property
    def seconds(self) -> float:
        """Time in training, with that of the runs that were continued."""
        runs = self.group.summaries if self.group else (self.summary,)
        return statistics.fmean(summary.train_seconds or 0 for summary in runs)


class Leaderboard(NamedTuple):
    """The best on the same images, the very best first."""

    dataset: str
    train_images: int
    """How many there were to learn from, those for validation included."""
    test_images: int
    bar: float | None
    """The test accuracy that the last two lists ask for; None: they are empty."""
    most_accurate: list[Standing]
    smallest: list[Standing]
    """Fewest weights."""
    fastest: list[Standing]
    """Least time in training."""


def leaderboards(
    entries: Iterable[Entry], groups: Mapping[str, Group], places: int = 5
) -> list[Leaderboard]:
    """A board for each dataset that a network has been tested on: the known ones, then others.

    Where there were different numbers of its images, such as the whole of CIFAR-10 and a part of
    it, each has a board of its own, the largest first: an accuracy on other images is no better
    and no worse.

    Args:
        groups: those of the runs, by id; each has one place, by its mean: the best of several
            seeds would be ahead by luck.
        places: how many a list has at most.
    """
    boards: dict[tuple[str, int, int], list[Standing]] = {}
    for entry in entries:
        if not (isinstance(entry, Summary) and entry.evaluated):
            continue
        group = groups.get(entry.run.id)
        if group is None or entry.run == group.best.run:
            images = (entry.train_images or 0, entry.evaluated.test_images)
            boards.setdefault((entry.config.dataset, *images), []).append(Standing(entry, group))

    def order(board: tuple[str, int, int]) -> tuple[bool, int, str, int, int]:
        dataset, train_images, test_images = board
        own = dataset not in known.SPECS
        rank = 0 if own else list(known.SPECS).index(dataset)
        return own, rank, dataset, -test_images, -train_images

    return [_board(*board, boards[board], places) for board in sorted(boards, key=order)]


def _board(
    dataset: str, train_images: int, test_images: int, tested: list[Standing], places: int
) -> Leaderboard:
    bar = known.bar(dataset)
    standings = sorted(tested, key=lambda standing: standing.accuracy)[::-1]
    good = [standing for standing in standings if bar is not None and standing.accuracy >= bar]
    smallest = sorted(good, key=lambda standing: standing.weights)
    fastest = sorted(good, key=lambda standing: standing.seconds)
    lists = (standings[:places], smallest[:places], fastest[:places])
    return Leaderboard(dataset, train_images, test_images, bar, *lists)
