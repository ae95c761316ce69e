"""What strangers write (names, addresses, files' names, messages) is shown as it is, everywhere."""

import io
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from mnist_core.data.own import import_file
from mnist_core.runs.events import Ended, Started, State, append_event
from mnist_core.runs.folder import Labels, Run
from mnist_core.runs.store import RunStore
from tests.browser.conftest import Server, dashboard, tab
from tests.builders import epoch, fitting
from tests.conftest import SMALL

NAMES_OF = {
    "pixx": "![pixx](http://evil.example/a.png)",
    "linkk": "[linkk](http://evil.example)",
    "fatt": "<b>fatt</b>",
    "ancc": '<a href="//evil.example">ancc</a>',
    "headd": "# headd",
    "baree": "http://evil.example/baree",
    "dubb": "www.evil.example/dubb",
    "maill": "maill@evil.example",
    "monoo": "`monoo`",
    "codee": "``![codee](http://evil.example/a.png)",
    "iconn": ":material/delete:iconn",
    "hott": ":red[hott]",
    "mathh": "$mathh$",
    "slantt": "*slantt*",
    "percc": "%{y}percc",
    "partt": ":tada:partt",
    "listt": "- listt",
}
"""By a word that stands nowhere else, what has to stand around it."""
WRITTEN = tuple(NAMES_OF.values())
ALL = " ".join(WRITTEN)
NAMES = (  # of 60 characters at most
    "<b>fatt</b> [linkk](http://evil.example) `monoo` :red[hott]",
    "![pixx](http://evil.example/a.png) $mathh$ *slantt* # headd",
    '<a href="//evil.example">ancc</a> %{y}percc :tada:partt',
)
FILE = "[linkk](http://evil.example) <b>fatt</b> :material/delete:iconn"

ALTERED = """written => {
    const faults = []
    const look = text => {
        text = text.replaceAll("\\u2060", "")
        if (/…|\\.\\.\\./.test(text)) return  // a long name, shortened
        for (const [word, name] of Object.entries(written))
            if (text.includes(word) && !text.includes(name)) faults.push(`${name} is ${text}`)
    }
    for (const element of document.body.querySelectorAll("*")) {
        let text = ""  // between two elements
        for (const node of element.childNodes) {
            if (node.nodeType === Node.TEXT_NODE) text += node.textContent
            else { look(text); text = "" }
        }
        look(text)
    }
    for (const link of document.querySelectorAll("a")) {
        const to = link.getAttribute("href") ?? link.getAttribute("xlink:href")
        if (to && new URL(to, location).host !== location.host) faults.push(link.outerHTML)
    }
    return faults
}"""


def check(page: Page, *seen: str) -> None:
    """These are to be seen, and nothing on the page is made of what strangers have written.

    That it asks no other host for anything, the fixture ``page`` sees to.
    """
    for words in seen:
        expect(page.get_by_text(as_shown(words)).first).to_be_visible()
    assert page.evaluate(ALTERED, NAMES_OF) == []


def as_shown(words: str) -> re.Pattern[str]:
    """As people see it, whatever stands between its words; that, ``ALTERED`` looks at."""
    return re.compile(re.sub(r"\W+", r"\\W+", words))


@dataclass(frozen=True)
class Lab:
    server: Server
    trained: Run
    again: Run
    """A copy with other answers."""
    failed: Run
    live: Run

    def open(self, page: Page, address: str, heading: str) -> None:
        page.goto(f"{self.server.url}/{address}")
        expect(page.get_by_role("heading", name=heading).first).to_be_visible()


def arrays(class_names: tuple[str, ...]) -> io.BytesIO:
    """A dataset as an npz file: 10 x 10 pixels, which tell the classes apart."""
    labels = np.arange(10 * len(class_names), dtype=np.uint8) % len(class_names)
    images = np.repeat(labels * 10, 100).reshape(-1, 10, 10)
    parts = {"x_train": images, "y_train": labels, "x_test": images, "y_test": labels}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, class_names=class_names, **parts)
    return file


