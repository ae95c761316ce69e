"""Where the form and the run lie on the page Train, on a wide screen and on a phone."""

import re
from functools import partial

from playwright.sync_api import Locator, Page, expect

from benchmarks.dashboard import at_rest
from mnist_core.runs.events import Paused, Started, append_event
from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore
from tests.browser.conftest import Server, nothing_twice
from tests.browser.test_walk import ENDLESS, epochs_drawn, press_train
from tests.builders import batch, epoch, fitting
from tests.conftest import LONG, SMALL, wait_until


def one_more_epoch(page: Page) -> Locator:
    """The button beside the field."""
    field = page.locator("[data-testid=stNumberInput]:has([aria-label=Epochs])")
    return field.get_by_role("button", name="Increment")


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


def test_on_a_phone_a_run_out_of_sight_is_announced_and_reached(
    server: Server, phone: Page
) -> None:
    phone.goto(f"{server.url}/?{ENDLESS}")
    press_train(phone)
    expect(phone).to_have_url(re.compile("run="))
    # To load TensorFlow takes as long as the machine is busy, whatever the page does.
    (run,) = RunStore(server.runs).list()
    wait_until(lambda: run.history().batches)
    heading = phone.get_by_role("heading", name=re.compile("running"))
    expect(heading).to_be_in_viewport()
    phone.mouse.wheel(0, -50)  # as people do: nothing scrolls them back from here on
    phone.get_by_role("button", name="Train", exact=True).scroll_into_view_if_needed()
    expect(heading).not_to_be_in_viewport()
    line = phone.get_by_text(re.compile(r"Epoch \d+ of 200.* · See it"))
    expect(line).to_be_in_viewport()
    begun = line.inner_text()
    expect(line).not_to_have_text(begun)

    line.get_by_role("link").click()
    expect(heading).to_be_in_viewport()
    expect(line).not_to_be_in_viewport()

    phone.goto(server.url)  # comes anew
    expect(heading).not_to_be_in_viewport()
    phone.get_by_role("link", name="one is in training").click()
    expect(heading).to_be_in_viewport()
    phone.get_by_role("button", name="Stop", exact=True).click()
    expect(phone.get_by_role("link", name="one is in training")).to_have_count(0)
    expect(phone.get_by_text(re.compile(r"\d%.* · See it"))).to_have_count(1)


def test_what_is_open_stays_open_while_the_network_changes(server: Server, page: Page) -> None:
    page.goto(server.url)
    parts = page.get_by_test_id("stExpander").locator("details")
    expect(parts).to_have_count(6)
    for part in reversed(parts.all()):
        part.locator("summary").click()
        expect(part).to_have_attribute("open", "")

    with nothing_twice(page):
        for choice, weights in (
            ("Convolutional", "421,930"),
            ("Tiny", "7,042"),
            ("Fast", "535,818"),
        ):
            page.get_by_text(choice, exact=True).filter(visible=True).click()
            expect(page.get_by_text(f"{weights} weights")).to_be_visible()
            expect(page.locator("details[open]")).to_have_count(6)


def test_one_press_trains_one_network_also_when_a_timer_asks_in_between(
    server: Server, page: Page
) -> None:
    # The browser sends a press a moment after it. In a longer one, the page's timer is sure to ask.
    page.add_init_script(
        "const real = setTimeout;"
        "window.setTimeout = (f, ms, ...rest) => real(f, ms || 700, ...rest);"
    )
    page.goto(server.url)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page).to_have_url(re.compile("run="))
    page.get_by_text("Convolutional", exact=True).click()
    expect(page.get_by_text("421,930 weights")).to_be_visible()  # all from before is answered

    assert len(RunStore(server.runs).list()) == 1


FAR_AWAY = """
const add = WebSocket.prototype.addEventListener;
WebSocket.prototype.addEventListener = function (kind, hear, ...rest) {
    const later = event => setTimeout(() => hear(event), 700);
    return add.call(this, kind, kind === "message" ? later : hear, ...rest);
};
"""
"""Has the browser hear of each drawing a while after it was made."""


def test_clicks_that_follow_faster_than_answers_all_count(server: Server, page: Page) -> None:
    page.add_init_script(FAR_AWAY)
    page.goto(server.url)
    expect(page.get_by_role("radio", name="Article")).to_be_checked()
    at_rest(page)
    more = one_more_epoch(page)
    for number in (11, 12, 13):
        more.click()
        expect(page.get_by_role("spinbutton", name="Epochs")).to_have_value(str(number))
        page.wait_for_timeout(450)  # the server has answered, and the browser not heard yet

    expect(page).to_have_url(re.compile("epochs=13"))
    expect(page.get_by_role("radio", name="Article")).not_to_be_checked()
    page.get_by_text("Fast", exact=True).filter(visible=True).click()
    expect(page).to_have_url(re.compile("schedule=one-cycle", re.IGNORECASE))
    expect(page.get_by_role("radio", name="Fast")).to_be_checked()
    expect(page.get_by_role("spinbutton", name="Epochs")).to_have_value("3")


