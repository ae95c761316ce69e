"""The dashboard for fingers, keyboards, screen readers, and eyes of every kind."""

import re
import shutil
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect

from benchmarks.dashboard import at_rest
from benchmarks.first_clicks import click_on_cell
from mnist_core.runs.folder import Run
from tests.browser.conftest import Server, dashboard
from tests.browser.test_walk import ENDLESS, press_train
from tests.conftest import wait_until
from tests.search.builders import searched

ONE, OTHER = "20260101-000000-aaaa", "20260102-000000-bbbb"
PAGES = {
    f"?run={ONE}": 2,
    "search": 3,
    f"evaluate?run={ONE}&take_home=true": 3,
    f"draw?run={ONE}&ask_about=Test+image": 0,
    f"runs?compare={ONE},{OTHER}": 5,
    "data": 3,
    "learn": 2,
}
"""And how many charts each has."""

STREAMLITS = {
    ("presentation-role-conflict", '[data-testid="stFileUploaderDropzone"]'): "the section around "
    "a file uploader's button has a label and no role; the button itself is named and in order",
    ("landmark-unique", '[aria-label="Pagination"]'): "every st.pagination is a navigation of this "
    "name, which can't be set; two galleries stand beside each other",
    ("color-contrast", "label[disabled] *"): "what can't be used may be grey (WCAG 1.4.3), but the "
    "label is not tied to the slider, so that axe does not see whose it is",
}
"""Rule of axe and the elements, to why it stays: markup of Streamlit's own."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, trained: Run) -> Iterator[Server]:
    """A server with two finished runs, and a study of two aims."""
    folder = tmp_path_factory.mktemp("server")
    for run_id in (ONE, OTHER):
        shutil.copytree(trained.folder, folder / "runs" / run_id)
    searched(folder / "runs", against="weights")
    with dashboard(folder, folder / "runs") as server:
        yield server


def open_all(page: Page) -> None:
    """Everything that is folded, and wait until all of it has its full size and colours."""
    closed = page.locator("[data-testid=stExpander] details:not([open]) > summary")
    while closed.count():
        closed.evaluate_all("all => all.forEach(one => one.click())")
        at_rest(page)
    page.wait_for_function(
        "document.getAnimations().every(({ playState, effect }) =>"
        " playState !== 'running' || effect.getComputedTiming().endTime === Infinity)"
    )


# --- Seen, read and heard ---


def is_streamlits(page: Page, rule: str, element: str) -> bool:
    matches = "([element, of]) => document.querySelector(element).matches(of)"
    return any(
        rule == excused and page.evaluate(matches, [element, of]) for excused, of in STREAMLITS
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_that_is_ours(
    finished: Server, browser: Browser, scheme: Literal["light", "dark"]
) -> None:
    size: Any = {"width": 1400, "height": 900}
    faults = []
    with browser.new_context(viewport=size, color_scheme=scheme) as context:
        page = context.new_page()
        for address in PAGES:
            page.goto(f"{finished.url}/{address}")
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            at_rest(page)
            open_all(page)
            at_rest(page)
            faults += [
                f"{address}: {rule['id']}: {node['html'][:200]} {node['failureSummary']}"
                for rule in Axe().run(page).response["violations"]
                for node in rule["nodes"]
                if not is_streamlits(page, rule["id"], node["target"][0])
            ]

    assert not faults, "\n\n".join(faults)


COLOURS = """[
    getComputedStyle(document.querySelector(".js-line")).stroke,
    document.querySelector(".heatmaplayer image")?.href.baseVal,
]"""
"""Of a live chart, and of one of Streamlit's."""


def test_the_theme_is_chosen_in_the_app_and_kept_for_every_page(
    finished: Server, page: Page
) -> None:
    def background() -> str:
        app = page.get_by_test_id("stApp")
        return str(app.evaluate("app => getComputedStyle(app).backgroundColor"))

    page.goto(f"{finished.url}/evaluate")
    for chart in (".js-line", ".heatmaplayer image"):
        expect(page.locator(chart).first).to_be_visible()
    light, in_light = background(), page.evaluate(COLOURS)
    page.get_by_test_id("stMainMenuButton").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    expect(page.get_by_test_id("stApp")).not_to_have_css("background-color", light)
    dark = background()
    differs = f"before => {COLOURS}.every((colour, i) => colour !== before[i])"
    page.wait_for_function(differs, arg=in_light)
    page.wait_for_function("localStorage.getItem('stActiveTheme-/runs-v2') === '\"Dark\"'")

    for address in PAGES:
        page.goto(f"{finished.url}/{address}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert background() == dark


def test_an_answer_that_is_long_on_its_way_shows_that_it_is(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/learn")
    at_rest(page)
    line = "getComputedStyle(document.querySelector('[data-testid=stApp]'), '::before').transform"
    page.wait_for_function(f"{line} === 'none'")  # a part of the page may run again just then

    runs = "document.querySelector('[data-testid=stApp]').dataset.testScriptState = 'running'"
    page.wait_for_function(f"({runs}) && {line} !== 'none' && new DOMMatrix({line}).a > 0.1")


# --- Under a finger ---


def swipe(chart: Locator, across: int, down: int) -> None:
    """A finger that begins in the middle of a chart, and moves by so many pixels."""
    plot = chart.locator(".nsewdrag").first.bounding_box()
    assert plot
    x, y = plot["x"] + plot["width"] / 2, plot["y"] + plot["height"] / 2
    devtools = chart.page.context.new_cdp_session(chart.page)

    def touch(kind: str, *points: dict[str, float]) -> None:
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [*points]})

    touch("touchStart", {"x": x, "y": y})
    for step in range(1, 11):
        touch("touchMove", {"x": x + across * step / 10, "y": y + down * step / 10})
    touch("touchEnd")
    devtools.detach()


