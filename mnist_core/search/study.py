"""A study is a folder, and this is its format: who writes what.

    study.json        asked: the :class:`Plan`; its presence makes the folder a study
    owner.json        which process conducts it; touched every few seconds while it does
    control.json      wanted now: written whole by whoever steers, read by the conductor
    trials.jsonl      what came of the trials that are over, a line each: written by the conductor,
                      and again from the runs when it begins, for they are the truth
    result.json       the best of it, confirmed; its presence says that the study is over

Studies lie beside the runs, in the folder ``studies``. Their trials are ordinary runs, which name
their study in ``trial.json``.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from annotated_types import Ge, Le
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from mnist_core import storage
from mnist_core.config import ConfigError, TrainingConfig
from mnist_core.data import loading
from mnist_core.network import describe
from mnist_core.runs import files
from mnist_core.runs.events import Epoch, State
from mnist_core.runs.files import (
    RunError,
    new_folder,
    own_folder,
    read_model,
    unreadable,
    write_whole,
)
from mnist_core.runs.folder import SILENCE, Owner, Run
from mnist_core.runs.folder import Trial as TrialFile
from mnist_core.runs.history import History
from mnist_core.runs.store import RunStore
from mnist_core.search.space import Where, check
from mnist_core.words import with_deviation

FOLDER = "studies"
MOST_TRIALS = 10_000
"""Of a study."""
_STUDY_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}", re.ASCII)


class StudyError(RunError):
    """A study is missing or its folder can't be read; the message says which file and why."""


Aim = Literal["accuracy", "loss"]
"""Of the validation images: never of the test images, on which the best would look better than it
is, for having been chosen by them."""
Against = Literal["weights", "seconds"]
Method = Literal["tpe", "random", "grid"]


class Plan(BaseModel):
    """What a study was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    base: TrainingConfig
    """All that does not vary."""
    space: dict[str, Where] = Field(min_length=1)
    aim: Aim = "accuracy"
    against: Against | None = None
    """A second aim, for which less is better; None: there is one aim."""
    method: Method = "tpe"
    prune: bool = True
    """Whether trials that fall behind are stopped early."""
    trials: int = Field(40, ge=1, le=MOST_TRIALS, title="Trials")
    minutes: float | None = Field(None, gt=0, title="Minutes at most")
    """Of conducting it, after which no trial begins; None: as long as the trials take."""
    workers: int = Field(1, ge=1, le=1_000, title="Trials at a time")
    seed: int = Field(1, ge=0, le=2**31 - 1, title="Seed of the search")
    """Of what is suggested; every trial has the seed of the base."""
    finalists: int = Field(3, ge=0, le=20, title="Best trials to confirm")
    """How many of the best trials are trained again, with other seeds."""
    seeds: int = Field(3, ge=1, le=20, title="Seeds to confirm each")
    """With how many other seeds each."""

    @field_validator("base")
    @classmethod
    def _has_validation_images(cls, base: TrainingConfig) -> TrainingConfig:
        if not base.validation_share:
            raise ValueError(
                "validation_share is 0, but a search chooses by the validation images; allowed: "
                "above 0"
            )
        return base

    @field_validator("space")
    @classmethod
    def _is_allowed(cls, space: dict[str, Where]) -> dict[str, Where]:
        return {name: check(name, where) for name, where in space.items()}


class Wanted(BaseModel):
    """What people want of a study now."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    stop: bool = False
    """No trial begins any more, and what was found is confirmed."""
    pause: bool = False
    """No trial begins until this is taken back."""
    trials: int | None = Field(None, ge=1, le=MOST_TRIALS, title="Trials")
    """In place of the plan's."""
    minutes: float | None = Field(None, gt=0, title="Minutes at most")
    """In place of the plan's."""
    added: tuple[TrainingConfig, ...] = Field((), max_length=1000)
    """Trials that people ask for, in order."""


class Outcome(StrEnum):
    """What became of a trial."""

    FINISHED = "finished"
    PRUNED = "pruned"
    """It fell behind, or somebody stopped it."""
    FAILED = "failed"


