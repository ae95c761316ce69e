"""ONNX: every network that can be asked for is converted, or refused."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from mnist_core.data.dataset import Dataset
from mnist_core.training import save, to_onnx
from mnist_core.training.fit import probabilities
from mnist_core.training.to_onnx import convert

from .conftest import Train

pytest.importorskip("tf2onnx", reason="requirements-extras.txt is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="requirements-dev.txt is not installed")
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning"),
]


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "sigmoid"])
@pytest.mark.parametrize("architecture", ["dense", "convolutional"])
def test_it_agrees(
    train: Train, blobs: Dataset, tmp_path: Path, architecture: str, activation: str
) -> None:
    settings = {"activation": activation, "architecture": architecture, "epochs": 1}
    model: Any = train(**settings)[0].model
    save.save_keras(model, tmp_path / "model.keras")
    convert(tmp_path / "model.keras", tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    images = blobs.x_test.astype(np.float32) / 255

    np.testing.assert_allclose(
        session.run(["probabilities"], {"images": images})[0],
        probabilities(model, blobs.x_test),
        atol=1e-5,
    )


def test_an_operation_that_onnx_lacks_is_named(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save.save_keras(train(activation="gelu", epochs=1)[0].model, tmp_path / "model.keras")
    monkeypatch.setattr(to_onnx, "_gelu", keras.activations.gelu)
    with pytest.raises(ValueError, match=r"can't be written as ONNX: .*Erfc"):
        convert(tmp_path / "model.keras", tmp_path / "model.onnx")
