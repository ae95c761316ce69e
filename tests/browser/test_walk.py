"""A new user's whole walk in Chromium: train, watch, reload, stop, evaluate, draw."""

import re
from typing import Any

from playwright.sync_api import Page, expect

from mnist_core.runs.store import RunStore
from tests.browser.conftest import Server
from tests.conftest import wait_until

ENDLESS = "dataset=mnist-sample&epochs=200"
"""A training that does not end while a test looks on; the settings are in the address."""


def press_train(page: Page) -> None:
    page.get_by_role("button", name="Train", exact=True).click()


def chart(page: Page, number: int = 0) -> Any:
    """What plotly draws now: batches, epochs, and the ranges of the axes."""
    return page.evaluate(
        """number => {
            const chart = document.querySelectorAll(".js-plotly-plot")[number];
            const points = name => chart._fullData.find(trace => trace.name === name)?.x?.length;
            return chart?._fullData && {
                batches: points("Batches") ?? 0,
                epochs: points("Validation") ?? 0,
                range: chart._fullLayout.xaxis.range,
                upright: chart._fullLayout.yaxis.range,
            };
        }""",
        number,
    )


def epochs_drawn(page: Page) -> int:
    drawn = chart(page)
    return drawn["epochs"] if drawn else 0


def watch_until(page: Page, epochs: int) -> None:
    wait_until(lambda: epochs_drawn(page) >= epochs)