MAIN = "document.querySelector('[data-testid=stMain]')"


def ranges(chart: Locator) -> Any:
    return chart.evaluate("({ _fullLayout: { xaxis, yaxis } }) => [...xaxis.range, ...yaxis.range]")


def scrolled(page: Page) -> float:
    return float(page.evaluate(f"{MAIN}.scrollTop"))


def test_the_wheel_scrolls_over_a_field_for_a_number_too(server: Server, page: Page) -> None:
    page.goto(server.url)
    field = page.get_by_role("spinbutton", name="Epochs")
    field.click()
    scrolled = page.get_by_test_id("stMain")
    page.mouse.wheel(0, 100)

    wait_until(lambda: scrolled.evaluate("main => main.scrollTop") > 0)
    expect(field).to_have_value("10")


def test_a_swipe_that_begins_on_a_chart_scrolls_and_does_nothing_else(
    finished: Server, phone: Page
) -> None:
    for address, number in PAGES.items():
        phone.goto(f"{finished.url}/{address}")
        expect(phone.get_by_role("heading", level=1)).to_be_visible()
        charts = phone.locator(".js-plotly-plot:has(.nsewdrag)")
        expect(charts).to_have_count(number)
        at_rest(phone)
        before = phone.url
        for chart in charts.all():
            chart.evaluate("chart => chart.scrollIntoView({ block: 'center' })")
            axes, top = ranges(chart), scrolled(phone)
            swipe(chart, across=60, down=150)
            phone.wait_for_function(f"{MAIN}.scrollTop < {top} - 50")
            assert ranges(chart) == axes
        at_rest(phone)
        assert phone.url == before  # no cell is chosen
        expect(phone.get_by_role("button", name="Show all mistakes")).to_have_count(0)
        expect(charts).to_have_count(number)


def test_a_tap_chooses_a_cell_and_brings_its_images_into_view(
    finished: Server, phone: Page
) -> None:
    phone.goto(f"{finished.url}/evaluate?run={ONE}")
    matrix = phone.get_by_test_id("stPlotlyChart").filter(has_text="Predicted class")
    matrix.locator(".nsewdrag").wait_for()
    for digit in (0, 7):
        click_on_cell(matrix, digit, digit, touch=True)
        first = phone.get_by_role("img", name=f"{digit}, recognised with").first
        expect(first).to_be_in_viewport()
        expect(phone.get_by_text(re.compile(f"{digit}, recognised: "))).to_be_in_viewport()


def test_after_train_a_phone_shows_the_run_and_how_to_stop_it(server: Server, phone: Page) -> None:
    phone.goto(f"{server.url}/?{ENDLESS}")
    press_train(phone)

    expect(phone.get_by_role("button", name="Stop", exact=True)).to_be_in_viewport()
    expect(phone.get_by_test_id("stProgress")).to_be_in_viewport()
    phone.get_by_role("button", name="Stop", exact=True).tap()


def test_the_menu_of_a_phone_closes_and_covers_what_lies_beside_it(
    server: Server, phone: Page
) -> None:
    phone.goto(server.url)
    phone.wait_for_function("document.mended")
    menu = phone.get_by_test_id("stSidebar")
    phone.get_by_test_id("stExpandSidebarButton").tap()
    menu.get_by_role("link", name="Draw").tap()
    canvas = phone.get_by_role("img", name="What you have drawn: nothing yet")
    expect(canvas).to_be_visible()
    expect(menu).to_have_attribute("data-collapsed", "true")

    phone.get_by_test_id("stExpandSidebarButton").tap()
    place = canvas.bounding_box()
    assert place
    x, y = place["x"] + place["width"] - 10, place["y"] + 50
    phone.wait_for_function(
        "([x, y]) => document.elementFromPoint(x, y).id === 'stSidebar'", arg=[x, y]
    )
    phone.touchscreen.tap(x, y)
    expect(menu).to_have_attribute("data-collapsed", "true")
    expect(canvas).to_be_visible()  # still empty


# --- At a loss for an address ---


def test_guesses_at_an_address_lead_to_the_page(finished: Server, page: Page) -> None:
    for guess, heading, address in (
        ("Train?epochs=3", "Train", f"/?epochs=3&run={OTHER}"),
        (f"training/?run={ONE}", "Train", f"/?run={ONE}"),
        (f"Evaluation?run={ONE}&true_class=3", "Evaluate", f"/evaluate?run={ONE}&true_class=3"),
        (f"drawing?run={ONE}", "Draw", f"/draw?run={ONE}"),
        ("run", "Runs", "/runs"),
        ("datasets", "Data", "/data"),
    ):
        page.goto(f"{finished.url}/{guess}")
        expect(page.get_by_role("heading", name=heading, exact=True, level=1)).to_be_visible()
        expect(page).to_have_url(f"{finished.url}{address}")
        expect(page.get_by_role("dialog")).to_have_count(0)
    page.go_back()  # over the guess
    expect(page.get_by_role("heading", name="Runs", exact=True, level=1)).to_be_visible()


def test_a_guess_can_be_the_first_that_a_server_is_asked_for(
    fresh_server: Server, page: Page
) -> None:
    page.goto(f"{fresh_server.url}/dataset")

    expect(page.get_by_role("heading", name="Data", exact=True, level=1)).to_be_visible()
    expect(page).to_have_url(f"{fresh_server.url}/data")
    expect(page.get_by_role("heading", name="Class balance")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
