"""Is a run's network one of ours, and safe to load? ``python -m mnist_core.training.check RUN``.

A program of its own: it needs Keras, and a file made to do harm may bring it down. It prints what
is wrong and ends with exit code 1, or prints nothing. It ends when its standard input does.

What the files claim is held against ``config.json``, and that against their sizes, before anything
is built; then they are loaded, with limits to the memory and the time that this may take.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from mnist_core.data import npz, zips
from mnist_core.inference import Predictor
from mnist_core.network import Layer, describe
from mnist_core.runs.archive import NETWORKS
from mnist_core.runs.folder import Run

MB = 2**20
IN_KERAS_FILE = {"metadata.json": MB, "config.json": MB, "model.weights.h5": 2048 * MB}
"""And how large each may be."""
MOST_TENSORS = 1_000
"""In a ``model.tflite``; ours have three or four for each layer."""
SLOW_WORK = 2_000_000_000
"""Multiplications that a slow core does in a few seconds."""
ROOM = 512 * MB
"""Beside :data:`COPIES` of each file, when the networks are loaded."""
COPIES = 4
SECONDS = 60
"""Of the processor; and one more for every :data:`BYTES_A_SECOND`."""
BYTES_A_SECOND = 10 * MB


def check(run: Run) -> None:
    """Look at, then load what there is of ``model.keras``, ``model.tflite`` and the checkpoint.

    Raises:
        ValueError: one can't be used for this run; the message names it.
    """
    there = [name for name in NETWORKS if (run.folder / name).exists()]
    dataset = run.dataset()
    layers = describe(run.config, dataset.image_shape, dataset.classes)
    if run.checkpoint.exists():
        with _told_as("checkpoint.npz is damaged"):
            _look_at_checkpoint(run.checkpoint, layers)
    for name, look in LOOK.items():
        if name in there:
            with _told_as(f"{name} can't be used"):
                look(run.folder / name, dataset.image_shape, layers)

    import keras  # noqa: F401  # before the limits: it takes more than any network

    _limit(sum((run.folder / name).stat().st_size for name in there))
    shapes = (None, *dataset.image_shape), (None, dataset.classes)
    work = sum(layer.multiply_adds for layer in layers)
    count = max(1, min(8, SLOW_WORK // work))
    images = np.random.default_rng(0).random((count, *dataset.image_shape), np.float32)
    answers = []
    for name, read in READ.items():
        if name in there:
            with _told_as(f"{name} can't be used"):
                found, answer = read(run, images)
            if found != shapes:
                raise ValueError(f"{name} takes {found[0]} to {found[1]}; allowed: {shapes}")
            answers.append(answer)
    if len(answers) == 2 and not np.allclose(answers[0], answers[1], atol=1e-3):
        raise ValueError("model.keras and model.tflite are different networks")
    if run.checkpoint.exists():
        _restore(run)


@contextlib.contextmanager
def _told_as(words: str) -> Iterator[None]:
    """Whatever goes wrong within it is a ValueError that begins with these words."""
    try:
        yield
    except Exception as error:
        # Keras wraps what went wrong in pages of what it was about; it stands last.
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise ValueError(f"{words}: {reason[:300]}") from error


def _limit(size: int) -> None:
    """From here on, take no more memory and time than networks in files of this size can need.

    What is loaded already counts for nothing. Windows has no such limits; there, the patience of
    the process that waits for this one is all.
    """
    if sys.platform == "win32":
        return
    import resource

    _set(resource.RLIMIT_CORE, 0)  # what a crash would leave behind
    spent = math.ceil(sum(os.times()[:2]))
    _set(resource.RLIMIT_CPU, spent + SECONDS + size // BYTES_A_SECOND)
    if sys.platform == "linux":  # the others do not keep to it
        _set(resource.RLIMIT_DATA, psutil.Process().memory_info().data + ROOM + COPIES * size)


def _set(limit: int, most: int) -> None:
    import resource

    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


# --- What they claim, before anything is built ---


def _look_at_keras(path: Path, image_shape: tuple[int, ...], layers: list[Layer]) -> None:
    with path.open("rb") as file, zips.opened(file, 2**17) as archive:
        members = {member.filename: member for member in archive.infolist()}
        unknown = members.keys() - IN_KERAS_FILE.keys()
        if unknown:
            raise ValueError(f"it has {', '.join(sorted(unknown))}, which none of ours has")
        for name, member in members.items():
            if fault := zips.fault(member):
                raise ValueError(f"{name} in it is {fault}")
            if member.file_size > IN_KERAS_FILE[name]:
                raise ValueError(f"{name} in it has {member.file_size:,} bytes")
        if sum(member.file_size for member in members.values()) > 2 * path.stat().st_size + MB:
            raise ValueError("it would grow larger than a run has it")
        described = json.loads(archive.read("config.json"))
    for part in _parts(described):
        name, module = str(part["class_name"]), str(part.get("module") or "keras")
        own = str(part.get("registered_name") or name)
        if module.split(".")[0] not in ("keras", "builtins") or own != name or name in CARRY_CODE:
            raise ValueError(
                f"it has a part {name} of {module}; allowed: what Keras itself has, without code "
                "of the file's own"
            )
    _compare(described, image_shape, layers)
    _refuse_too_small(path, layers)


CARRY_CODE = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
"""Parts of Keras that run what a file brings along."""


def _parts(described: Any) -> Iterator[dict[str, Any]]:
    """Everything in a network's description that becomes an object."""
    if isinstance(described, dict):
        if "class_name" in described:
            yield described
        described = list(described.values())
    if isinstance(described, list):
        for value in described:
            yield from _parts(value)


