"""How soon what is shown of a network follows its reader, in Chromium.

    python benchmarks/inside.py [--repeats 9]

From a change of the form on Train to the redrawn diagram, and from the end of a stroke on Draw to
all of "Why this answer?": each by the last change that the page makes, as the browser sees it.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from playwright.sync_api import Page

from benchmarks.dashboard import at_rest, server, tab
from benchmarks.runs import train

WATCH = """place => {
    const since = () => performance.now();
    for (const kind of ["click", "pointerup"])
        document.addEventListener(kind, () => { window.begun = since() }, true);
    const watcher = new MutationObserver(() => { window.changed = since() });
    const all = { childList: true, subtree: true, characterData: true, attributeFilter: ["src"] };
    watcher.observe(document.querySelector(place), all);
}"""
SETTLED = 1_500  # ms without a change, after which no more is waited for
STROKE = [(190, 60), (120, 50), (100, 110), (150, 140), (190, 180), (140, 230), (90, 200)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9, metavar="N", help="of each (9)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tab() as page:
        runs = Path(folder) / "runs"
        dense = train(runs).name
        with server(str(runs)) as (_, address):
            page.goto(f"{address}/draw?run={dense}")
            tell("a stroke to all of 'why', dense", strokes(page, options.repeats))
            page.goto(f"{address}/draw?run=built-in")
            tell("a stroke to all of 'why', convolutional", strokes(page, options.repeats))
        with server(str(Path(folder) / "none")) as (_, address):
            for kind in ("Dense", "Convolutional"):
                page.goto(f"{address}/?dataset=mnist-sample&architecture={kind.lower()}")
                changes = changes_of_the_form(page, options.repeats)
                tell(f"a change of the form to the redrawn diagram, {kind.lower()}", changes)


def tell(what: str, seconds: list[float]) -> None:
    print(f"{what:65} median {median(seconds):.2f} s, at most {max(seconds):.2f} s", flush=True)


def changes_of_the_form(page: Page, repeats: int) -> list[float]:
    """Seconds from a click on the units of a layer until the diagram is the new one."""
    page.locator(".network").wait_for()
    at_rest(page)
    page.evaluate(WATCH, "[data-testid=stMain]")
    field = page.locator("[data-testid=stNumberInput]:has([aria-label='Units in 1'])")
    more = field.get_by_role("button", name="Increment")
    return [taken(page, more.click) for _ in range(repeats)]


def strokes(page: Page, repeats: int) -> list[float]:
    """Seconds from the end of a stroke until the last picture of "Why this answer?" has changed."""
    canvas = page.get_by_role("img", name="What you have drawn")
    canvas.wait_for()
    at_rest(page)
    draw(page, 0)
    page.get_by_text("Why this answer?").click()
    page.get_by_role("heading", name="What its layers answer").wait_for()
    at_rest(page)
    page.evaluate(WATCH, ".st-key-why_part")
    return [taken(page, partial(draw, page, number)) for number in range(repeats)]


def draw(page: Page, number: int) -> None:
    """A stroke, each time elsewhere."""
    box = page.get_by_role("img", name="What you have drawn").bounding_box()
    assert box
    scale, aside = box["width"] / 280, 4 * number
    (x, y), *others = [(box["x"] + (a + aside) * scale, box["y"] + b * scale) for a, b in STROKE]
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in others:
        page.mouse.move(x, y, steps=4)
    page.mouse.up()


def taken(page: Page, act: Callable[[], None]) -> float:
    """Seconds from what a reader does to the last change that follows."""
    page.evaluate("window.changed = window.begun = 0")
    act()
    page.wait_for_function(
        "settled => window.changed && performance.now() - window.changed > settled", arg=SETTLED
    )
    milliseconds: float = page.evaluate("window.changed - window.begun")
    return milliseconds / 1000


if __name__ == "__main__":
    main()