@pytest.fixture(scope="module")
def lab(wide: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A dashboard with a data set and runs whose every word is a stranger's."""
    folder = tmp_path_factory.mktemp("strangers")
    with dashboard(folder, folder / "runs") as server:
        import_file("evil", arrays(WRITTEN), folder=server.data)
        with tab(wide) as page:
            page.goto(f"{server.url}/?dataset=evil&epochs=2&layers=1&width_1=8")
            page.get_by_role("button", name="Train", exact=True).click()
            expect(page.get_by_role("link", name="Evaluate it")).to_be_visible(timeout=240_000)
        store = RunStore(server.runs)
        trained = store.list()[0]
        again = Run(shutil.copytree(trained.folder, server.runs / "20260101-000000-0001"))
        (again.folder / "environment.json").write_text(json.dumps({NAMES_OF["fatt"]: ALL}))
        probabilities, labels = trained.test_results()
        others = np.roll(probabilities, 1, axis=1)
        np.savez(again.folder / "test.npz", probabilities=others, labels=labels)
        failed, live = store.create(SMALL), store.create(SMALL)
        append_event(failed.folder, Ended(state=State.FAILED, message=ALL))
        append_event(live.folder, Started())
        append_event(live.folder, fitting())
        append_event(live.folder, epoch())
        tags = tuple(name for name in WRITTEN if len(name) <= 30)[:10]
        for run, name in zip((trained, again, live), NAMES, strict=True):
            run.set_labels(Labels(name=name, tags=tags, note="\n".join(WRITTEN)))
        yield Lab(server, trained, again, failed, live)


def test_addresses(lab: Lab, page: Page) -> None:
    lab.open(page, f"?run={quote(ALL)}", "Train")
    check(page, f"There is no run {ALL} here")
    lab.open(page, f"?dataset={quote(ALL)}&{quote(ALL)}=1", "Train")
    check(page, f"dataset is '{WRITTEN[0]}", "is not a setting")
    lab.open(page, f"draw?run={lab.trained.id}&test_image={quote(ALL)}", "Draw")
    check(page, f"The address asks about the test image {ALL}")
    lab.open(page, f"runs?compare={quote(ALL)},{quote(WRITTEN[0])}", "Runs")
    check(page, f"There is no run {ALL}, {WRITTEN[0]} here")


def test_train(lab: Lab, page: Page) -> None:
    lab.open(page, f"?run={lab.trained.id}", "Train")
    check(page, f"{NAMES[0]} ·", "Trained to the end.")
    lab.open(page, f"?run={lab.live.id}", "Train")
    check(page, f"{NAMES[2]} ·")
    lab.open(page, f"?run={lab.failed.id}", "Train")
    check(page, ALL)


def test_evaluate(lab: Lab, page: Page) -> None:
    lab.open(page, f"evaluate?run={lab.again.id}", "Confusion matrix and mistakes")
    page.get_by_text("How this network was made").click()
    check(page, ALL)  # in the table of the environment
    expect(page.locator(".xaxislayer-above text", has_text=NAMES_OF["fatt"]).first).to_be_visible()
    page.locator(".js-plotly-plot .heatmaplayer").last.hover(force=True)  # what lies over it, too
    expect(page.locator(".hoverlayer text", has_text="taken for").first).to_be_visible()
    check(page)
    lab.open(page, f"evaluate?run={lab.failed.id}", "Evaluate")
    check(page, ALL)


def test_draw(lab: Lab, page: Page) -> None:
    for number in range(0, len(WRITTEN), 4):
        lab.open(page, f"draw?run={lab.trained.id}&test_image={number}", "Draw")
        check(page, f"it is labelled {WRITTEN[number]}", "It has to choose one of these")
    page.get_by_text("Picture", exact=True).click()
    check(page, f"This network can tell apart: {', '.join(WRITTEN[:12])}")
    upload(page, f"{FILE}.png", b"no picture")
    check(page, f"{FILE}.png can't be read")


def test_runs(lab: Lab, page: Page) -> None:
    lab.open(page, f"runs?compare={lab.trained.id},{lab.again.id}", "Comparison")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".legendtext").first).to_be_visible()
    check(
        page, f"with all files: {NAMES[0]}", f"Only {NAMES[1]}", f"{NAMES[2]} · ", "Best accuracy"
    )
    page.get_by_text("Import a run from another machine").click()
    upload(page, f"{FILE}.zip", b"no zip")
    check(page, f"{FILE}.zip: the file is no zip archive")


def test_data(lab: Lab, page: Page) -> None:
    lab.open(page, "data?images=evil", "Class balance")
    check(page, *WRITTEN)
    expect(page.locator(".xaxislayer-above text", has_text=NAMES_OF["fatt"]).first).to_be_visible()
    check(page)
    page.get_by_text("More images: download them, or bring your own").click()
    page.get_by_role("textbox", name="Name").fill(WRITTEN[0])
    upload(page, f"{FILE}.npz", arrays((" " + WRITTEN[0], NAMES_OF["fatt"] + " ")).getvalue())
    expect(page.get_by_role("button", name=f"Remove {FILE}.npz")).to_be_visible()
    page.get_by_role("button", name="Import").click()
    check(page, f"a class is called ' {WRITTEN[0]}'")


def upload(page: Page, name: str, content: bytes) -> None:
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    page.locator("input[type=file]").last.set_input_files(file)  # type: ignore[arg-type]
