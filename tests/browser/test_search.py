"""The page Search in Chromium, with a process that really searches."""

import re

from playwright.sync_api import Page, expect

from benchmarks.dashboard import at_rest
from mnist_core.link import command
from mnist_core.search import study as studies
from tests.browser.conftest import Server, nothing_twice
from tests.browser.test_runs import tick
from tests.conftest import wait_until

LONG = 120_000  # ms; its process loads TensorFlow


def fill(page: Page, label: str, text: str) -> None:
    field = page.get_by_role("spinbutton", name=label, exact=True)
    field.fill(text)
    field.press("Enter")
    at_rest(page)


def to_data_and_back(page: Page) -> None:
    page.get_by_test_id("stTopNav").get_by_role("link", name="Data").click()
    expect(page.get_by_role("heading", name="Class balance")).to_be_visible()
    page.go_back()


def test_a_newcomer_begins_a_search_sees_it_go_on_and_takes_its_best(
    server: Server, page: Page
) -> None:
    page.goto(server.url)
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_visible()
    at_rest(page)
    page.get_by_role("link", name="Search").click()
    expect(page.get_by_text("Choose what may vary")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 720})
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_in_viewport(ratio=1)
    for label, typed, read in (
        ("Learning rate: from", "0,001", "0.001"),
        ("Trials", "1,250,000", "1250000"),
        ("Trials", "12,5", "12.5"),
    ):
        field = page.get_by_role("spinbutton", name=label, exact=True)
        field.clear()
        field.press_sequentially(typed)
        field.press("Enter")
        at_rest(page)
        expect(field).to_have_value(read)
    expect(page.get_by_text("Trials: 12.5 is refused; allowed: a whole number")).to_be_visible()
    fill(page, "Trials", "4")
    fill(page, "Epochs per trial", "1")
    page.get_by_text("Aim and method").click()
    fill(page, "Best trials to confirm", "1")
    fill(page, "Seeds to confirm each", "2")
    asked = page.get_by_text("4 trials of 1 epoch, then 2 runs to confirm")
    for come_back in (lambda: None, page.reload, lambda: to_data_and_back(page)):
        come_back()
        expect(asked).to_be_visible()
        at_rest(page)
    page.get_by_role("spinbutton", name="Trials", exact=True).fill("3")  # and no Enter
    with nothing_twice(page):
        page.get_by_role("button", name="Search", exact=True).click()
        expect(page.get_by_text("0 of 3 trials")).to_be_visible()
        expect(page.get_by_role("link", name="Watch it")).to_be_visible(timeout=LONG)
        expect(page.get_by_role("heading", name="Trials", exact=True)).to_be_visible(timeout=LONG)
    (study,) = studies.every(server.runs)

    page.reload()
    expect(page).to_have_url(re.compile(f"study={study.id}"))
    expect(page.get_by_text(re.compile("^3 of 3 trials: "))).to_be_visible(timeout=LONG)
    expect(page.get_by_role("heading", name="Confirmed with other seeds")).to_be_visible()
    wait_until(lambda: not study.conducted)

    best = studies.best(study.trials(), "accuracy")[0]
    navigation = page.get_by_test_id("stTopNav")
    navigation.get_by_role("link", name="Train").click()
    page.get_by_role("radio", name="Fast", exact=True).click()
    expect(page).to_have_url(re.compile("schedule=One-cycle"))
    navigation.get_by_role("link", name="Search").click()
    expect(page.get_by_role("heading", name="Trials", exact=True)).to_be_visible()
    at_rest(page)
    tick(page, 0)
    expect(page.get_by_text(f"Trial {best.number}", exact=True)).to_be_visible()
    page.get_by_role("link", name="Use its settings").click()
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_in_viewport()
    width = page.get_by_role("spinbutton", name="Units in 1")
    expect(width).to_have_value(str(best.config.widths[0]))
    page.get_by_text("Share: command and link").click()
    shared = page.get_by_text(command(best.config), exact=True)
    expect(shared).to_be_visible()  # with nothing that the form had of the preset Fast


def test_on_a_phone_the_fields_of_a_range_stay_beside_each_other(
    server: Server, phone: Page
) -> None:
    varied = ("Learning rate", "Label smoothing", "Elastic distortion")
    phone.goto(f"{server.url}/search?" + "&".join(f"search_varied={name}" for name in varied))
    for name in varied:
        low, high = (phone.get_by_label(f"{name}: {side}") for side in ("from", "to"))
        expect(high).to_be_visible()
        at_rest(phone)
        places = [field.bounding_box() for field in (low, high)]
        assert places[0]
        assert places[1]
        assert places[0]["y"] == places[1]["y"]
        assert places[0]["x"] + places[0]["width"] < places[1]["x"]