class Trial(BaseModel):
    """A trial that is over."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    number: int = Field(ge=1)
    added: bool = False
    """Whether people asked for it, not the search."""
    run: str
    config: TrainingConfig
    outcome: Outcome
    accuracies: tuple[float | None, ...]
    """On the validation images, after each epoch."""
    losses: tuple[float | None, ...]
    """The same."""
    weights: int
    """0 if it did not come so far."""
    seconds: float
    """In training."""
    began: float
    """In seconds since the epoch of Unix."""
    ended: float

    def values(self, aim: Aim) -> tuple[float | None, ...]:
        """What was aimed for, after each epoch; more is better of accuracies, less of losses."""
        return self.accuracies if aim == "accuracy" else self.losses

    def value(self, aim: Aim) -> float | None:
        """What came of it; None where it did not end as it should, or learned nothing."""
        known = self.values(aim)
        return known[-1] if self.outcome == Outcome.FINISHED and known else None


class Confirmed(BaseModel):
    """The settings of a trial, trained again with seeds that the search had not seen."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    number: int
    """Of the trial."""
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    test_accuracies: tuple[float, ...]
    values: tuple[float, ...]
    """Of what was aimed for, on the validation images."""

    @property
    def accuracy(self) -> float:
        """On the test images, on average."""
        return statistics.fmean(self.test_accuracies)

    @property
    def deviation(self) -> float | None:
        """Standard deviation of that between seeds; None of a single one."""
        several = len(self.test_accuracies) > 1
        return statistics.stdev(self.test_accuracies) if several else None

    def in_words(self) -> str:
        """What it reached on the test images: ``"98.13% ± 0.05%"``."""
        return with_deviation(self.accuracy, self.deviation)

    @property
    def value(self) -> float:
        """What was aimed for, on average."""
        return statistics.fmean(self.values)


