"""The pool, with real worker processes, real kills and a real death of the server."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.kills import workers_of
from mnist_core.runs.catalog import Catalog, Summary
from mnist_core.runs.events import State
from mnist_core.runs.folder import Owner, Run
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool
from tests.conftest import LONG, SMALL, wait_for_end, wait_until

PROJECT = Path(__file__).parents[2]


def submit(pool: WorkerPool, store: RunStore, config: object = SMALL) -> Run:
    run = store.create(config)  # type: ignore[arg-type]
    pool.submit(run)
    return run


def is_training(run: Run) -> bool:
    return bool(run.history().batches)


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
    for run in (first, between, second):
        wait_for_end(run)
    figures = [figures_of(run) for run in (first, between, second)]

    assert figures[0] == figures[2]
    assert figures[0] != figures[1]


def test_runs_wait_their_turn_and_know_their_place(pool: WorkerPool, store: RunStore) -> None:
    first = submit(pool, store, LONG)
    wait_until(lambda: is_training(first))
    second, third = submit(pool, store), submit(pool, store)
    wait_until(lambda: pool.place(third) is not None)

    assert (pool.place(first), pool.place(second), pool.place(third)) == (None, 0, 1)
    assert second.state(second.history()) is State.QUEUED

    first.want(stop=True)
    for run in (second, third):
        assert run.state(wait_for_end(run)) is State.FINISHED


def test_a_stopped_run_keeps_what_it_learned(pool: WorkerPool, store: RunStore) -> None:
    run = submit(pool, store, LONG)
    wait_until(lambda: len(run.history().epochs) >= 1)
    run.want(stop=True)
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
    waiting.want(stop=True)
    history = wait_for_end(waiting)
    first.want(stop=True)
    wait_for_end(first)

    assert waiting.state(history) is State.STOPPED
    assert history.started is None


def test_a_killed_worker_costs_its_run_alone(pool: WorkerPool, store: RunStore) -> None:
    run = submit(pool, store, LONG)
    wait_until(lambda: is_training(run))
    (worker,) = workers_of(os.getpid())
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


def test_a_run_is_paused_goes_on_and_stops(pool: WorkerPool, store: RunStore) -> None:
    run = submit(pool, store, LONG)
    wait_until(lambda: is_training(run))
    run.want(pause_at=0)
    wait_until(lambda: run.history().paused)
    assert run.state(run.history()) is State.PAUSED

    paused = run.history().paused
    assert paused
    fitting = run.history().fitting
    assert fitting
    left = fitting.steps_per_epoch - paused.step or fitting.steps_per_epoch
    run.want(pause_at=paused.steps + min(32, left))
    wait_until(lambda: run.history().paused not in (None, paused))
    again = run.history().paused
    assert again
    assert again.steps == paused.steps + min(32, left)

    run.want(stop=True)
    assert run.state(wait_for_end(run)) is State.STOPPED


# --- Going on after a death at any moment. The large network makes each moment a long one. ---

LARGE = SMALL.model_copy(update={"widths": (4096, 1024), "epochs": 3, "batch_size": 512})


def unfinished(run: Run, name: str) -> bool:
    """Whether a file of the run is being written just now."""
    return any(path.name.startswith(name) for path in run.folder.iterdir())


MOMENTS: dict[str, Callable[[Run], object]] = {
    "an epoch": lambda run: len(run.history().epochs) == 1 and is_training(run),
    "a checkpoint": lambda run: (
        run.checkpoint.exists() and unfinished(run, ".checkpoint.npz.")  # the second one
    ),
    "the evaluation": lambda run: (
        len(run.history().epochs) == LARGE.epochs and not (run.folder / "model.keras").exists()
    ),
    "the export of the model": lambda run: unfinished(run, ".part-"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_whose_worker_was_killed_goes_on(
    pool: WorkerPool, store: RunStore, moment: str
) -> None:
    run = submit(pool, store, LARGE)
    wait_until(lambda: MOMENTS[moment](run))
    (worker,) = workers_of(os.getpid())
    worker.send_signal(signal.SIGKILL)
    history = wait_for_end(run)

    (listed,) = Catalog(store).list()
    assert isinstance(listed, Summary)
    assert listed.state is State.FAILED
    assert not list(run.folder.glob(".*"))
    last = run.checkpoint_epoch()
    assert last
    assert last.epoch >= len(history.epochs) >= 1
    child = store.create_continuation(run, epochs=1)
    pool.submit(child)
    after = wait_for_end(child)
    assert child.state(after) is State.FINISHED
    assert [e.epoch for e in after.epochs] == list(range(1, last.epoch + 2))
    assert child.has_model


def test_continuing_ends_as_training_at_once_does(pool: WorkerPool, store: RunStore) -> None:
    at_once = submit(pool, store, SMALL.model_copy(update={"epochs": 10}))
    half = submit(pool, store, SMALL.model_copy(update={"epochs": 5}))
    wait_for_end(half)
    child = store.create_continuation(half, epochs=5)
    pool.submit(child)
    for run in (at_once, child):
        wait_for_end(run)

    assert figures_of(child) == figures_of(at_once)
    np.testing.assert_array_equal(child.test_results()[0], at_once.test_results()[0])


def figures_of(run: Run) -> list[tuple[float | None, ...]]:
    return [(e.loss, e.accuracy, e.val_loss, e.val_accuracy) for e in run.history().epochs]


SERVER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a shell began us with &
from pathlib import Path
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool
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
    (worker,) = workers_of(server.pid)
    temporary = Path(worker.environ()["TMPDIR"])
    assert temporary.exists()
    server.send_signal(end)
    server.wait(timeout=60)
    _gone, alive = psutil.wait_procs([worker], timeout=30)

    assert not alive
    assert not temporary.exists()
    assert [run.state(run.history()) for run in store.list()] == [State.INTERRUPTED] * 2


def test_no_worker_outlives_the_server_and_its_runs(store: RunStore) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(store.folder)], cwd=PROJECT, stderr=subprocess.DEVNULL
    )
    wait_until(lambda: any(is_training(run) for run in store.list()))
    (worker,) = workers_of(server.pid)
    worker.suspend()  # what follows happens in one instant of it
    shutil.rmtree(store.folder)
    server.kill()
    server.wait(timeout=60)
    worker.resume()
    _gone, alive = psutil.wait_procs([worker], timeout=30)

    assert not alive


WRITER = """
import sys, tempfile
from pathlib import Path
from mnist_core.training.worker import Inbox
run = Inbox(sys.stdin, Path(sys.argv[1])).next()
while True:
    tempfile.mkdtemp(dir=run.folder, prefix=".part-")
