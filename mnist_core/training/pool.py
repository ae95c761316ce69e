"""Starts worker processes, feeds them runs, keeps the queue.

A worker is ``python -m mnist_core.training.worker``: it loads TensorFlow once, says ``ready`` on
its standard output, then takes one run after the other from its standard input and says ``ready``
after each; before that, what went wrong, if it could not write that into the run. It ends when its
input does, so that no worker outlives this process, however this process ends. (Not
``multiprocessing``: under ``streamlit run`` a spawned child imports the app.)

Runs are folders that anybody may delete or damage, on disks that fill up. What can't be done with a
run costs that run alone, and is written into it as the reason why it failed: at once, or as soon as
that can be written.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, Self

from mnist_core import storage
from mnist_core.runs.events import Ended, State, append_event
from mnist_core.runs.files import RunError, delete_unfinished
from mnist_core.runs.folder import Owner, Run
from mnist_core.settings import Settings
from mnist_core.words import reason

_PROJECT = Path(__file__).resolve().parents[2]
BEAT = 3.0
"""Seconds between two touches of the runs, for other machines to see that they are minded."""
PATIENCE = 10.0
"""Seconds that a worker has for its end."""


@dataclass(eq=False)
class _Worker:
    """One worker process and what it is doing, as the pool's thread knows it."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]
    """What it printed before its first run; after that, each run has its own log."""
    scratch: Path
    """Its folder for temporary files: TensorFlow leaves some in there."""
    listener: threading.Thread = field(init=False)
    ready: bool = False
    run: Run | None = None


@dataclass(frozen=True)
class _Ready:
    worker: _Worker


@dataclass(frozen=True)
class _Unsaid:
    worker: _Worker
    message: str
    """Why its run has failed."""


@dataclass(frozen=True)
class _Gone:
    worker: _Worker


@dataclass(frozen=True)
class _Submitted:
    run: Run


class _Close:
    pass


_Message = _Ready | _Unsaid | _Gone | _Submitted | _Close


