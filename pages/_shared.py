"""What pages share: cached one-liners around mnist_core, the chosen run, pictures of images."""

from __future__ import annotations

import importlib
import io
import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from mnist_core.data import known, loading, places
from mnist_core.data.dataset import Dataset
from mnist_core.data.loading import DatasetError
from mnist_core.estimate import Pace, Work
from mnist_core.evaluation import Evaluation
from mnist_core.runs import archive, trash
from mnist_core.runs.catalog import Catalog, Damaged, Entry, Summary
from mnist_core.runs.events import State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.history import History
from mnist_core.runs.judging import judge
from mnist_core.runs.store import RunStore
from mnist_core.settings import Settings
from mnist_core.training.pool import WorkerPool
from pages import _compat

RUNS_IN_PICKER = 50
ABOUT_THE_ARTICLE = (
    "Digit Lab began with a tutorial of 2021 on dense networks. This is what its network of 512 "
    "and 256 units reached on MNIST's test images; the preset Article has its settings."
)
SLOW_TO_LOAD = ("pandas", "plotly.tools", "mnist_core.drawing.digit", "mnist_core.inference")
LOAD_AFTER = 1.0  # seconds; the browser is painting the first page, and asks for more, until then
LOOK_SECONDS = 0.6  # between two looks at the runs, which other servers may change, too


def title(name: str) -> None:
    """The page's heading; each page begins with it."""
    _compat.run_through_app()
    st.title(name)


# --- Around mnist_core. What a run's folder holds is cached by the version of the file, so that a
# file that grows or is replaced is read anew. ---


def store() -> RunStore:
    """The runs on this machine."""
    return RunStore(Settings.from_environment().runs)


@st.cache_resource(show_spinner=False)
def pool() -> WorkerPool:
    """The worker processes of this server, one for all sessions."""
    return WorkerPool(Settings.from_environment().workers)


def dataset(name: str) -> Dataset:
    """The images, read and checked once for all sessions; raises what ``loading.load`` raises."""
    return _dataset(name, dataset_version(name))


def dataset_version(name: str) -> tuple[int, int] | None:
    """Differs once the dataset's file has come, gone, or been replaced."""
    place = places.place(name)
    return _version(place) if place else None


@st.cache_resource(max_entries=4, show_spinner="Reading the images")
def _dataset(name: str, version: tuple[int, int] | None) -> Dataset:
    return loading.load(name)


def history(run: Run) -> History:
    """What has happened so far: a copy of the caller's own, which may be updated.

    Raises:
        RunError: the events are damaged.
    """
    return _history(run.folder, _version(run.folder / "events.jsonl"))


@st.cache_data(max_entries=200, show_spinner=False)
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
                seconds = median(epoch.seconds for epoch in past.epochs)
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
    return _evaluation(run.folder, _version(run.folder / "test.npz"))


@st.cache_resource(max_entries=8, show_spinner=False)
def _evaluation(folder: Path, version: tuple[int, int] | None) -> Evaluation:
    return judge(Run(folder))


def catalog() -> Catalog:
    """The summaries of all runs, one memory of them for all sessions."""
    return _catalog(store())


@st.cache_resource(max_entries=1, show_spinner=False)
def _catalog(store: RunStore) -> Catalog:
    trash.purge_leftovers(store)  # of servers that have ended
    archive.purge_leftovers(store)
    return Catalog(store)


@st.cache_resource(scope="session", show_spinner=False, on_release=trash.purge)
def discarded() -> list[Run]:
    """The runs that this session has deleted and may bring back, until it ends or clears them."""
    return []


@st.cache_resource(show_spinner=False)
def load_ahead() -> None:
    """Load what the other pages need, in the background, so that nobody waits for it on a switch.

    Once in a server's life. The runs are listed, too: that takes long while the disk is cold.
    """
    found = catalog()

    def load() -> None:
        for name in SLOW_TO_LOAD:
            importlib.import_module(name)
        found.list()

    timer = threading.Timer(LOAD_AFTER, load)
    timer.daemon = True
    timer.start()