"""


def test_a_worker_that_is_writing_when_its_input_ends_leaves_nothing_half_written(
    store: RunStore, tmp_path: Path
) -> None:
    run, scratch = store.create(SMALL), tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-c", WRITER, str(scratch)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, bufsize=0) as worker:
        assert worker.stdin
        worker.stdin.write(f"{run.folder}\n".encode())
        wait_until(lambda: unfinished(run, ".part-"))

    assert run.state(run.history()) is State.INTERRUPTED
    assert not list(run.folder.glob(".*"))
    assert not scratch.exists()


# --- What befalls a run's folder costs that run alone ---


def test_deleted_and_damaged_runs_fail_and_the_others_go_on(
    pool: WorkerPool, store: RunStore
) -> None:
    trained, waiting, damaged = (submit(pool, store, LONG) for _ in range(3))
    wait_until(lambda: is_training(trained))
    (worker,) = workers_of(os.getpid())
    shutil.rmtree(waiting.folder)
    (damaged.folder / "control.json").write_text("garbage")
    wait_until(lambda: pool.failure(waiting))
    shutil.rmtree(trained.folder)
    wait_until(lambda: pool.failure(trained))

    assert pool.failure(trained) == f"its folder is gone: {trained.folder}"
    assert pool.failure(waiting) == f"its folder is gone: {waiting.folder}"
    ended = wait_for_end(damaged).ended
    assert ended
    assert (ended.state, pool.failure(damaged)) == (State.FAILED, None)
    assert f"{damaged.folder / 'control.json'} is damaged" in ended.message
    assert submit_and_finish(pool, store)
    assert workers_of(os.getpid()) == [worker]  # it has TensorFlow, and need not die for that


def test_wishes_that_can_not_be_read_end_the_run_that_trains(
    pool: WorkerPool, store: RunStore
) -> None:
    run = submit(pool, store, LONG)
    wait_until(lambda: is_training(run))
    (run.folder / "control.json").write_text("garbage")
    ended = wait_for_end(run).ended

    assert ended
    assert ended.state is State.FAILED
    assert f"{run.folder / 'control.json'} is damaged" in ended.message


@pytest.mark.parametrize("name", ["worker.log", "events.jsonl"])
def test_a_run_that_can_not_be_written_fails(pool: WorkerPool, store: RunStore, name: str) -> None:
    run = store.create(SMALL)
    (run.folder / name).mkdir()
    pool.submit(run)

    def failure() -> str | None:
        ended = run.history().ended if name == "worker.log" else None
        return ended.message if ended else pool.failure(run)

    wait_until(failure)
    assert f"Is a directory: {run.folder / name}. DIGIT_LAB_RUNS" in str(failure())


def test_a_pool_that_breaks_fails_its_runs_and_trains_no_more(
    store: RunStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pool = WorkerPool(1)
    run, other = store.create(SMALL), store.create(SMALL)
    monkeypatch.setattr(pool, "_assign", lambda: 1 / 0)
    pool.submit(run)
    wait_until(lambda: not pool.alive)
    pool.submit(other)
    pool.close()

    for failed in (run, other):
        ended = wait_for_end(failed).ended
        assert ended
        assert ended.state is State.FAILED
        assert "The pool of workers" in ended.message
    assert "ZeroDivisionError" in caplog.text


def scratch() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("digit-lab-worker-*"))


def test_without_a_place_for_temporary_files_the_run_fails_with_the_reason(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with WorkerPool(1) as pool:
        ended = wait_for_end(submit(pool, store)).ended

    assert ended
    assert ended.state is State.FAILED
    assert f"No worker could be started. No such file or directory: {tmp_path}" in ended.message


def test_workers_leave_no_temporary_files(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    me = Owner.this_process()
    dead = tmp_path / f"digit-lab-worker-{me.host}-{me.pid}-{me.created - 9:.0f}-abcd"
    theirs = tmp_path / "digit-lab-worker-elsewhere-1-1-abcd"
    for folder in (dead, theirs):
        folder.mkdir()
        (folder / "__autograph_generated_file.py").touch()
    with WorkerPool(1) as pool:
        wait_until(lambda: pool.running == [] and not pool.starting and scratch() - {dead, theirs})
        (own,) = scratch() - {theirs}
        assert submit_and_finish(pool, store)
        assert list(own.glob("__autograph_generated_file*"))

    assert scratch() == {theirs}
