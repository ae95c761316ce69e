"""Kills at random instants of real trainings: what is lost, what is left behind, what goes on.

    python benchmarks/kills.py [--kills 200] [--seed 1] [--victim worker ...]
    python benchmarks/kills.py --seed 1 --only 17

In turn, the worker process is killed, a program that has started one, the command line and the
dashboard's server (which needs Chromium), each by SIGKILL. Of what is left it is then seen whether
the run can be read, whether it lost more than the epoch in hand, whether a process lives on; and
the run is continued to the end, whose figures must be those of a training that was never
interrupted, to the last digit. Temporary files are counted when all is over, for the next start
cleans up. It prints one table; faults end it with 1, and --only repeats one kill: the same victim,
after the same time.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import urlencode

import numpy as np
import psutil
from numpy.typing import NDArray

from mnist_core.config import TrainingConfig
from mnist_core.link import arguments, link_parameters
from mnist_core.runs.catalog import Damaged, summarize
from mnist_core.runs.events import Ended, State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.history import History
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool

CONFIG = TrainingConfig(dataset="mnist-sample", widths=(256, 128), epochs=6, seed=1)
PATIENCE = 300.0
"""Seconds for whatever is waited for."""
LIVES_ON = 30.0
"""Seconds after which a process that should have ended is an orphan."""
COLUMNS = ("kills", "no epoch", "over", "continued", "same figures")
FAULTS = ("corrupt", "epochs lost", "orphans", "not continued", "other figures")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--victim", action="append", choices=VICTIMS, help="may be repeated")
    parser.add_argument("--only", type=int, metavar="N", help="this kill alone")
    options = parser.parse_args()
    numbers = range(options.kills) if options.only is None else [options.only]
    with tempfile.TemporaryDirectory() as folder:
        # For all that is started from here.
        tempfile.tempdir = os.environ["TMPDIR"] = str(Path(folder, "temporary"))
        Path(tempfile.tempdir).mkdir()
        store = RunStore(Path(folder, "runs"))
        with WorkerPool(1) as pool:
            victims = options.victim or list(VICTIMS)
            faults = run(options.seed, numbers, victims, store, pool)
        faults += left_behind(store)
    print(*faults, sep="\n")
    sys.exit(bool(faults))


class Uninterrupted(NamedTuple):
    """A training of as many epochs that nobody disturbed."""

    figures: list[tuple[float | None, ...]]
    probabilities: NDArray[np.float32]
    seconds: float
    """From its start to its end."""


class Training(NamedTuple):
    """A training that is about to be interrupted."""

    run: Run
    kill: Callable[[], object]
    processes: list[psutil.Process]
    """None of which may live on."""


def run(
    seed: int,
    numbers: range | list[int],
    victims: list[str],
    store: RunStore,
    pool: WorkerPool,
) -> list[str]:
    """Kill, continue, print the table, and return a line for each fault.

    Args:
        pool: has one worker, which the continuations share.
    """
    counts = {victim: Counter[str]() for victim in victims}
    faults: list[str] = []
    usual: dict[int, Uninterrupted] = {}

    def uninterrupted(epochs: int) -> Uninterrupted:
        if epochs not in usual:
            usual[epochs] = train(store, pool, CONFIG.model_copy(update={"epochs": epochs}))
        return usual[epochs]

    seconds = uninterrupted(CONFIG.epochs).seconds
    for number in numbers:
        victim = victims[number % len(victims)]
        delay = Random(f"{seed} {number}").uniform(0, 1.1 * seconds)
        with VICTIMS[victim](store, pool) as training:
            found = kill(training, delay)
        found += go_on(training.run, store, pool, uninterrupted)
        counts[victim].update(["kills", *(what for what, _ in found)])
        faults += [
            f"{what}: {why} -- {victim}, {delay:.2f} s after the start, run {training.run.id}: "
            f"python benchmarks/kills.py --seed {seed} --only {number}"
            for what, why in found
            if what in FAULTS
        ]
    width = max(map(len, victims)) + 2
    print(f"{'killed':{width}}" + "".join(f"{name:>15}" for name in (*COLUMNS, *FAULTS)))
    for victim, count in counts.items():
        row = "".join(f"{count[name]:15,}" for name in (*COLUMNS, *FAULTS))
        print(f"{victim:{width}}{row}")
    return faults


def left_behind(store: RunStore) -> list[str]:
    """The temporary files that the next start does not clean up, a line for each fault.

    Those of this process's own worker don't count while it lives.
    """
    with WorkerPool(1):
        pass
    left = [
        path.name
        for path in Path(tempfile.gettempdir()).iterdir()
        if f"-{os.getpid()}-" not in path.name
    ]
    left += [str(path.relative_to(store.folder)) for path in store.folder.glob("*/.*")]
    print(f"temporary files left: {len(left)}")
    return [f"temporary files: {name}" for name in left]


def train(store: RunStore, pool: WorkerPool, config: TrainingConfig) -> Uninterrupted:
    run = store.create(config)
    pool.submit(run)
    history = wait_for_end(run)
    assert history.evaluated, history.ended
    assert history.started
    assert history.ended
    seconds = history.ended.time - history.started.time
    return Uninterrupted(figures_of(history), run.test_results()[0], seconds)


def figures_of(history: History) -> list[tuple[float | None, ...]]:
    return [(e.loss, e.accuracy, e.val_loss, e.val_accuracy) for e in history.epochs]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {PATIENCE:g} s")
        time.sleep(0.05)


def wait_for_end(run: Run) -> History:
    history = run.history()

    def ended() -> bool:
        history.update()
        return history.ended is not None

    wait_for(ended)
    return history


# --- A kill, and what is found afterwards. Each finding is a column of the table, and why. ---

Finding = tuple[str, str]


def kill(training: Training, delay: float) -> list[Finding]:
    """Kill so many seconds after the worker has taken the run."""
    wait_for(lambda: training.run.history().started)
    time.sleep(delay)
    training.kill()
    _, alive = psutil.wait_procs(training.processes, timeout=LIVES_ON)
    for process in alive:
        process.kill()
    return [("orphans", f"{process.cmdline()} lived on") for process in alive]


def go_on(
    run: Run,
    store: RunStore,
    pool: WorkerPool,
    uninterrupted: Callable[[int], Uninterrupted],
) -> list[Finding]:
    """Look at what a kill has left, and train the rest."""
    wait_for(lambda: not run.state(run.history()).live)
    entry = summarize(run)
    if isinstance(entry, Damaged):
        return [("corrupt", entry.reason)]
    try:
        history = run.history()
        last = run.checkpoint_epoch()
    except RunError as error:
        return [("corrupt", str(error))]
    over = len(history.epochs)
    if history.evaluated and entry.state is State.FINISHED:
        same = figures_of(history) == uninterrupted(CONFIG.epochs).figures
        return [("over", ""), *([] if same else [("other figures", "of a run that was over")])]
    found = []
    kept = last.epoch if last else 0
    if kept < over:
        found.append(("epochs lost", f"{over} were over, {kept} are kept"))
    if not last:
        return [*found, ("no epoch", "")]
    try:
        child = store.create_continuation(run, max(1, CONFIG.epochs - last.epoch))
        pool.submit(child)
        after = wait_for_end(child)
    except (RunError, TimeoutError) as error:
        return [*found, ("not continued", str(error))]
    if not after.evaluated:
        return [*found, ("not continued", _message(after.ended))]
    wanted = uninterrupted(child.config.epochs)
    same = figures_of(after) == wanted.figures
    same = same and np.array_equal(child.test_results()[0], wanted.probabilities)
    found.append(("same figures", "") if same else ("other figures", f"of run {child.id}"))
    return [*found, ("continued", "")]


def _message(ended: Ended | None) -> str:
    return ended.message if ended else ""


# --- Who is killed --------------------------------------------------------------------------------


@contextlib.contextmanager
def worker(store: RunStore, pool: WorkerPool) -> Iterator[Training]:
    """The worker of this process, which has a new one for the continuation."""
    run = store.create(CONFIG)
    pool.submit(run)
    wait_for(lambda: run in pool.running)
    (process,) = workers_of(os.getpid())
    yield Training(run, process.kill, [process])


@contextlib.contextmanager
def parent(store: RunStore, pool: WorkerPool) -> Iterator[Training]:
    """A program that trains by itself."""
    with started([sys.executable, "-m", "benchmarks.kills", "--parent"], store) as training:
        yield training


@contextlib.contextmanager
def command(store: RunStore, pool: WorkerPool) -> Iterator[Training]:
    """The command line."""
    words = [sys.executable, "-m", "mnist_core", "train", *arguments(CONFIG)]
    with started(words, store) as training:
        yield training


@contextlib.contextmanager
def started(words: list[str], store: RunStore) -> Iterator[Training]:
    before = store.ids()
    with subprocess.Popen(
        words,
        cwd=Path(__file__).parents[1],
        env=os.environ | {"DIGIT_LAB_RUNS": str(store.folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        yield killable(process, new_run(store, before))


@contextlib.contextmanager
def server(store: RunStore, pool: WorkerPool) -> Iterator[Training]:
    """The dashboard's server, by the button Train in Chromium."""
    from benchmarks import dashboard

    before = store.ids()
    with (
        dashboard.tab() as page,
        dashboard.server(str(store.folder)) as (process, address),
    ):
        page.goto(f"{address}/?{urlencode(link_parameters(CONFIG))}")
        page.get_by_role("button", name="Train", exact=True).click(timeout=PATIENCE * 1000)
        yield killable(process, new_run(store, before))


def new_run(store: RunStore, before: list[str]) -> Run:
    """The one that was not there before, once it is training."""

    def found() -> list[Run]:
        return [run for run in store.list() if run.id not in before]

    wait_for(lambda: [run for run in found() if run.history().started])
    return found()[0]


def killable(process: subprocess.Popen[bytes], run: Run) -> Training:
    processes = [psutil.Process(process.pid), *workers_of(process.pid)]

    def kill_it() -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()

    return Training(run, kill_it, processes)


def workers_of(pid: int) -> list[psutil.Process]:
    """The workers of a process, without those of others that it has started."""
    found = []
    for child in psutil.Process(pid).children():
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends just now
            if "mnist_core.training.worker" in child.cmdline():
                found.append(child)
    return found


VICTIMS = {"worker": worker, "parent": parent, "command line": command, "server": server}


def train_for_ever() -> None:
    """What the victim ``parent`` does."""
    with WorkerPool(1) as pool:
        pool.submit(RunStore(Path(os.environ["DIGIT_LAB_RUNS"])).create(CONFIG))
        time.sleep(PATIENCE)


if __name__ == "__main__":
    if sys.argv[1:] == ["--parent"]:
        train_for_ever()
    else:
        main()
