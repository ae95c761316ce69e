"""Drawing in a real browser, with the mouse and with a finger, through to the answer."""

import re
import shutil
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from benchmarks.dashboard import at_rest
from mnist_core.answer import answer
from mnist_core.drawing import network_input
from mnist_core.drawing.strokes import image_from_strokes
from mnist_core.inference import Predictor
from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore
from tests.browser.conftest import Server
from tests.conftest import wait_until

Stroke = Sequence[tuple[int, int]]
"""Points in 280ths of the canvas."""
SIDE = 280
SEVEN: Stroke = [(70, 60), (200, 60), (120, 230)]
FOUR: Sequence[Stroke] = [[(90, 60), (80, 140), (190, 140)], [(180, 50), (170, 240)]]


@pytest.fixture
def server(server: Server, trained: Run) -> Server:
    """With one trained run."""
    shutil.copytree(trained.folder, server.runs / trained.id)
    return server


def canvas(page: Page) -> Locator:
    """The part of the canvas that takes the pen; as soon as it is there, it can be drawn on."""
    return page.get_by_role("img", name="What you have drawn")


def canvas_top(page: Page) -> float:
    box = canvas(page).bounding_box()
    assert box
    return box["y"]


def ink(page: Page) -> int:
    """How many pixels of the canvas are not black."""
    count: int = canvas(page).evaluate(
        """canvas => {
            const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return pixels.data.filter((value, index) => index % 4 === 0 && value > 0).length;
        }"""
    )
    return count


def kept(page: Page) -> list[list[list[float]]]:
    """The strokes that the browser holds, in 280ths of the canvas."""
    strokes: list[list[list[float]]] = page.evaluate(
        "JSON.parse(sessionStorage.getItem('digit-lab-drawing'))"
    )
    return strokes


def answer_to(strokes: list[list[list[float]]], run: Run) -> str:
    """What the chart says once the run's network has been asked about just these strokes."""
    outline = run.dataset()
    image = network_input.on_ground(image_from_strokes(strokes), outline)
    probabilities = Predictor(run.folder).probabilities(image[np.newaxis])[0]
    bars = answer(probabilities, outline.class_names).bars
    return ", ".join(f"{bar.name}: {bar.words}" for bar in bars)


def on_screen(page: Page, stroke: Stroke) -> Stroke:
    """A stroke in 280ths of the canvas, in pixels of the screen."""
    box = canvas(page).bounding_box()
    assert box
    scale = box["width"] / SIDE
    return [(round(box["x"] + x * scale), round(box["y"] + y * scale)) for x, y in stroke]


def draw(
    page: Page,
    stroke: Stroke,
    steps: int = 10,
    lasts: float = 0,
    at_once_after: Callable[[], None] = lambda: None,
) -> None:
    """With the mouse, in so many steps from point to point, for so many milliseconds longer."""
    points = on_screen(page, stroke)
    at_once_after()
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=steps)
    page.wait_for_timeout(lasts)
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
    return page.get_by_role("button").filter(has_text=words)


def chart(page: Page) -> Locator:
    """How likely each class is; its name holds the figures."""
    return page.get_by_role("img", name="0: ")


def says(page: Page, digit: str) -> None:
    expect(page.get_by_role("heading", name=digit, exact=True)).to_be_visible()


def invites(page: Page) -> None:
    expect(page.get_by_text("Draw a digit from 0 to 9.")).to_be_visible()


def stays_where_it_is(page: Page) -> None:
    """The page has been drawn, and nothing that is still to come moves the canvas."""
    invites(page)
    at_rest(page)
    page.evaluate("document.fonts.ready.then(() => null)")  # they move what lies below text


