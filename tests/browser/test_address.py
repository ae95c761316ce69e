"""The address of any page works, also as the first thing that a fresh server is asked for."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server


@pytest.mark.parametrize("name", ["Evaluate", "Draw", "Runs", "Data"])
def test_a_page_can_be_the_first_that_is_opened(server: Server, page: Page, name: str) -> None:
    page.goto(f"{server.url}/{name.lower()}")

    expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible(
        timeout=30_000
    )
    for other in ("Train", "Evaluate", "Draw", "Runs", "Data"):
        expect(page.get_by_test_id("stTopNav").get_by_role("link", name=other)).to_be_visible()
    expect(page).to_have_title("Digit Lab")
