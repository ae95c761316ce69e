"""What a network's layers answer, read out of its file for LiteRT, is what Keras says they do."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mnist_core.data.dataset import Dataset
from mnist_core.inside import InsidePredictor, scaled
from mnist_core.training import save
from tests.training.test_forward import CONVOLUTIONS, asked

from .conftest import Train, in_colour


@pytest.mark.parametrize(
    ("settings", "told", "colour"),
    [
        ({"dropout": 0.2}, ["dense_1", "dense_2", "probabilities"], False),
        ({"activation": "tanh", "ema": 0.9}, ["dense_1", "dense_2", "probabilities"], False),
        ({"activation": "gelu", "widths": (12, 12)}, ["dense_1", "dense_2", "probabilities"], True),
        ({"activation": "sigmoid", "widths": (1,)}, ["dense_1", "probabilities"], False),
        (CONVOLUTIONS | {"activation": "gelu"}, ["act_1_1", "act_2_1", "probabilities"], False),
        (
            CONVOLUTIONS | {"convolutions": 2, "block_dropout": 0.1, "widths": (5,)},
            ["act_1_1", "act_1_2", "act_2_1", "act_2_2", "dense_1", "probabilities"],
            True,
        ),
        (
            CONVOLUTIONS | {"batch_normalization": False, "filters": (1, 1), "kernel_size": 3},
            ["act_1_1", "act_2_1", "probabilities"],
            False,
        ),
        (
            CONVOLUTIONS | {"batch_normalization": False, "activation": "tanh"},
            ["act_1_1", "act_2_1", "probabilities"],
            True,
        ),
    ],
)
def test_layers_answer_as_in_keras(
    train: Train,
    blobs: Dataset,
    tmp_path: Path,
    settings: dict[str, Any],
    told: list[str],
    colour: bool,
) -> None:
    if colour:
        blobs = in_colour(blobs)
    run = asked(tmp_path, blobs, **settings)
    model = train(dataset=blobs, **settings)[0].model
    save.save_tflite(model, run.folder / "model.tflite")
    network, given = InsidePredictor(run), scaled(blobs.x_test[:3])

    outputs = [model.get_layer(name).output for name in told]
    by_keras = [np.asarray(o) for o in keras.Model(model.inputs, outputs)([given])]
    for number, image in enumerate(given):
        answers = network.activations(image)
        assert [answer.layer.name for answer in answers] == told
        for answer, expected in zip(answers, by_keras, strict=True):
            np.testing.assert_allclose(answer.values, expected[number], atol=1e-5)
    np.testing.assert_allclose(network.last_hidden(given), by_keras[-2].reshape(3, -1), atol=1e-5)
    if told[0] == "dense_1":
        kernel = model.get_layer("dense_1").kernel.numpy()
        np.testing.assert_array_equal(
            network.incoming_weights(0), kernel[:, 0].reshape(given.shape[1:])
        )
    else:
        assert network.incoming_weights(0) is None
