"""What would have a network answer otherwise: the smallest change of an image, little by little."""

from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from mnist_core import figures, fooling
from mnist_core.data.dataset import Outline
from mnist_core.runs.folder import Run
from mnist_core.words import sureness
from pages import _cached, _images, _page, _why
from pages._cached import Version
from pages._live_chart import live_chart, load_plotly

ANY = "Whatever is nearest"
FARTHEST = 2.0
"""How far beyond the change one can go, in shares of it."""
PLACES = 41
"""Of the slider."""
SIDE = 140  # pixels, of a picture: two lie side by side on a phone


def fool(run: Run, outline: Outline, image: NDArray[np.float32]) -> None:
    """A part of the page Draw that is drawn only while it is open."""
    title = "Fool it: what would make it say something else?"
    opened = _why.look_inside(run, title, ":material/mystery:", "fool_part")
    if not opened:
        return
    with opened.part:
        network = opened.network
        names = outline.class_names
        answer = int(network.probabilities(image[np.newaxis])[0].argmax())
        others = [name for name in names if name != names[answer]]
        left, right = st.columns(2)
        wanted = left.selectbox("Have it say", [ANY, *others], key=f"fool_to_{names[answer]}")
        share = right.slider(
            "How much of the change",
            0,
            int(100 * FARTHEST),
            100,
            int(100 * FARTHEST / (PLACES - 1)),
            format="%d%%",
            key="fool_share",
            help="At 100%, the answer has just become another one.",
        )
        target = None if wanted == ANY else names.index(wanted)
        change = _change(run.folder, _cached.version(run.folder / "model.tflite"), image, target)
        if change is None:
            st.info(
                f"No change was found that would have it say {_page.plain(wanted)}."
                if target is not None
                else "No change was found that would have it say something else.",
                icon=":material/shield:",
            )
            return
        shares = np.linspace(0, FARTHEST, PLACES, dtype=np.float32)
        images, probabilities = fooling.along(network, image, change, shares)
        at = round(share / 100 / FARTHEST * (PLACES - 1))
        says = int(probabilities[at].argmax())
        left, right = st.columns([2, 3], gap="medium")
        with left, st.container(horizontal=True):
            _picture(
                (255 * images[at]).round().astype(np.uint8),
                "The changed image",
                f"Says **{_page.plain(names[says])}**: "
                f"{_page.plain(sureness(probabilities[at, says]))}",
            )
            added = images[at] - image
            by_pixel = added.mean(axis=2) if added.ndim == 3 else added
            _picture(
                _why.coloured(np.zeros_like(image), by_pixel),
                "What was changed",
                "Teal: made lighter. Orange: darker.",
            )
        with right:
            figure = figures.opinions(shares, probabilities, names, float(shares[at]))
            live_chart(figure, "fool_chart", "The probabilities on the way to the change")
        st.caption(
            "The smallest change that was found, step by step (DeepFool). Of a pixel's 255 steps "
            f"from black to white, it takes at most {np.abs(change).max() * 255:.0f}, "
            f"and {np.sqrt((change**2).mean()) * 255:.1f} on average (root mean square)."
        )
        load_plotly()


def _picture(image: NDArray[np.uint8], alt: str, caption: str) -> None:
    st.image(_images.png(image, SIDE), caption=caption, width=SIDE, output_format="PNG", alt=alt)


@st.cache_resource(max_entries=32, show_spinner="Looking for it")
def _change(
    folder: Path, version: Version, image: NDArray[np.float32], target: int | None
) -> NDArray[np.float32] | None:
    return fooling.smallest_change(_why.network_of(Run(folder)), image, target)
