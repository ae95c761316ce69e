"""runs, compare, export, import and delete, as an engineer would call them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mnist_core.config import TrainingConfig
from mnist_core.runs.events import Ended, Evaluated, Started, State, append_event
from mnist_core.runs.files import write_json, write_npz
from mnist_core.runs.folder import Labels, Run, Trial
from mnist_core.runs.store import RunStore
from tests.builders import fitting
from tests.cli.conftest import PROJECT, command
from tests.conftest import SMALL


def finished(store: RunStore, wrong: int = 0, **settings: object) -> Run:
    """A run that was wrong about so many of a hundred test images."""
    import numpy as np

    run = store.create(TrainingConfig(**{**SMALL.model_dump(), **settings}))
    labels = np.arange(100).astype(np.uint8) % 10
    answers = labels.copy()
    answers[:wrong] = (labels[:wrong] + 1) % 10
    write_npz(
        run.folder / "test.npz",
        probabilities=np.eye(10, dtype=np.float32)[answers],
        labels=labels,
    )
    (run.folder / "model.tflite").touch()
    for event in (
        Started(),
        fitting(),
        Evaluated(test_accuracy=1 - wrong / 100, test_loss=0.2, test_images=100, train_seconds=1.5),
        Ended(state=State.FINISHED),
    ):
        append_event(run.folder, event)
    return run


# --- runs ---


def test_runs_lists_what_is_there(trained: Run) -> None:
    done = command(trained.folder.parent, "runs", "--json")

    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["run"] == trained.id
    assert json.loads(line)["state"] == "finished"


def test_runs_lists_the_good_ones_and_names_the_odd(store: RunStore) -> None:
    run, odd = finished(store), finished(store)
    (odd.folder / "events.jsonl").unlink()
    (odd.folder / "events.jsonl").mkdir()
    done = command(store.folder, "runs")

    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [run.id]
    assert f"{odd.folder / 'events.jsonl'}" in done.stderr
    assert "Errno" not in done.stderr


def test_runs_says_which_ones_a_search_asked_for(store: RunStore) -> None:
    study = "20261128-120000-abcd"
    store.create(SMALL, Trial(study=study, number=7))
    store.create(SMALL, Trial(study=study, number=7, confirms=True))

    def ends(*options: str) -> list[str]:
        done = command(store.folder, "runs", *options)
        return [line.rpartition("  ")[2] for line in done.stdout.splitlines()]

    assert ends() == ["confirms trial 7"]
    assert {*ends("--trials")} == {"confirms trial 7", "trial 7"}


# --- compare ---


def test_runs_names_one_of_a_newer_version_and_lists_the_others(store: RunStore) -> None:
    run, newer = finished(store), finished(store)
    write_json(newer.folder / "format.json", {"version": 99})
    done = command(store.folder, "runs")

    assert done.returncode == 0, done.stderr
    assert run.id in done.stdout
    assert newer.id not in done.stdout
    assert newer.id in done.stderr
    assert "made by a newer version of Digit Lab" in done.stderr


def test_compare_shows_figures_settings_and_whether_it_is_chance(store: RunStore) -> None:
    good, bad = finished(store, wrong=2), finished(store, wrong=20, dropout=0.5)
    good.set_labels(Labels(name="Good"))
    done = command(store.folder, "compare", good.id, bad.id)

    assert done.returncode == 0, done.stderr
    words = " ".join(done.stdout.split())
    assert f"Run {good.id} {bad.id}" in words
    assert "Name Good" in words
    assert "Test accuracy 0.98 0.8" in words
    assert "Settings that differ: Dropout 0.2 0.5" in words
    assert f"{good.id} gets 18 images right that {bad.id} gets wrong" in words
    assert f"{good.id} is better." in words


def test_compare_as_json(store: RunStore) -> None:
    runs = [finished(store, wrong) for wrong in (2, 3, 3)]
    done = command(store.folder, "compare", *(run.id for run in runs), "--json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [run["test_accuracy"] for run in found["runs"]] == [0.98, 0.97, 0.97]
    assert found["settings"] == {}
    assert [pair["runs"] for pair in found["pairs"]] == [
        [runs[0].id, runs[1].id],
        [runs[0].id, runs[2].id],
        [runs[1].id, runs[2].id],
    ]
    assert [pair["p_value"] for pair in found["pairs"]] == [1.0, 1.0, 1.0]
    assert [pair["only"] for pair in found["pairs"]] == [[1, 0], [1, 0], [0, 0]]


def test_compare_judges_settings_by_their_seeds(store: RunStore) -> None:
    good, *_ = [finished(store, wrong, seed=seed) for seed, wrong in enumerate((2, 3, 4))]
    bad, _ = [finished(store, wrong, seed=seed, dropout=0.5) for seed, wrong in ((1, 20), (7, 21))]
    done = command(store.folder, "compare", good.id, bad.id, "--json")

    assert done.returncode == 0, done.stderr
    (pair,) = json.loads(done.stdout)["pairs"]
    assert f"those of {good.id} are better" in pair["words"]
    assert "Welch's t-test" in pair["words"]
    assert pair["only"] == [18, 0]
    assert pair["settings"] == {
        "test_accuracy": [pytest.approx(0.97), pytest.approx(0.795)],
        "deviation": [pytest.approx(0.01), pytest.approx(0.0070711, abs=1e-6)],
        "seeds": [[0, 1, 2], [1, 7]],
        "p_value": pytest.approx(0.0004, abs=0.0002),
    }


def test_compare_does_without_results(store: RunStore) -> None:
    tested, failed = finished(store), store.create(SMALL)
    append_event(failed.folder, Ended(state=State.FAILED))
    done = command(store.folder, "compare", tested.id, failed.id)

    assert done.returncode == 0, done.stderr
    assert "failed" in done.stdout
    assert "alone" not in done.stdout


def test_compare_wants_two_runs(store: RunStore) -> None:
    run = finished(store)
    done = command(store.folder, "compare", run.id, "latest")

    assert done.returncode == 1
    assert "1 different runs are named; allowed: 2 to 8" in done.stderr


# --- export and import ---


def test_export_writes_where_it_is_told(trained: Run, tmp_path: Path) -> None:
    runs = trained.folder.parent
    done = command(
        runs, "export", "latest", "--format", "keras", "--output", str(tmp_path), "--json"
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["file"] == str(tmp_path / f"digit-lab-{trained.id}.keras")
    assert told["bytes"] == Path(told["file"]).stat().st_size

    named = tmp_path / "mine.tflite"
    done = command(runs, "export", trained.id, "--format", "tflite", "--output", str(named))
    assert done.stdout == f"{named}\n"
    assert named.read_bytes() == (trained.folder / "model.tflite").read_bytes()


def test_export_replaces_nothing_unless_told(trained: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.html"
    path.write_text("old")
    arguments = ["export", trained.id, "--format", "report", "--output", str(path)]
    done = command(trained.folder.parent, *arguments)

    assert done.returncode == 1
    assert f"{path} is there already; --force replaces it" in done.stderr
    assert path.read_text() == "old"
    assert command(trained.folder.parent, *arguments, "--force").returncode == 0
    assert path.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--format script --output train.py", "is a .zip file"),
        ("--format zip --output nowhere/run.zip", "the folder nowhere does not exist"),
    ],
)
def test_export_names_a_wrong_output(trained: Run, arguments: str, words: str) -> None:
    done = command(trained.folder.parent, "export", trained.id, *arguments.split())

    assert done.returncode == 1
    assert words in done.stderr
    assert not (PROJECT / "train.py").exists()


@pytest.mark.slow
def test_what_was_exported_is_imported_elsewhere(
    trained: Run, store: RunStore, tmp_path: Path
) -> None:
    path = tmp_path / "run.zip"
    arguments = ["export", trained.id, "--format", "zip", "--output", str(path)]
    assert command(trained.folder.parent, *arguments).returncode == 0
    done = command(store.folder, "import", str(path), "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "run": trained.id,
        "folder": str(store.folder / trained.id),
    }
    figures = command(store.folder, "evaluate", trained.id, "--json")
    assert figures.stdout == command(trained.folder.parent, "evaluate", "latest", "--json").stdout
    again = command(store.folder, "import", str(path))
    assert again.returncode == 1
    assert "is here already" in again.stderr


def test_import_names_what_it_refuses(store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "run.zip").write_text("no zip")
    done = command(store.folder, "import", str(tmp_path / "run.zip"))
    assert (done.returncode, "no zip archive" in done.stderr) == (1, True)
    done = command(store.folder, "import", str(tmp_path / "missing.zip"))
    assert (done.returncode, "missing.zip" in done.stderr) == (1, True)


SLOW_EXPORT = """
import os, sys
from mnist_core.cli import main

