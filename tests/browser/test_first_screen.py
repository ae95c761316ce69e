"""What somebody finds who has just started Digit Lab, before anything is trained."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server
from tests.browser.test_draw import SEVEN, draw, invites, says

WATCH_FOR_FILES = """
new MutationObserver(() => {
    window.files ??= document.querySelector("[data-testid=stSidebarNav]")?.innerText
}).observe(document, { childList: true, subtree: true })
"""


def test_on_the_first_screen_a_press_leads_to_a_network_that_reads_digits(
    fresh_server: Server, page: Page
) -> None:
    page.add_init_script(WATCH_FOR_FILES)
    page.goto(fresh_server.url)
    page.get_by_role("link", name="Draw a digit").click()
    assert page.evaluate("window.files") is None  # of the folder of the pages
    invites(page)
    draw(page, SEVEN)
    says(page, "7")

    page.get_by_role("link", name="Train your own").click()
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_visible()
    page.get_by_role("link", name="See where it errs").click()
    expect(page.get_by_role("img", name="taken for").first).to_be_visible()
