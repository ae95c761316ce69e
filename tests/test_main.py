"""The command line, as an engineer would call it."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_core.data import loading
from mnist_core.runs.folder import Run

PROJECT = Path(__file__).parents[1]


def command(runs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mnist_core", *arguments],
        cwd=PROJECT,
        env=os.environ | {"DIGIT_LAB_RUNS": str(runs)},
        capture_output=True,
        text=True,
    )


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("train --dropout 2", "dropout is 2; allowed: a number from 0 to 0.9"),
        ("train --widths 512 x", "widths is x; allowed: 1 to 8 layers of 1 to 4,096 units each"),
        ("train --dataset cats", "dataset is cats; allowed: mnist, mnist-sample"),
        ("train --preset best", "choose from article, fast, dense-best, tiny, cnn"),
        ("train --epoch-count 3", "unrecognized arguments: --epoch-count"),
        ("fly", "choose from train, continue, evaluate, predict, download, import-data"),
        ("train --tensorboard loud", "tensorboard is loud; allowed: true or false"),
        ("export latest --format gif", "choose from keras, tflite, onnx, script, report, zip"),
        ("", "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_arguments_are_named_in_one_line(tmp_path: Path, arguments: str, words: str) -> None:
    done = command(tmp_path, *arguments.split())

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr.replace("'", "")  # argparse quotes choices in some versions
    assert not list(tmp_path.iterdir())


def test_a_missing_run_is_named(tmp_path: Path) -> None:
    done = command(tmp_path, "evaluate", "20260101-000000-abcd")

    assert done.returncode == 1
    assert "there is no run '20260101-000000-abcd'" in done.stderr
    assert "Traceback" not in done.stderr


def test_evaluate_gives_the_runs_figures(trained: Run) -> None:
    done = command(trained.folder.parent, "evaluate", "latest", "--json")

    assert done.returncode == 0, done.stderr
    evaluated = trained.history().evaluated
    assert evaluated
    assert json.loads(done.stdout)["test_accuracy"] == pytest.approx(evaluated.test_accuracy)


def test_predict_names_the_digit_in_a_picture(trained: Run, tmp_path: Path) -> None:
    data = loading.load("mnist-sample")
    probabilities, labels = trained.test_results()
    sure = int(np.argmax(np.where(probabilities.argmax(1) == labels, probabilities.max(1), 0)))
    Image.fromarray(data.x_test[sure]).resize((280, 280)).save(tmp_path / "digit.png")
    done = command(
        trained.folder.parent, "predict", trained.id, str(tmp_path / "digit.png"), "--json"
    )

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["answer"] == str(labels[sure])
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-4)


def test_predict_names_a_file_that_is_no_picture(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "digit.png").write_text("not a picture")
    done = command(trained.folder.parent, "predict", trained.id, str(tmp_path / "digit.png"))

    assert done.returncode == 1
    assert "digit.png is not a picture" in done.stderr


def test_runs_lists_what_is_there(trained: Run) -> None:
    done = command(trained.folder.parent, "runs", "--json")

    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["run"] == trained.id
    assert json.loads(line)["state"] == "finished"


# --- One's own data ---


def pets_zip(folder: Path) -> Path:
    """Red and blue pictures, twenty of each."""
    path = folder / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, colour in (("red cat", (200, 30, 30)), ("blue dog", (20, 40, 220))):
            for number in range(20):
                shade = tuple(min(255, channel + 2 * number) for channel in colour)
                picture = io.BytesIO()
                Image.new("RGB", (30, 40), shade).save(picture, "PNG")
                archive.writestr(f"{name}/{number}.png", picture.getvalue())
    return path


def test_ones_own_pictures_are_imported_learned_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGIT_LAB_DATA", str(tmp_path / "data"))
    runs = tmp_path / "runs"
    pets = str(pets_zip(tmp_path))
    done = command(runs, "import-data", "pets", pets, "--side", "8", "--colour")
    assert done.returncode == 0, done.stderr
    assert "pets: 32 images to train on, 8 to test with, 8 x 8 x 3; classes: blue dog, red cat" in (
        done.stdout
    )

    flags = "--dataset pets --widths 16 --epochs 15 --learning-rate 0.01 --batch-size 8 --json"
    done = command(runs, "train", *flags.split())
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["test_accuracy"] == 1
    outline = Run(Path(result["folder"])).dataset()
    assert outline == loading.load("pets", tmp_path / "data").outline

    assert command(runs, "remove-data", "pets").returncode == 0
    done = command(runs, "evaluate", "latest", "--json")
    assert done.returncode == 0, done.stderr
    assert {"red cat", "blue dog"} < set(json.loads(done.stdout)["report"])
    Image.new("RGB", (99, 50), (230, 10, 10)).save(tmp_path / "strawberry.jpg")
    done = command(runs, "predict", "latest", str(tmp_path / "strawberry.jpg"), "--json")
    assert json.loads(done.stdout)["answer"] == "red cat"
    done = command(runs, "train", "--dataset", "pets")
    assert done.returncode == 2
    assert "dataset is 'pets'; allowed: mnist, mnist-sample, fashion-mnist, cifar10" in done.stderr


def test_every_fault_of_an_import_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGIT_LAB_DATA", str(tmp_path / "data"))
    path = pets_zip(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../x.png", b"")
        archive.writestr("red cat/x.png", b"")
    done = command(tmp_path, "import-data", "pets", str(path))

    assert done.returncode == 1
    assert f"{path} can't be used:\n'../x.png': the path leads out of the archive\n" in done.stderr
    assert "red cat/x.png: not a picture that can be read" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("import-data pets nowhere.zip", "nowhere.zip"),
        ("import-data Pets pets.zip", "the name is 'Pets'; allowed: 1 to 40 small letters"),
        ("import-data pets pets.zip --side 2", "the side is 2; allowed: 4 to 96 pixels"),
        ("remove-data pets", "there is no dataset of your own called 'pets'"),
        ("remove-data mnist", "the name is 'mnist'; allowed: "),
    ],
)
def test_what_is_wrong_with_an_import_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, words: str
) -> None:
    monkeypatch.setenv("DIGIT_LAB_DATA", str(tmp_path / "data"))
    path = str(pets_zip(tmp_path))
    done = command(tmp_path, *(path if a == "pets.zip" else a for a in arguments.split()))

    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
