"""Makes the pictures of this folder: the dashboard, as it is used in Chromium.

    python docs/pictures.py

It trains on the whole of MNIST, which has to be here (``digit-lab download mnist``).
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image
from playwright.sync_api import Browser, Page

from benchmarks.dashboard import at_rest, server, tab
from mnist_core.data import places

FOLDER = Path(__file__).parent
SCREENS: dict[str, dict[str, Any]] = {
    "wide": {"viewport": {"width": 1440, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 720}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}
EIGHT = [
    *((185, 70), (140, 45), (100, 80), (140, 130), (185, 180), (145, 235), (95, 190)),
    *((140, 135), (180, 90), (185, 70)),
]
"""A stroke, in 280ths of the canvas's side."""
PATIENCE = 120_000  # ms; for a training


def main() -> None:
    if not places.available("mnist"):
        sys.exit("MNIST is not on this machine. Get it first: digit-lab download mnist")
    with tempfile.TemporaryDirectory() as runs, server(runs) as (_, address), tab() as page:
        browser = page.context.browser
        assert browser
        with all_screens(browser) as screens:
            take(screens, "first", address, at_rest)
            train(screens["wide"], f"{address}/?dataset=mnist&epochs=10")
            done = screens["wide"].url
            for epochs in (3, 5):
                train(screens["wide"], f"{address}/?dataset=mnist&epochs={epochs}&width_1=128")
            start(screens["wide"], f"{address}/?dataset=mnist&epochs=20&dropout=0.3")
            take(screens, "train", address, in_the_middle)  # the newest is shown
        run = parse_qs(urlsplit(done).query)["run"][0]
        with all_screens(browser) as screens:
            take(screens, "evaluate", f"{address}/evaluate?run={run}&true_class=4", at_matrix)
            take(screens, "draw", f"{address}/draw?run={run}", drawn)
            take(screens, "why", f"{address}/draw?run={run}", explained)
            take(screens, "inside", f"{address}/?run={run}", opened)
            take(screens, "runs", f"{address}/runs", at_rest)
            search(runs)
            take(screens, "search", f"{address}/search", searched)


def search(runs: str) -> None:
    """A study of some trials, on the sample."""
    command = "search --dataset mnist-sample --vary learning_rate dropout widths --trials 24"
    subprocess.run(
        [sys.executable, "-m", "mnist_core", *command.split(), "--epochs", "3"],
        env=os.environ | {"DIGIT_LAB_RUNS": runs},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def all_screens(browser: Browser) -> Iterator[dict[str, Page]]:
    """A tab of each kind."""
    with ExitStack() as stack:
        yield {
            kind: stack.enter_context(browser.new_context(**options)).new_page()
            for kind, options in SCREENS.items()
        }


def start(page: Page, address: str) -> None:
    page.goto(address)
    at_rest(page)
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_role("button", name="Stop", exact=True).wait_for(timeout=PATIENCE)


def train(page: Page, address: str) -> None:
    start(page, address)
    page.get_by_text("Trained to the end.").wait_for(timeout=PATIENCE)


def take(screens: dict[str, Page], name: str, address: str, ready: Any) -> None:
    """A picture of each kind of screen, once it is ``ready``."""
    for page in screens.values():
        page.goto(address)
    for kind, page in screens.items():
        page.get_by_role("heading", level=1).wait_for()
        ready(page)
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        few_colours = picture.quantize(128, dither=Image.Dither.NONE)
        few_colours.save(FOLDER / f"{name}-{kind}.png", optimize=True)


# --- When a page is ready ---


def in_the_middle(page: Page) -> None:
    if page.viewport_size == SCREENS["phone"]["viewport"]:
        page.get_by_role("link", name="one is in training").click()
    page.get_by_text(re.compile(r"Epoch ([5-9]|1\d) of 20")).first.wait_for(timeout=PATIENCE)
    page.wait_for_timeout(1000)


def at_matrix(page: Page) -> None:
    page.locator(".js-plotly-plot .heatmaplayer image").wait_for(timeout=PATIENCE)
    page.get_by_role("heading", name="Confusion matrix").evaluate("part => part.scrollIntoView()")
    page.wait_for_timeout(1500)


def drawn(page: Page) -> None:
    canvas = page.get_by_role("img", name="What you have drawn")
    canvas.wait_for()
    at_rest(page)
    box = canvas.bounding_box()
    assert box
    (x, y), *others = [
        (box["x"] + x * box["width"] / 280, box["y"] + y * box["width"] / 280) for x, y in EIGHT
    ]
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in others:
        page.mouse.move(x, y, steps=12)
    page.mouse.up()
    at_rest(page)
    page.wait_for_timeout(1000)  # the bars grow


def explained(page: Page) -> None:
    drawn(page)
    page.get_by_text("Why this answer?").click()
    page.get_by_role("img", name="coloured by what speaks").first.wait_for(timeout=PATIENCE)
    page.get_by_text("Why this answer?").evaluate("part => part.scrollIntoView()")
    page.wait_for_timeout(1500)


def opened(page: Page) -> None:
    at_rest(page)
    page.get_by_text("See inside: the film").click()
    page.get_by_text(re.compile("test images right")).wait_for(timeout=PATIENCE)
    at_rest(page)
    page.get_by_text("See inside: the film").evaluate("part => part.scrollIntoView()")
    page.wait_for_timeout(1500)


def searched(page: Page) -> None:
    trials = page.get_by_role("heading", name="Trials", exact=True)
    trials.wait_for(timeout=PATIENCE)
    at_rest(page)
    page.get_by_text(re.compile(r"^\d+ of \d+ trials")).evaluate("part => part.scrollIntoView()")
    page.wait_for_timeout(1500)


if __name__ == "__main__":
    main()
