"""Is a run's network one of ours, and safe to load? ``python -m mnist_core.training.check RUN``.

A program of its own: it needs Keras, and a file made to do harm may bring it down. It prints what
is wrong and ends with exit code 1, or prints nothing.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_core.inference import Predictor
from mnist_core.runs.folder import Run

IN_KERAS_FILE = {"metadata.json", "config.json", "model.weights.h5"}
CARRY_CODE = {"Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"}
"""Parts of Keras that run what a file brings along."""


def check(run: Run) -> None:
    """Look at, then load what there is of ``model.keras``, ``model.tflite`` and the checkpoint.

    Raises:
        ValueError: one can't be used for this run; the message names it.
    """
    dataset = run.dataset()
    shapes = (None, *dataset.image_shape), (None, dataset.classes)
    images = np.random.default_rng(0).random((8, *dataset.image_shape), np.float32)
    answers = []
    for name, read in READ.items():
        if (run.folder / name).exists():
            try:
                found, answer = read(run, images)
            except Exception as error:
                # Keras wraps what went wrong in pages of what it was about; it stands last.
                reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
                raise ValueError(f"{name} can't be used: {reason[:300]}") from error
            if found != shapes:
                raise ValueError(f"{name} takes {found[0]} to {found[1]}; allowed: {shapes}")
            answers.append(answer)
    if len(answers) == 2 and not np.allclose(answers[0], answers[1], atol=1e-3):
        raise ValueError("model.keras and model.tflite are different networks")
    if run.checkpoint.exists():
        _restore(run)


Shapes = tuple[tuple[int | None, ...], tuple[int | None, ...]]
Images = NDArray[np.float32]


def _ask_keras(run: Run, images: Images) -> tuple[Shapes, Images]:
    """What goes in and comes out, and the answers to these images."""
    path = run.folder / "model.keras"
    with zipfile.ZipFile(path) as archive:
        unknown = set(archive.namelist()) - IN_KERAS_FILE
        if unknown:
            raise ValueError(f"it has {', '.join(sorted(unknown))}, which none of ours has")
        if sum(member.file_size for member in archive.infolist()) > 2 * path.stat().st_size + 2**20:
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

    import keras

    model = keras.saving.load_model(path, safe_mode=True)
    shapes = tuple(model.input_shape), tuple(model.output_shape)
    return shapes, model(images, training=False).numpy()


def _ask_tflite(run: Run, images: Images) -> tuple[Shapes, Images]:
    predictor = Predictor(run.folder)
    shapes = (None, *predictor.input_shape), (None, predictor.classes)
    return shapes, predictor.probabilities(images)


READ = {"model.keras": _ask_keras, "model.tflite": _ask_tflite}


def _parts(described: Any) -> Iterator[dict[str, Any]]:
    """Everything in a network's description that becomes an object."""
    if isinstance(described, dict):
        if "class_name" in described:
            yield described
        described = list(described.values())
    if isinstance(described, list):
        for value in described:
            yield from _parts(value)


def _restore(run: Run) -> None:
    from mnist_core.training import checkpoint, model

    dataset = run.dataset()
    network = model.build(run.config, dataset.image_shape, dataset.classes, steps=1)
    checkpoint.restore(network, run.checkpoint)


def main(folder: Path) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        check(Run(folder))
    except Exception as error:  # noqa: BLE001 - whatever a file makes Keras raise, it is refused
        print(str(error).replace(f"{folder}{os.sep}", "") or type(error).__name__)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
