"""The page Runs in Chromium: choosing in the table, following live runs, deleting."""

import re

from playwright.sync_api import Page, expect

from benchmarks.dashboard import at_rest
from mnist_core.config import TrainingConfig
from mnist_core.runs.events import Ended, Epoch, Evaluated, Started, State, append_event
from mnist_core.runs.folder import Labels, Run
from mnist_core.runs.store import RunStore
from mnist_core.runs.trash import TRASH
from tests.browser.conftest import Server
from tests.builders import fitting
from tests.conftest import wait_until

CHECKBOX, FIRST_ROW, ROW = 18, 53, 35  # pixels in the table, which is painted on a canvas


def begun(server: Server, name: str) -> Run:
    """A run that this process answers for, so that it is live until it is ended."""
    run = RunStore(server.runs).create(TrainingConfig(dataset="mnist-sample", epochs=4))
    run.set_labels(Labels(name=name))
    append_event(run.folder, Started())
    append_event(
        run.folder,
        fitting(),
    )
    go_on(run, 1)
    return run


def go_on(run: Run, epoch: int) -> None:
    figures = {"loss": 1 / epoch, "accuracy": 0.8, "val_loss": 1 / epoch, "val_accuracy": 0.8}
    append_event(run.folder, Epoch(epoch=epoch, learning_rate=0.001, seconds=1, **figures))


def end(run: Run) -> None:
    tested = Evaluated(test_accuracy=0.95, test_loss=0.2, test_images=1_000, train_seconds=4)
    append_event(run.folder, tested)
    append_event(run.folder, Ended(state=State.FINISHED))


def finished(server: Server, *names: str) -> list[Run]:
    runs = [begun(server, name) for name in names]
    for run in runs:
        end(run)
    return runs


def open_runs(server: Server, page: Page, query: str = "") -> None:
    page.goto(f"{server.url}/runs{query}")
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()


def tick(page: Page, row: int) -> None:
    """Click the box at the left of a row."""
    at = {"x": CHECKBOX, "y": FIRST_ROW + ROW * row}
    page.get_by_test_id("stDataFrame").first.click(position=at)  # type: ignore[arg-type]


def compared(page: Page) -> set[str]:
    found = re.search(r"compare=([^&]*)", page.url)
    return set(found[1].split("%2C")) if found else set()


def test_rows_are_chosen_by_mouse_and_keyboard_and_a_link_brings_them_back(
    fresh_server: Server, page: Page
) -> None:
    runs = {run.id for run in finished(fresh_server, "One", "Other")}
    open_runs(fresh_server, page)
    at_rest(page)
    expect(page.get_by_role("button", name="Fullscreen: Every run")).to_be_attached()

    page.get_by_role("button", name="Filter").focus()
    for _ in range(5):  # the table's tool bar, then the table
        page.keyboard.press("Tab")
    expect(page.get_by_test_id("data-grid-canvas").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    expect(page.get_by_text("1 run chosen")).to_be_visible()
    tick(page, 0)
    expect(page.get_by_text("2 runs chosen")).to_be_visible()
    assert compared(page) == runs

    page.reload()
    expect(page.get_by_text("2 runs chosen")).to_be_visible()
    expect(page.get_by_role("heading", name="Comparison")).to_be_visible()
    page.get_by_role("button", name="See them side by side").click()
    expect(page.get_by_role("heading", name="Comparison")).to_be_in_viewport()

    tick(page, 0)
    expect(page.get_by_text("1 run chosen")).to_be_visible()
    assert compared(page) < runs


def test_what_a_filter_hides_stays_chosen(server: Server, page: Page) -> None:
    one, other = finished(server, "One", "Other")
    open_runs(server, page, f"?compare={one.id}")

    page.get_by_role("searchbox", name="Search").fill("Other")
    expect(page.get_by_text("1 of 2 runs")).to_be_visible()
    tick(page, 0)
    expect(page.get_by_text("2 runs chosen")).to_be_visible()
    assert compared(page) == {one.id, other.id}


def test_two_dashboards_follow_a_live_run(server: Server, page: Page, phone: Page) -> None:
    run = begun(server, "Live")
    for tab in (page, phone):
        open_runs(server, tab)
        expect(tab.get_by_text("epoch 2 of 4")).to_be_visible()

    go_on(run, 2)
    for tab in (page, phone):
        expect(tab.get_by_text("epoch 3 of 4")).to_be_visible()

    end(run)
    for tab in (page, phone):
        expect(tab.get_by_role("heading", name="Training now")).to_be_hidden()
        expect(tab.get_by_role("heading", name="Leaderboard")).to_be_visible()


def test_a_run_that_another_program_starts_appears_by_itself(server: Server, page: Page) -> None:
    finished(server, "Old")
    open_runs(server, page)
    begun(server, "New")

    expect(page.get_by_text("epoch 2 of 4")).to_be_visible()
    expect(page.get_by_text("2 of 2 runs")).to_be_visible()


def test_deleted_runs_come_back_until_the_page_is_left(server: Server, page: Page) -> None:
    (run,) = finished(server, "One")
    trash = server.runs / TRASH
    open_runs(server, page, f"?compare={run.id}")

    page.set_viewport_size({"width": 1280, "height": 480})
    for name in ("Delete", "Yes, delete 1 run", "Undo", "Clear selection"):
        button = page.get_by_role("button", name=name, exact=True)
        if name in ("Yes, delete 1 run", "Undo"):
            expect(button).to_be_in_viewport(ratio=1)
        button.click()
        if name == "Undo":
            expect(page.get_by_text("1 of 1 run", exact=True)).to_be_visible()
            tick(page, 0)
    assert run.folder.is_dir()
    page.set_viewport_size({"width": 1400, "height": 900})

    # Until then, its box is still ticked, and a click would take the tick away.
    expect(page.get_by_role("button", name="Clear selection", exact=True)).to_be_hidden()
    tick(page, 0)
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Yes, delete 1 run").click()
    expect(page.get_by_text("1 run deleted")).to_be_visible()
    assert (trash / run.id).is_dir()

    page.get_by_test_id("stTopNav").get_by_role("link", name="Data").click()
    expect(page.get_by_role("heading", name="Data", exact=True)).to_be_visible()
    wait_until(lambda: not (trash / run.id).exists())


def test_it_fits_on_a_phone(server: Server, phone: Page) -> None:
    one, other = finished(server, "One", "A much longer name than the other one has")
    open_runs(server, phone, f"?compare={one.id},{other.id}")
    expect(phone.get_by_role("heading", name="Leaderboard")).to_be_visible()

    assert phone.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 360
