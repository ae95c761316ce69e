"""Files to take away: other programs read them, and what can't be had is said with the reason."""

import importlib.util
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mnist_core.data import loading
from mnist_core.export import formats
from mnist_core.export.formats import FORMATS, ExportError, export, file_name, obstacle
from mnist_core.inference import Predictor
from mnist_core.runs.events import Ended, State, append_event
from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore
from tests.conftest import SMALL

CONVERTER = importlib.util.find_spec("tf2onnx") and importlib.util.find_spec("onnxruntime")


@pytest.mark.skipif(CONVERTER is None, reason="requirements-extras.txt is not installed")
def test_onnx_answers_as_litert_does(trained: Run, tmp_path: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(export(trained, "onnx"))
    (given,), (answer,) = session.get_inputs(), session.get_outputs()
    images = (loading.load("mnist-sample").x_test / 255).astype(np.float32)

    assert (given.name, given.shape, given.type) == ("images", ["n", 28, 28], "tensor(float)")
    assert (answer.name, answer.shape) == ("probabilities", ["n", 10])
    np.testing.assert_allclose(
        session.run(None, {"images": images})[0],
        Predictor(trained.folder).probabilities(images),
        atol=1e-5,
    )


@pytest.mark.parametrize("name", ["keras", "tflite"])
def test_networks_are_the_runs_own_files(trained: Run, name: str) -> None:
    assert export(trained, name) == (trained.folder / f"model.{name}").read_bytes()


def test_the_script_brings_the_images_that_keras_does_not_have(trained: Run) -> None:
    with zipfile.ZipFile(io.BytesIO(export(trained, "script"))) as archive:
        folder = f"digit-lab-{trained.id}"
        names = {f"{folder}/train.py", f"{folder}/mnist-sample.npz"}
        assert set(archive.namelist()) == names
        with np.load(io.BytesIO(archive.read(f"{folder}/mnist-sample.npz"))) as arrays:
            np.testing.assert_array_equal(arrays["x_test"], loading.load("mnist-sample").x_test)


def test_file_names_tell_what_is_in_them(trained: Run, store: RunStore) -> None:
    names = [file_name(trained, name) for name in FORMATS]
    endings = (".keras", ".tflite", ".onnx", "-script.zip", ".html", ".zip")
    assert names == [f"digit-lab-{trained.id}{ending}" for ending in endings]
    on_mnist = store.create(SMALL.model_copy(update={"dataset": "mnist"}))
    assert file_name(on_mnist, "script") == f"digit-lab-{on_mnist.id}.py"


def test_a_live_run_stays_here(store: RunStore) -> None:
    run = store.create(SMALL)
    for name in FORMATS:
        with pytest.raises(ExportError, match=f"{run.id} can't be exported .*: it is queued"):
            export(run, name)


def test_a_run_without_a_network_can_be_told_of_but_not_exported(store: RunStore) -> None:
    run = store.create(SMALL)
    append_event(run.folder, Ended(state=State.FAILED))

    for name in ("keras", "tflite", "onnx"):
        assert obstacle(run, name) == "it has no network"
    for name in ("script", "report", "zip"):
        assert export(run, name)


def test_a_missing_converter_is_named(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ExportError, match=r"pip install -r requirements-extras\.txt"):
        export(trained, "onnx")


def test_a_script_needs_the_images_that_go_with_it(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGIT_LAB_DATA", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for dataset, why_not in (("fashion-mnist", "Fashion-MNIST, which"), ("mnist", "")):
        run = store.create(SMALL.model_copy(update={"dataset": dataset}))
        append_event(run.folder, Ended(state=State.FAILED))
        assert (obstacle(run, "script") or "").startswith(why_not)


def test_what_goes_wrong_in_the_converter_is_told(trained: Run, store: RunStore) -> None:
    run = store.create(SMALL)
    append_event(run.folder, Ended(state=State.FINISHED))
    (run.folder / "model.keras").write_bytes(b"no network")
    if formats.obstacle(run, "onnx"):
        pytest.skip("the converter is not installed")
    with pytest.raises(ExportError, match=r"could not be converted to ONNX: .*model\.keras"):
        export(run, "onnx")
