"""Two dashboards on the same runs: each shows what the other does, and trains only its own."""

import re

from playwright.sync_api import Page, expect

from mnist_core.runs.events import State
from mnist_core.runs.folder import Labels
from mnist_core.runs.store import RunStore
from tests.browser.conftest import Server, nothing_twice
from tests.conftest import wait_until

ENDLESS = "dataset=mnist-sample&epochs=200&width_1=1024&width_2=1024"  # minutes, at least


def states(server: Server) -> list[State]:
    """Of all runs, the newest first."""
    return [run.state(run.history()) for run in RunStore(server.runs).list()]


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_each_shows_what_happens_on_the_other(
    server: Server, other_server: Server, page: Page
) -> None:
    here, there = page, page.context.new_page()
    there.goto(other_server.url)
    expect(there.get_by_text("Press Train and watch the network learn here.")).to_be_visible()

    here.goto(f"{server.url}/?{ENDLESS}")
    press(here, "Train")
    expect(there.get_by_test_id("stProgress")).to_be_visible()
    wait_until(lambda: states(server) == [State.RUNNING])
    expect(
        there.get_by_test_id("stProgress").get_by_text(re.compile(r"^Epoch \d+ of 200|Loading"))
    ).to_be_visible()
    watching = there.url
    there.goto(f"{other_server.url}/evaluate")
    expect(there.get_by_text("This network is still training")).to_be_visible()
    runs = page.context.new_page()
    runs.goto(f"{other_server.url}/runs")
    expect(runs.get_by_role("heading", name="Training now")).to_be_visible()

    press(here, "Stop")
    expect(there.get_by_role("heading", name="Classification report")).to_be_visible()
    expect(runs.get_by_role("heading", name="Training now")).to_be_hidden()
    (run,) = RunStore(server.runs).list()
    run.set_labels(Labels(name="My first"))
    expect(there.get_by_role("combobox", name="Run")).to_have_value(re.compile("^My first"))
    there.goto(watching)
    expect(there.get_by_role("heading", name="My first")).to_be_visible()
    run.set_labels(Labels(name="Renamed"))
    expect(there.get_by_role("heading", name="Renamed")).to_be_visible()


def test_a_queued_run_stays_its_owners(server: Server, other_server: Server, page: Page) -> None:
    here, there = page, page.context.new_page()
    here.goto(f"{server.url}/?{ENDLESS}")
    press(here, "Train")
    wait_until(lambda: states(server) == [State.RUNNING])
    press(here, "Train")
    expect(
        here.get_by_test_id("stProgress").get_by_text(
            "Waiting for the run ahead of this one to end"
        )
    ).to_be_visible()

    # The other server has a free worker: it trains its own run to the end, and not this one.
    there.goto(f"{other_server.url}/?dataset=mnist-sample&epochs=1")
    press(there, "Train")
    expect(there.get_by_text("Trained to the end.")).to_be_visible(timeout=120_000)
    assert states(server) == [State.FINISHED, State.QUEUED, State.RUNNING]
    queued = RunStore(server.runs).list()[1]
    there.goto(f"{other_server.url}/?run={queued.id}")
    expect(there.get_by_test_id("stProgress").get_by_text("Waiting for its turn")).to_be_visible()

    with nothing_twice(there):
        RunStore(server.runs).list()[2].want(stop=True)
        expect(
            there.get_by_test_id("stProgress").get_by_text(re.compile(r"^Epoch \d+ of 200"))
        ).to_be_visible()
        press(there, "Stop")
        expect(there.get_by_text("Stopped. What was learned is kept.")).to_be_visible()
