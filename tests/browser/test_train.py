"""Where the form and the run lie on the page Train, on a wide screen and on a phone."""

from playwright.sync_api import Locator, Page

from mnist_core.runs import RunStore
from tests.browser.conftest import Server
from tests.conftest import SMALL


def top(part: Locator) -> float:
    box = part.bounding_box()
    assert box
    return box["y"]


def test_form_and_run_begin_at_the_same_height(server: Server, page: Page) -> None:
    RunStore(server.runs).create(SMALL)
    page.goto(server.url)
    run = page.get_by_role("heading", name="MNIST sample")
    run.wait_for()
    page.get_by_role("button", name="Train", exact=True).wait_for()

    assert abs(top(run) - top(page.get_by_role("heading", name="Train"))) < 20
