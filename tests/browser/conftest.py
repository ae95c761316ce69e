"""The real server and a real browser, for the tests in this folder.

They run in the Chromium that the environment variable CHROMIUM names, else in the one on the PATH,
and are skipped where there is none, or fail if DIGIT_LAB_REQUIRE_BROWSER is set. Nothing is fetched
from the network.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Owner, Run
from mnist_core.runs.store import RunStore
from tests.conftest import wait_for_end, wait_until

PROJECT = Path(__file__).parents[2]
CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=30_000)  # ms; a server that has just been started may be slow
TROUBLE = re.compile(r"warning|error|traceback|exception|deprecat", re.IGNORECASE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM and "DIGIT_LAB_REQUIRE_BROWSER" not in os.environ:
                item.add_marker(pytest.mark.skip("no Chromium; CHROMIUM may name one"))


@dataclass(frozen=True)
class Server:
    """A running dashboard, with folders of its own."""

    url: str
    runs: Path
    data: Path
    log_file: Path

    @property
    def log(self) -> str:
        """What the server has printed so far."""
        return self.log_file.read_text()

    def empty(self) -> None:
        """Have it end what it trains, and take all that it keeps away."""
        trained = [run for run in RunStore(self.runs).list() if self._trains(run)]
        for run in trained:
            run.want(stop=True)
        for run in trained:
            wait_for_end(run)
        for folder in (self.runs, self.data):
            shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def _trains(run: Run) -> bool:
        try:
            return run.state(run.history()).live and run.owner != Owner.this_process()
        except RunError:  # a damaged one is not trained
            return False


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Server]:
    """The dashboard as ``streamlit run app.py`` has just started it."""
    with dashboard(tmp_path, tmp_path / "runs") as server:
        yield server


@pytest.fixture(scope="session")
def long_running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("dashboard")
    with dashboard(folder, folder / "runs") as server:
        yield server


@pytest.fixture
def server(long_running: Server) -> Iterator[Server]:
    """A dashboard that others have used before, without any run or downloaded data.

    To start one for each test, with a worker that loads TensorFlow, would take most of their time.
    """
    yield long_running
    long_running.empty()
    assert not TROUBLE.search(long_running.log), long_running.log


@pytest.fixture
def other_server(server: Server, tmp_path: Path) -> Iterator[Server]:
    """A second dashboard on the same runs."""
    (tmp_path / "other").mkdir()
    with dashboard(tmp_path / "other", server.runs) as other:
        yield other


_SEEN_TWICE = """
window.seenTwice = [];
(function look() {
    const seen = new Set();
    for (const element of document.querySelectorAll('[class*=st-key-]')) {
        const key = [...element.classList].find(name => name.startsWith('st-key-'));
        if (seen.has(key) && element.checkVisibility()) window.seenTwice.push(key);
        seen.add(key);
    }
    requestAnimationFrame(look);
})();
"""


@contextmanager
def nothing_twice(page: Page) -> Iterator[None]:
    """No widget is seen twice meanwhile, not in one frame: what comes and goes moves none.

    Where one comes to another place of the page, Streamlit draws it there, too, and takes the
    former one away when all has been drawn.
    """
    page.evaluate(_SEEN_TWICE)
    yield
    assert page.evaluate("window.seenTwice") == []


@contextmanager
def dashboard(folder: Path, runs: Path, path: str = "") -> Iterator[Server]:
    """A server whose log and data are in ``folder``, at a path such as ``/lab``.

    A test fails when the server has logged a warning or an error by its end.
    """
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    server = Server(f"http://localhost:{port}{path}", runs, folder / "data", folder / "server.log")
    with server.log_file.open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "streamlit", "run", "app.py"),
                *("--server.port", str(port), "--server.headless", "true"),
                *("--server.baseUrlPath", path),
                *("--logger.messageFormat", "%(levelname)s %(message)s"),
            ],
            cwd=PROJECT,
            env=os.environ
            | {"DIGIT_LAB_RUNS": str(server.runs), "DIGIT_LAB_DATA": str(server.data)}
            | {"KERAS_HOME": str(folder / "keras")},  # the second place for data
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def healthy() -> bool:
        assert process.poll() is None, server.log
        try:
            with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except urllib.error.URLError:
            return False

    try:
        wait_until(healthy)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)
    assert not TROUBLE.search(server.log), server.log


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS) as browser,
    ):
        yield browser


@pytest.fixture(scope="session")
def wide(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1400, "height": 900}) as window:
        yield window


@pytest.fixture(scope="session")
def narrow(browser: Browser) -> Iterator[BrowserContext]:
    size: Any = {"width": 360, "height": 740}
    with browser.new_context(viewport=size, is_mobile=True, has_touch=True) as window:
        yield window


@pytest.fixture
def page(wide: BrowserContext) -> Iterator[Page]:
    """A tab of a wide window."""
    with tab(wide) as page:
        yield page


@pytest.fixture
def phone(narrow: BrowserContext) -> Iterator[Page]:
    """A tab on a narrow phone with a touch screen."""
    with tab(narrow) as page:
        yield page


@contextmanager
def tab(window: BrowserContext) -> Iterator[Page]:
    """A tab that knows of no other test; Streamlit's own files the window need not fetch again."""
    page = window.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def stays_here(request: Request) -> None:
        if not request.url.startswith(("http://localhost:", "ws://localhost:", "blob:", "data:")):
            errors.append(f"asked for {request.url}, but there may be no network")

    page.on("request", stays_here)
    yield page
    for opened in window.pages:
        if opened.url.startswith("http:"):
            opened.evaluate("localStorage.clear()")
        opened.close()
    window.clear_cookies()
    assert not errors, errors
