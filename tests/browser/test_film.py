"""The film, played: what only a timer and a browser do."""

import re
import shutil

from playwright.sync_api import Page, expect

from benchmarks.dashboard import at_rest
from mnist_core.runs.folder import Run
from tests.browser.conftest import Server


def test_the_film_plays_to_its_end_and_can_be_stopped(
    server: Server, page: Page, trained: Run
) -> None:
    shutil.copytree(trained.folder, server.runs / trained.id)
    page.goto(server.url)
    at_rest(page)
    page.get_by_text("See inside: the film").click()
    right = page.get_by_text(re.compile(r"^\d+ of 500 test images right"))
    expect(right).to_be_visible()
    finished = right.inner_text()

    page.get_by_role("button", name="Play").click()
    expect(right).not_to_have_text(finished)  # it begins with the untrained network
    stop = page.get_by_test_id("stMain").get_by_role("button", name="Stop")
    moment = page.get_by_role("slider", name="Moment")
    expect(moment).to_have_attribute("aria-valuetext", re.compile("^epoch 1"))
    stop.evaluate("button => button.click()")  # the mouse may take longer than the film lasts
    expect(moment).to_be_enabled()
    expect(right).not_to_have_text(finished)

    moment.press("Home")
    expect(moment).to_have_attribute("aria-valuetext", "untrained")
    at_rest(page)
    page.get_by_role("button", name="Play").click()  # goes on from where people have moved it
    expect(stop).to_be_visible()
    expect(moment).to_have_attribute("aria-valuetext", re.compile("^epoch 1"))
    expect(moment).to_have_attribute("aria-valuetext", re.compile("^epoch 2"))
    expect(stop).to_be_hidden()
    expect(moment).to_have_attribute("aria-valuetext", "the finished network")
    expect(right).to_have_text(finished)
