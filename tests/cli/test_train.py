"""train, as an engineer would call it."""

import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest

from mnist_core.cli import train
from mnist_core.cli.main import main
from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool
from tests.cli.conftest import PROJECT, command
from tests.conftest import wait_until


def test_train_ends_with_an_error_when_its_folder_is_deleted(store: RunStore) -> None:
    process = start(store.folder, "--dataset", "mnist-sample", "--epochs", "200")
    wait_until(lambda: any(run.history().batches for run in store.list()))
    shutil.rmtree(store.folder)
    _, errors = process.communicate(timeout=60)

    assert process.returncode == 1
    assert re.search(rf"run .* failed: its folder is gone: {store.folder}", errors)


def start(runs: Path, *flags: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mnist_core", "train", *flags],
        cwd=PROJECT,
        env=os.environ | {"DIGIT_LAB_RUNS": str(runs)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


ON_A_SMALL_DISK = """
mkdir -p {runs} && mount -t tmpfs -o size=1m tmpfs {runs} &&
{python} -m mnist_core train --dataset mnist-sample --widths 512 --epochs 3
"""


@pytest.mark.slow
def test_a_full_disk_is_called_one(tmp_path: Path) -> None:
    alone = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*alone, f"mount -t tmpfs tmpfs {tmp_path}"], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    script = ON_A_SMALL_DISK.format(runs=tmp_path / "runs", python=sys.executable)
    done = subprocess.run(
        [*alone, script],
        cwd=PROJECT,
        env=os.environ | {"DIGIT_LAB_RUNS": str(tmp_path / "runs")},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert "disk is full: No space left on device for film.bin, which takes" in done.stderr
    assert "have DIGIT_LAB_RUNS name a folder on another disk" in done.stderr


def test_train_ends_with_one_line_of_json(tmp_path: Path) -> None:
    flags = "--dataset mnist-sample --preset fast --widths 32 16 --epochs 2 --seed 3 --json"
    done = command(tmp_path, "train", *flags.split())

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    run = Run(Path(result["folder"]))
    assert run.folder == tmp_path / result["run"]
    assert (result["epochs"], result["state"]) == (2, "finished")
    assert 0.5 < result["test_accuracy"] <= 1
    assert result["train_seconds"] > 0
    assert result["test_loss"] > 0
    assert (run.config.widths, run.config.schedule, run.config.seed) == ((32, 16), "one-cycle", 3)
    assert run.has_model


@pytest.fixture
def here(store: RunStore, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    """Where the command, called in this process, has runs trained by the worker that is there."""
    monkeypatch.setenv("DIGIT_LAB_RUNS", str(store.folder))
    monkeypatch.setattr(train, "WorkerPool", lambda workers: nullcontext(pool))
    return store


SEEDS = ["train", "--dataset", "mnist-sample", "--widths", "16", "--seed", "5"]


def test_train_with_several_seeds_ends_with_their_mean(
    here: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*SEEDS, "--epochs", "1", "--seeds", "3", "--json"]) == 0
    said = capsys.readouterr()
    result = json.loads(said.out.splitlines()[-1])
    reached = [run["test_accuracy"] for run in result["runs"]]

    assert {here.get(run["run"]).config.seed for run in result["runs"]} == {5, 6, 7}
    assert [run["seed"] for run in result["runs"]] == result["seeds"] == [5, 6, 7]
    assert result["test_accuracy"] == pytest.approx(statistics.fmean(reached))
    assert result["deviation"] == pytest.approx(statistics.stdev(reached))
    assert all(f"Seed {seed}: Epoch 1/1  loss" in said.err for seed in (5, 6, 7))


def test_ctrl_c_stops_all_seeds_and_keeps_what_was_learned(
    here: RunStore, capsys: pytest.CaptureFixture[str]
) -> None:
    def press() -> None:
        wait_until(lambda: any(run.history().batches for run in here.list()))
        os.kill(os.getpid(), signal.SIGINT)

    pressing = threading.Thread(target=press)
    # It is ignored where a shell began the tests with &.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    pressing.start()
    code = main([*SEEDS, "--epochs", "200", "--seeds", "2"])
    pressing.join()
    signal.signal(signal.SIGINT, before)
    said = capsys.readouterr()

    assert code == 1
    assert re.search(r"Run .*: seed 5, test accuracy", said.out)
    assert "Seed 6: Stopped before it began." in said.err
    assert "mean and standard deviation" not in said.out
