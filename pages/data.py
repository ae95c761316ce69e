"""The images themselves, what the network is given of them, and how to get more, or one's own."""

import io
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from mnist_core import figures
from mnist_core.data import downloading, known, limits, own, places
from mnist_core.data.dataset import Dataset
from mnist_core.data.known import SPECS
from mnist_core.data.loading import DatasetError
from mnist_core.runs.catalog import Summary
from mnist_core.words import reason
from pages import _cached, _compat, _images, _in_view, _page, _state, _tables
from pages._number import image_number
from pages._state import Notice

SAMPLES = 20
ALL = "All"
MOST_PILLS = 20
UNEVEN = 1.5  # so many times as many images as the smallest has the largest class
REFRESH_SECONDS = 0.5
MEGABYTE = 1_000_000


# --- Downloads and imports: in threads of their own, so that no page waits for them ---


@dataclass(eq=False)
class Job:
    name: str = ""
    """The dataset that comes of it."""
    done: int = 0
    """Bytes fetched, or pictures read."""
    total: int = 0
    """In all; 0 while unknown."""
    error: str = ""
    """Why the last one failed."""
    thread: Thread | None = None

    @property
    def running(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    def start(
        self, kind: str, name: str, work: Callable[[Callable[[int, int], None]], object]
    ) -> None:
        if not self.running:
            self.name, self.done, self.total, self.error = name, 0, 0, ""
            self.thread = Thread(target=self.do, args=(work,), name=kind, daemon=True)
            self.thread.start()

    def do(self, work: Callable[[Callable[[int, int], None]], object]) -> None:
        try:
            work(self.progress)
        except (ValueError, OSError) as error:
            self.error = reason(error)

    def progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total


@st.cache_resource(show_spinner=False)
def the_download(name: str) -> Job:
    """One for all sessions."""
    return Job()


@st.cache_resource(scope="session", show_spinner=False)
def the_import() -> Job:
    return Job()


def download(name: str) -> None:
    the_download(name).start(
        "download", name, lambda progress: downloading.download(name, progress=progress)
    )


def running_jobs() -> list[Job]:
    """What is under way.

    To be asked once, before anything is said of data or jobs: one may end while the page is drawn,
    which would then say two things. Those found here are watched until they end, and then the page
    is drawn anew.
    """
    jobs = [the_import(), *map(the_download, SPECS)]
    return [job for job in jobs if job.running]


def download_button(name: str, running: list[Job]) -> None:
    """The button that fetches a dataset; its progress while it comes."""
    job = the_download(name)
    if job in running:
        st.fragment(megabytes, run_every=REFRESH_SECONDS)(job)
        return
    if job.error:
        st.error(_page.plain(job.error), title="The download failed", icon=":material/cloud_off:")
    st.button(
        "Try again" if job.error else f"Download {SPECS[name].download_bytes / MEGABYTE:.0f} MB",
        key=f"download_{name}",
        type="primary" if name == known.DEFAULT else "secondary",
        icon=":material/download:",
        on_click=download,
        args=(name,),
    )


def megabytes(job: Job) -> None:
    if not job.running:
        if not job.error:
            _state.IMAGES.set(job.name)
        st.rerun()
    done = f"{job.done / MEGABYTE:.1f}"
    if job.total and job.done == job.total:
        st.progress(1.0, text=f"{done} MB are here, and being unpacked")
    elif job.total:
        text = f"{done} of {job.total / MEGABYTE:.1f} MB"
        st.progress(min(1.0, job.done / job.total), text=text)
    else:
        st.progress(0.0, text=f"{done} MB" if job.done else "Connecting")


def pictures_read(job: Job) -> None:
    if not job.running:
        st.rerun()
    if job.total:
        st.progress(job.done / job.total, text=f"{job.done:,} of {job.total:,} pictures")
    else:
        st.progress(0.0, text="Checking the file")


def whole_set(running: list[Job]) -> None:
    """MNIST, offered where it is missing."""
    with st.container(border=True):
        st.header("Get the whole of MNIST")
        st.markdown(
            "Only the built-in sample is on this machine. With all 60,000 training images, the "
            "preset Article gets about 98% of the test images right; with the sample, about 94%."
        )
        download_button(known.DEFAULT, running)


def more(on_disk: list[str], running: list[Job]) -> None:
    """Other datasets to download, and one's own to bring."""
    missing = [name for name in SPECS if name not in [*on_disk, known.DEFAULT]]
    label = "More images: download them, or bring your own" if missing else "Bring your own images"
    with st.expander(label, icon=":material/add_photo_alternate:", key="more"):
        for name in missing:
            with st.container(border=True):
                st.markdown(f"**{SPECS[name].title}**  \n{SPECS[name].description}")
                download_button(name, running)
        bring(running)


def bring(running: list[Job]) -> None:
    """The form that makes a dataset of a file."""
    job = the_import()
    low, high = limits.SIDES
    with st.form("own_data", enter_to_submit=False):
        st.markdown(FORMATS)
        file = st.file_uploader(
            "Zip or npz file",
            ["zip", "npz"],
            key="own_file",
            max_upload_size=own.MOST_ARCHIVE_BYTES // MEGABYTE,
        )
        left, right = st.columns(2)
        title = left.text_input(
            "Name",
            key=_state.OWN_NAME.name,
            max_chars=40,
            placeholder="As the file",
            help="My Pets becomes my-pets, as it is on the command line. Left empty, it is that of "
            "the file.",
        )
        side = right.number_input(
            "Scale pictures to a square of so many pixels",
            min_value=low,
            max_value=high,
            value=28,
            key="own_side",
            help="Of pictures, the square in the middle is made this large. Twice as many pixels "
            "on a side take four times as long to learn from.",
        )
        colours = left.segmented_control(
            "Pictures become",
            ["Grey", "In colour"],
            default="Grey",
            required=True,
            key="own_colours",
        )
        if st.form_submit_button("Import", icon=":material/upload:", disabled=job in running):
            if file is None:
                job.error = "no file is chosen; allowed: a zip or an npz file"
            else:
                name = places.name_like(title) or title or free_name(file.name)
                content, colour = io.BytesIO(file.getvalue()), colours == "In colour"
                job.start(
                    "import",
                    name,
                    lambda progress: own.import_file(
                        name, content, side, colour, progress=progress
                    ),
                )
            st.rerun()
    if job in running:
        st.fragment(pictures_read, run_every=REFRESH_SECONDS)(job)
    elif job.error:
        st.error(
            "\n".join(f"- {_page.plain(line)}" for line in job.error.splitlines()),
            title="Nothing was imported",
            icon=":material/error:",
        )


def free_name(file: str) -> str:
    """A name after the file's that no dataset has."""
    name = places.name_like(Path(file).stem) or "own-images"
    taken = places.names()
    return next(
        free
        for number in itertools.count(1)
        if (free := name if number == 1 else f"{name[:36]}-{number}") not in taken
    )


IMPORTED = ".st-key-imported"
"""Where it is said that an import is done."""
FORMATS = f"""
**Your own images**: a zip file of pictures, one folder a class, such as `cats/1.jpg` and
`dogs/7.png`. A fifth of each class is put aside for the test, unless there are folders `train` and
`test` around the classes. Or an npz file with `x_train`, `y_train`, `x_test` and `y_test`, of which
the sizes stay as they are. At most {own.MOST_ARCHIVE_BYTES // MEGABYTE} MB and
{limits.CLASSES[1]} classes.
"""


def show_imported(running: list[Job]) -> None:
    """Choose what has just been imported."""
    job = the_import()
    if job.name and job not in running:
        if not job.error:
            _state.IMAGES.set(job.name)
            _state.IMPORTED_DATA.set(job.name)
            _in_view.ask(IMPORTED)
            _state.OWN_NAME.set("")  # the name is taken now
        job.name = ""


def what_next(dataset: Dataset) -> None:
    """What was just imported, and what to do with it; until another dataset is looked at."""
    if _state.IMPORTED_DATA.get() != dataset.name:
        _state.IMPORTED_DATA.forget()
        return
    images = len(dataset.x_train) + len(dataset.x_test)
    with st.container(key="imported"):
        st.success(
            f"{images:,} images in {dataset.classes} classes. Check below that they look right, "
            "then train a network on them.",
            title=f"{_page.plain(dataset.name)} is imported",
            icon=":material/check_circle:",
        )
        _page.step(
            "pages/train.py",
            f"Train on {_page.plain(dataset.name)}",
            ":material/model_training:",
            {"dataset": dataset.name},
        )
    _in_view.show(IMPORTED)


# --- Removing one's own ---


def removal(name: str) -> None:
    """A button that asks once more."""
    if _state.ASKED_ABOUT_DATA.get() != name:
        st.button("Remove", icon=":material/delete:", on_click=ask_about, args=(name,))
        return
    users = [
        entry
        for entry in _cached.catalog().list()
        if isinstance(entry, Summary) and entry.config.dataset == name
    ]
    with st.container(border=True):
        st.markdown(
            f"Remove **{_page.plain(name)}** from this machine? This can't be undone. "
            + (
                f"Runs that were trained on it: {len(users)}. They stay, with networks and "
                "figures, but its images can't be shown any more."
                if users
                else "No run was trained on it."
            )
        )
        if any(entry.state.live for entry in users):
            st.warning(
                "One of these runs is not over. If it has not begun yet, it will fail.",
                icon=":material/model_training:",
            )
        with st.container(horizontal=True):
            st.button(
                "Yes, remove it",
                type="primary",
                icon=":material/delete:",
                on_click=remove,
                args=(name,),
            )
            st.button("Keep", on_click=ask_about, args=(None,))


def ask_about(name: str | None) -> None:
    _state.ASKED_ABOUT_DATA.set(name)


def remove(name: str) -> None:
    ask_about(None)
    try:
        own.remove(name)
    except (ValueError, OSError) as error:
        words = _page.plain(reason(error))
        _state.leave_notice("removing", Notice(st.error, words, ":material/error:"))
    else:
        words = f"{_page.plain(name)} is removed."
        _state.leave_notice("removing", Notice(st.success, words, ":material/delete:"))
        _compat.put_in_address({_state.IMAGES.name: None})


# --- The images ---


def about(dataset: Dataset) -> None:
    """What it is, and how many images there are."""
    spec = SPECS.get(dataset.name)
    train, test = len(dataset.x_train), len(dataset.x_test)
    height, width, *channels = dataset.image_shape
    st.markdown(
        f"{spec.description if spec else 'Your own images.'} **{train:,} images to train on and "
        f"{test:,} to test with**, {height} × {width} pixels, "
        f"{'in colour' if channels else 'grey'}, {dataset.classes} classes."
    )
    if spec and not spec.train_rows:
        whole = tuple(spec.arrays[key].shape[0] for key in ("x_train", "x_test"))
        if (train, test) != whole:
            st.markdown(f"This is a part of {spec.title}, which has {whole[0]:,} and {whole[1]:,}.")
    if known.is_digits(dataset.name) and places.available(known.DEFAULT):
        st.markdown("The whole of MNIST is on this machine, and every page can use it.")
    st.caption(f"Source: {_page.plain(dataset.source)}")
    if not spec:
        removal(dataset.name)


@st.fragment
def samples(dataset: Dataset) -> None:
    st.header("Training images")
    choices = [ALL, *dataset.class_names]
    menu = _state.CLASS_OF_SAMPLES
    if menu.get() not in choices:
        menu.set(ALL)  # chosen of a dataset with other classes
    if dataset.classes <= MOST_PILLS:
        name = st.pills("Class", choices, format_func=_page.plain, required=True, key=menu.name)
    else:
        name = st.selectbox("Class", choices, key=menu.name)
    if name == ALL:
        numbers = np.arange(len(dataset.y_train))
    else:
        numbers = (dataset.y_train == dataset.class_names.index(name)).nonzero()[0]
    seed = _state.SAMPLES_SHUFFLED.get()
    if seed is not None:
        numbers = np.random.default_rng(seed).permutation(numbers)
    shown = numbers[:SAMPLES]
    names = [dataset.class_names[label] for label in dataset.y_train[shown]]
    _images.gallery(
        dataset.x_train[shown],
        alts=[
            f"{name}, training image {number}" for name, number in zip(names, shown, strict=True)
        ],
        captions=[f"**{_page.plain(name)}**" for name in names],
    )
    st.button("Shuffle", icon=":material/shuffle:", on_click=shuffle)


def shuffle() -> None:
    _state.SAMPLES_SHUFFLED.set((_state.SAMPLES_SHUFFLED.get() or 0) + 1)


def balance(dataset: Dataset) -> None:
    st.header("Class balance")
    figure = figures.class_balance(dataset.y_train, dataset.y_test, dataset.class_names)
    counts = np.bincount(dataset.y_train, minlength=dataset.classes)
    st.plotly_chart(
        figure,
        key="balance",
        config=figures.STATIC,
        alt=f"Images of each class: from {counts.min():,} to {counts.max():,} for training",
    )
    largest = counts.max() / counts.sum()
    if counts.min() == counts.max():
        st.caption("Every class has the same number of images.")
    else:
        always = f"always answering with the largest class would be right {largest:.0%} of the time"
        st.caption(
            f"The classes are nearly even, so accuracy is a fair measure: {always}."
            if counts.max() < UNEVEN * counts.min()
            else f"The classes are uneven, so compare accuracy with this: {always}. The recall of "
            "each class, on the page Evaluate, is the fairer measure."
        )
    tests = np.bincount(dataset.y_test, minlength=dataset.classes)
    _tables.below(
        "Images of each class",
        "balance_table",
        lambda: pd.DataFrame(
            {"Training": counts, "Test": tests}, pd.Index(dataset.class_names, name="Class")
        ),
    )


def means(dataset: Dataset) -> None:
    st.header("Mean image of each class")
    _images.gallery(
        mean_images(dataset, _cached.dataset_version(dataset.name)),
        alts=[f"Mean of all training images of {name}" for name in dataset.class_names],
        captions=[f"**{_page.plain(name)}**" for name in dataset.class_names],
        columns=5 if dataset.classes <= MOST_PILLS else 10,
    )
    st.caption(
        "The mean of all training images of a class: sharp where they are alike, blurred where "
        "they are not."
    )


@st.cache_data(
    max_entries=4, show_spinner=False, hash_funcs={Dataset: lambda dataset: dataset.name}
)
def mean_images(dataset: Dataset, version: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Of each class; they differ with the version of the dataset's file."""
    every_class = range(dataset.classes)
    return np.stack(
        [dataset.x_train[dataset.y_train == label].mean(axis=0) for label in every_class]
    ).astype(np.uint8)


@st.fragment
def as_input(dataset: Dataset) -> None:
    st.header("One image as the network gets it")
    last = len(dataset.x_train) - 1
    number = image_number(
        "training image", "Training image", last, key=f"number_in_{dataset.name}", width=200
    )
    if number is None:
        return
    image = dataset.x_train[number]
    values = (image / 255).astype(np.float32).ravel()
    height, width, *channels = dataset.image_shape
    left, right = st.columns(2, gap="large")
    with left:
        each = "a whole number from 0 to 255"
        if channels:
            each = "three whole numbers from 0 to 255: how red, how green and how blue it is"
        st.markdown(f"**1. {height} × {width} pixels**, each {each}.")
        st.plotly_chart(
            figures.pixels(image),
            key="pixels",
            config=figures.STATIC,
            alt=f"Training image {number}, {dataset.class_names[dataset.y_train[number]]}, "
            "enlarged",
        )
    with right:
        st.markdown(
            "**2. Divided by 255**, so that every value lies between 0 and 1: large and uneven "
            "inputs would make the first steps of training erratic."
        )
        st.markdown(
            f"**3. Flattened to {len(values)} values**, row after row"
            f"{', red, green and blue of each pixel in turn' if channels else ''}. A dense layer "
            "does not know which of them were neighbours."
        )
        st.plotly_chart(
            figures.input_strip(values),
            key="input",
            config=figures.STATIC,
            alt=f"The {len(values)} input values in their order",
        )
        table = st.expander("All values in a table", icon=":material/table:", on_change="rerun")
        if table.open:
            columns = [
                f"{column}{colour}"
                for column in range(width)
                for colour in ((" red", " green", " blue") if channels else ("",))
            ]
            table.dataframe(
                pd.DataFrame(values.reshape(height, -1), columns=columns)
                .round(2)
                .rename_axis("Row"),
                alt=f"The scaled values of training image {number}, by row and column",
            )


# --- The page ---

_page.begin("Data")
running = running_jobs()
show_imported(running)
default = places.default_name()  # before the list, which a download may make longer meanwhile
on_disk = [name for name in places.names() if places.available(name)]
if _state.IMAGES.get() not in (None, *on_disk):
    _state.IMAGES.set(default)  # it was removed
asked = st.query_params.get(_state.IMAGES.name)  # the menu takes what it does not know out of it
name = _page.choice(
    "Dataset",
    on_disk,
    default,
    format_func=known.title,
    key=_state.IMAGES.name,
    bind="query-params",
)
said, next_place, whole_place = st.container(), st.container(), st.container()
with said:
    _state.show_notices("removing")
    if asked is not None and asked not in (*on_disk, *map(known.title, on_disk)):
        st.warning(
            f"The address asks for the images of {_page.plain(asked)}, which are not here: they "
            "were removed, have not been downloaded, or the address has a typo.",
            icon=":material/search_off:",
        )
if known.DEFAULT not in on_disk:
    with whole_place:
        whole_set(running)
try:
    dataset = _cached.dataset(name)
except DatasetError as error:
    st.error(_page.plain(str(error)), title="This dataset can't be read", icon=":material/error:")
    if name not in SPECS:
        removal(name)
    more(on_disk, running)
    st.stop()
with next_place:
    what_next(dataset)
about(dataset)
imported = _state.IMPORTED_DATA.get() == name  # then its images are what is asked for
if not imported:
    more(on_disk, running)
samples(dataset)
if imported:
    more(on_disk, running)
left, right = st.columns(2, gap="large")
with left:
    balance(dataset)
with right:
    means(dataset)
as_input(dataset)