class Result(BaseModel):
    """What came of a study."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    confirmed: tuple[Confirmed, ...]
    """The best first: by the validation images, as the trials were chosen."""
    seconds: float
    """Of conducting it."""


@dataclass(frozen=True)
class Study:
    """A study's folder; every property reads the disk."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def runs(self) -> Path:
        """The folder of the runs that it lies beside."""
        return self.folder.parent.parent

    @cached_property
    def plan(self) -> Plan:
        """What was asked.

        Raises:
            StudyError: there is no such study, or its folder leads elsewhere.
            RunError: the file is damaged.
        """
        if self.folder.is_symlink():
            raise StudyError(f"{self.folder} is a link, and links are not followed")
        found = read_model(self.folder / "study.json", Plan)
        if found is None:
            raise StudyError(f"there is no study {self.id!r} in {self.folder.parent}")
        return found

    def wanted(self) -> Wanted:
        """What people want of it now.

        Raises:
            RunError: the file is damaged.
        """
        return read_model(self.folder / "control.json", Wanted) or Wanted()

    def want(self, **wishes: Any) -> None:
        """Change what is wanted: fields of :class:`Wanted`; the others stay.

        Raises:
            ConfigError: names the wish, the value and what is allowed.
            RunError: what is wanted of it is damaged.
            StorageError: it can't be written.
        """
        self.write("control.json", _read(Wanted, self.wanted().model_dump() | wishes))

    def trials(self) -> list[Trial]:
        """Those that are over, as the conductor has written them down.

        Raises:
            RunError: the file is damaged. What its writer's death has torn, the last line, is none.
        """
        path = self.folder / "trials.jsonl"
        try:
            *lines, _ = path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise unreadable(path, error) from None
        trials = []
        for number, line in enumerate(lines, 1):
            try:
                trials.append(Trial.model_validate_json(line))
            except ValidationError as error:
                why = error.errors()[0]["msg"]
                raise RunError(
                    f"{path}, line {number} is damaged: {why}. digit-lab search --resume {self.id} "
                    "makes it again of the runs"
                ) from None
        return trials

    def attempts(self) -> Iterator[tuple[Run, TrialFile]]:
        """The runs that it has asked for, oldest first; what is damaged says nothing of it."""
        for run in reversed(RunStore(self.runs).list(trials=True)):
            with contextlib.suppress(RunError):
                if run.trial and run.trial.study == self.id:
                    yield run, run.trial

    def result(self) -> Result | None:
        """What came of it; None as long as it is not over.

        Raises:
            RunError: the file is damaged.
        """
        return read_model(self.folder / "result.json", Result)

    @property
    def last_words(self) -> str:
        """What its process wrote last: where it has failed, why; empty if it wrote nothing."""
        try:
            lines = (self.folder / "conductor.log").read_text(errors="replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    @property
    def owner(self) -> Owner | None:
        """The process that conducts it, or was the last one to."""
        return Owner.read(self.folder / "owner.json")

    @property
    def conducted(self) -> bool:
        """Whether a process, here or on another machine, goes on conducting it."""
        mark, owner = self.folder / "owner.json", self.owner
        return bool(owner and owner.still_minds(mark, self.folder, SILENCE))

    def write(self, name: str, content: BaseModel) -> None:
        """Write one of its files, whole.

        Raises:
            StorageError: it can't be written.
        """
        with storage.using(self.runs, storage.RUNS):
            write_whole(self.folder / name, content.model_dump_json(indent=2).encode())


def read_plan(values: Mapping[str, Any], by_title: bool = False) -> Plan:
    """Check what is asked for.

    Args:
        by_title: an error calls what is asked for as the form does, e.g. "Trials at a time".

    Raises:
        ConfigError: names what is asked for, the value and what is allowed.
    """
    return _read(Plan, values, by_title)


_Asked = TypeVar("_Asked", Plan, Wanted)


def _read(kind: type[_Asked], values: Mapping[str, Any], by_title: bool = False) -> _Asked:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        faults = [_explain(kind, dict(fault), by_title) for fault in error.errors()]
        raise ConfigError("\n".join(faults)) from None


def _explain(kind: type[Plan | Wanted], fault: dict[str, Any], by_title: bool) -> str:
    name, value = fault["loc"][0], fault["input"]
    field = kind.model_fields.get(name)
    if "error" in fault.get("ctx", {}):  # of a check of ours, which says all
        return str(fault["ctx"]["error"])
    if field is None or not field.title:
        return f"{name} is {value!r}: {fault['msg']}"
    low, high = (
        next((getattr(m, bound) for m in field.metadata if isinstance(m, kind)), None)
        for bound, kind in (("ge", Ge), ("le", Le))
    )
    words = "a number above 0" if low is None else f"a whole number from {low:,} to {high:,}"
    if by_title:
        return f"{field.title}: {value!r} is refused; allowed: {words}"
    return f"{name} is {value!r}; allowed: {words}"


def check_here(plan: Plan) -> None:
    """Refuse what this machine can't train.

    Raises:
        ConfigError: more trials at a time than there are cores, or a network that its images are
            too small for.
        DatasetError: the images are not here, or damaged.
    """
    most = os.cpu_count() or 1
    if plan.workers > most:
        raise ConfigError(
            f"{plan.workers} trials at a time are asked for; allowed: a whole number from 1 to "
            f"{most}, the number of CPU cores here"
        )
    images = loading.outline(plan.base.dataset)
    describe(plan.base, images.image_shape, images.classes)


def create(runs: Path, plan: Plan) -> Study:
    """A new study, which nobody conducts yet.

    Args:
        runs: the folder of the runs.

    Raises:
        StorageError: it can't be written.
    """
    with storage.using(runs, storage.RUNS):
        study = Study(new_folder(own_folder(runs / FOLDER)))
    study.write("study.json", plan)
    return study


def find(runs: Path, study_id: str) -> Study:
    """The study of that id, or the newest for ``latest``.

    Raises:
        StudyError: there is none.
    """
    studies = every(runs)
    if study_id == "latest" and studies:
        return studies[0]
    for study in studies:
        if study.id == study_id:
            return study
    raise StudyError(f"there is no study {study_id!r} in {runs / FOLDER}")


def every(runs: Path) -> list[Study]:
    """The studies, newest first, also those that are damaged.

    Raises:
        StorageError: their folder can't be read.
    """
    with storage.using(runs, storage.RUNS):
        try:
            folders = [
                folder
                for folder in (runs / FOLDER).iterdir()
                if _STUDY_ID.fullmatch(folder.name)
                and (folder.is_symlink() or os.path.lexists(folder / "study.json"))
            ]
        except FileNotFoundError:
            return []
    return [Study(folder) for folder in sorted(folders, reverse=True)]


def delete(study: Study) -> None:
    """Delete a study, and the runs that it has only tried; those that confirm its best stay.

    Raises:
        StudyError: it goes on.
        StorageError: part of it can't be deleted.
    """
    if study.conducted:
        raise StudyError(f"study {study.id} goes on; stop it before you delete it")
    with storage.using(study.runs, storage.RUNS):
        for run, trial in study.attempts():
            if not trial.confirms:
                files.delete(run.folder)
        files.delete(study.folder)  # last: what was deleted in part is still there to be deleted


def summarized(trial: TrialFile, run: Run, history: History) -> Trial:
    """What came of a trial whose run is over."""
    assert history.ended
    outcome = {State.FINISHED: Outcome.FINISHED, State.STOPPED: Outcome.PRUNED}
    whole = [epoch for epoch in history.epochs if _is_whole(epoch, history)]
    return Trial(
        number=trial.number,
        added=trial.added,
        run=run.id,
        config=run.config,
        outcome=outcome.get(State(history.ended.state), Outcome.FAILED),
        accuracies=tuple(epoch.val_accuracy for epoch in whole),
        losses=tuple(epoch.comparable_val_loss for epoch in whole),
        weights=history.fitting.weights if history.fitting else 0,
        seconds=history.epochs[-1].elapsed if history.epochs else 0.0,
        began=history.started.time if history.started else history.ended.time,
        ended=history.ended.time,
    )


def _is_whole(epoch: Epoch, history: History) -> bool:
    """Whether nobody stopped it in the middle."""
    return bool(history.fitting and epoch.step == history.fitting.steps_per_epoch)


def best(trials: Sequence[Trial], aim: Aim) -> list[Trial]:
    """Those that have ended as they should, the best first."""
    valued = [(value, trial) for trial in trials if (value := trial.value(aim)) is not None]
    return [
        trial for _, trial in sorted(valued, key=lambda pair: pair[0], reverse=aim == "accuracy")
    ]
