"""Starts worker processes, feeds them runs, keeps the queue.

A worker is ``python -m mnist_core.training.worker``: it loads TensorFlow once, says ``ready`` on
its standard output, then takes one run after the other from its standard input and says ``ready``
after each. It ends when its input does, so that no worker outlives this process, however this
process ends. (Not ``multiprocessing``: under ``streamlit run`` a spawned child imports the app.)
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from mnist_core.runs.events import Ended, State, append_event
from mnist_core.runs.folder import Run
from mnist_core.settings import Settings

_PROJECT = Path(__file__).resolve().parents[2]


@dataclass(eq=False)
class _Worker:
    """One worker process and what it is doing, as the pool's thread knows it."""

    process: subprocess.Popen[bytes]
    log: IO[bytes]
    """What it printed before its first run; after that, each run has its own log."""
    listener: threading.Thread = field(init=False)
    ready: bool = False
    run: Run | None = None


@dataclass(frozen=True)
class _Ready:
    worker: _Worker


@dataclass(frozen=True)
class _Gone:
    worker: _Worker


@dataclass(frozen=True)
class _Submitted:
    run: Run


class _Close:
    pass


_Message = _Ready | _Gone | _Submitted | _Close


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
        self._broken = False
        self._thread = threading.Thread(target=self._work, name="worker-pool", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, run: Run) -> None:
        """Queue a run that this process owns (see ``RunStore.create``)."""
        self._inbox.put(_Submitted(run))

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

    def close(self) -> None:
        """End the workers at once; runs that are not over become ``interrupted``."""
        self._inbox.put(_Close())
        self._thread.join()

    # --- Below, only the pool's own thread ---

    def _work(self) -> None:
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
                case _Gone(worker):
                    self._bury(worker)
                case _Close():
                    break
            self._drop_stopped()
            self._assign()
        for worker in self._workers:
            assert worker.process.stdin
            worker.process.stdin.close()
        for worker in self._workers:
            worker.listener.join()
            _release(worker)

    def _keep_warm(self) -> None:
        free = [worker for worker in self._workers if worker.run is None]
        if not free and len(self._workers) < self._limit and not self._broken:
            self._workers.append(self._start())

    def _start(self) -> _Worker:
        log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the worker has ended
        threads = max(1, (os.cpu_count() or 1) // self._limit)
        process = subprocess.Popen(
            [sys.executable, "-m", "mnist_core.training.worker", str(threads)],
            cwd=_PROJECT,
            # Absolute, for the worker runs in another folder.
            env=os.environ | {"DIGIT_LAB_DATA": str(Settings.from_environment().data)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,
        )
        worker = _Worker(process, log)
        worker.listener = threading.Thread(target=self._listen, args=(worker,), daemon=True)
        worker.listener.start()
        return worker

    def _listen(self, worker: _Worker) -> None:
        """A thread a worker: pass on what it says, and that it has ended."""
        assert worker.process.stdout
        for _line in worker.process.stdout:
            self._inbox.put(_Ready(worker))
        worker.process.wait()
        self._inbox.put(_Gone(worker))

    def _bury(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        if worker.run:
            if not worker.run.history().ended:
                reason = _cause_of_death(worker, worker.run.folder / "worker.log")
                append_event(worker.run.folder, Ended(state=State.FAILED, message=reason))
        elif not worker.ready:
            # It can't even start. Waiting would be forever, and starting it again no better.
            self._broken = True
            reason = "No worker could be started. " + _cause_of_death(worker)
            while self._waiting:
                run = self._waiting.popleft()
                append_event(run.folder, Ended(state=State.FAILED, message=reason))
        _release(worker)

    def _drop_stopped(self) -> None:
        for run in tuple(self._waiting):
            if run.control().stop:
                self._waiting.remove(run)
                append_event(
                    run.folder, Ended(state=State.STOPPED, message="Stopped before it began.")
                )

    def _assign(self) -> None:
        for worker in self._workers:
            if self._waiting and worker.ready and worker.run is None:
                worker.run = self._waiting.popleft()
                assert worker.process.stdin
                # A broken pipe: it has just died. Its listener says so next; the run fails with it.
                with contextlib.suppress(BrokenPipeError):
                    worker.process.stdin.write(f"{worker.run.folder}\n".encode())


def _release(worker: _Worker) -> None:
    """Close what a worker that has ended leaves open here."""
    for file in (worker.process.stdin, worker.process.stdout, worker.log):
        assert file
        file.close()


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
        text = log.read_text(errors="replace") if log.is_file() else ""
    else:
        worker.log.seek(0)
        text = worker.log.read().decode(errors="replace")
    last = (text.strip() or "it printed nothing").splitlines()[-1]
    return f"The training process ended by itself with exit code {code}: {last}"