def _compare(described: Any, image_shape: tuple[int, ...], layers: list[Layer]) -> None:
    """Hold a network's description by Keras against the layers that it should have.

    Only what decides on the size of something is compared, in the order in which it does. Layers
    between which nothing changes its shape have changed places since the first runs.
    """
    if described["class_name"] != "Sequential":
        raise ValueError(f"it is a {described['class_name']}; allowed: Sequential")
    _compare_part(described, "the network", image_shape, {})
    first, *others = described["config"]["layers"]
    batch = [None, *image_shape]
    if first["class_name"] != "InputLayer" or first["config"].get("batch_shape") != batch:
        raise ValueError(f"it does not begin with an input of images {image_shape}")
    shape = image_shape
    expected = iter([layer for layer in layers if layer.kind in SHAPING])
    for part in others:
        kind = part["class_name"]
        if kind in SHAPING:
            layer = next(expected, None)
            if layer is None or layer.kind != kind:
                raise ValueError(
                    f"it has a layer {kind} where config.json has "
                    f"{layer.kind if layer else 'no more layers'}"
                )
            _compare_part(part, kind, shape, SHAPING[kind](layer.parameters))
            shape = layer.output_shape
        elif kind in KEEP_SHAPE:
            _compare_part(part, kind, shape, {})
        else:
            raise ValueError(f"it has a layer {kind}, which none of ours has")
    missing = next(expected, None)
    if missing:
        raise ValueError(f"it lacks a layer {missing.kind} that config.json has")


SHAPING: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "Reshape": lambda parameters: {"target_shape": [*parameters["target_shape"]]},
    "Conv2D": lambda parameters: {
        "filters": parameters["filters"],
        "kernel_size": [parameters["kernel_size"]] * 2,
        "strides": [1, 1],
        "padding": "same",
        "data_format": "channels_last",
        "dilation_rate": [1, 1],
        "groups": 1,
    },
    "MaxPooling2D": lambda parameters: {
        "pool_size": [parameters["pool_size"]] * 2,
        "strides": [parameters["pool_size"]] * 2,
        "padding": "valid",
        "data_format": "channels_last",
    },
    "Flatten": lambda _: {},
    "Dense": lambda parameters: {"units": parameters["units"]},
}
"""Kinds of layers that decide on sizes, and what Keras says then of the parameters of one."""
KEEP_SHAPE = {"Activation", "BatchNormalization", "Dropout"}


def _compare_part(
    part: dict[str, Any], name: str, inputs: tuple[int, ...], settings: dict[str, Any]
) -> None:
    for key, value in settings.items():
        if part["config"].get(key) != value:
            raise ValueError(
                f"its layer {name} has the {key} {str(part['config'].get(key))[:50]}; "
                f"allowed by config.json: {value}"
            )
    # By these, Keras makes weights before the layers before have said what they give.
    built = (part.get("build_config"), {"input_shape": part["config"].get("build_input_shape")})
    for found in built:
        shape = (found or {}).get("input_shape")
        if shape not in (None, [None, *inputs]) or set(found or ()) - {"input_shape"}:
            raise ValueError(f"{name} in it is built for {str(found)[:80]}; allowed: {inputs}")


