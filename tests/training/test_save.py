"""The files work without Digit Lab."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from mnist_core.data.dataset import Dataset
from mnist_core.inference import Predictor
from mnist_core.training import save
from mnist_core.training.fit import probabilities

from .conftest import Train

# Keras asks NumPy for an array of a TensorFlow variable, which can't hear NumPy 2's `copy`.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)


def load(path: Path) -> Any:
    return keras.saving.load_model(path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("adam", keras.optimizers.Adam),
        ("sgd", keras.optimizers.SGD),
        ("rmsprop", keras.optimizers.RMSprop),
    ],
)
def test_keras_file_is_plain_and_whole(
    train: Train, blobs: Dataset, tmp_path: Path, name: str, kind: Any
) -> None:
    model: Any = train(optimizer=name)[0].model
    save.save_keras(model, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        described = json.loads(archive.read("config.json"))
    assert "mnist_core" not in json.dumps(described)
    loaded = load(tmp_path / "model.keras")
    assert [type(layer).__module__.split(".")[0] for layer in loaded.layers] == ["keras"] * 6
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert type(loaded.optimizer) is kind
    images = blobs.x_test.astype(np.float32) / 255
    np.testing.assert_array_equal(
        loaded.predict(images, verbose=0), model.predict(images, verbose=0)
    )
    for ours, theirs in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert int(loaded.optimizer.iterations) == 2 * 45
    assert loaded.evaluate(images, blobs.y_test, verbose=0)[1] > 0.5
    loaded.fit(images, blobs.y_test, epochs=1, verbose=0)


EVERYTHING: dict[str, Any] = {
    "architecture": "convolutional",
    "filters": (4, 5),
    "convolutions": 2,
    "block_dropout": 0.1,
    "widths": (),
    "schedule": "cosine",
    "weight_decay": 0.1,
    "label_smoothing": 0.1,
    "ema": 0.95,
    "rotation": 5,
}
PLAIN_BLOCKS: dict[str, Any] = {
    "architecture": "convolutional",
    "filters": (4,),
    "kernel_size": 2,
    "batch_normalization": False,
}


@pytest.mark.parametrize("settings", [EVERYTHING, PLAIN_BLOCKS])
def test_keras_file_of_a_convolutional_network_is_plain_and_whole(
    train: Train, blobs: Dataset, tmp_path: Path, settings: dict[str, Any]
) -> None:
    model: Any = train(**settings)[0].model
    save.save_keras(model, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        described = archive.read("config.json").decode()
    assert "mnist_core" not in described
    assert "Smoothed" not in described
    loaded = load(tmp_path / "model.keras")
    assert {type(layer).__module__.split(".")[0] for layer in loaded.layers} == {"keras"}
    images = blobs.x_test.astype(np.float32) / 255
    np.testing.assert_array_equal(
        loaded.predict(images, verbose=0), model.predict(images, verbose=0)
    )
    for ours, theirs in zip(
        save._state(model.optimizer), save._state(loaded.optimizer), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    loaded.fit(images, blobs.y_test, epochs=1, verbose=0)


@pytest.mark.parametrize("settings", [EVERYTHING, PLAIN_BLOCKS])
def test_tflite_of_a_convolutional_network_agrees(
    train: Train, blobs: Dataset, tmp_path: Path, settings: dict[str, Any]
) -> None:
    model = train(**settings)[0].model
    save.save_tflite(model, tmp_path / "model.tflite")
    predictor = Predictor(tmp_path)
    assert predictor.input_shape == (6, 6)
    for count in (1, 7):
        images = blobs.x_test[:count]
        given = images.astype(np.float32) / np.float32(255)
        difference = predictor.probabilities(given) - probabilities(model, images)
        assert np.abs(difference).max() < 1e-5


def test_tflite_takes_pictures_in_colour(train: Train, blobs: Dataset, tmp_path: Path) -> None:
    colour = replace(
        blobs,
        x_train=np.repeat(blobs.x_train[..., None], 3, axis=3),
        x_test=np.repeat(blobs.x_test[..., None], 3, axis=3),
    )
    model = train(dataset=colour, **EVERYTHING)[0].model
    save.save_tflite(model, tmp_path / "model.tflite")
    predictor = Predictor(tmp_path)
    assert predictor.input_shape == (6, 6, 3)
    given = colour.x_test[:5].astype(np.float32) / np.float32(255)
    difference = predictor.probabilities(given) - probabilities(model, colour.x_test[:5])
    assert np.abs(difference).max() < 1e-5


def test_of_a_schedule_the_peak_remains(train: Train, tmp_path: Path) -> None:
    model = train(schedule="one-cycle")[0].model
    save.save_keras(model, tmp_path / "model.keras")
    loaded = load(tmp_path / "model.keras")
    assert float(loaded.optimizer.learning_rate) == pytest.approx(0.01)
    assert int(loaded.optimizer.iterations) == 2 * 45
    np.testing.assert_array_equal(loaded.optimizer.variables[-1], model.optimizer.variables[-1])


@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "sigmoid"])
def test_tflite_agrees(train: Train, blobs: Dataset, tmp_path: Path, activation: str) -> None:
    model = train(activation=activation, epochs=1)[0].model
    save.save_tflite(model, tmp_path / "model.tflite")
    interpreter = Interpreter(model_path=str(tmp_path / "model.tflite"))
    (given,), (returned,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (tuple(given["shape"]), given["dtype"]) == ((1, 6, 6), np.float32)
    for count in (1, 7):
        interpreter.resize_tensor_input(given["index"], (count, 6, 6))
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], blobs.x_test[:count].astype(np.float32) / 255)
        interpreter.invoke()
        np.testing.assert_allclose(
            interpreter.get_tensor(returned["index"]),
            probabilities(model, blobs.x_test[:count]),
            atol=1e-5,
        )


def test_exports_are_quiet_and_leave_nothing_else(
    train: Train, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = train(epochs=1)[0].model
    capfd.readouterr()
    save.save_keras(model, tmp_path / "model.keras")
    save.save_tflite(model, tmp_path / "model.tflite")
    assert capfd.readouterr().out == ""
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", "model.tflite"}


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")

    def write(part: Path) -> None:
        part.write_bytes(b"half of the n")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        save._write_whole(path, write)
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [
        ("model.keras", b"old")
    ]
