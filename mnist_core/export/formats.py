"""A run -> one file, in the format that somebody needs."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnist_core.data import known, loading, places
from mnist_core.export import report, script
from mnist_core.runs.archive import pack
from mnist_core.runs.catalog import Damaged, summarize
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run

_PROJECT = Path(__file__).resolve().parents[2]


class ExportError(ValueError):
    """A run can't be exported in this format; the message says why, and what would help."""


class Format(NamedTuple):
    """One way to export a run."""

    title: str
    description: str
    write: Callable[[Run], bytes]
    needs_model: bool = True


def file_name(run: Run, name: str) -> str:
    """What to call the file, e.g. ``"digit-lab-20260101-120000-abcd.keras"``."""
    if name == "script":
        suffix = ".py" if run.config.dataset in script.IN_KERAS else "-script.zip"
    else:
        suffix = {"report": ".html"}.get(name, f".{name}")
    return f"digit-lab-{run.id}{suffix}"


def export(run: Run, name: str) -> bytes:
    """The file's content.

    Args:
        name: a key of :data:`FORMATS`.

    Raises:
        ExportError: the run has no network, or is live; or a program that is needed is missing.
        RunError: the run is damaged.
        NotRepeatable: no script can be written of one of its settings.
        DatasetError: the images that belong to the script are missing or damaged.
    """
    why_not = obstacle(run, name)
    if why_not:
        raise ExportError(f"run {run.id} can't be exported as {FORMATS[name].title}: {why_not}")
    return FORMATS[name].write(run)


def obstacle(run: Run, name: str) -> str | None:
    """Why a run can't be exported so, where that can be told without trying."""
    found = summarize(run)
    if isinstance(found, Damaged):
        return found.reason
    if found.state.live:
        return f"it is {found.state}; wait for its end, or stop it"
    if FORMATS[name].needs_model and not (run.folder / "model.keras").is_file():
        return "it has no network"
    if name == "script":
        try:
            script.check(run)
        except (script.NotRepeatable, RunError) as error:
            return str(error)
        dataset = found.config.dataset
        if dataset not in script.IN_KERAS and not places.available(dataset):
            return f"{known.title(dataset)}, which belongs to the script, is not on this machine"
    if name == "onnx" and importlib.util.find_spec("tf2onnx") is None:
        return (
            "the converter is not installed; .venv/bin/python -m pip install -r "
            "requirements-extras.txt installs it"
        )
    return None


def _file(name: str) -> Callable[[Run], bytes]:
    def read(run: Run) -> bytes:
        try:
            return (run.folder / name).read_bytes()
        except FileNotFoundError:
            raise RunError(f"there is no {run.folder / name} any more") from None

    return read


def _onnx(run: Run) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "model.onnx")
        source = run.folder / "model.keras"
        command = [sys.executable, "-m", "mnist_core.training.to_onnx", str(source), str(target)]
        done = subprocess.run(command, cwd=_PROJECT, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip() or "no reason was given").splitlines()[-1]
            raise ExportError(f"{source} could not be converted to ONNX: {reason}")
        return target.read_bytes()


def _script(run: Run) -> bytes:
    if run.config.dataset in script.IN_KERAS:
        return script.write(run, file_name(run, "script")).encode()
    images = loading.load(run.config.dataset)
    arrays, packed = io.BytesIO(), io.BytesIO()
    np.savez_compressed(
        arrays,
        allow_pickle=False,
        x_train=images.x_train,
        y_train=images.y_train,
        x_test=images.x_test,
        y_test=images.y_test,
    )
    folder = f"digit-lab-{run.id}"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{folder}/train.py", script.write(run, "train.py"))
        archive.writestr(f"{folder}/{script.data_name(run)}", arrays.getvalue())
    return packed.getvalue()


FORMATS = {
    "keras": Format(
        "Keras",
        "The network for Python: `keras.saving.load_model(...)` reads it, and can train it on.",
        _file("model.keras"),
    ),
    "tflite": Format(
        "LiteRT", "The network for phones and small computers (.tflite).", _file("model.tflite")
    ),
    "onnx": Format(
        "ONNX", "The network for everything else, from C# to the browser; takes ten seconds.", _onnx
    ),
    "script": Format(
        "Python script",
        "The training as a program that needs only TensorFlow and NumPy, with its images (.zip).",
        _script,
        needs_model=False,
    ),
    "report": Format(
        "Report",
        "Settings, curves, figures and mistakes on one page that any browser shows (.html).",
        report.write,
        needs_model=False,
    ),
    "zip": Format(
        "Whole run",
        "All of it, for Digit Lab on another machine: import it there on the page Runs (.zip).",
        pack,
        needs_model=False,
    ),
}