def _refuse_too_small(path: Path, layers: list[Layer]) -> None:
    """Each weight takes four bytes, which neither Keras nor the checkpoint squeezes."""
    weights, size = sum(layer.weights for layer in layers), path.stat().st_size
    if size < 4 * weights:
        raise ValueError(
            f"it has {size:,} bytes; the network of config.json has {weights:,} weights, four "
            "bytes each"
        )


def _look_at_tflite(path: Path, image_shape: tuple[int, ...], layers: list[Layer]) -> None:
    content = path.read_bytes()
    model: Any = schema.Model.GetRootAs(content)
    if model.SubgraphsLength() != 1:  # loops have theirs
        raise ValueError(f"it has {model.SubgraphsLength():,} graphs; allowed: one")
    graph = model.Subgraphs(0)
    if graph.TensorsLength() > MOST_TENSORS:
        raise ValueError(f"it has {graph.TensorsLength():,} tensors; allowed: {MOST_TENSORS:,}")
    # Its weights, and for each layer what goes from one to the next, of one image.
    between = max(map(math.prod, [image_shape, *(layer.output_shape for layer in layers)]))
    for number in range(graph.TensorsLength()):
        shape = _sides(graph.Tensors(number))
        values = math.prod(shape)
        if not all(side >= 0 for side in shape) or values > between + len(content):
            raise ValueError(
                f"tensor {number} claims to be {str(shape)[:50]}, larger than any of the network "
                "of config.json"
            )


def _sides(tensor: Any) -> list[int]:
    if tensor.ShapeLength() > 8:
        raise ValueError(f"a tensor has {tensor.ShapeLength():,} dimensions")
    return [int(tensor.Shape(axis)) for axis in range(tensor.ShapeLength())]


LOOK = {"model.keras": _look_at_keras, "model.tflite": _look_at_tflite}


def _look_at_checkpoint(path: Path, layers: list[Layer]) -> None:
    _refuse_too_small(path, layers)
    with path.open("rb") as file, zips.opened(file, 2**17) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist()]
        headers = [npz.header(archive, name) for name in names if name.startswith("model_")]
    found = sum(math.prod(header.shape) for header in headers if header.dtype.kind == "f")
    expected = sum(layer.weights for layer in layers)
    if found != expected:
        raise ValueError(f"it has {found:,} weights, the network of config.json {expected:,}")


# --- What they are ---

Shapes = tuple[tuple[int | None, ...], tuple[int | None, ...]]
Images = NDArray[np.float32]


def _ask_keras(run: Run, images: Images) -> tuple[Shapes, Images]:
    """What goes in and comes out, and the answers to these images."""
    import keras

    model = keras.saving.load_model(run.folder / "model.keras", safe_mode=True)
    shapes = tuple(model.input_shape), tuple(model.output_shape)
    return shapes, model(images, training=False).numpy()


def _ask_tflite(run: Run, images: Images) -> tuple[Shapes, Images]:
    predictor = Predictor(run.folder)
    shapes = (None, *predictor.input_shape), (None, predictor.classes)
    return shapes, predictor.probabilities(images)


READ = {"model.keras": _ask_keras, "model.tflite": _ask_tflite}


def _restore(run: Run) -> None:
    from mnist_core.training import checkpoint, model

    dataset = run.dataset()
    network = model.build(run.config, dataset.image_shape, dataset.classes, steps=1)
    checkpoint.restore(network, run.checkpoint)


def _end_with_input() -> None:
    """A thread: the process that waits for the answer may be killed."""
    while os.read(0, 1):
        pass
    os._exit(1)


def main(folder: Path) -> int:
    threading.Thread(target=_end_with_input, daemon=True).start()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        check(Run(folder))
    except Exception as error:  # noqa: BLE001 - whatever a file makes Keras raise, it is refused
        print(str(error).replace(f"{folder}{os.sep}", "") or type(error).__name__)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