PLACES = """() => [...document.querySelectorAll(".js-plotly-plot")].map(chart => {
    const { x, y } = chart.getBoundingClientRect(), plot = chart._fullLayout._size;
    return [x, y + scrollY, plot.l, plot.t, plot.w, plot.h].map(Math.round);
})"""
"""Where each chart lies, and its curves in it."""


def is_drawn(page: Page, epoch: int) -> bool:
    return epochs_drawn(page) == epoch


def test_the_curves_of_a_live_run_keep_their_place_and_are_in_sight(
    server: Server, page: Page
) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    run = RunStore(server.runs).create(LONG)  # this process answers for it
    page.goto(f"{server.url}/?run={run.id}")
    charts = page.locator(".js-plotly-plot")
    expect(charts).to_have_count(2)
    for chart in charts.all():
        expect(chart.locator(".infolayer")).to_be_attached()
        expect(chart).to_be_in_viewport(ratio=1)
    waiting = page.evaluate(PLACES)
    begun = page.evaluate_handle("document.querySelector('.js-plotly-plot')")

    append_event(run.folder, Started())
    append_event(run.folder, fitting(steps_per_epoch=50))
    for number in (1, 2):
        for step in range(1, 51):
            append_event(run.folder, batch(number, step))
        append_event(run.folder, epoch(number, step=50))
        wait_until(partial(is_drawn, page, number))
        assert page.evaluate(PLACES) == waiting
    append_event(run.folder, Paused(epoch=3, step=1, steps=101))
    page.get_by_test_id("stProgress").get_by_text("Paused · Epoch").wait_for()
    at_rest(page)

    assert page.evaluate(PLACES) == waiting
    assert page.evaluate("chart => chart.isConnected", begun), "the chart was made anew"


def has_rate(run: Run, rate: float) -> bool:
    return run.control().learning_rate == rate


def test_what_has_just_been_changed_is_not_undone_by_what_was_drawn_before(
    server: Server, page: Page
) -> None:
    page.add_init_script(FAR_AWAY)
    run = RunStore(server.runs).create(LONG)  # this process answers for it
    for event in (Started(), fitting(), epoch(), Paused(epoch=2, step=32, steps=89)):
        append_event(run.folder, event)
    page.goto(f"{server.url}/?run={run.id}")
    slider = page.get_by_role("slider", name="Learning rate")
    slider.wait_for()
    at_rest(page)

    for rate in (0.0007, 0.0005, 0.0003, 0.0002):
        slider.press("ArrowLeft")
        wait_until(partial(has_rate, run, rate))
        page.get_by_role("button", name="32 batches").click()
        wait_until(lambda: run.control().pause_at is not None)
        assert run.control().learning_rate == rate
        run.want(pause_at=None)


def test_what_is_pressed_twice_stays_under_the_pointer(server: Server, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(server.url)
    page.get_by_text("Measured:").or_(page.get_by_text("recipe of the tutorial")).wait_for()
    epochs = page.get_by_role("spinbutton", name="Epochs")
    more = one_more_epoch(page)
    train = page.get_by_role("button", name="Train", exact=True)
    train.wait_for()
    at, before = more.bounding_box(), top(train)
    assert at
    for number in (11, 12, 13):  # from the first one on, it is no preset any more
        page.mouse.click(at["x"] + at["width"] / 2, at["y"] + at["height"] / 2)
        expect(epochs).to_have_value(str(number))
        expect(page).to_have_url(re.compile(rf"epochs={number}"))

    assert top(train) == before
    assert RunStore(server.runs).list() == []


def test_a_number_that_was_just_typed_is_trained(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/?dataset=mnist-sample&epochs=1")
    expect(page.get_by_text("535,818 weights")).to_be_visible()
    for units in (96, 48, 24):  # nobody presses Enter first
        page.get_by_role("spinbutton", name="Units in 1").fill(str(units))
        page.get_by_role("button", name="Train", exact=True).click()
        expect(page.get_by_role("heading", name=f"Dense {units}-256")).to_be_visible()


NOTIFICATIONS = """
window.notified = [];
window.Notification = class {
    static permission = "default";
    static async requestPermission() { return Notification.permission = "granted" }
    constructor(title, { body }) { window.notified.push(body) }
};
Object.defineProperty(document, "hidden", { get: () => true });
"""
"""A browser that has nobody to ask, and whose window nobody looks at."""


def test_whoever_is_elsewhere_is_told_that_a_network_is_trained(server: Server, page: Page) -> None:
    page.add_init_script(NOTIFICATIONS)
    page.goto(f"{server.url}/?dataset=mnist-sample&epochs=3&layers=1&width_1=16")
    press_train(page)
    offer = page.get_by_role("button", name="Notify me when it ends")
    offer.click()
    expect(offer).to_have_count(0)
    page.get_by_test_id("stTopNav").get_by_role("link", name="Data").click()

    toast = page.get_by_test_id("stToast").filter(has_text="Trained: Dense 16, 3 epochs")
    expect(toast).to_be_visible(timeout=60_000)
    page.wait_for_function("window.notified.length > 0")
    (said,) = page.evaluate("window.notified")
    assert said.startswith("Trained: Dense 16, 3 epochs")
