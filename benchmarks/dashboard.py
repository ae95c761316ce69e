"""The dashboard as its user feels it, in Chromium: first paint, page switch, Train, memory.

python benchmarks/dashboard.py [--dataset mnist] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import IO
from urllib.error import URLError
from urllib.request import urlopen

import psutil
from playwright.sync_api import Page, sync_playwright

APP = Path(__file__).parents[1] / "app.py"
SWITCHES = 5
SERVER_OPTIONS = ["--server.headless", "true", "--server.port"]
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="mnist-sample", choices=["mnist", "mnist-sample"])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    with tab() as page:
        figures = measure(page, options.dataset)
    for name, (value, unit) in figures.items():
        print(f"{name:58} {value:8.2f} {unit}")
    if options.json:
        options.json.write_text(json.dumps({name: value for name, (value, _) in figures.items()}))


@contextmanager
def tab() -> Iterator[Page]:
    """A page of Chromium, which has been started before."""
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        sys.exit("Chromium was not found: install it, or name it with CHROMIUM=...")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        browser.new_page().close()  # the browser's own start is not ours
        yield browser.new_page()
        browser.close()


def measure(page: Page, dataset: str) -> dict[str, tuple[float, str]]:
    """Name of the figure to its value and unit."""
    figures: dict[str, tuple[float, str]] = {}
    with tempfile.TemporaryDirectory() as runs, server(runs) as (process, address):
        began = time.perf_counter()
        page.goto(f"{address}/?dataset={dataset}")
        page.get_by_role("heading", name="Train", exact=True).wait_for()
        figures["First page painted, after the server's start"] = (seconds(began), "s")
        page.get_by_role("button", name="Train", exact=True).wait_for()
        figures["First page complete, after the server's start"] = (seconds(began), "s")

        figures["From Train to the first live point, cold worker"] = (first_point(page), "s")
        page.get_by_text("Trained to the end.").wait_for(timeout=600_000)
        figures["From Train to the first live point, warm worker"] = (
            median(first_point_and_end(page) for _ in range(3)),
            "s",
        )

        switches = []
        for name in ["Evaluate", "Draw", "Data", "Train"] * SWITCHES:
            at_rest(page)
            began = time.perf_counter()
            page.get_by_test_id("stTopNav").get_by_role("link", name=name).click()
            page.get_by_role("heading", name=name, exact=True, level=1).wait_for()
            switches.append(seconds(began))
        figures["Page switch, first time, slowest of four"] = (max(switches[:4]), "s")
        figures["Page switch, median of the others"] = (median(switches[4:]), "s")

        memory = psutil.Process(process.pid).memory_info().rss / 2**20
        figures["Memory of the dashboard, a run evaluated and drawn on"] = (memory, "MB")
    return figures


def at_rest(page: Page) -> None:
    """Wait until the page has been drawn, charts included, as a reader who looks at it does."""
    page.wait_for_function(
        "document.querySelector('[data-test-script-state=notRunning]')"
        " && !document.querySelector('[data-stale=true]')"
    )
    page.wait_for_load_state("networkidle")
    page.evaluate("() => new Promise((idle) => requestIdleCallback(idle))")


def first_point(page: Page) -> float:
    """Seconds from pressing Train until the page shows a step of the first epoch."""
    began = time.perf_counter()
    page.get_by_role("button", name="Train", exact=True).click()
    page.get_by_text("Epoch 1 of 10, step").first.wait_for(timeout=120_000)
    return seconds(began)


def first_point_and_end(page: Page) -> float:
    taken = first_point(page)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_text("Stopped. What was learned is kept.").wait_for(timeout=60_000)
    return taken


def seconds(began: float) -> float:
    return time.perf_counter() - began


@contextmanager
def server(
    runs: str, log: int | IO[bytes] = subprocess.DEVNULL, **environment: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A dashboard of its own, and its address; ``runs`` is the folder of its runs.

    Args:
        log: gets what it prints.
    """
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
        free.close()
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(APP), *SERVER_OPTIONS, str(port)],
            env=os.environ | {"DIGIT_LAB_RUNS": runs} | environment,
            stdout=log,
            stderr=subprocess.STDOUT if log != subprocess.DEVNULL else subprocess.DEVNULL,
        )
        address = f"http://localhost:{port}"
        try:
            while not healthy(address):
                time.sleep(0.05)
            yield process, address
        finally:
            process.terminate()
            process.wait()


def healthy(address: str) -> bool:
    try:
        with urlopen(f"{address}/_stcore/health") as answer:
            return bool(answer.status == 200)
    except (URLError, ConnectionError):
        return False


if __name__ == "__main__":
    main()
