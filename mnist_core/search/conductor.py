"""The process that conducts a study: asks for trials, sees them through, writes what came of them.

Started by :func:`start` as ``python -m mnist_core.search.conductor FOLDER WORKERS``, or within
``digit-lab search``. It has workers of its own, and outlives the dashboard. What it knows, it knows
from the runs: wherever it is killed, the next one goes on.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mnist_core import storage
from mnist_core.config import FIELDS, TrainingConfig
from mnist_core.fields import bounds
from mnist_core.runs import folder as runs
from mnist_core.runs.events import Ended, State
from mnist_core.runs.files import RunError, write_whole
from mnist_core.runs.folder import Owner, Run
from mnist_core.runs.history import History
from mnist_core.runs.store import RunStore
from mnist_core.search.study import (
    Confirmed,
    Plan,
    Result,
    Study,
    StudyError,
    Trial,
    Wanted,
    best,
    summarized,
)
from mnist_core.search.suggest import hopeless, suggest
from mnist_core.settings import Settings
from mnist_core.training.pool import BEAT, WorkerPool
from mnist_core.words import reason

LOOK_SECONDS = 0.05
"""Between two looks at the runs in training."""
ATTEMPTS = 2
"""How often a trial is begun whose worker died."""


_started: list[subprocess.Popen[bytes]] = []
"""The conductors of this process; the system keeps what is left of them until they are polled."""


def start(study: Study) -> None:
    """Have a process of its own conduct a study; it outlives this one.

    Raises:
        OSError: it can't be started.
    """
    _started[:] = [process for process in _started if process.poll() is None]
    with (study.folder / "conductor.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "mnist_core.search.conductor", str(study.folder)],
            cwd=Path(__file__).resolve().parents[2],
            env=os.environ | {storage.DATA: str(Settings.from_environment().data)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _started.append(process)
    # Now, for it takes seconds to load what it needs.
    study.write("owner.json", Owner.of_process(process.pid))


@dataclass(eq=False)
class _Live:
    """A run in training, for a trial or to confirm one."""

    run: Run
    trial: runs.Trial
    config: TrainingConfig
    history: History
    attempts: int
    epochs: int = 0
    """Those that have been looked at."""


@dataclass(eq=False)
class Conductor:
    """Sees a study through; :meth:`work` returns when it is over.

    Args:
        tell: called with each trial that has ended, and how many there are to be.

    Raises:
        StudyError: another process conducts it.
    """

    study: Study
    pool: WorkerPool
    tell: Callable[[Trial, int], None] = lambda trial, asked: None
    trials: dict[int, Trial] = field(default_factory=dict)
    """Those that are over, by number."""
    confirming: dict[tuple[int, int], Trial] = field(default_factory=dict)
    """Runs to confirm a trial that are over, by its number and their seed."""
    _live: list[_Live] = field(default_factory=list)
    _beat: float = 0.0

    def work(self) -> Result:
        """Conduct the study to its end, or until it is wanted to stop; what came of it."""
        me = Owner.this_process()
        if self.study.conducted and self.study.owner != me:
            raise StudyError(f"study {self.study.id} is conducted by another process already")
        began = time.monotonic()
        self.study.write("owner.json", me)
        (self.study.folder / "result.json").unlink(missing_ok=True)
        self._take_up()
        self._write_all()
        while self._begin() or self._live or self._paused():
            self._wait()
        result = Result(confirmed=tuple(self._confirmed()), seconds=time.monotonic() - began)
        self.study.write("result.json", result)
        # What is wanted from now on needs another process, also while the workers of this one end.
        (self.study.folder / "owner.json").unlink(missing_ok=True)
        return result

    @property
    def plan(self) -> Plan:
        """What was asked."""
        return self.study.plan

    # --- What is there ---

    def _take_up(self) -> None:
        """Take in the runs that earlier conductors asked for, and go on with what they left."""
        found: dict[tuple[int, int | None], list[_Live]] = {}
        for run, trial in self.study.attempts():
            with contextlib.suppress(RunError):  # damaged, and so nothing has come of it
                live = _Live(run, trial, run.config, run.history(), attempts=1)
                seed = live.config.seed if trial.confirms else None
                found.setdefault((trial.number, seed), []).append(live)
        for attempts in found.values():
            live = attempts[-1]
            live.attempts = len(attempts)
            state = live.run.state(live.history)
            if state.live:
                raise StudyError(f"run {live.run.id} of study {self.study.id} is still {state}")
            if state == State.INTERRUPTED:
                live.attempts -= 1  # its conductor died, which is not its fault
                self._again(live)
            else:
                self._settle(live)

    def _write_all(self) -> None:
        """Write all trials anew: a conductor's death may have torn the last line."""
        lines = [trial.model_dump_json().encode() for _, trial in sorted(self.trials.items())]
        write_whole(self.study.folder / "trials.jsonl", b"".join(line + b"\n" for line in lines))

    # --- What comes next ---

    def _begin(self) -> bool:
        """Fill the workers; whether anything was begun."""
        begun = False
        while len(self._live) < self.plan.workers and (
            wish := self._next_trial() or self._next_confirming()
        ):
            trial, config = wish
            run = RunStore(self.study.runs).create(config, trial)
            self._submit(_Live(run, trial, config, run.history(), attempts=1))
            begun = True
        return begun

    def _submit(self, live: _Live) -> None:
        self._live.append(live)
        self.pool.submit(live.run)

    def _next_trial(self) -> tuple[runs.Trial, TrainingConfig] | None:
        """The next one to begin; None where none may (yet)."""
        wanted = self.study.wanted()
        numbers = {*self.trials, *(live.trial.number for live in self._live)}
        number = max(numbers, default=0) + 1
        if wanted.stop or self._paused():
            return None
        by_hand = sum(trial.added for trial in self.trials.values())
        by_hand += sum(live.trial.added for live in self._live)
        if by_hand < len(wanted.added):
            trial = runs.Trial(study=self.study.id, number=number, added=True)
            return trial, wanted.added[by_hand]
        if number > asked(self.plan, wanted) or self._out_of_time(wanted):
            return None
        running = [live.config for live in self._live]
        config = suggest(self.plan, [*self.trials.values()], running, number)
        return (runs.Trial(study=self.study.id, number=number), config) if config else None

    def _paused(self) -> bool:
        wanted = self.study.wanted()
        return wanted.pause and not wanted.stop

    def _out_of_time(self, wanted: Wanted) -> bool:
        minutes = wanted.minutes or self.plan.minutes
        spent = sum(trial.ended - trial.began for trial in self.trials.values())
        return minutes is not None and spent / self.plan.workers >= 60 * minutes

    def _finalists(self) -> list[Trial]:
        return best([*self.trials.values()], self.plan.aim)[: self.plan.finalists]

    def _next_confirming(self) -> tuple[runs.Trial, TrainingConfig] | None:
        """The next run to confirm one of the best; None while a trial may still be better."""
        if self._paused() or any(not live.trial.confirms for live in self._live):
            return None
        finalists = self._finalists()
        live = {(live.trial.number, live.config.seed) for live in self._live}
        for seed in other_seeds(self.plan):
            for finalist in finalists:
                if (finalist.number, seed) not in {*self.confirming, *live}:
                    config = finalist.config.model_copy(update={"seed": seed})
                    trial = runs.Trial(study=self.study.id, number=finalist.number, confirms=True)
                    return trial, config
        return None

    # --- What happens to what is live ---

    def _wait(self) -> None:
        """Look after the runs in training once."""
        time.sleep(LOOK_SECONDS)
        for live in tuple(self._live):
            live.history.update()
            if live.history.ended or not live.run.folder.is_dir():
                self._live.remove(live)
                self._settle(live)
            elif len(live.history.epochs) > live.epochs and not live.trial.confirms:
                live.epochs = len(live.history.epochs)
                name = "val_accuracy" if self.plan.aim == "accuracy" else "comparable_val_loss"
                values = [getattr(epoch, name) for epoch in live.history.epochs]
                if hopeless(self.plan, [*self.trials.values()], values):
                    live.run.want(stop=True)
        if time.monotonic() > self._beat + BEAT:
            self._beat = time.monotonic()
            os.utime(self.study.folder / "owner.json")

    def _settle(self, live: _Live) -> None:
        """Write down what came of a run that is over; or try it again, if its worker died."""
        ended = live.history.ended
        if ended and ended.died and live.attempts < ATTEMPTS:
            self._again(live)
            return
        if ended is None:  # somebody has deleted its folder
            live.history.add(Ended(state=State.FAILED, message="its folder is gone"))
        trial = summarized(live.trial, live.run, live.history)
        if live.trial.confirms:
            self.confirming[trial.number, live.config.seed] = trial
            return
        self.trials[trial.number] = trial
        with (self.study.folder / "trials.jsonl").open("ab") as file:
            file.write(trial.model_dump_json().encode() + b"\n")
        self.tell(trial, asked(self.plan, self.study.wanted()))

    def _again(self, dead: _Live) -> None:
        """Go on with a run from its last epoch, or begin it again."""
        store = RunStore(self.study.runs)
        if dead.run.checkpoint.exists():
            run = store.create_resumption(dead.run, dead.trial)
        else:
            run = store.create(dead.config, dead.trial)
        self._submit(_Live(run, dead.trial, dead.config, run.history(), dead.attempts + 1))

    def _confirmed(self) -> list[Confirmed]:
        """The finalists with other seeds, the best first: by the images they are validated on."""
        found = []
        for finalist in self._finalists():
            tested = [
                (seed, trial.run, evaluated.test_accuracy, value)
                for (number, seed), trial in sorted(self.confirming.items())
                if number == finalist.number
                and (value := trial.value(self.plan.aim)) is not None
                and (evaluated := Run(self.study.runs / trial.run).history().evaluated)
            ]
            if tested:
                found.append(
                    Confirmed(
                        number=finalist.number,
                        runs=tuple(run for _, run, _, _ in tested),
                        seeds=tuple(seed for seed, _, _, _ in tested),
                        test_accuracies=tuple(accuracy for _, _, accuracy, _ in tested),
                        values=tuple(value for _, _, _, value in tested),
                    )
                )
        return sorted(found, key=lambda c: c.value, reverse=self.plan.aim == "accuracy")


def asked(plan: Plan, wanted: Wanted) -> int:
    """How many trials there are to be."""
    return wanted.trials or plan.trials


def other_seeds(plan: Plan) -> list[int]:
    """The seeds that the search has not seen."""
    _, last = bounds(FIELDS["seed"])
    return [int((plan.base.seed + i) % (last + 1)) for i in range(1, plan.seeds + 1)]


def main(folder: Path) -> None:
    study = Study(folder)
    try:
        with WorkerPool(study.plan.workers) as pool:
            Conductor(study, pool).work()
    except (RunError, OSError) as error:
        sys.exit(reason(error))  # into the log, whose last line the page shows


if __name__ == "__main__":
    main(Path(sys.argv[1]))
