"""A checkpoint, asked without TensorFlow: it answers as the network does that was trained."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_core.config import TrainingConfig
from mnist_core.data.dataset import Dataset
from mnist_core.forward import CheckpointPredictor
from mnist_core.runs.files import RunError, write_json
from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore
from mnist_core.training.fit import probabilities

from .conftest import SMALL, Train, in_colour

CONVOLUTIONS: dict[str, Any] = {"architecture": "convolutional", "filters": (4, 6), "widths": ()}


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