class WorkerPool:
    """Trains submitted runs in at most ``workers`` processes; the rest wait in order.

    One worker is kept warm, TensorFlow loaded, as long as fewer than ``workers`` are busy. A single
    thread owns all state and is told of events through a queue; everything public may be called
    from any thread.
    """

    def __init__(self, workers: int) -> None:
        self._limit = workers
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._waiting: deque[Run] = deque()
        self._unwritten: dict[Run, Ended] = {}
        self._broken = False
        self._ending = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._live, name="worker-pool", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, run: Run) -> None:
        """Queue a run that this process owns (see ``RunStore.create``)."""
        with self._ending:
            if not self._ended:
                self._inbox.put(_Submitted(run))
                return
        self._end(run, State.FAILED, "The pool of workers had ended before.")

    @property
    def alive(self) -> bool:
        """Whether it trains what is submitted: until it is closed, or an error of ours ends it."""
        return not self._ended

    @property
    def starting(self) -> bool:
        """Whether a worker is still loading TensorFlow."""
        return any(not worker.ready for worker in tuple(self._workers))

    @property
    def running(self) -> list[Run]:
        """The runs that have a worker."""
        return [worker.run for worker in tuple(self._workers) if worker.run]

    def place(self, run: Run) -> int | None:
        """How many runs are before this one in the queue; None when it does not wait here."""
        waiting = [waiting.id for waiting in tuple(self._waiting)]
        return waiting.index(run.id) if run.id in waiting else None

    def failure(self, run: Run) -> str | None:
        """Why a run has failed, as long as that can't be written into it; None of all others."""
        ended = self._unwritten.get(run)
        return ended.message if ended else None

    def close(self) -> None:
        """End the workers at once; runs that are not over become ``interrupted``."""
        self._inbox.put(_Close())
        self._thread.join()

    # --- Below, only the pool's own thread ---

    def _live(self) -> None:
        said = ""
        try:
            self._work()
        except Exception as error:
            logging.getLogger(__name__).exception("The pool of workers has ended")
            said = (
                f"The pool of workers ended by an error of the program, {type(error).__name__}: "
                f"{error}. It is started again for the next run."
            )
        with self._ending:
            self._ended = True
        self._end_workers(said)

    def _work(self) -> None:
        with contextlib.suppress(OSError):  # without a folder for them, there are none
            _delete_leftovers()
        touched = time.monotonic()
        while True:
            self._keep_warm()
            try:
                message = self._inbox.get(timeout=0.25)
            except queue.Empty:
                message = None
            match message:
                case _Submitted(run):
                    self._waiting.append(run)
                    self._broken = False
                case _Ready(worker):
                    worker.ready = True
                    worker.run = None
                case _Unsaid(worker, said) if worker.run:
                    self._end(worker.run, State.FAILED, said)
                case _Gone(worker):
                    self._bury(worker)
                case _Close():
                    break
            self._look_at_waiting()
            self._assign()
            if time.monotonic() > touched + BEAT:
                touched = time.monotonic()
                self._touch()
                self._write_ends()

    def _end_workers(self, said: str) -> None:
        """End the workers; runs that are not over fail, if something is ``said`` of that."""
        for worker in self._workers:
            assert worker.process.stdin
            worker.process.stdin.close()
        for worker in self._workers:
            worker.listener.join(0 if said else PATIENCE)
            worker.process.kill()
            worker.listener.join()
            if said and worker.run:
                self._end(worker.run, State.FAILED, said)
            _release(worker)
        while said and not self._inbox.empty():
            message = self._inbox.get()
            if isinstance(message, _Submitted):
                self._waiting.append(message.run)
        while said and self._waiting:
            self._end(self._waiting.popleft(), State.FAILED, said)
        self._workers.clear()

    def _keep_warm(self) -> None:
        free = [worker for worker in self._workers if worker.run is None]
        if not free and len(self._workers) < self._limit and not self._broken:
            try:
                self._workers.append(self._start())
            except (OSError, ValueError) as error:
                self._give_up(reason(error))

    def _start(self) -> _Worker:
        threads = max(1, (os.cpu_count() or 1) // self._limit)
        # Absolute, for the worker runs in another folder.
        environment = os.environ | {storage.DATA: str(Settings.from_environment().data)}
        scratch = Path(tempfile.mkdtemp(prefix=_scratch_of(Owner.this_process())))
        try:
            log = (scratch / "log").open("w+b")
            process = subprocess.Popen(
                [sys.executable, "-m", "mnist_core.training.worker", str(threads), str(scratch)],
                cwd=_PROJECT,
                env=environment | {"TMPDIR": str(scratch)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
            )
        except OSError:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        worker = _Worker(process, log, scratch)
        worker.listener = threading.Thread(target=self._listen, args=(worker,), daemon=True)
        worker.listener.start()
        return worker

    def _listen(self, worker: _Worker) -> None:
        """A thread a worker: pass on what it says, and that it has ended."""
        assert worker.process.stdout
        for line in worker.process.stdout:
            said = line.decode(errors="replace").strip()
            self._inbox.put(_Ready(worker) if said == "ready" else _Unsaid(worker, said))
        worker.process.wait()
        self._inbox.put(_Gone(worker))

    def _bury(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        if worker.run:
            if not _is_over(worker.run):
                log = worker.run.folder / "worker.log"
                delete_unfinished(worker.run.folder)
                self._end(worker.run, State.FAILED, _cause_of_death(worker, log), died=True)
        elif not worker.ready:
            self._give_up(_cause_of_death(worker))
        _release(worker)

    def _give_up(self, why: str) -> None:
        """No worker can even start. Waiting would be forever, and starting it again no better."""
        self._broken = True
        while self._waiting:
            run = self._waiting.popleft()
            self._end(run, State.FAILED, f"No worker could be started. {why}")

    def _look_at_waiting(self) -> None:
        for run in tuple(self._waiting):
            ended = _ended_before_it_began(run)
            if ended:
                self._waiting.remove(run)
                self._end(run, *ended)

    def _assign(self) -> None:
        for worker in self._workers:
            if self._waiting and worker.ready and worker.run is None:
                worker.run = self._waiting.popleft()
                assert worker.process.stdin
                # A broken pipe: it has just died. Its listener says so next; the run fails with it.
                with contextlib.suppress(BrokenPipeError):
                    worker.process.stdin.write(f"{worker.run.folder}\n".encode())

    def _touch(self) -> None:
        """Show other machines that these runs are minded, and what tidies up, that scratch is."""
        marks = [run.folder / "owner.json" for run in (*self.running, *self._waiting)]
        for path in (*marks, *(worker.scratch for worker in self._workers)):
            with contextlib.suppress(OSError):  # it is gone, as will be noticed elsewhere
                os.utime(path)

    def _end(
        self,
        run: Run,
        state: Literal[State.FAILED, State.STOPPED],
        message: str,
        died: bool = False,
    ) -> None:
        self._unwritten[run] = Ended(state=state, message=message, died=died)
        self._write_ends()

    def _write_ends(self) -> None:
        """Write into runs that they have ended; what can't be written waits for the next time."""
        for run, ended in tuple(self._unwritten.items()):
            with contextlib.suppress(OSError):
                if not _is_over(run):
                    append_event(run.folder, ended)
                del self._unwritten[run]


def _is_over(run: Run) -> bool:
    try:
        return run.history().ended is not None
    except RunError:
        return False


def _ended_before_it_began(
    run: Run,
) -> tuple[Literal[State.FAILED, State.STOPPED], str] | None:
    """Why a run that waits shall not be trained, if so."""
    try:
        if not run.folder.is_dir():
            return State.FAILED, f"its folder is gone: {run.folder}"
        return (State.STOPPED, "Stopped before it began.") if run.control().stop else None
    except (RunError, OSError) as error:
        return State.FAILED, reason(error)


def _scratch_of(pool: Owner) -> str:
    """How the names of the folders begin that the workers of a process have for temporary files."""
    return f"digit-lab-worker-{pool.host}-{pool.pid}-{pool.created:.0f}-"


def _delete_leftovers() -> None:
    """Delete the temporary files of workers that were killed, and their pools with them."""
    for folder in Path(tempfile.gettempdir()).glob("digit-lab-worker-*-*-*-*"):
        host, pid, created, _ = folder.name.removeprefix("digit-lab-worker-").rsplit("-", 3)
        with contextlib.suppress(ValueError):  # not named by us
            pool = Owner(host=host, pid=int(pid), created=float(created))
            if pool.is_here and not pool.alive:
                shutil.rmtree(folder, ignore_errors=True)


def _release(worker: _Worker) -> None:
    """Close and delete what a worker that has ended leaves here."""
    for file in (worker.process.stdin, worker.process.stdout, worker.log):
        assert file
        file.close()
    shutil.rmtree(worker.scratch, ignore_errors=True)


def _cause_of_death(worker: _Worker, log: Path | None = None) -> str:
    """Why a worker's process ended, for people."""
    code = worker.process.returncode
    if code == -signal.SIGKILL:
        return (
            "The training process was killed (SIGKILL). The system does this when memory runs out: "
            "if nobody did it by hand, try narrower layers or smaller batches."
        )
    if code < 0:
        return f"The training process was ended by {signal.Signals(-code).name}."
    if log:
        try:
            text = log.read_text(errors="replace")
        except OSError:
            text = ""  # it has not come so far, or the folder is gone
    else:
        worker.log.seek(0)
        text = worker.log.read().decode(errors="replace")
    last = (text.strip() or "it printed nothing").splitlines()[-1]
    return f"The training process ended by itself with exit code {code}: {last}"
