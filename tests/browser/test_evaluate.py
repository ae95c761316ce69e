"""The confusion matrix under a mouse and under a finger."""

import re
import shutil

import pytest
from playwright.sync_api import Browser, Page, expect

from benchmarks.dashboard import at_rest
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


POINT = """number => {
    const chart = document.querySelector(".st-key-map_part .js-plotly-plot");
    chart.scrollIntoView({block: "center"});
    const { x, y } = chart.getBoundingClientRect(), { xaxis, yaxis } = chart._fullLayout;
    const trace = chart._fullData.find(trace => trace.customdata?.includes(number));
    const at = trace.customdata.indexOf(number);
    return [
        x + xaxis._offset + xaxis.d2p(trace.x[at]), y + yaxis._offset + yaxis.d2p(trace.y[at])
    ];
}"""
"""Where an image stands on the map."""


def test_a_click_on_the_map_shows_the_image_that_stands_there(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/evaluate")
    page.get_by_text("The map: which images").click()
    expect(page.get_by_text("Click on one to see it")).to_be_visible()
    page.locator(".st-key-map_part .js-plotly-plot .textpoint").first.wait_for()
    at_rest(page)
    farthest = page.evaluate(
        """() => {
            const data = document.querySelector(".st-key-map_part .js-plotly-plot")._fullData;
            const all = data.flatMap(
                trace => (trace.customdata ?? []).map((number, i) => [trace.x[i], number])
            );
            return all.reduce((most, one) => one[0] > most[0] ? one : most)[1];
        }"""
    )  # nothing lies above it
    page.mouse.click(*page.evaluate(POINT, farthest))

    image = page.get_by_role("img", name=re.compile(f"^Test image {farthest}: "))
    expect(image).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Test image")).to_have_value(str(farthest))
    expect(page.get_by_text(f"Test image {farthest}", exact=True)).to_be_visible()
    page.get_by_role("link", name="Why this answer?").click()
    expect(page).to_have_url(re.compile(f"draw.*test_image={farthest}"))
