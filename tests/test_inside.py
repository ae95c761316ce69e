"""Why a network answers as it does: what is called important is, on real images and networks."""

import sys
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.tools import flatbuffer_utils

from mnist_core.data import loading
from mnist_core.inference import ModelError, Predictor
from mnist_core.inside import (
    PLANES,
    InsidePredictor,
    MissingExtraError,
    attribution,
    by_neighbours,
    log_odds,
    looked_at,
    neighbours,
    scaled,
)
from mnist_core.runs.folder import Run
from mnist_core.runs.store import BUILT_IN_RUN, RunStore
from tests.test_compatibility import FIXTURE

DATA = loading.load("mnist-sample")
IMAGES = scaled(DATA.x_test)


@pytest.fixture(scope="module", params=["dense", "convolutional"])
def run(request: pytest.FixtureRequest) -> Run:
    dense: Run = request.getfixturevalue("trained")
    return dense if request.param == "dense" else BUILT_IN_RUN


def test_what_is_called_important_is(run: Run) -> None:
    """The deletion test, of Petsiuk et al. 2018 (https://arxiv.org/abs/1806.07421), on 200 images:
    taking pixels away, the most important first, lowers the answer's probability faster than
    taking them away at random."""
    network, chance = Predictor(run.folder), np.random.default_rng(0)
    left: dict[str, list[float]] = {"important": [], "random": []}
    for image in IMAGES[:200]:
        answer, other = network.probabilities(image[None])[0].argsort()[::-1][:2]
        spoke = attribution(network, image, int(answer), int(other))
        for name, order in (
            ("important", (-spoke).ravel().argsort()),
            ("random", chance.permutation(image.size)),
        ):
            taken = np.repeat(image.reshape(1, -1), 10, axis=0)
            for step, of_step in enumerate(taken):
                of_step[order[: 28 * step]] = 0
            given = network.probabilities(taken.reshape(10, *image.shape))
            left[name].append(float(given[:, answer].mean()))

    assert np.mean(left["important"]) < np.mean(left["random"]) - 0.2
    assert (np.array(left["important"]) < left["random"]).mean() > 0.9


def test_what_speaks_for_one_class_speaks_against_the_other(run: Run) -> None:
    network = Predictor(run.folder)
    spoke, against = (attribution(network, IMAGES[18], *pair) for pair in ((8, 3), (3, 8)))

    assert spoke.shape == (28, 28)
    assert spoke.max() > 0
    np.testing.assert_allclose(spoke, -against, atol=1e-4)


class SeesRedThere(Predictor):
    """Finds the first class the likelier, the redder a square of a picture is."""

    def __init__(self) -> None:
        pass

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        red = images[:, 20:30, 8:16, 0].mean(axis=(1, 2))
        odds = np.exp(4 * red)
        told: np.ndarray = np.stack([odds, np.ones_like(odds)], axis=1) / (1 + odds[:, None])
        return told


@pytest.mark.parametrize("shape", [(32, 32), (64, 48), (96, 96)])
def test_it_finds_the_place_in_pictures_in_colour_of_any_size(shape: tuple[int, int]) -> None:
    picture = np.full((*shape, 3), 0.2, np.float32)
    picture[20:30, 8:16, 0] = 1
    spoke = attribution(SeesRedThere(), picture, 0, 1)

    assert spoke.shape == shape
    row, column = np.unravel_index(spoke.argmax(), shape)
    assert 20 <= row < 30
    assert 8 <= column < 16
    assert spoke[-5:, -5:].max() == pytest.approx(0, abs=1e-5)


def test_odds_stay_numbers_where_a_probability_is_none() -> None:
    assert np.isfinite(log_odds(np.array([[1, 0], [0, 1]], np.float32), 0, 1)).all()


def test_an_image_is_its_own_nearest_neighbour(run: Run) -> None:
    network = InsidePredictor(run)
    known = network.last_hidden(looked_at(DATA))
    near = neighbours(network.last_hidden(scaled(DATA.x_train[7:8]))[0], known, DATA.y_train)

    assert (near[0].index, near[0].label) == (7, DATA.y_train[7])
    assert near[0].distance == pytest.approx(0, abs=1e-3)
    assert [n.distance for n in near] == sorted(n.distance for n in near)
    assert len(near) == 8


@pytest.mark.parametrize("method", PLANES)
def test_images_of_a_class_lie_together_on_the_map(run: Run, method: str) -> None:
    hidden = InsidePredictor(run).last_hidden(IMAGES)
    plane = PLANES[method](hidden)
    ones = plane.places[DATA.y_test == 1]

    assert plane.places.shape == (1_000, 2)
    assert ones.std(axis=0).max() < 0.6 * plane.places.std(axis=0).max()
    again = plane.place(hidden[:20])
    assert again.shape == (20, 2)
    off = np.linalg.norm(again - plane.places[:20], axis=1)
    assert np.median(off) < 0.05 * np.ptp(plane.places)


def test_what_a_map_by_neighbours_needs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="99 images are too few; allowed: 100 or more"):
        by_neighbours(np.zeros((99, 4), np.float32))
    monkeypatch.setitem(sys.modules, "openTSNE", None)
    with pytest.raises(MissingExtraError, match=r"pip install -r requirements-extras\.txt"):
        by_neighbours(np.zeros((100, 4), np.float32))


def test_runs_of_earlier_versions_can_be_looked_into() -> None:
    runs = [run for run in RunStore(FIXTURE / "runs").list() if run.has_model]
    assert runs
    for run in runs:
        network = InsidePredictor(run)
        image = np.zeros(network.input_shape, np.float32)
        *_, last = network.activations(image)
        np.testing.assert_allclose(
            last.values, Predictor(run.folder).probabilities(image[None])[0], atol=1e-6
        )


def test_a_file_that_does_not_name_its_layers_is_told(trained: Run, tmp_path: Path) -> None:
    copy = RunStore(tmp_path).create(trained.config)
    for name in ("dataset.json", "model.tflite"):
        (copy.folder / name).write_bytes((trained.folder / name).read_bytes())
    path = str(copy.folder / "model.tflite")
    model = flatbuffer_utils.read_model(path)
    for tensor in model.subgraphs[0].tensors:
        tensor.name = b"?"
    flatbuffer_utils.write_model(model, path)

    with pytest.raises(ModelError, match="does not name its layer dense_1"):
        InsidePredictor(copy)