# The disk is slow: half of each file is there, and the rest is awaited.
real = os.replace
def replace(*paths):
    print("half", flush=True)
    sys.stdin.read()
os.replace = replace
sys.exit(main.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("name", ["keras", "zip", "report"])
def test_a_killed_export_leaves_no_half_file_and_the_run_as_it_was(
    trained: Run, tmp_path: Path, name: str
) -> None:
    before = {path.name: path.read_bytes() for path in trained.folder.iterdir()}
    path = tmp_path / f"mine.{'html' if name == 'report' else name}"
    with subprocess.Popen(
        [
            *(sys.executable, "-c", SLOW_EXPORT),
            *("export", trained.id, "--format", name, "--output", str(path)),
        ],
        cwd=PROJECT,
        env=os.environ | {"DIGIT_LAB_RUNS": str(trained.folder.parent)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"half\n"
        process.send_signal(signal.SIGKILL)

    assert not path.exists()
    assert {path.name: path.read_bytes() for path in trained.folder.iterdir()} == before
    arguments = ["export", trained.id, "--format", name, "--output", str(path)]
    assert command(trained.folder.parent, *arguments).returncode == 0
    assert path.stat().st_size > 1000


@pytest.mark.slow
def test_an_export_killed_while_it_converts_leaves_nothing(trained: Run, tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx", reason="requirements-extras.txt is not installed")
    path = tmp_path / "mine.onnx"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mnist_core"),
            *("export", trained.id, "--format", "onnx", "--output", str(path)),
        ],
        cwd=PROJECT,
        env=os.environ | {"DIGIT_LAB_RUNS": str(trained.folder.parent)},
        start_new_session=True,
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not children.read_text():
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    assert not list(tmp_path.iterdir())
    assert trained.has_model


# --- delete ---


def test_delete_asks_first(store: RunStore) -> None:
    run = finished(store)
    arguments = [sys.executable, "-m", "mnist_core", "delete", run.id]
    environment = os.environ | {"DIGIT_LAB_RUNS": str(store.folder)}
    for answer, code in (("\n", 1), ("no\n", 1), ("", 1), ("y\n", 0)):
        assert run.folder.exists()
        done = subprocess.run(
            arguments, cwd=PROJECT, env=environment, input=answer, capture_output=True, text=True
        )
        assert f"Delete {run.id} for good? [y/N]" in done.stdout
        assert done.returncode == code
    assert not run.folder.exists()
    assert not store.list()


def test_delete_refuses_a_live_run_and_keeps_the_others(store: RunStore) -> None:
    over, live = finished(store), store.create(SMALL)
    done = command(store.folder, "delete", over.id, live.id, "--yes")

    assert done.returncode == 1
    assert f"run {live.id} is queued; stop it before you delete it" in done.stderr
    assert set(store.list()) == {over, live}


def test_delete_takes_several_and_damaged_ones(store: RunStore) -> None:
    over, damaged, kept = (finished(store) for _ in range(3))
    write_json(damaged.folder / "config.json", {"dropout": 7})
    done = command(store.folder, "delete", over.id, damaged.id, "--yes")

    assert done.returncode == 0, done.stderr
    assert store.list() == [kept]
