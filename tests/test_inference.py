"""LiteRT's answers are those of the trained network; wrong input and files are named."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from mnist_core.data import loading
from mnist_core.inference import ModelError, Predictor
from mnist_core.runs.folder import Run

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def predictor(trained: Run) -> Predictor:
    return Predictor(trained.folder)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return (loading.load("mnist-sample").x_test / 255).astype(np.float32)


def test_it_agrees_with_keras_to_five_decimals(
    trained: Run, predictor: Predictor, images: np.ndarray
) -> None:
    by_keras, _ = trained.test_results()
    answers = predictor.probabilities(images)

    assert answers.shape == (1_000, 10)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, by_keras, atol=1e-5)


def test_any_number_of_images_after_any_other(predictor: Predictor, images: np.ndarray) -> None:
    for count in (1, 7, 1, 64, 0, 300, 2):
        answers = predictor.probabilities(images[:count])

        assert answers.shape == (count, 10)
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-5)


def test_an_earlier_answer_is_not_changed_by_a_later_question(
    predictor: Predictor, images: np.ndarray
) -> None:
    first = predictor.probabilities(images[:1])
    kept = first.copy()
    predictor.probabilities(images[1:2])

    np.testing.assert_array_equal(first, kept)


def test_threads_get_their_own_answers(predictor: Predictor, images: np.ndarray) -> None:
    together = predictor.probabilities(images)
    with ThreadPoolExecutor(8) as threads:
        single = list(threads.map(lambda image: predictor.probabilities(image[None])[0], images))

    np.testing.assert_allclose(np.stack(single), together, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((28, 28), np.float32), r"shape \(28, 28\); allowed: \(n, 28, 28\)"),
        (np.zeros((1, 32, 32), np.float32), r"shape \(1, 32, 32\); allowed: \(n, 28, 28\)"),
        (np.zeros((1, 28, 28)), "float64; allowed: float32"),
        (np.zeros((1, 28, 28), np.uint8), "uint8; allowed: float32"),
        (np.full((1, 28, 28), 255, np.float32), "not numbers from 0 to 1"),
        (np.full((1, 28, 28), np.nan, np.float32), "not numbers from 0 to 1"),
    ],
)
def test_what_is_no_image_is_named(predictor: Predictor, images: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        predictor.probabilities(images)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.tflite does not exist"):
        Predictor(tmp_path)


@pytest.mark.parametrize("part", [0, 10, 5_000])
def test_a_damaged_model_is_named(trained: Run, tmp_path: Path, part: int) -> None:
    (tmp_path / "model.tflite").write_bytes((trained.folder / "model.tflite").read_bytes()[:part])

    with pytest.raises(ModelError, match=r"model\.tflite is not a model"):
        Predictor(tmp_path)


def test_a_model_that_answers_with_images_is_named(trained: Run, tmp_path: Path) -> None:
    model = flatbuffer_utils.read_model(str(trained.folder / "model.tflite"))
    model.subgraphs[0].outputs = model.subgraphs[0].inputs
    model.signatureDefs = []
    flatbuffer_utils.write_model(model, str(tmp_path / "model.tflite"))

    with pytest.raises(ModelError, match=r"model\.tflite has the tensors .*\[1, 28, 28\]"):
        Predictor(tmp_path)


def test_a_name_that_is_no_text_is_damage(trained: Run, tmp_path: Path) -> None:
    content = (trained.folder / "model.tflite").read_bytes()
    assert b"serving_default" in content
    (tmp_path / "model.tflite").write_bytes(content.replace(b"serving_default", b"\xff" * 15))

    with pytest.raises(ModelError, match=r"model\.tflite is not a model for LiteRT, or damaged"):
        Predictor(tmp_path)


def test_a_model_of_single_numbers_is_named(trained: Run, tmp_path: Path) -> None:
    model = flatbuffer_utils.read_model(str(trained.folder / "model.tflite"))
    (number,) = model.subgraphs[0].inputs
    images = model.subgraphs[0].tensors[number]
    images.shape = images.shapeSignature = []
    flatbuffer_utils.write_model(model, str(tmp_path / "model.tflite"))

    with pytest.raises(ModelError, match=r"model\.tflite has the tensors \[\(\[\], 'float32'\)"):
        Predictor(tmp_path)


def test_loading_says_nothing_and_leaves_stderr_working(trained: Run) -> None:
    script = (
        "import sys; from mnist_core.inference import Predictor; "
        f"Predictor({str(trained.folder)!r}); print('after', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True
    )

    assert done.stderr == "after\n"
