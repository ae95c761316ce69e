"""A checkpoint, asked without TensorFlow: it answers as the network does that was trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_core.config import TrainingConfig
from mnist_core.data.dataset import Dataset
from mnist_core.forward import CheckpointPredictor, first_variables, untrained, variable_shapes
from mnist_core.network import describe
from mnist_core.runs.files import RunError, write_json
from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore
from mnist_core.training import model
from mnist_core.training.fit import probabilities

from .conftest import SMALL, Train, in_colour

CONVOLUTIONS: dict[str, Any] = {"architecture": "convolutional", "filters": (4, 6), "widths": ()}


WIDER = CONVOLUTIONS | {"filters": (32, 48)}
"""With weights enough to tell how they are spread."""


def asked(folder: Path, dataset: Dataset, **settings: Any) -> Run:
    run = RunStore(folder).create(TrainingConfig(**{**SMALL.model_dump(), **settings}))
    write_json(run.folder / "dataset.json", dataset.outline.model_dump())
    return run


@pytest.mark.parametrize(
    ("settings", "colour"),
    [
        ({"dropout": 0.2}, False),
        ({"activation": "tanh", "ema": 0.9}, False),
        (CONVOLUTIONS | {"activation": "gelu", "ema": 0.9, "schedule": "one-cycle"}, False),
        (CONVOLUTIONS | {"convolutions": 2, "block_dropout": 0.1}, True),
        (
            CONVOLUTIONS
            | {"kernel_size": 4, "batch_normalization": False, "activation": "sigmoid"},
            True,
        ),
    ],
)
def test_a_checkpoint_answers_as_its_network_does(
    train: Train, blobs: Dataset, tmp_path: Path, settings: dict[str, Any], colour: bool
) -> None:
    if colour:
        blobs = in_colour(blobs)
    run = asked(tmp_path, blobs, **settings)
    result, _ = train(dataset=blobs, checkpoint=run.checkpoint, **settings)

    predictor = CheckpointPredictor(run)

    assert predictor.epoch.epoch == SMALL.epochs
    answers = predictor.probabilities((blobs.x_test / 255).astype(np.float32))
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, probabilities(result.model, blobs.x_test), atol=1e-5)


def test_what_has_no_epoch_or_another_network_is_refused(
    train: Train, blobs: Dataset, tmp_path: Path
) -> None:
    run = asked(tmp_path, blobs)
    with pytest.raises(RunError, match="no epoch of it is over"):
        CheckpointPredictor(run)

    train(checkpoint=run.checkpoint, widths=(16, 9))
    with pytest.raises(RunError, match=r"checkpoint\.npz is damaged: the layer dense_2 is of"):
        CheckpointPredictor(run)

    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:2000])
    with pytest.raises(RunError, match=r"checkpoint\.npz is damaged"):
        CheckpointPredictor(run)


@pytest.mark.parametrize(
    ("settings", "image_shape"),
    [
        ({"widths": (64, 32)}, (6, 6)),
        (WIDER | {"block_dropout": 0.1, "activation": "gelu"}, (6, 6, 3)),
        (WIDER | {"batch_normalization": False, "kernel_size": 5}, (9, 5)),
    ],
)
def test_an_untrained_network_is_one_that_keras_may_begin_with(
    settings: dict[str, Any], image_shape: tuple[int, ...]
) -> None:
    config = TrainingConfig(**settings)
    layers = describe(config, image_shape, 4)
    built = model.build(config, image_shape, 4, steps=100)
    shaped = variable_shapes(layers, image_shape)
    for (layer, shapes), of_keras in zip(shaped, built.layers, strict=True):
        ours, theirs = first_variables(layer, shapes), of_keras.get_weights()
        assert [values.shape for values in ours] == [values.shape for values in theirs]
        for drawn, expected in zip(ours, theirs, strict=True):
            assert drawn.dtype == np.float32
            assert drawn.std() == pytest.approx(expected.std(), rel=0.15)
            assert drawn.mean() == pytest.approx(expected.mean(), abs=0.05)
        of_keras.set_weights(ours)
    image = np.random.default_rng(0).random(image_shape, np.float32)

    answers = untrained(layers, image)

    assert [values.shape for values in answers] == [layer.output_shape for layer in layers]
    np.testing.assert_allclose(answers[-1], built(image[np.newaxis])[0], atol=1e-5)
    assert untrained(layers, image)[-1].tolist() == answers[-1].tolist()
