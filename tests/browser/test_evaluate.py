"""The confusion matrix under a mouse and under a finger."""

import shutil

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.first_clicks import click_on_cell, first_click
from mnist_core.runs.folder import Run
from tests.browser.conftest import Server, nothing_twice


@pytest.mark.parametrize("device", ["page", "phone"])
def test_a_cell_shows_its_images_and_survives_a_reload(
    request: pytest.FixtureRequest, server: Server, trained: Run, device: str
) -> None:
    tab: Page = request.getfixturevalue(device)
    shutil.copytree(trained.folder, server.runs / trained.id)
    tab.goto(f"{server.url}/evaluate?run={trained.id}")
    matrix = tab.get_by_test_id("stPlotlyChart").filter(has_text="Predicted class")
    matrix.locator(".nsewdrag").wait_for()
    touch = tab.evaluate("navigator.maxTouchPoints > 0")
    assert touch == (device == "phone")

    def is_chosen(true: int, predicted: int) -> None:
        for menu, digit in (("True class", true), ("Predicted class", predicted)):
            expect(tab.get_by_role("combobox", name=menu)).to_have_value(str(digit))

    with nothing_twice(tab):
        for cell in ((3, 3), (5, 8), (7, 2)):
            click_on_cell(matrix, *cell, touch)
            is_chosen(*cell)
        tab.go_back()  # one press a cell
        is_chosen(5, 8)
        tab.go_forward()
        is_chosen(7, 2)
    tab.reload()
    is_chosen(7, 2)
    expect(matrix.locator(".shapelayer path").last).to_be_visible()


def test_back_leads_to_the_cell_that_was_left(server: Server, page: Page, trained: Run) -> None:
    shutil.copytree(trained.folder, server.runs / trained.id)
    page.goto(f"{server.url}/evaluate?run={trained.id}&true_class=7&predicted_class=2")
    expect(page.get_by_role("combobox", name="Predicted class")).to_have_value("2")
    page.get_by_test_id("stTopNav").get_by_role("link", name="Runs").click()
    expect(page.get_by_role("heading", name="Runs", exact=True, level=1)).to_be_visible()

    page.go_back()
    expect(page.get_by_role("combobox", name="True class")).to_have_value("7")
    expect(page.get_by_role("combobox", name="Predicted class")).to_have_value("2")


def test_the_first_click_shows_the_images_that_its_caption_says(
    server: Server, browser: Browser, trained: Run
) -> None:
    shutil.copytree(trained.folder, server.runs / trained.id)
    for cell in ((7, 1), (3, 3), (5, 8), (0, 1), (9, 4)):  # 200 are in benchmarks/first_clicks.py
        assert not first_click(browser, server.url, trained, cell)
