"""What a run's networks claim is held against its configuration before anything is built."""

import json
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from mnist_core.runs.folder import Run
from mnist_core.runs.format import FILE as FORMAT
from mnist_core.training import check as checking
from mnist_core.training.check import check

PROJECT = Path(__file__).parents[2]
RUNS = PROJECT / "tests" / "fixtures" / "before_rooms" / "runs"
DENSE, CONVOLUTIONAL = "20261127-151049-3800", "20261127-151101-1064"


class Loaded(Exception):  # noqa: N818
    """Everything that is claimed was found right."""


def loaded(_size: int) -> None:
    raise Loaded


@pytest.fixture(autouse=True)
def nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "_limit", loaded)
    monkeypatch.setitem(sys.modules, "keras", sys)  # whose import takes seconds


def copy(name: str, folder: Path) -> Run:
    return Run(Path(shutil.copytree(RUNS / name, folder / name)))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return copy(DENSE, tmp_path)


@pytest.mark.parametrize("name", [DENSE, CONVOLUTIONAL])
def test_what_a_run_of_ours_claims_is_right(tmp_path: Path, name: str) -> None:
    with pytest.raises(Loaded):
        check(copy(name, tmp_path))


def redescribe(run: Run, change: Callable[[Any], object]) -> None:
    """Have ``model.keras`` describe another network, of which it has no weights."""
    path = run.folder / "model.keras"
    with zipfile.ZipFile(path) as archive:
        described = json.loads(archive.read("config.json"))
    change(described)
    put_description(path, json.dumps(described))


def put_description(path: Path, text: str) -> None:
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, text if name == "config.json" else data)


def layer(described: Any, kind: str) -> Any:
    return next(part for part in described["config"]["layers"] if part["class_name"] == kind)


HUGE = 1_000_000
CLAIMS: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "units": (
        DENSE,
        lambda net: layer(net, "Dense")["config"].update(units=HUGE),
        "Dense has the units 1000000; allowed by config.json: 4",
    ),
    "inputs": (
        DENSE,
        lambda net: layer(net, "Dense").update(build_config={"input_shape": [None, HUGE]}),
        "Dense in it is built for",
    ),
    "whole": (
        DENSE,
        lambda net: net.update(build_config={"input_shape": [HUGE, 28, 28]}),
        "the network in it is built for",
    ),
    "images": (
        DENSE,
        lambda net: layer(net, "InputLayer")["config"].update(batch_shape=[None, HUGE, HUGE]),
        "does not begin with an input of images",
    ),
    "more layers": (
        DENSE,
        lambda net: net["config"]["layers"].extend([layer(net, "Dense")] * 2),
        "a layer Dense where config.json has no more layers",
    ),
    "fewer layers": (
        DENSE,
        lambda net: net["config"]["layers"].pop(),
        "lacks a layer Dense that config.json has",
    ),
    "another kind": (
        DENSE,
        lambda net: layer(net, "Dropout").update(class_name="RepeatVector"),
        "a layer RepeatVector, which none of ours has",
    ),
    "functional": (DENSE, lambda net: net.update(class_name="Functional"), "allowed: Sequential"),
    "filters": (
        CONVOLUTIONAL,
        lambda net: layer(net, "Conv2D")["config"].update(filters=HUGE),
        "Conv2D has the filters 1000000",
    ),
    "pooling": (
        CONVOLUTIONAL,
        lambda net: layer(net, "MaxPooling2D")["config"].update(strides=[1, 1]),
        r"MaxPooling2D has the strides \[1, 1\]",
    ),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_description_of_another_network_is_refused(tmp_path: Path, claim: str) -> None:
    name, change, words = CLAIMS[claim]
    run = copy(name, tmp_path)
    redescribe(run, change)
    with pytest.raises(ValueError, match=words) as refusal:
        check(run)
    assert str(refusal.value).startswith("model.keras can't be used: ")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' + "9" * 10_000 + "}", "[]", "7", ""])
def test_a_description_that_is_none_is_refused(run: Run, text: str) -> None:
    put_description(run.folder / "model.keras", text)
    with pytest.raises(ValueError, match=r"model\.keras can't be used: "):
        check(run)


def test_a_configuration_for_more_weights_than_there_are_is_refused(run: Run) -> None:
    asked = json.loads((run.folder / "config.json").read_bytes())
    outline = json.loads((run.folder / "dataset.json").read_bytes())
    largest = asked | {
        "architecture": "convolutional",
        "filters": [512],
        "convolutions": 2,
        "kernel_size": 7,
        "widths": [4096] * 8,
    }
    (run.folder / "config.json").write_text(json.dumps(largest))
    (run.folder / "dataset.json").write_text(json.dumps(outline | {"image_shape": [96, 96, 3]}))
    (run.folder / FORMAT).unlink(missing_ok=True)
    with pytest.raises(
        ValueError, match=r"the network of config\.json has 4,9.*weights"
    ) as refusal:
        check(run)
    assert str(refusal.value).startswith("checkpoint.npz is damaged: ")
    run.checkpoint.unlink()
    with pytest.raises(ValueError, match=r"model\.keras can't be used"):
        check(run)


def change_tflite(run: Run, change: Callable[[Any], object]) -> None:
    path = run.folder / "model.tflite"
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes()))
    change(model)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())


def sides(*shape: int) -> NDArray[np.int32]:
    return np.array(shape, np.int32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda model: None, None),
        (
            lambda model: setattr(model.subgraphs[0].tensors[2], "shape", sides(1, 10**9)),
            r"tensor 2 claims to be \[1, 1000000000\]",
        ),
        (
            lambda model: setattr(model.subgraphs[0].tensors[0], "shape", sides(-1, 4)),
            r"tensor 0 claims to be \[-1, 4\]",
        ),
        (lambda model: model.subgraphs.append(model.subgraphs[0]), "2 graphs; allowed: one"),
        (
            lambda model: model.subgraphs[0].tensors.extend([model.subgraphs[0].tensors[0]] * 1000),
            "tensors; allowed: 1,000",
        ),
    ],
    ids=["none", "huge", "negative", "loop", "many"],
)
def test_what_a_tflite_file_claims_is_checked(
    run: Run, change: Callable[[Any], object], words: str | None
) -> None:
    change_tflite(run, change)
    with pytest.raises(ValueError if words else Loaded, match=words) as refusal:
        check(run)
    assert not words or str(refusal.value).startswith("model.tflite can't be used: ")


LIMITED = """
from mnist_core.training import check
check.SECONDS = 1
check._limit(0)
try:
    bytes(2 * check.ROOM)
except MemoryError:
    print("not so much", flush=True)
while True:
    pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps to both limits")
def test_what_is_loaded_has_limits_to_memory_and_time() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], cwd=PROJECT, capture_output=True, text=True, timeout=300
    )
    assert done.stdout == "not so much\n"
    assert done.returncode == -signal.SIGXCPU


def test_the_check_ends_when_the_process_that_waits_for_it_does(run: Run) -> None:
    command = [sys.executable, "-m", "mnist_core.training.check", str(run.folder)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.close()  # as by the death of the one that holds its other end
        assert process.wait(timeout=300) == 1
