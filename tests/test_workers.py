"""The pool, with real worker processes, real kills and a real death of the server."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from mnist_core.runs import Run, RunStore, State
from mnist_core.workers import WorkerPool
from tests.conftest import LONG, SMALL, wait_for_end, wait_until

PROJECT = Path(__file__).parents[1]


def submit(pool: WorkerPool, store: RunStore, config: object = SMALL) -> Run:
    run = store.create(config)  # type: ignore[arg-type]
    pool.submit(run)
    return run


def is_training(run: Run) -> bool:
    return bool(run.history().batches)


def worker_processes(parent: int) -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process(parent).children()
        if "mnist_core.training.worker" in child.cmdline()
    ]


def test_a_run_is_trained_evaluated_and_kept(pool: WorkerPool, store: RunStore) -> None:
    run = submit(pool, store)
    history = wait_for_end(run)

    assert run.state(history) is State.FINISHED
    assert len(history.epochs) == 2
    assert history.evaluated
    assert history.evaluated.test_images == 1_000
    assert history.evaluated.test_accuracy > 0.7
    probabilities, labels = run.test_results()
    assert (probabilities.argmax(axis=1) == labels).mean() == history.evaluated.test_accuracy
    kept = {path.name for path in run.folder.iterdir()}
    assert kept >= {
        "config.json",
        "events.jsonl",
        "model.keras",
        "model.tflite",
        "test.npz",
        "environment.json",
        "dataset.json",
        "worker.log",
    }


def test_same_config_and_seed_give_the_same_history(pool: WorkerPool, store: RunStore) -> None:
    first, between, second = (
        submit(pool, store, config)
        for config in (SMALL, SMALL.model_copy(update={"seed": 2}), SMALL)
    )
    figures = [
        [(e.loss, e.accuracy, e.val_loss, e.val_accuracy) for e in wait_for_end(run).epochs]
        for run in (first, between, second)
    ]

    assert figures[0] == figures[2]
    assert figures[0] != figures[1]


def test_runs_wait_their_turn_and_know_their_place(pool: WorkerPool, store: RunStore) -> None:
    first = submit(pool, store, LONG)
    wait_until(lambda: is_training(first))
    second, third = submit(pool, store), submit(pool, store)
    wait_until(lambda: pool.place(third) is not None)

    assert (pool.place(first), pool.place(second), pool.place(third)) == (None, 0, 1)
    assert second.state(second.history()) is State.QUEUED

    first.request_stop()
    for run in (second, third):
        assert run.state(wait_for_end(run)) is State.FINISHED


def test_a_stopped_run_keeps_what_it_learned(pool: WorkerPool, store: RunStore) -> None:
    run = submit(pool, store, LONG)
    wait_until(lambda: len(run.history().epochs) >= 1)
    run.request_stop()
    history = wait_for_end(run)

    assert run.state(history) is State.STOPPED
    assert len(history.epochs) < LONG.epochs
    assert history.evaluated
    assert history.evaluated.test_accuracy > 0.8
    assert run.has_model


def test_a_run_stopped_in_the_queue_never_begins(pool: WorkerPool, store: RunStore) -> None:
    first = submit(pool, store, LONG)
    waiting = submit(pool, store)
    wait_until(lambda: is_training(first))
    waiting.request_stop()
    history = wait_for_end(waiting)
    first.request_stop()
    wait_for_end(first)

    assert waiting.state(history) is State.STOPPED
    assert history.started is None


def test_a_killed_worker_costs_its_run_alone(pool: WorkerPool, store: RunStore) -> None:
    run = submit(pool, store, LONG)
    wait_until(lambda: is_training(run))
    (worker,) = worker_processes(os.getpid())
    worker.send_signal(signal.SIGKILL)
    history = wait_for_end(run)

    assert run.state(history) is State.FAILED
    assert history.ended
    assert "SIGKILL" in history.ended.message
    assert "memory" in history.ended.message
    assert submit_and_finish(pool, store)


def submit_and_finish(pool: WorkerPool, store: RunStore) -> bool:
    run = submit(pool, store)
    return run.state(wait_for_end(run)) is State.FINISHED


def test_an_error_in_training_is_the_runs_message(pool: WorkerPool, store: RunStore) -> None:
    run = store.create(SMALL)
    (run.folder / "config.json").write_text('{"dataset": "mnist-sample", "dropout": 7}')
    pool.submit(run)
    history = wait_for_end(run)

    assert history.ended
    assert history.ended.state is State.FAILED
    assert "dropout is 7; allowed: a number from 0 to 0.9" in history.ended.message


def test_a_worker_that_cannot_start_fails_the_run_with_the_reason(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no TensorFlow on this machine')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with WorkerPool(1) as pool:
        run = submit(pool, store)
        history = wait_for_end(run)

    assert history.ended
    assert history.ended.state is State.FAILED
    assert "no TensorFlow on this machine" in history.ended.message


SERVER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell began us with &
from pathlib import Path
from mnist_core.runs import RunStore
from mnist_core.workers import WorkerPool
from tests.conftest import LONG
store = RunStore(Path(sys.argv[1]))
pool = WorkerPool(1)
for _ in range(2):
    pool.submit(store.create(LONG))
time.sleep(600)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_the_server(store: RunStore, end: signal.Signals) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(store.folder)], cwd=PROJECT, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: any(is_training(run) for run in store.list()))
    (worker,) = worker_processes(server.pid)
    server.send_signal(end)
    server.wait(timeout=60)
    _gone, alive = psutil.wait_procs([worker], timeout=30)

    assert not alive
    assert [run.state(run.history()) for run in store.list()] == [State.INTERRUPTED] * 2
