"""A film holds the network as it was: its answers at each moment are those of Keras then."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_core import scenes
from mnist_core.config import TrainingConfig
from mnist_core.data.dataset import Dataset
from mnist_core.inside import scaled
from mnist_core.network import describe
from mnist_core.runs import film
from mnist_core.runs.film import Film, Moment
from mnist_core.training.fit import probabilities
from mnist_core.training.model import build

from .conftest import SMALL, Train, in_colour
from .test_forward import CONVOLUTIONS, asked

BEGINNING = [Moment(1, 0), Moment(1, 32)]  # an execution has 32 steps
ENDS = [Moment(1, 45), Moment(2, 45)]


@pytest.mark.parametrize(
    ("settings", "colour"),
    [
        ({"dropout": 0.2}, False),
        ({"activation": "tanh", "ema": 0.9, "widths": (7,)}, False),
        (CONVOLUTIONS | {"ema": 0.9, "schedule": "one-cycle", "block_dropout": 0.1}, True),
        (CONVOLUTIONS | {"batch_normalization": False, "kernel_size": 4, "widths": (5,)}, False),
    ],
)
def test_the_network_of_a_moment_answers_as_it_did_then(
    train: Train, blobs: Dataset, tmp_path: Path, settings: dict[str, Any], colour: bool
) -> None:
    if colour:
        blobs = in_colour(blobs)
    run = asked(tmp_path, blobs, **settings)
    result, _ = train(dataset=blobs, film=run.film, **settings)
    config = TrainingConfig(**{**SMALL.model_dump(), **settings})
    untrained = build(config, blobs.image_shape, blobs.classes, steps=90)
    shown, images = Film(run), scaled(blobs.x_test)

    assert shown.moments() == BEGINNING + ENDS
    for number, model in ((0, untrained), (3, result.model)):
        answers = scenes.scene(scenes.network(shown, number), images).probabilities
        np.testing.assert_allclose(answers, probabilities(model, blobs.x_test), atol=0.02)
    between = scenes.scene(scenes.network(shown, 2), images).probabilities
    assert np.abs(between - probabilities(result.model, blobs.x_test)).max() > 0.02


def test_a_film_that_would_be_too_long_leaves_out_epochs_and_too_large_networks(
    train: Train, blobs: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = asked(tmp_path, blobs, epochs=11)
    layers = describe(run.config, blobs.image_shape, blobs.classes)
    monkeypatch.setattr(film, "MOST_BYTES", 8 * film.record(layers).itemsize)
    train(film=run.film, epochs=11)

    kept = [Moment(epoch, 45) for epoch in (3, 6, 9, 11)]
    assert Film(run).moments() == BEGINNING + kept
    assert run.film.stat().st_size <= film.MOST_BYTES

    monkeypatch.setattr(film, "MOST_BYTES", 3 * film.record(layers).itemsize)
    run.film.unlink()
    train(film=run.film)
    assert not run.film.exists()
    assert not Film(run).fits


def test_the_last_moment_is_kept_though_training_is_stopped(
    train: Train, blobs: Dataset, tmp_path: Path
) -> None:
    run = asked(tmp_path, blobs, epochs=9)
    train(film=run.film, epochs=9, stop_at=5)

    assert Film(run).moments()[-1] == Moment(2, 32)


def test_a_continuation_goes_on_with_the_film_also_where_a_kill_has_torn_it(
    train: Train, blobs: Dataset, tmp_path: Path
) -> None:
    run = asked(tmp_path, blobs)
    train(film=run.film, checkpoint=run.checkpoint)
    torn = run.film.read_bytes() + b"half of a moment"
    run.film.write_bytes(torn)
    assert Film(run).moments() == BEGINNING + ENDS

    train(film=run.film, checkpoint=run.checkpoint, epochs=4)
    assert Film(run).moments() == [*BEGINNING, *ENDS, Moment(3, 45), Moment(4, 45)]


@pytest.mark.parametrize("settings", [{}, {"ema": 0.9}])
def test_the_last_moment_is_the_finished_network_though_its_weights_are_of_an_earlier_epoch(
    train: Train, blobs: Dataset, tmp_path: Path, settings: dict[str, Any]
) -> None:
    settings = settings | {"epochs": 20, "patience": 1, "learning_rate": 0.05}
    run = asked(tmp_path, blobs, **settings)
    result, _ = train(film=run.film, **settings)
    assert "The weights are those of epoch" in result.message

    shown = Film(run)
    last = scenes.network(shown, len(shown.moments()) - 1)
    answers = last.probabilities(scaled(blobs.x_test))
    np.testing.assert_allclose(answers, probabilities(result.model, blobs.x_test), atol=0.01)
