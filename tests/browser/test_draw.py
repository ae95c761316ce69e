"""Drawing in a real browser, with the mouse and with a finger, through to the answer."""

import re
import shutil
from collections.abc import Sequence
from itertools import pairwise

import pytest
from playwright.sync_api import Locator, Page, expect

from mnist_core.runs.folder import Run
from tests.browser.conftest import Server
from tests.conftest import wait_until

Stroke = Sequence[tuple[int, int]]
SEVEN: Stroke = [(70, 60), (200, 60), (120, 230)]
FOUR: Sequence[Stroke] = [[(90, 60), (80, 140), (190, 140)], [(180, 50), (170, 240)]]


@pytest.fixture
def server(server: Server, trained: Run) -> Server:
    """With one trained run."""
    shutil.copytree(trained.folder, server.runs / trained.id)
    return server


def canvas(page: Page) -> Locator:
    """The part of the canvas that takes the pen; as soon as it is there, it can be drawn on."""
    return page.locator("canvas.upper-canvas")


def canvas_top(page: Page) -> float:
    box = canvas(page).bounding_box()
    assert box
    return box["y"]


def ink(page: Page) -> int:
    """How many pixels of the canvas are not black."""
    count: int = page.locator("canvas.dc-canvas.lower-canvas").evaluate(
        """canvas => {
            const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return pixels.data.filter((value, index) => index % 4 === 0 && value > 0).length;
        }"""
    )
    return count


def draw(page: Page, stroke: Stroke) -> None:
    box = canvas(page).bounding_box()
    assert box
    points = [(box["x"] + x, box["y"] + y) for x, y in stroke]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=10)
    page.mouse.up()


def touch(page: Page, points: Stroke) -> None:
    """Draw a finger over the screen."""
    session = page.context.new_cdp_session(page)

    def send(kind: str, *at: tuple[int, int]) -> None:
        session.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in at]},
        )

    send("touchStart", points[0])
    for (x0, y0), (x1, y1) in pairwise(points):
        for step in range(1, 11):
            send("touchMove", (x0 + (x1 - x0) * step // 10, y0 + (y1 - y0) * step // 10))
            page.evaluate("new Promise(requestAnimationFrame)")  # no finger is faster
    send("touchEnd")


def button(page: Page, words: str) -> Locator:
    """A button of the page; those of the canvas's own tool bar are pictures."""
    return page.get_by_role("button").filter(has_text=words)


def says(page: Page, digit: str) -> None:
    expect(page.get_by_role("heading", name=digit, exact=True)).to_be_visible()


def invites(page: Page) -> None:
    expect(page.get_by_text("Draw a digit from 0 to 9.")).to_be_visible()


def test_every_stroke_is_answered_and_can_be_taken_back(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/draw")
    invites(page)
    same_canvas = canvas(page).element_handle()

    draw(page, FOUR[0])
    half = page.get_by_role("heading", level=2)
    expect(half).to_be_visible()
    said_of_half = half.inner_text()
    draw(page, FOUR[1])
    says(page, "4")
    button(page, "Undo").press("Enter")
    says(page, said_of_half)
    button(page, "Clear").press("Enter")
    invites(page)
    assert ink(page) == 0
    draw(page, SEVEN)
    says(page, "7")
    button(page, "Clear").click()  # to what has been cleared to before
    invites(page)

    assert ink(page) == 0
    assert same_canvas.evaluate("canvas => canvas.isConnected")


def test_one_tool_bar_is_enough(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/draw")
    invites(page)
    canvas(page).hover()
    canvas_own = page.locator(".dc-toolbar")
    expect(canvas_own).to_have_css("opacity", "1")  # it comes when the mouse does

    assert not canvas_own.evaluate(
        """async toolbar => {
            await Promise.all(toolbar.getAnimations().map(animation => animation.finished));
            const {x, y, width, height} = toolbar.getBoundingClientRect();
            return toolbar.contains(
                toolbar.getRootNode().elementFromPoint(x + width / 2, y + height / 2)
            );
        }"""
    )


def test_a_drawing_stays_while_other_pages_and_inputs_are_looked_at(
    server: Server, page: Page
) -> None:
    page.goto(server.url)
    menu = page.get_by_test_id("stTopNav")
    menu.get_by_role("link", name="Draw").click()
    invites(page)
    draw(page, SEVEN)
    says(page, "7")
    drawn = ink(page)

    menu.get_by_role("link", name="Data").click()
    expect(page.get_by_role("heading", name="Data")).to_be_visible()
    menu.get_by_role("link", name="Draw").click()
    says(page, "7")
    expect(canvas(page)).to_be_visible()
    assert ink(page) == drawn

    page.get_by_role("radio", name="Test image").click()
    expect(canvas(page)).to_be_hidden()
    page.get_by_role("radio", name="Drawing").click()
    says(page, "7")
    expect(canvas(page)).to_be_visible()
    assert ink(page) == drawn


def test_on_a_phone_a_finger_draws_on_the_canvas_and_scrolls_beside_it(
    server: Server, phone: Page
) -> None:
    phone.goto(f"{server.url}/draw")
    invites(phone)
    canvas(phone).scroll_into_view_if_needed()
    box = canvas(phone).bounding_box()
    assert box
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
    left, top = int(box["x"]), int(box["y"])
    assert left >= 0
    assert left + box["width"] < 360 - 40  # leaves a thumb's breadth
    touch(phone, [(left + x, top + y) for x, y in SEVEN])
    says(phone, "7")
    assert canvas_top(phone) == box["y"]  # drawing has neither moved it nor scrolled the page

    touch(phone, [(345, 500), (345, 200)])
    wait_until(lambda: canvas_top(phone) < box["y"])
    says(phone, "7")


def test_on_a_phone_the_answer_is_on_the_screen_with_the_whole_canvas(
    server: Server, phone: Page
) -> None:
    phone.goto(f"{server.url}/draw")
    invites(phone)

    draw(phone, SEVEN)

    says(phone, "7")
    sure = phone.get_by_text(re.compile(r"% sure\.$|^Unsure: "))
    for part in (phone.get_by_role("heading", name="7", exact=True), sure, canvas(phone)):
        expect(part).to_be_in_viewport(ratio=1)


def test_on_a_phone_two_digits_and_how_likely_they_are_fit_above_the_canvas(
    server: Server, phone: Page
) -> None:
    phone.goto(f"{server.url}/draw")
    invites(phone)

    draw(phone, FOUR[0])  # which is no digit yet

    expect(phone.get_by_text("Unsure: ")).to_be_in_viewport(ratio=1)
    expect(phone.get_by_role("heading", level=2)).to_be_in_viewport(ratio=1)
    expect(canvas(phone)).to_be_in_viewport(ratio=1)