def test_every_stroke_is_answered_and_can_be_taken_back(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/draw")
    stays_where_it_is(page)
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


@pytest.mark.parametrize("by_keyboard", [False, True])
@pytest.mark.parametrize("words", ["Clear", "Undo"])
def test_a_stroke_begun_at_once_after_clear_or_undo_stays_and_is_answered(
    server: Server, trained: Run, page: Page, words: str, by_keyboard: bool
) -> None:
    page.goto(f"{server.url}/draw")
    stays_where_it_is(page)
    strokes = [[(170, 12), (260, 20)], [(20, 5), (260, 24)], [(60, 100), (90, 250)]]

    for nth in range(10):
        draw(page, SEVEN)
        says(page, "7")
        button(page, words).focus()
        # Over within milliseconds, or while the server answers, or after that.
        draw(
            page,
            strokes[nth % 3],
            steps=1,
            lasts=(0, 40, 0, 400)[nth % 4],
            at_once_after=lambda: (
                page.keyboard.press("Enter") if by_keyboard else button(page, words).click()
            ),
        )

        (drawn,) = kept(page)
        assert drawn == [pytest.approx(point, abs=1) for point in strokes[nth % 3]]
        expect(chart(page)).to_have_attribute("aria-label", answer_to([drawn], trained))
        button(page, "Clear").press("Enter")
        invites(page)


def test_strokes_that_follow_faster_than_answers_are_all_answered(
    server: Server, trained: Run, page: Page
) -> None:
    page.goto(f"{server.url}/draw")
    stays_where_it_is(page)

    for _ in range(5):
        for stroke in FOUR:
            draw(page, stroke)
        for _ in FOUR:
            button(page, "Undo").press("Enter")
    for stroke in FOUR:
        draw(page, stroke)

    drawn = kept(page)
    assert len(drawn) == len(FOUR)
    for points, asked in zip(drawn, FOUR, strict=True):
        assert points[0] == pytest.approx(asked[0], abs=1)
        assert points[-1] == pytest.approx(asked[-1], abs=1)
    expect(chart(page)).to_have_attribute("aria-label", answer_to(drawn, trained))
    says(page, "4")


def test_a_click_is_a_dot_also_one_that_trembles(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/draw")
    stays_where_it_is(page)
    answers = []
    for length in (0, 8, 10):  # the pen is 18 wide
        draw(page, [(100, 100), (100, 100 + length)])
        chart(page).wait_for()
        answers.append(chart(page).get_attribute("aria-label"))
        assert ink(page) > 200
        button(page, "Clear").press("Enter")
        invites(page)

    assert answers[0] == answers[1] != answers[2]


def test_200_000_points_are_thinned_out_and_answered_soon(server: Server, page: Page) -> None:
    sizes: list[int] = []
    page.on(
        "websocket",
        lambda socket: socket.on("framesent", lambda frame: sizes.append(len(frame))),
    )
    page.goto(f"{server.url}/draw")
    stays_where_it_is(page)

    canvas(page).evaluate(
        """canvas => {
            const {left, top} = canvas.getBoundingClientRect();
            const at = n => ({
                clientX: left + 140 + 130 * Math.sin(n / 37),
                clientY: top + 140 + 130 * Math.cos(n / 41),
                isPrimary: true, pointerId: 1,
            });
            const send = (kind, n, passed) => canvas.dispatchEvent(new PointerEvent(
                kind,
                {...at(n), coalescedEvents: passed.map(n => new PointerEvent(kind, at(n)))},
            ));
            canvas.setPointerCapture = () => {};  // there is no such pointer
            send("pointerdown", 0, []);
            for (let n = 0; n < 200_000; n += 1000)
                send("pointermove", n, [...Array(1000).keys()].map(i => n + i));
            send("lostpointercapture", 0, []);
        }"""
    )

    expect(chart(page)).to_be_visible(timeout=10_000)
    assert 100_000 < max(sizes) < 500_000  # bytes, of 20,000 points


def test_nothing_invisible_takes_the_focus_or_the_pen(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/draw")
    stays_where_it_is(page)
    draw(page, SEVEN)
    says(page, "7")
    canvas(page).hover()
    page.wait_for_timeout(500)  # what comes with the mouse has come

    assert canvas(page).evaluate(
        """canvas => {
            const {left, top, width} = canvas.getBoundingClientRect();
            const inside = [...Array(280).keys()].map(part => Math.floor(part * width / 280));
            return inside.every(x => inside.every(y =>
                document.elementFromPoint(left + x + 0.5, top + y + 0.5) === canvas));
        }"""
    )
    button(page, "Pen").focus()
    for words in ("Clear", "Undo"):
        page.keyboard.press("Shift+Tab")
        expect(button(page, words)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("radio", name="Test image")).to_be_focused()


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


def test_a_drawing_survives_a_reload_and_can_be_undone_then(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/draw")
    stays_where_it_is(page)
    for stroke in FOUR:
        draw(page, stroke)
    says(page, "4")
    answer, drawn = chart(page).get_attribute("aria-label"), ink(page)

    page.reload()

    says(page, "4")
    expect(chart(page)).to_have_attribute("aria-label", str(answer))
    assert ink(page) == drawn
    page.keyboard.press("Control+z")
    expect(canvas(page)).to_have_accessible_name("What you have drawn: 1 stroke")
    button(page, "Clear").press("Enter")
    invites(page)
    expect(button(page, "Clear")).to_be_focused()  # it has not been taken away
    page.reload()
    invites(page)
    expect(canvas(page)).to_have_accessible_name("What you have drawn: nothing yet")


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_canvas_answer_bars_and_tools_are_on_the_screen_together(
    server: Server, page: Page, width: int, height: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{server.url}/draw")
    stays_where_it_is(page)

    draw(page, FOUR[0])  # which is no digit yet

    read_out = page.get_by_role("status").filter(has_text=re.compile("% sure|Unsure"))
    parts = [canvas(page), read_out, chart(page), button(page, "Undo"), button(page, "Clear")]
    for part in parts:
        expect(part).to_be_in_viewport(ratio=1)
    box = canvas(page).bounding_box()
    assert box
    assert box["width"] == box["height"] >= min(400, width - 2 * 16)


def test_while_the_network_learns_each_epoch_answers_the_drawing_anew(
    server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/?dataset=mnist-sample&epochs=200&learning_rate=0.0001")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page).to_have_url(re.compile("run="))
    page.get_by_test_id("stTopNav").get_by_role("link", name="Draw").click()
    expect(canvas(page)).to_be_visible()
    draw(page, SEVEN)  # before there is anything to answer it
    as_of = page.get_by_text(re.compile(r"^As of epoch \d+ of 200; it answers anew"))
    expect(as_of).to_be_visible(timeout=120_000)
    drawn, answers, epochs = ink(page), set(), set()

    def has_answered_three_times() -> bool:
        epochs.add(as_of.inner_text())
        answers.add(chart(page).get_attribute("aria-label"))
        return len(epochs) > 2 and len(answers) > 2

    wait_until(has_answered_three_times)
    assert ink(page) == drawn
    (run, _) = RunStore(server.runs).list()
    run.want(stop=True)
    expect(as_of).to_be_hidden()
    says(page, "7")  # by the finished network


def test_a_drawing_stays_when_the_page_around_it_changes(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/draw?test_image=abc")
    warning = page.get_by_text("allowed: a whole number from 0")
    expect(warning).to_be_visible()
    draw(page, FOUR[0])
    chart(page).wait_for()
    drawn = ink(page)

    page.keyboard.press("r")  # runs all of the page again, this time without a warning
    expect(warning).to_be_hidden()
    expect(canvas(page)).to_have_count(1)
    expect(button(page, "Undo")).to_be_enabled()
    assert ink(page) == drawn
    draw(page, FOUR[1])
    says(page, "4")


def test_on_a_phone_a_finger_draws_on_all_of_its_width_and_scrolls_below_it(
    server: Server, phone: Page
) -> None:
    phone.goto(f"{server.url}/draw")
    stays_where_it_is(phone)
    canvas(phone).scroll_into_view_if_needed()
    box = canvas(phone).bounding_box()
    assert box
    assert phone.evaluate("document.documentElement.scrollWidth") == 360
    assert 0 <= box["x"] <= 16
    assert 360 - 16 <= box["x"] + box["width"] <= 360
    touch(phone, on_screen(phone, SEVEN))
    says(phone, "7")
    assert canvas_top(phone) == box["y"]  # drawing has neither moved it nor scrolled the page

    touch(phone, [(180, 720), (180, 420)])
    wait_until(lambda: canvas_top(phone) < box["y"])
    says(phone, "7")


def test_on_a_phone_the_answer_is_on_the_screen_with_the_whole_canvas(
    server: Server, phone: Page
) -> None:
    phone.goto(f"{server.url}/draw")
    stays_where_it_is(phone)

    draw(phone, SEVEN)

    says(phone, "7")
    sure = phone.get_by_text(re.compile(r"% sure\.$|^Unsure: "))
    for part in (phone.get_by_role("heading", name="7", exact=True), sure, canvas(phone)):
        expect(part).to_be_in_viewport(ratio=1)


def test_on_a_phone_two_digits_and_how_likely_they_are_fit_on_the_screen_with_the_canvas(
    server: Server, phone: Page
) -> None:
    phone.goto(f"{server.url}/draw")
    stays_where_it_is(phone)

    draw(phone, FOUR[0])  # which is no digit yet

    expect(phone.get_by_text("Unsure: ")).to_be_in_viewport(ratio=1)
    expect(phone.get_by_role("heading", level=2)).to_be_in_viewport(ratio=1)
    expect(canvas(phone)).to_be_in_viewport(ratio=1)
