"""evaluate and predict, as an engineer would call them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
