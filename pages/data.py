"""The images themselves, what the network is given of them, and the download of the whole set."""

from dataclasses import dataclass
from threading import Thread

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from mnist_core import datasets, figures
from mnist_core.datasets import SPECS, Dataset, DatasetError, DownloadError
from pages import _shared

SAMPLES = 20
ALL = "All"
REFRESH_SECONDS = 0.5


# --- The download: one for all sessions, in a thread of its own, so that no page waits for it ---


@dataclass
class Download:
    done: int = 0
    """Bytes fetched."""
    total: int = 0
    """Bytes in all; 0 while unknown."""
    error: str = ""
    """Why the last one failed."""
    thread: Thread | None = None

    @property
    def running(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    def start(self) -> None:
        if not self.running:
            self.done, self.total, self.error = 0, 0, ""
            self.thread = Thread(target=self.fetch, name="download", daemon=True)
            self.thread.start()

    def fetch(self) -> None:
        try:
            datasets.download("mnist", progress=self.progress)
        except DownloadError as error:
            self.error = str(error)

    def progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total


@st.cache_resource(show_spinner=False)
def the_download() -> Download:
    return Download()


def whole_set() -> None:
    """Offered where it is missing; its progress while it comes."""
    download = the_download()
    with st.container(border=True):
        st.subheader("Get the whole of MNIST")
        st.markdown(
            "Only the built-in sample is on this machine. With all 60,000 training images, a "
            "network gets about 98% of the test images right; with the sample, about 94%."
        )
        if download.running:
            st.fragment(progress, run_every=REFRESH_SECONDS)(download)
            return
        if download.error:
            st.error(download.error, title="The download failed", icon=":material/cloud_off:")
        st.button(
            "Try again" if download.error else "Download 11 MB",
            type="primary",
            icon=":material/download:",
            on_click=download.start,
        )


def progress(download: Download) -> None:
    if not download.running:
        if not download.error:
            st.session_state["images"] = "mnist"
        st.rerun()
    megabytes = f"{download.done / 1e6:.1f}"
    if download.total:
        st.progress(
            download.done / download.total,
            text=f"{megabytes} of {download.total / 1e6:.1f} MB",
        )
    else:
        st.progress(0.0, text=f"{megabytes} MB" if download.done else "Connecting")


# --- The images ---


@st.fragment
def samples(dataset: Dataset) -> None:
    st.header("Training images")
    name = st.pills("Class", [ALL, *dataset.class_names], default=ALL, required=True)
    if name == ALL:
        numbers = np.arange(len(dataset.y_train))
    else:
        numbers = (dataset.y_train == dataset.class_names.index(name)).nonzero()[0]
    seed = st.session_state.get("samples_shuffled")
    if seed is not None:
        numbers = np.random.default_rng(seed).permutation(numbers)
    shown = numbers[:SAMPLES]
    names = [dataset.class_names[label] for label in dataset.y_train[shown]]
    _shared.gallery(
        dataset.x_train[shown],
        alts=[
            f"{name}, training image {number}" for name, number in zip(names, shown, strict=True)
        ],
        captions=[f"**{name}**" for name in names],
    )
    st.button("Shuffle", icon=":material/shuffle:", on_click=shuffle)


def shuffle() -> None:
    st.session_state["samples_shuffled"] = st.session_state.get("samples_shuffled", 0) + 1


def balance(dataset: Dataset) -> None:
    st.header("Class balance")
    figure = figures.class_balance(dataset.y_train, dataset.y_test, dataset.class_names)
    counts = np.bincount(dataset.y_train)
    st.plotly_chart(
        figure,
        key="balance",
        config=figures.STATIC,
        alt=f"Images of each class: from {counts.min():,} to {counts.max():,} for training",
    )
    if counts.min() == counts.max():
        st.caption("Every class has the same number of images.")
    else:
        st.caption(
            "The classes are nearly even, so that accuracy is a fair measure: always answering "
            f"with the largest class would be right {counts.max() / counts.sum():.0%} of the time."
        )


def means(dataset: Dataset) -> None:
    st.header("Mean image of each class")
    _shared.gallery(
        mean_images(dataset.name),
        alts=[f"Mean of all training images of {name}" for name in dataset.class_names],
        captions=[f"**{name}**" for name in dataset.class_names],
        columns=5,
    )
    st.caption(
        "The mean of all training images of a class: sharp where people write alike, blurred where "
        "they do not."
    )


@st.cache_data(max_entries=4, show_spinner=False)
def mean_images(name: str) -> NDArray[np.uint8]:
    dataset = _shared.dataset(name)
    every_class = range(dataset.classes)
    return np.stack(
        [dataset.x_train[dataset.y_train == label].mean(axis=0) for label in every_class]
    ).astype(np.uint8)


@st.fragment
def as_input(dataset: Dataset) -> None:
    st.header("One image as the network gets it")
    number = st.number_input(
        "Training image",
        min_value=0,
        max_value=len(dataset.x_train) - 1,
        key=f"number_in_{dataset.name}",
        width=200,
    )
    image = dataset.x_train[number]
    values = (image / 255).astype(np.float32).ravel()
    height, width = dataset.image_shape
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown(f"**1. {height} × {width} pixels**, each a whole number from 0 to 255.")
        st.plotly_chart(
            figures.pixels(image),
            key="pixels",
            config=figures.STATIC,
            alt=f"Training image {number}, a {dataset.class_names[dataset.y_train[number]]}, "
            "enlarged",
        )
    with right:
        st.markdown(
            "**2. Divided by 255**, so that every value lies between 0 and 1: large and uneven "
            "inputs would make the first steps of training erratic."
        )
        st.markdown(
            f"**3. Flattened to {len(values)} values**, row after row. A dense layer does not know "
            "which of them were neighbours."
        )
        st.plotly_chart(
            figures.input_strip(values),
            key="input",
            config=figures.STATIC,
            alt=f"The {len(values)} input values in their order",
        )
        table = st.expander("All values in a table", icon=":material/table:", on_change="rerun")
        if table.open:
            table.dataframe(
                pd.DataFrame(values.reshape(image.shape)).round(2),
                alt=f"The scaled values of training image {number}, by row and column",
            )


# --- The page ---

_shared.title("Data")
on_disk = [name for name in SPECS if datasets.available(name)]
if st.session_state.get("images") not in on_disk:
    st.session_state["images"] = datasets.default_name()
name = st.segmented_control(
    "Dataset",
    on_disk,
    format_func=lambda name: SPECS[name].title,
    required=True,
    key="images",
)
assert name  # required
st.markdown(SPECS[name].description)
if "mnist" in on_disk:
    st.markdown("The whole of MNIST is on this machine, and every page can use it.")
else:
    whole_set()
try:
    dataset = _shared.dataset(name)
except DatasetError as error:
    st.error(str(error), title="This dataset can't be read", icon=":material/error:")
    st.stop()
st.caption(f"Source: {dataset.source}")
samples(dataset)
left, right = st.columns(2, gap="large")
with left:
    balance(dataset)
with right:
    means(dataset)
as_input(dataset)
