"""Whether the first click on the confusion matrix shows the images that its caption says.

python benchmarks/first_clicks.py [--loads 200] [--dataset mnist]

Two runs, one with few mistakes and one with many; half of the page loads for each, a new browser
window every time, and a cell drawn at random. Whatever is wrong is printed, and ends it with 1.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Locator, TimeoutError, expect

from benchmarks.dashboard import at_rest, server, tab
from mnist_core.config import TrainingConfig
from mnist_core.presets import apply_preset
from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool

MOST_SHOWN = 12
SETTLED = 10_000  # ms that a page has to come to rest
FRAMED = """cell => [...document.querySelectorAll(".shapelayer path")].some(path => {
    const frame = path.getBoundingClientRect()
    const { x, y, width, height } =
        path.closest(".js-plotly-plot").querySelector(".nsewdrag").getBoundingClientRect()
    const row = Math.floor(10 * (frame.y + frame.height / 2 - y) / height)
    const column = Math.floor(10 * (frame.x + frame.width / 2 - x) / width)
    return row === cell[0] && column === cell[1]
})"""
LINK = "What else it took the first one for"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loads", type=int, default=200)
    parser.add_argument("--dataset", default="mnist", choices=["mnist", "mnist-sample"])
    options = parser.parse_args()
    chance = random.Random(1)
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder))
        article = TrainingConfig(dataset=options.dataset)
        few = apply_preset("fast", article)
        many = few.model_copy(update={"widths": (4,), "epochs": 1})
        with WorkerPool(1) as pool:
            runs = [train(store, pool, config) for config in (few, many)]
        with tab() as page, server(folder) as (_, address):
            browser = page.context.browser
            assert browser
            for number in range(options.loads):
                cell = chance.randrange(10), chance.randrange(10)
                found = first_click(browser, address, runs[number % 2], cell)
                faults += [
                    f"load {number}, true {cell[0]}, predicted {cell[1]}: {f}" for f in found
                ]
                print(f"\r{number + 1} loads, {len(faults)} faults", end="", flush=True)
    print("", *faults, sep="\n")
    sys.exit(bool(faults))


def train(store: RunStore, pool: WorkerPool, config: TrainingConfig) -> Run:
    run = store.create(config)
    pool.submit(run)
    history = run.history()
    while not history.ended:
        time.sleep(0.05)
        history.update()
    return run


def click_on_cell(matrix: Locator, true: int, predicted: int, touch: bool = False) -> None:
    """Click or tap on a cell of a matrix of ten classes, once the page has been drawn.

    It ends when the matrix frames the cell: till then, that is still the one before the click.
    """
    page = matrix.page
    at_rest(page)
    # A person's finger, who scrolls back: the page no longer brings the last choice into view.
    page.evaluate("dispatchEvent(new Event('touchstart'))")
    matrix.scroll_into_view_if_needed()
    cells = matrix.locator(".nsewdrag").bounding_box()
    assert cells
    x = cells["x"] + cells["width"] * (predicted + 0.5) / 10
    y = cells["y"] + cells["height"] * (true + 0.5) / 10
    if touch:
        page.touchscreen.tap(x, y)
    else:
        page.mouse.click(x, y)
    page.wait_for_function(FRAMED, arg=[true, predicted], timeout=SETTLED)


def first_click(browser: Browser, address: str, run: Run, cell: tuple[int, int]) -> list[str]:
    """Open the page Evaluate in a new window, click on a cell, and say what is wrong then.

    Args:
        cell: the true class and the predicted one.
    """
    with browser.new_context(viewport={"width": 1400, "height": 900}) as context:
        page = context.new_page()
        page.goto(f"{address}/evaluate?run={run.id}")
        matrix = page.get_by_test_id("stPlotlyChart").filter(has_text="Predicted class")
        matrix.locator(".nsewdrag").wait_for()
        entries = page.evaluate("history.length")
        true, predicted = cell
        said = f"{true}, recognised" if true == predicted else f"{true}, taken for {predicted}"
        caption = page.get_by_test_id("stMarkdown").filter(has_text=re.compile(f"^{said}: "))
        images = page.locator(".st-key-images_of_cell img")
        try:
            click_on_cell(matrix, true, predicted)
            expect(caption).to_have_count(1, timeout=SETTLED)
            count = int(re.findall(r": ([\d,]+)", caption.inner_text())[0].replace(",", ""))
            expect(images).to_have_count(min(count, MOST_SHOWN), timeout=SETTLED)
            others = page.locator(f".st-key-images_of_cell img:not([alt^='{said}'])")
            expect(others).to_have_count(0)
            expect(matrix).to_have_count(1)
            expect(page.get_by_role("link", name=LINK)).to_have_count(min(count, 1))
        except (AssertionError, TimeoutError) as error:
            return [str(error).partition("Call log")[0]]
        made = page.evaluate("history.length") - entries
        return [] if made == 1 else [f"{made} entries in the browser's history"]


if __name__ == "__main__":
    main()