def _version(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


# --- The chosen run: its id is in the URL, and in the session while pages change ---


def choose_run(run_id: str) -> None:
    """In a callback: make it the run that every page shows."""
    # The page's own run may come with the URL from before the choice: where a fragment runs by
    # itself at that moment, Streamlit calls back in the fragment's run.
    st.session_state["run_chosen_now"] = run_id
    _keep_run(run_id)


def submit(run: Run) -> None:
    """In a callback: have it trained, and show it."""
    pool().submit(run)
    choose_run(run.id)


def _keep_run(run_id: str) -> None:
    st.session_state["run"] = run_id
    st.query_params["run"] = run_id


def chosen_run() -> Run | None:
    """The run just chosen, else that of ``?run=``, else the last one chosen, else the newest.

    None where there is no run.
    """
    wanted = (
        st.session_state.pop("run_chosen_now", None)
        or st.query_params.get("run")
        or st.session_state.get("run")
    )
    try:
        run = store().get(wanted) if wanted else None
    except RunError:
        st.warning(
            f"There is no run `{wanted}` here: it was deleted, or the address has a typo.",
            icon=":material/search_off:",
        )
        run = None
    run = run or next(iter(store().list(1)), None)
    if run:
        _keep_run(run.id)
    return run


def run_picker() -> Run | None:
    """The chosen run, with a menu of the newest ones; says what to do where there is none."""
    run = chosen_run()
    if run is None:
        st.info("No network has been trained here yet.", icon=":material/model_training:")
        st.page_link("pages/train.py", label="Train one")
        return None
    entries = picker_entries(run)
    labels = {entry.run.id: label(entry) for entry in entries}
    times_seen = Counter(labels.values())
    st.session_state["picked_run"] = run.id
    st.selectbox(
        "Run",
        list(labels),
        # Streamlit tells options apart by their labels.
        format_func=lambda run_id: (
            labels[run_id] if times_seen[labels[run_id]] == 1 else f"{labels[run_id]} · {run_id}"
        ),
        key="picked_run",
        on_change=lambda: choose_run(st.session_state["picked_run"]),
        help=f"The newest {RUNS_IN_PICKER}. The address of this page names the chosen run: "
        "keep it to come back to the run, or to show it to others.",
    )
    rerun_on_change(lambda: picker_entries(run), entries)
    return run


def picker_entries(run: Run) -> list[Entry]:
    """The newest runs and, at the end, ``run`` where it is older than those."""
    newest = catalog().list(RUNS_IN_PICKER)
    return newest if any(e.run == run for e in newest) else [*newest, catalog().entry(run)]


def run_label(run: Run) -> str:
    """For headings, e.g. ``"22 Nov 14:02 · 98.1% · MNIST · 512-256"``."""
    return label(catalog().entry(run))


def label(entry: Entry) -> str:
    """For menus; see :func:`run_label`. What tells runs apart comes first: a phone cuts the end."""
    if isinstance(entry, Damaged):
        return f"{run_name(entry)} · {entry.state}"
    config = entry.config
    outcome = f"{entry.evaluated.test_accuracy:.1%}" if entry.evaluated else entry.state
    return f"{run_name(entry)} · {outcome} · {known.title(config.dataset)} · {config.network}"


def run_name(entry: Entry) -> str:
    """The name that the run was given, else when it was made, e.g. ``"22 Nov 14:02"``."""
    created = local_time(entry.run)
    given = entry.labels.name if isinstance(entry, Summary) else ""
    return given or f"{created.day} {created:%b %H:%M}"


def local_time(run: Run) -> datetime:
    """When the run was made, by the clock of the reader."""
    return run.created.astimezone(ZoneInfo(st.context.timezone) if st.context.timezone else None)


def still_training(run: Run, state: State, words: str) -> None:
    """Said of a live run on a page that needs its network, with a link to where it is watched."""
    st.info(
        words,
        title="Training is paused" if state == State.PAUSED else "This network is still training",
        icon=":material/model_training:",
    )
    st.page_link(
        "pages/train.py",
        label="Watch it learn",
        icon=":material/show_chart:",
        query_params={"run": run.id},
    )


def draw_label(run: Run) -> str:
    """What a link to the page Draw says."""
    return "Draw digits for it" if known.is_digits(run.config.dataset) else "Show it pictures"


# --- What happens to runs meanwhile, in this session, another one, or on another server ---


def rerun_on_change(look: Callable[[], Sequence[Entry]], seen: Sequence[Entry]) -> None:
    """Run the page again once ``look`` finds runs in another state than those ``seen``."""
    steadily_seen = [steady(entry) for entry in seen]

    @st.fragment(run_every=LOOK_SECONDS)
    def part() -> None:
        if [steady(entry) for entry in look()] != steadily_seen:
            st.rerun()

    part()


def steady(entry: Entry) -> object:
    """All of an entry but what moves while the run trains."""
    if isinstance(entry, Summary) and entry.state.live:
        return entry.run, entry.state, entry.labels, entry.weights
    return entry


# --- Images ---


def plain(name: str) -> str:
    """For markdown: a class's name, or what was said of a file, whatever characters are in it."""
    return re.sub(r"([\\`*_\[\]<>$~#|]|:(?=\w))", r"\\\1", name)


def test_images(result: Evaluation, dataset_name: str) -> NDArray[np.uint8] | None:
    """The images that a network was tested on; None, and why is said, where they are not here."""
    try:
        images = dataset(dataset_name)
    except DatasetError as error:
        st.warning(
            str(error), title="The images can't be shown", icon=":material/image_not_supported:"
        )
        st.page_link("pages/data.py", label="Go to the data", icon=":material/grid_on:")
        return None
    if not np.array_equal(images.y_test, result.labels):
        st.error(
            f"The run was tested on other images than those of {images.title} on this machine.",
            title="The images can't be shown",
            icon=":material/image_not_supported:",
        )
        return None
    return images.x_test


def png(image: NDArray[np.uint8], side: int = 280) -> bytes:
    """An image ``(height, width[, 3])`` as PNG, its pixels enlarged to squares; ``side`` pixels."""
    factor = max(1, side // max(image.shape[:2]))
    buffer = io.BytesIO()
    Image.fromarray(image.repeat(factor, axis=0).repeat(factor, axis=1)).save(buffer, "PNG")
    return buffer.getvalue()


def wrong_caption(answer: str, truth: str, confidence: str) -> str:
    """Below an image that was taken for another class."""
    return f":red[Says **{plain(answer)}**, is {plain(truth)}]  \n{plain(confidence)}"


def gallery(
    images: NDArray[np.uint8],
    alts: Sequence[str],
    captions: Sequence[str] | None = None,
    columns: int = 10,
) -> None:
    """Images ``(n, height, width[, 3])`` in rows of ``columns``, fewer where there is less room."""
    with st.grid(columns, min_column_width=60, gap="xsmall", width=120 * columns):
        for index, image in enumerate(images):
            st.image(
                png(image),
                caption=captions[index] if captions else None,
                width="stretch",
                output_format="PNG",  # JPEG would blur the squares
                alt=alts[index],
            )
