"""The address of any page works, also as the first thing that a fresh server is asked for."""

import re
import shutil
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from mnist_core.runs.folder import Run
from tests.browser.conftest import Server
from tests.conftest import wait_until

PAGES = ["Search", "Evaluate", "Draw", "Runs", "Data", "Learn"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_the_first_that_is_opened(
    fresh_server: Server, page: Page, name: str
) -> None:
    page.goto(f"{fresh_server.url}/{name.lower()}")

    expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible(
        timeout=30_000
    )
    for other in ("Train", *PAGES):
        expect(page.get_by_test_id("stTopNav").get_by_role("link", name=other)).to_be_visible()
    expect(page).to_have_title(f"{name} · Digit Lab")


def test_back_leads_to_the_page_before_with_one_press(
    server: Server, page: Page, trained: Run
) -> None:
    """Though each page puts into its address which run it shows."""
    shutil.copytree(trained.folder, server.runs / trained.id)
    shown = {"": "Train", "evaluate": "Evaluate", "draw": "Draw"}
    page.goto(server.url)
    for path, name in shown.items():
        page.get_by_test_id("stTopNav").get_by_role("link", name=name).click()
        expect(page).to_have_url(f"{server.url}/{path}?run={trained.id}")
        expect(page).to_have_title(f"{name} · Digit Lab")

    for path, name in [*shown.items()][-2::-1]:
        page.go_back()
        expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()
        expect(page).to_have_url(f"{server.url}/{path}?run={trained.id}")


def test_a_runs_address_opens_it_on_every_page(server: Server, page: Page, trained: Run) -> None:
    """For somebody else, and although a newer run is there."""
    older, newer = "20260101-000000-aaaa", "20260102-000000-bbbb"
    for run_id in (older, newer):
        shutil.copytree(trained.folder, server.runs / run_id)

    page.goto(f"{server.url}/?run={older}")
    expect(page.get_by_role("heading", name="1 Jan 00:00")).to_be_visible()
    for name in ("evaluate", "draw"):
        page.goto(f"{server.url}/{name}?run={older}")
        expect(page.get_by_role("combobox", name="Run")).to_have_value(re.compile("1 Jan 00:00$"))
    page.goto(f"{server.url}/runs?compare={older},{newer}")
    expect(page.get_by_text("2 runs chosen")).to_be_visible()


def test_a_link_with_faults_opens_with_what_can_be_used(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/?epochs=9999&optimizer=sgd&seed=5&colour=red")

    notice = page.get_by_test_id("stAlert").filter(has_text="Part of this link can't be used")
    expect(notice).to_contain_text("epochs is '9999'; allowed: a whole number from 1 to 200")
    expect(notice).to_contain_text("'colour' is not a setting")
    expect(page.get_by_role("spinbutton", name="Epochs")).to_have_value("10")
    expect(page).to_have_url(re.compile(r"\?optimizer=SGD\+with\+momentum&seed=5$"))
    page.reload()
    expect(page.get_by_role("spinbutton", name="Epochs")).to_have_value("10")
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_visible()
    expect(notice).to_be_hidden()
    expect(page).to_have_url(re.compile("seed=5"))


def test_a_setting_that_comes_with_a_choice_survives_a_reload_and_another_page(
    server: Server, page: Page
) -> None:
    part = page.get_by_test_id("stExpander").filter(has_text="Activation, optimizer")
    nesterov = part.get_by_role("switch", name="Nesterov momentum")

    page.goto(server.url)
    part.locator("summary").click()
    expect(part.get_by_text("SGD with momentum", exact=True)).to_be_visible()
    expect(nesterov).to_have_count(0)
    part.get_by_text("SGD with momentum", exact=True).click()
    part.get_by_text("Nesterov momentum", exact=True).click()
    expect(page).to_have_url(re.compile("[?&]nesterov=true"))

    def to_data_and(come_back: Callable[[], object]) -> None:
        page.get_by_test_id("stTopNav").get_by_role("link", name="Data").click()
        expect(page.get_by_role("heading", name="Data", exact=True, level=1)).to_be_visible()
        come_back()

    train = page.get_by_test_id("stTopNav").get_by_role("link", name="Train")
    for leave in (page.reload, lambda: to_data_and(train.click), lambda: to_data_and(page.go_back)):
        leave()
        expect(page.get_by_role("heading", name="Train", exact=True, level=1)).to_be_visible()
        part.locator("summary").click()
        expect(nesterov).to_be_checked()


def test_one_press_of_back_undoes_a_preset(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/?dataset=mnist-sample&epochs=3&optimizer=SGD+with+momentum")
    page.get_by_text("Activation, optimizer and learning rate").click()
    page.get_by_text("Nesterov momentum", exact=True).click()
    expect(page).to_have_url(re.compile("nesterov=true"))
    before = page.evaluate("history.length")

    page.get_by_text("Tiny", exact=True).click()
    expect(page.get_by_role("spinbutton", name="Epochs")).to_have_value("8")
    expect(page).to_have_url(re.compile("filters_1=8"))
    assert page.evaluate("history.length") == before + 1
    assert "nesterov" not in page.url

    page.go_back()
    expect(page.get_by_role("switch", name="Nesterov momentum")).to_be_checked()
    expect(page.get_by_role("spinbutton", name="Epochs")).to_have_count(1)
    expect(page.get_by_role("spinbutton", name="Epochs")).to_have_value("3")


def test_what_was_chosen_survives_a_reload_and_another_page(
    server: Server, page: Page, trained: Run
) -> None:
    shutil.copytree(trained.folder, server.runs / trained.id)

    def elsewhere_and_back(name: str) -> None:
        for link in ("Train", name):
            page.get_by_test_id("stTopNav").get_by_role("link", name=link).click()
            expect(page.get_by_role("heading", name=link, exact=True, level=1)).to_be_visible()

    page.goto(f"{server.url}/draw")
    page.get_by_role("radio", name="Test image").click()
    for come_back in (page.reload, lambda: elsewhere_and_back("Draw")):
        expect(page.get_by_role("button", name="Random image")).to_be_visible()
        come_back()
    number = page.get_by_role("spinbutton", name="Number")
    number.fill("55")
    number.press("Enter")
    expect(page).to_have_url(re.compile("test_image=55"))
    page.reload()
    expect(number).to_have_value("55")

    page.goto(f"{server.url}/runs")
    page.get_by_role("searchbox", name="Search").fill("nothing like this")
    for come_back in (page.reload, lambda: elsewhere_and_back("Runs")):
        expect(page.get_by_text("No run has all of that")).to_be_visible()
        come_back()
    expect(page.get_by_text("No run has all of that")).to_be_visible()


def test_on_a_phone_the_way_to_the_other_pages_is_labelled(server: Server, phone: Page) -> None:
    phone.goto(server.url)
    menu = phone.get_by_role("button", name="Expand sidebar")
    expect(menu).to_be_visible()
    word = "button => getComputedStyle(button, '::after').content"
    wait_until(lambda: menu.evaluate(word) == '"Menu"')

    menu.click()
    phone.get_by_role("link", name="Draw", exact=True).click()
    expect(phone.get_by_role("heading", name="Draw", exact=True, level=1)).to_be_visible()
