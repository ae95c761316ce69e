"""evaluate and predict, as an engineer would call them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnist_core import inside
from mnist_core.data import loading
from mnist_core.lessons import lessons_of
from mnist_core.runs.folder import Run
from mnist_core.runs.judging import judge
from tests.cli.conftest import command


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
    figures = json.loads(done.stdout)
    assert figures["test_accuracy"] == pytest.approx(evaluated.test_accuracy)
    assert figures["lessons"] == lessons_of(judge(trained), trained.history())


def test_before_there_is_a_run_the_built_in_one_can_be_asked(tmp_path: Path) -> None:
    done = command(tmp_path, "evaluate", "latest")
    assert done.returncode == 1
    assert "built-in names the one that comes with Digit Lab" in done.stderr

    done = command(tmp_path, "evaluate", "built-in", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test_accuracy"] > 0.97


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


def test_predict_says_that_a_picture_is_empty(tmp_path: Path) -> None:
    Image.new("L", (60, 60), 255).save(tmp_path / "blank.png")
    done = command(tmp_path, "predict", "built-in", str(tmp_path / "blank.png"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "blank.png: nothing that is drawn was found in it" in done.stderr


def test_predict_names_a_file_that_is_no_picture(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "digit.png").write_text("not a picture")
    done = command(trained.folder.parent, "predict", trained.id, str(tmp_path / "digit.png"))

    assert done.returncode == 1
    assert "digit.png is not a picture" in done.stderr


def test_inspect_says_why(trained: Run) -> None:
    done = command(trained.folder.parent, "inspect", trained.id, "18", "--against", "3", "--json")

    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    probabilities, _ = trained.test_results()
    assert said["answer"] == str(probabilities[18].argmax())
    assert said["against"] == "3"
    assert said["probability"] == pytest.approx(probabilities[18].max(), abs=1e-5)
    assert [(layer["name"], layer["shape"]) for layer in said["layers"]] == [
        ("dense_1", [512]),
        ("dense_2", [256]),
        ("probabilities", [10]),
    ]
    assert str(said["layers"][-1]["strongest"][0]["unit"]) == said["answer"]
    assert np.shape(said["attribution"]) == (28, 28)
    distances = [neighbour["distance"] for neighbour in said["neighbours"]]
    assert distances == sorted(distances)
    assert len(distances) == 8


def test_inspect_takes_a_picture_and_says_it_to_people(tmp_path: Path) -> None:
    data = loading.load("mnist-sample")
    Image.fromarray(data.x_test[0]).resize((280, 280)).save(tmp_path / "digit.png")
    done = command(tmp_path, "inspect", "built-in", str(tmp_path / "digit.png"))

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{data.y_test[0]} (")
    assert "Nearest of 4,000 training images: " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("inspect", "built-in", "1000"), "there is no test image 1,000; allowed: 0 to 999"),
        (("inspect", "built-in", "0", "--against", "x"), "--against is 'x'; allowed: "),
        (("inspect", "built-in", "nowhere.png"), "nowhere.png does not exist"),
        (("map", "built-in", "--images", "1"), "--images is 1; allowed: a whole number from 2"),
    ],
)
def test_what_can_not_be_looked_into_is_named(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    done = command(tmp_path, *arguments)

    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("method", inside.PLANES)
def test_the_map_has_a_place_for_each_image(tmp_path: Path, method: str) -> None:
    done = command(tmp_path, "map", "built-in", "--images", "300", "--method", method, "--json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["method"] == method
    assert np.shape(told["points"]) == (300, 2)
    assert told["labels"] == [str(label) for label in loading.load("mnist-sample").y_test[:300]]
    right = [a == b for a, b in zip(told["answers"], told["labels"], strict=True)]
    assert 0.95 < np.mean(right) < 1
