"""Runs that differ by their seed alone: what settings reach, and how much of it is chance."""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from mnist_core.config import ConfigError, TrainingConfig, read_config
from mnist_core.runs.catalog import Entry, Summary
from mnist_core.runs.events import State
from mnist_core.words import counted, with_deviation

MOST = 20
"""Seeds that are asked for at once."""
SEVERAL = f"a whole number from 1 to {MOST}"
_SEVERAL: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1, le=MOST)])


def with_seeds(config: TrainingConfig, number: int | str) -> list[TrainingConfig]:
    """The same settings with so many seeds: their own, and those that follow.

    Raises:
        ConfigError: the number is not allowed, or the seeds go beyond the greatest.
    """
    try:
        several = _SEVERAL.validate_python(number)
    except ValidationError:
        raise ConfigError(f"seeds is {number}; allowed: {SEVERAL}") from None
    return [
        read_config(config.model_dump() | {"seed": config.seed + further})
        for further in range(several)
    ]


@dataclass(frozen=True)
class Group:
    """Runs of the same settings on the same images, each trained to its end with another seed."""

    summaries: tuple[Summary, ...]
    """Two or more, by their seed; of runs with the same seed, the newest."""

    @property
    def accuracies(self) -> list[float]:
        """On the test images, by seed."""
        return [s.evaluated.test_accuracy for s in self.summaries if s.evaluated]

    @property
    def seeds(self) -> list[int]:
        """In order."""
        return [summary.config.seed for summary in self.summaries]

    @property
    def best(self) -> Summary:
        """The most accurate one; of several, that of the first seed."""
        return self.summaries[self.accuracies.index(max(self.accuracies))]

    @property
    def mean(self) -> float:
        """Of the test accuracies."""
        return statistics.fmean(self.accuracies)

    @property
    def deviation(self) -> float:
        """Standard deviation of the test accuracy from seed to seed: of those that there could be,
        estimated by these."""
        return statistics.stdev(self.accuracies)

    def in_words(self) -> str:
        """What its settings reach: ``"98.13% ± 0.05%"``."""
        return with_deviation(self.mean, self.deviation)


def groups(entries: Iterable[Entry]) -> dict[str, Group]:
    """The group of each run that is in one, by the run's id.

    A run is in none where people have changed its learning rate or stopped it, where it continues
    another one, or where no other seed has been tried. Of those with the same seed, the newest
    counts: they are in its group, but no second seed.
    """
    alike: dict[Hashable, list[Summary]] = {}
    for entry in entries:  # the newest first
        if isinstance(entry, Summary) and _is_as_asked(entry):
            alike.setdefault(_settings(entry), []).append(entry)
    found: dict[str, Group] = {}
    for same in alike.values():
        if len({summary.config.seed for summary in same}) == 1:
            continue  # without a look at what was wanted of each
        steady = [summary for summary in same if not summary.steered]
        newest = {summary.config.seed: summary for summary in reversed(steady)}
        if len(newest) > 1:
            group = Group(tuple(newest[seed] for seed in sorted(newest)))
            found |= {summary.run.id: group for summary in steady}
    return found


def _settings(summary: Summary) -> Hashable:
    """What is the same in all runs of a group."""
    assert summary.evaluated
    return summary.but_for_seed, summary.train_images, summary.evaluated.test_images


def _is_as_asked(summary: Summary) -> bool:
    is_over = summary.state == State.FINISHED and summary.evaluated is not None
    return is_over and summary.parent is None


@dataclass(frozen=True)
class Tally:
    """How far the settings of a run that is over have been trained with several seeds."""

    seeds: int
    """Those that are over, and those that are still trained or wait."""
    done: int
    group: Group | None
    """Of those that are over; None where that is one."""

    def in_words(self) -> str:
        """``"3 seeds: 98.13% ± 0.05%"``; ``"1 of 3 seeds done"``."""
        every = counted(self.seeds, "seed")
        of_all = every if self.done == self.seeds else f"{self.done} of {every} done"
        return f"{of_all}: {self.group.in_words()}" if self.group else of_all


def tally(summary: Summary, entries: Iterable[Entry]) -> Tally | None:
    """How far the other seeds of a run's settings are.

    None where it is the only one, and where it would be in no group: see :func:`groups`.

    Args:
        entries: all runs, the newest first.
    """
    if not _is_as_asked(summary) or summary.steered:
        return None
    alike = [
        entry
        for entry in entries
        if isinstance(entry, Summary) and entry.but_for_seed == summary.but_for_seed
    ]
    group = groups(alike).get(summary.run.id)
    done = set(group.seeds if group else [summary.config.seed])
    seeds = done.union(s.config.seed for s in alike if s.state.live and s.parent is None)
    return Tally(len(seeds), len(done), group) if len(seeds) > 1 else None


@dataclass(frozen=True)
class Difference:
    """Between what two groups reach."""

    first: Group
    second: Group
    difference: float
    """Second mean less first."""
    p_value: float
    """How often seeds alone would make a difference as large as this, or larger, if the settings
    were equally good: Welch's t-test."""


def compare(first: Group, second: Group) -> Difference:
    """Whether one group of seeds reaches more than the other.

    Welch, "The generalization of 'Student's' problem when several different population variances
    are involved", Biometrika 34, 1947. The seeds are the sample; the test images are the same.
    """
    from scipy.special import stdtr  # here, as in mnist_core.comparison

    sizes = [len(group.accuracies) for group in (first, second)]
    errors = [group.deviation**2 / size for group, size in zip((first, second), sizes, strict=True)]
    difference = second.mean - first.mean
    error = math.sqrt(sum(errors))
    if not error:  # every seed reached the same
        return Difference(first, second, difference, 1.0 if not difference else 0.0)
    freedom = error**4 / sum(e**2 / (size - 1) for e, size in zip(errors, sizes, strict=True))
    p_value = 2 * float(stdtr(freedom, -abs(difference) / error))
    return Difference(first, second, difference, p_value)


def difference_between(groups: Mapping[str, Group], one: str, other: str) -> Difference | None:
    """Between what the settings of two runs reach, by their ids; None: they are not in two groups.

    Args:
        groups: see :func:`groups`.
    """
    first, second = groups.get(one), groups.get(other)
    if first is None or second is None or first is second:
        return None
    return compare(first, second)