def test_train_two_epochs_evaluate_and_draw(fresh_server: Server, page: Page) -> None:
    page.goto(f"{fresh_server.url}/?epochs=2")
    press_train(page)

    expect(page.get_by_text("Trained to the end.")).to_be_visible(timeout=120_000)
    expect(page.get_by_text("Test accuracy")).to_be_visible()
    wait_until(lambda: epochs_drawn(page) == 2)

    page.get_by_role("link", name="Evaluate it").click()
    expect(page.get_by_role("heading", name="Evaluate", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Classification report")).to_be_visible()

    click_a_mistake(fresh_server, page)

    page.get_by_test_id("stTopNav").get_by_role("link", name="Draw").click()
    expect(page.get_by_role("heading", name="Draw", exact=True)).to_be_visible()
    draw_a_one(page)
    expect(page.get_by_test_id("stMain")).to_contain_text(re.compile(r"\d %|\d%"))


def click_a_mistake(server: Server, page: Page) -> None:
    """Click the cell of the confusion matrix with the most mistakes; its images are shown."""
    (run,) = RunStore(server.runs).list()
    probabilities, labels = run.test_results()
    pairs = [
        (int(true), int(answer))
        for true, answer in zip(labels, probabilities.argmax(axis=1), strict=True)
        if true != answer
    ]
    true, answer = max(pairs, key=pairs.count)
    page.get_by_role("heading", name="Confusion matrix and mistakes").scroll_into_view_if_needed()
    page.locator(".js-plotly-plot .heatmaplayer").last.wait_for()
    x, y = page.evaluate(
        """([column, row]) => {
            const chart = [...document.querySelectorAll(".js-plotly-plot")]
                .find(chart => chart.data[0].type === "heatmap");
            chart.scrollIntoView({block: "center"});
            const {xaxis, yaxis} = chart._fullLayout, box = chart.getBoundingClientRect();
            return [
                box.x + xaxis._offset + xaxis.d2p(column),
                box.y + yaxis._offset + yaxis.d2p(row),
            ];
        }""",
        [answer, true],
    )
    page.mouse.click(x, y)
    expect(
        page.get_by_text(f"{true}, taken for {answer}: {pairs.count((true, answer))}")
    ).to_be_visible()
    expect(page.get_by_role("img", name=f"{true}, taken for {answer} with").first).to_be_visible()


def draw_a_one(page: Page) -> None:
    canvas = page.locator("canvas").last
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    page.mouse.move(box["x"] + 150, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 140, box["y"] + 220, steps=10)
    page.mouse.up()


def test_curves_grow_while_widgets_answer(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/?{ENDLESS}")
    press_train(page)
    watch_until(page, epochs=1)

    page.get_by_role("spinbutton", name="Units in 1").fill("300")
    page.get_by_role("spinbutton", name="Units in 1").press("Enter")
    expect(page.get_by_text("315,126 weights")).to_be_visible()

    before = epochs_drawn(page)
    watch_until(page, epochs=before + 2)

    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped. What was learned is kept.")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Test accuracy")).to_be_visible()


def test_a_run_is_found_again_after_a_reload_in_another_tab_and_from_another_page(
    server: Server, page: Page
) -> None:
    page.goto(f"{server.url}/?{ENDLESS}")
    press_train(page)
    watch_until(page, epochs=1)
    address = page.url
    assert "run=" in address

    seen = epochs_drawn(page)
    page.reload()
    watch_until(page, epochs=seen + 1)
    assert page.get_by_role("spinbutton", name="Epochs").input_value() == "200"

    other = page.context.new_page()
    other.goto(address)
    watch_until(other, epochs=seen + 2)
    watch_until(page, epochs=seen + 2)
    other.close()

    page.get_by_test_id("stTopNav").get_by_role("link", name="Data").click()
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    page.get_by_test_id("stTopNav").get_by_role("link", name="Train").click()
    watch_until(page, epochs=seen + 3)
    assert len(RunStore(server.runs).list()) == 1


def test_back_leads_to_the_form_as_it_was_left(server: Server, page: Page) -> None:
    page.goto(server.url)
    page.get_by_text("Convolutional", exact=True).click()
    filters = page.get_by_role("spinbutton", name="Filters in 1")
    filters.fill("20")
    filters.press("Enter")
    expect(page).to_have_url(re.compile(r"filters_1=20"))
    expect(page.get_by_text("414,862 weights")).to_be_visible()
    page.get_by_test_id("stTopNav").get_by_role("link", name="Data").click()
    expect(page.get_by_role("heading", name="Class balance")).to_be_visible()

    page.go_back()
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?architecture=Convolutional&filters_1=20$"))
    expect(filters).to_have_value("20")


def test_a_run_is_paused_left_found_again_steered_and_continued(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/?{ENDLESS}")
    press_train(page)
    watch_until(page, epochs=1)
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_test_id("stProgress").get_by_text("Paused · Epoch")).to_be_visible()

    page.get_by_test_id("stTopNav").get_by_role("link", name="Data").click()
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    page.get_by_test_id("stTopNav").get_by_role("link", name="Train").click()
    expect(page.get_by_test_id("stProgress").get_by_text("Paused · Epoch")).to_be_visible()
    (run,) = RunStore(server.runs).list()
    seen = len(run.history().epochs)

    slider = page.get_by_role("slider", name="Learning rate")
    slider.focus()
    slider.press("ArrowLeft")
    wait_until(lambda: run.history().learning_rates)
    page.get_by_role("button", name="To the epoch's end").click()
    watch_until(page, epochs=seen + 1)
    expect(page.get_by_test_id("stProgress").get_by_text("Paused · Epoch")).to_be_visible()
    assert len(run.history().epochs) == seen + 1
    expect(page.get_by_text("learning rate 0.0007").first).to_be_visible()

    page.get_by_role("button", name="Continue", exact=True).click()
    watch_until(page, epochs=seen + 2)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("spinbutton", name="More epochs").fill("2")
    page.get_by_role("spinbutton", name="More epochs").press("Enter")
    page.get_by_role("button", name="Train more").click()
    expect(page.get_by_text("Trained to the end.")).to_be_visible()
    expect(page.get_by_role("link", name="Continues")).to_be_visible()
    child, _ = RunStore(server.runs).list()
    assert child.history().continued[-1].run == run.id
    # The words come before the curves of the run that they are about have been drawn.
    wait_until(lambda: epochs_drawn(page) == len(run.history().epochs) + 2)


def test_zoom_is_kept_while_the_curves_grow(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/?{ENDLESS}")
    press_train(page)
    watch_until(page, epochs=1)
    plot = page.locator(".js-plotly-plot .nsewdrag").first
    box = plot.bounding_box()
    assert box
    page.mouse.move(box["x"] + 20, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 90, box["y"] + 150, steps=20)
    page.mouse.up()
    wait_until(lambda: chart(page)["range"][1] < 150)
    zoomed = chart(page)
    first_chart = page.evaluate_handle("document.querySelector('.js-plotly-plot')")
    watch_until(page, epochs=epochs_drawn(page) + 2)

    seen = chart(page)
    assert seen["range"] == zoomed["range"]
    assert seen["upright"] == zoomed["upright"]
    assert seen["batches"] >= 2 * seen["epochs"]  # those of all epochs; two in each, of the sample
    assert page.evaluate("chart => chart.isConnected", first_chart), "the chart was made anew"

    page.mouse.dblclick(box["x"] + 200, box["y"] + 100)
    wait_until(lambda: chart(page)["range"] == [0, 204])


def test_settings_survive_a_reload(server: Server, page: Page) -> None:
    page.goto(server.url)
    page.get_by_text("Tiny", exact=True).click()
    expect(page.get_by_role("spinbutton", name="Filters in 3")).to_have_value("24")
    expect(page).to_have_url(re.compile("dropout=0"))
    page.reload()

    expect(page.get_by_role("spinbutton", name="Filters in 3")).to_have_value("24")
    expect(page.get_by_role("spinbutton", name="Hidden layers")).to_have_value("0")
    expect(page.get_by_role("spinbutton", name="Epochs")).to_have_value("8")
    expect(page.get_by_role("radio", name="Tiny")).to_be_checked()
