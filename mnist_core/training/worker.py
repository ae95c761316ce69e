"""The process that trains: takes runs from its standard input, writes what happens into them.

Started by ``training.pool`` as ``python -m mnist_core.training.worker THREADS SCRATCH``, where
SCRATCH is a folder of its own for temporary files, which it takes away at its end. Each line of its
input is the folder of a run; when the input ends, so does the process, at once.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mnist_core import storage
from mnist_core.data import loading
from mnist_core.data.dataset import Dataset
from mnist_core.evaluation import classification_report, evaluate
from mnist_core.runs.events import Ended, Evaluated, Event, Started, State, append_event
from mnist_core.runs.files import write_json, write_npz
from mnist_core.runs.folder import Run
from mnist_core.training import interrupted

if TYPE_CHECKING:
    import keras

RUNS_PER_PROCESS = 10
"""Repeated trainings in one process leak a little whatever is cleared; so it is replaced."""
LAST_WORD = 5.0
"""Seconds that the end of the input waits for an event that is being written."""


class Inbox:
    """The runs to train; ends the process, and marks its run interrupted, when the input ends."""

    def __init__(self, lines: TextIO, scratch: Path) -> None:
        self._lines = lines
        self._scratch = scratch
        self._folders: queue.SimpleQueue[Path] = queue.SimpleQueue()
        self._writing = threading.Lock()
        self._run: Run | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def next(self) -> Run:
        """Wait for the next run."""
        self._run = Run(self._folders.get())
        return self._run

    def emit(self, event: Event) -> None:
        """Append to the events of the run in hand; its :class:`Ended` puts it down."""
        with self._writing:
            assert self._run
            folder = self._run.folder
            if isinstance(event, Ended):
                self._run = None
            append_event(folder, event)

    def _listen(self) -> None:
        try:
            for line in self._lines:
                self._folders.put(Path(line.rstrip("\n")))
            # For good: nothing may follow the last event.
            if self._writing.acquire(timeout=LAST_WORD) and self._run:
                command = [sys.executable, "-m", interrupted.__name__]
                os.execv(command[0], [*command, str(self._run.folder), str(self._scratch)])
        finally:  # whatever becomes of that, nobody is left to work for
            shutil.rmtree(self._scratch, ignore_errors=True)
            os._exit(0)


def train(run: Run, inbox: Inbox, threads: int) -> str:
    """Train and evaluate ``run``; whatever goes wrong becomes the run's state.

    Returns:
        What went wrong, where that can't be written into the run; else nothing.
    """
    try:
        with _logged(run.folder / "worker.log"):
            ended = _train(run, inbox, threads)
    except Exception as error:  # noqa: BLE001 - the one place that turns an exception into a state
        ended = Ended(state=State.FAILED, message=_explain(error, run))
    try:
        inbox.emit(ended)
    except OSError as error:
        return ended.message or _explain(error, run)
    return ""


def _train(run: Run, inbox: Inbox, threads: int) -> Ended:
    from mnist_core.training import fit, save, tensorboard

    inbox.emit(Started())
    began = time.time()
    config = run.config
    dataset = loading.load(config.dataset)
    write_json(run.folder / "dataset.json", dataset.outline.model_dump())
    with tensorboard.recording(run, inbox.emit) as emit:
        film = None if run.is_trial else run.film  # a study's many would take gigabytes
        result = fit.fit(config, dataset, emit, run.control, run.checkpoint, film)
    save.save_keras(result.model, run.folder / "model.keras")
    write_json(
        run.folder / "environment.json",
        _environment(threads)
        | {
            "seed": config.seed,
            "data": dataset.source,
            "duration_seconds": time.time() - began,
        },
    )
    if not run.trial or run.trial.confirms:
        inbox.emit(_test(run, result.model, dataset, result.train_seconds))
    state = State.STOPPED if result.stopped else State.FINISHED
    return Ended(state=state, message=result.message)


def _test(run: Run, model: keras.Model, dataset: Dataset, train_seconds: float) -> Evaluated:
    """Use the test set, and write all that a network is asked and judged by."""
    from mnist_core.training import fit, save

    probabilities = fit.probabilities(model, dataset.x_test)
    report = classification_report(
        probabilities.argmax(axis=1), dataset.y_test, dataset.class_names
    )
    evaluation = evaluate(probabilities, dataset.y_test, dataset.class_names, report)
    save.save_tflite(model, run.folder / "model.tflite")
    write_npz(run.folder / "test.npz", probabilities=probabilities, labels=dataset.y_test)
    write_json(run.folder / "report.json", report)
    return Evaluated(
        test_accuracy=evaluation.accuracy,
        test_loss=evaluation.loss,
        test_images=len(evaluation.labels),
        train_seconds=train_seconds,
    )


def _explain(error: Exception, run: Run) -> str:
    """What went wrong with a run, for people."""
    if not run.folder.is_dir():
        return f"its folder is gone: {run.folder}"
    places = {run.folder.parent: storage.RUNS}
    if storage.is_full(error):
        places[Path(tempfile.gettempdir())] = "TMPDIR"
    elif not isinstance(error, OSError):
        return f"{type(error).__name__}: {error}"
    folder = min(places, key=lambda place: shutil.disk_usage(place).free)
    return storage.explain(error, folder, places[folder])


@contextlib.contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Within it, what is printed goes to the end of a file, and so does what is raised."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    before = os.dup(2)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    try:
        yield
    except Exception:
        with contextlib.suppress(OSError):  # the disk may be full
            traceback.print_exc()
        raise
    finally:
        os.dup2(before, 1)
        os.dup2(before, 2)
        os.close(before)


def _environment(threads: int) -> dict[str, object]:
    packages = ("tensorflow", "keras", "numpy")
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": threads,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")  # where platform.processor() says nothing: Linux
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def main(threads: int, scratch: Path) -> None:
    # Ctrl-C in the terminal is for the server; this process ends when its input does.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(5)  # the pages answer first
    # Standard output belongs to the pool; what libraries print there goes to the log.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    inbox = Inbox(sys.stdin, scratch)

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from mnist_core.training import fit  # TensorFlow: seconds, and only now that stdin is watched

    fit.warm_up(threads)
    for _ in range(RUNS_PER_PROCESS):
        print("ready", file=answers, flush=True)
        unsaid = train(inbox.next(), inbox, threads)
        if unsaid:
            print(" ".join(unsaid.split()), file=answers, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
