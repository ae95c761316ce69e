"""Cached one-liners around mnist_core: what all sessions share, and what takes long to read.

What a run's folder holds is cached by the version of the file, so that a file that grows or is
replaced is read anew.
"""

from __future__ import annotations

import contextlib
import importlib
import threading
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mnist_core.data import loading, places
from mnist_core.data.dataset import Dataset
from mnist_core.data.loading import DatasetError
from mnist_core.estimate import Pace, Work
from mnist_core.evaluation import Evaluation, mistakes
from mnist_core.runs import archive, trash
from mnist_core.runs.catalog import Catalog
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.history import History
from mnist_core.runs.judging import judge
from mnist_core.runs.store import RunStore
from mnist_core.settings import Settings
from mnist_core.storage import StorageError
from mnist_core.training.pool import WorkerPool

SLOW_TO_LOAD = ("pandas", "plotly.tools", "mnist_core.drawing.digit", "mnist_core.inference")
Version = tuple[int, int] | None
"""Of a file: differs once it has come, gone, or been replaced."""
LOAD_AFTER = 1.0  # seconds; the browser is painting the first page, and asks for more, until then


def store() -> RunStore:
    """The runs on this machine."""
    return RunStore(Settings.from_environment().runs)


@st.cache_resource(show_spinner=False, validate=lambda pool: pool.alive)
def pool() -> WorkerPool:
    """The worker processes of this server, one for all sessions; a new one where it has ended."""
    return WorkerPool(Settings.from_environment().workers)


def dataset(name: str) -> Dataset:
    """The images, read and checked once for all sessions; raises what ``loading.load`` raises."""
    return _dataset(name, dataset_version(name))


def dataset_version(name: str) -> tuple[int, int] | None:
    """Differs once the dataset's file has come, gone, or been replaced."""
    place = places.place(name)
    return version(place) if place else None


@st.cache_resource(max_entries=4, show_spinner="Reading the images")
def _dataset(name: str, version: tuple[int, int] | None) -> Dataset:
    return loading.load(name)


def history(run: Run) -> History:
    """What has happened so far: a copy of the caller's own, which may be updated.

    Raises:
        RunError: the events are damaged.
    """
    return _history(run.folder, version(run.folder / "events.jsonl"))


@st.cache_data(max_entries=16, show_spinner=False)  # each version of a live run is one more
def _history(folder: Path, version: tuple[int, int] | None) -> History:
    return Run(folder).history()


@st.cache_data(ttl=60, show_spinner=False)
def paces() -> list[Pace]:
    """What the epochs of the newest runs took."""
    found = []
    for run in store().list(10):
        try:
            past = history(run)
            if past.fitting and past.epochs:
                # The first one builds the graph, too.
                seconds = median(epoch.seconds for epoch in past.epochs[1:] or past.epochs)
                config, fitting = run.config, past.fitting
                work = Work(
                    fitting.train_images, fitting.multiply_adds, config.batch_size, config.augments
                )
                found.append(Pace(work, seconds))
        except RunError:
            continue  # a damaged run teaches nothing here; the pages that show it say so
    return found


def evaluation(run: Run) -> Evaluation:
    """The run's answers to the test images, judged.

    Raises:
        RunError: there are none (yet), or they are damaged.
    """
    return _evaluation(run.folder, version(run.folder / "test.npz"))


@st.cache_resource(max_entries=8, show_spinner=False)
def _evaluation(folder: Path, version: tuple[int, int] | None) -> Evaluation:
    return judge(Run(folder))


class Mistake(NamedTuple):
    """A test image, and what a network took it for."""

    image: NDArray[np.uint8]
    true: str
    predicted: str
    confidence: float


def surest_mistake(run: Run, dataset_name: str) -> Mistake | None:
    """The one that the network was surest about; None: it made none, or the image isn't here."""
    versions = version(run.folder / "test.npz"), dataset_version(dataset_name)
    return _surest_mistake(run.folder, dataset_name, *versions)


@st.cache_data(max_entries=200, show_spinner=False)
def _surest_mistake(
    folder: Path,
    dataset_name: str,
    run_version: tuple[int, int] | None,
    dataset_version: tuple[int, int] | None,
) -> Mistake | None:
    try:
        result, images = judge(Run(folder)), dataset(dataset_name)
    except (RunError, DatasetError):
        return None  # the page Evaluate says why
    wrong = mistakes(result)
    if not len(wrong) or not np.array_equal(images.y_test, result.labels):
        return None
    true, predicted = (
        result.class_names[of_image[wrong[0]]] for of_image in (result.labels, result.predicted)
    )
    return Mistake(images.x_test[wrong[0]], true, predicted, float(result.confidence[wrong[0]]))


def versions(run: Run) -> tuple[Version, Version]:
    """Of the network that a run's answers come from, and of the images that it has learned."""
    return version(run.folder / "model.tflite"), dataset_version(run.config.dataset)


def network_version(run: Run) -> object:
    """Differs once a run has a newer network, or its first; quick, and raises nothing."""
    files = (run.folder / "model.tflite", run.folder / "test.npz", run.checkpoint)
    return [version(file) for file in files]


def catalog() -> Catalog:
    """The summaries of all runs, one memory of them for all sessions."""
    return _catalog(store())


@st.cache_resource(max_entries=1, show_spinner=False)
def _catalog(store: RunStore) -> Catalog:
    trash.purge_leftovers(store)  # of servers that have ended
    archive.purge_leftovers(store)
    return Catalog(store)


@st.cache_resource(show_spinner=False)
def load_ahead() -> None:
    """Load what the other pages need, in the background, so that nobody waits for it on a switch.

    Once in a server's life. The runs are listed, too: that takes long while the disk is cold.
    """
    found = catalog()

    def load() -> None:
        for name in SLOW_TO_LOAD:
            importlib.import_module(name)
        with contextlib.suppress(StorageError):  # as the pages say
            found.list()

    timer = threading.Timer(LOAD_AFTER, load)
    timer.daemon = True
    timer.start()


def version(path: Path) -> Version:
    try:
        status = path.stat()
    except OSError:
        return None  # what can't be looked at is read anew, and that says why
    return status.st_mtime_ns, status.st_size
