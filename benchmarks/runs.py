"""What thousands of runs cost: pages beside those of a server with one run, and the listing.

    python benchmarks/runs.py [--runs 2000] [--json FILE]

One small network is trained; the other runs are copies of it, in a temporary folder. The pages of
both servers are opened in turn, so that whatever else the machine does slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil
from playwright.sync_api import Locator, Page

from benchmarks.dashboard import seconds, server, tab
from mnist_core.runs.catalog import Catalog
from mnist_core.runs.folder import Labels
from mnist_core.runs.store import RunStore

REPEATS = 3
IDLE_SECONDS = 6
PAGES = ("train", "evaluate", "draw", "runs")


class Figures(NamedTuple):
    """Of one page of one server, in seconds; ``idle`` is a share of a core."""

    opening: list[float]
    change: list[float]
    """From a run that is named or queued on the disk to the page that shows it."""
    idle: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, metavar="N", help="how many (2000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder) / "one", Path(folder) / "many"
        copy(train(one), many, options.runs)
        listings = [list_all(many) for _ in range(REPEATS)]
        with server(str(one)) as small, server(str(many)) as large, tab() as page:
            pages = {name: compare(page, name, (one, small), (many, large)) for name in PAGES}
    show(pages, listings, options.runs)
    if options.json:
        figures = {
            name: {"one": few._asdict(), "many": lot._asdict()}
            for name, (few, lot) in pages.items()
        }
        everything = {"runs": options.runs, "pages": figures, "listings": listings}
        options.json.write_text(json.dumps(everything, indent=2) + "\n")


def train(runs: Path) -> Path:
    """A small run; returns its folder."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mnist_core", "train", "--json"),
            *("--dataset", "mnist-sample", "--epochs", "3"),
        ],
        env=os.environ | {"DIGIT_LAB_RUNS": str(runs)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return Path(json.loads(done.stdout)["folder"])


def copy(run: Path, runs: Path, number: int) -> None:
    """Runs like this one, some minutes apart; what is large is there once."""

    def small_or_linked(source: str, target: str) -> None:
        if Path(source).stat().st_size > 50_000:
            os.link(source, target)
        else:
            shutil.copyfile(source, target)

    for index in range(number):
        created = datetime(2026, 1, 1) + timedelta(minutes=7 * index)
        folder = runs / f"{created:%Y%m%d-%H%M%S}-{index % 0x10000:04x}"
        shutil.copytree(run, folder, copy_function=small_or_linked)


def list_all(runs: Path) -> tuple[float, float]:
    """Seconds for the first list of a server, and for the second."""
    catalog = Catalog(RunStore(runs))
    taken = []
    for _ in range(2):
        began = time.perf_counter()
        catalog.list()
        taken.append(seconds(began))
    return taken[0], taken[1]


def compare(
    page: Page,
    name: str,
    one: tuple[Path, tuple[subprocess.Popen[bytes], str]],
    many: tuple[Path, tuple[subprocess.Popen[bytes], str]],
) -> tuple[Figures, Figures]:
    """The same page of both servers."""
    found = []
    for runs, (_, address) in (one, many):
        open_page(page, address, name)  # the first time, modules load
        found.append((runs, address, Figures([], [], 0.0)))
    for _ in range(REPEATS):
        for runs, address, figures in found:
            figures.opening.append(open_page(page, address, name))
            figures.change.append(see_change(page, runs, name))
    assert page.context.browser
    with page.context.browser.new_page() as other:
        tabs = (page, other)
        for tab_of_one, (_, address, _) in zip(tabs, found, strict=True):
            open_page(tab_of_one, address, name)
        shares = idle(page, [process.pid for _, (process, _) in (one, many)])
    few, lot = (
        figures._replace(idle=share) for (_, _, figures), share in zip(found, shares, strict=True)
    )
    return few, lot


def open_page(page: Page, address: str, name: str) -> float:
    """Seconds until the page is complete, by its address alone."""
    began = time.perf_counter()
    page.goto(f"{address}/{'' if name == 'train' else name}")
    last = {
        "train": page.get_by_text("Trained to the end."),
        "evaluate": page.get_by_role("heading", name="What to take away"),
        "draw": page.get_by_text("Draw a digit from 0 to 9."),
        "runs": page.get_by_role("heading", name="MNIST sample"),
    }
    last[name].wait_for()
    return seconds(began)


def see_change(page: Page, runs: Path, name: str) -> float:
    """Seconds until the page shows what has changed on the disk, as by another server."""
    newest = RunStore(runs).list(1)[0]
    page.wait_for_timeout(1000)  # a page that has just been opened still loads its charts
    if name == "runs":
        began = time.perf_counter()
        queued = RunStore(runs).create(newest.config)
        page.get_by_text("1 run waiting their turn.").wait_for()
        taken = seconds(began)
        shutil.rmtree(queued.folder)
        return taken
    words = f"Number {time.monotonic_ns()}"
    named = page.get_by_role("heading", name=words) if name == "train" else menu(page, words)
    began = time.perf_counter()
    newest.set_labels(Labels(name=words))
    named.wait_for()
    return seconds(began)


def menu(page: Page, words: str) -> Locator:
    """The menu of runs, once it shows a run of that name."""
    return page.locator(f"input[value^='{words}']")


def idle(page: Page, servers: list[int]) -> list[float]:
    """Each server's share of a core while a page of it lies open."""
    processes = [psutil.Process(pid) for pid in servers]
    page.wait_for_timeout(3000)
    before, began = [process.cpu_times() for process in processes], time.perf_counter()
    page.wait_for_timeout(IDLE_SECONDS * 1000)
    after, passed = [process.cpu_times() for process in processes], seconds(began)
    return [
        (now.user + now.system - then.user - then.system) / passed
        for then, now in zip(before, after, strict=True)
    ]


def show(
    pages: dict[str, tuple[Figures, Figures]], listings: list[tuple[float, float]], number: int
) -> None:
    print(f"{'':10}{'opened, s':^27}{'change seen after, s':^24}{'idle, of a core':^18}")
    print(f"{'runs':10}{'1':>8} {number:>8,} {'ratio':>8}{'1':>12} {number:>8,}", end="")
    print(f"{'1':>12} {number:>6,}")
    for name, (few, many) in pages.items():
        opened, opened_many = median(few.opening), median(many.opening)
        print(
            f"{name:10}{opened:8.2f} {opened_many:8.2f} {opened_many / opened:8.2f}"
            f"{median(few.change):12.2f} {median(many.change):8.2f}"
            f"{few.idle:12.1%} {many.idle:6.1%}"
        )
    first, again = (median(taken) for taken in zip(*listings, strict=True))
    print(f"Listing {number:,} runs: {first:.3f} s, and again {again:.3f} s")


if __name__ == "__main__":
    main()
