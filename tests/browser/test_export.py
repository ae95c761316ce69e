"""A run leaves one server by a click, and is taken in by another."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mnist_core.runs.events import Ended, State, append_event
from mnist_core.runs.folder import Labels, Run
from mnist_core.runs.store import RunStore
from tests.browser.conftest import Server, dashboard
from tests.conftest import SMALL


def failed(server: Server) -> Run:
    """A run without a network, which is quick to check."""
    run = RunStore(server.runs).create(SMALL)
    append_event(run.folder, Ended(state=State.FAILED, message="by design"))
    run.set_labels(Labels(name="From here"))
    return run


def upload(page: Page, file: Path) -> None:
    page.get_by_text("Import a run from another machine").click()
    page.locator("input[type=file]").set_input_files(file)


@pytest.mark.parametrize("name", ["Whole run", "Report", "Python script"])
def test_a_click_brings_the_file(server: Server, page: Page, tmp_path: Path, name: str) -> None:
    run = failed(server)
    page.goto(f"{server.url}/evaluate?run={run.id}")
    page.get_by_text("Take it home").click()
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()

    assert download.value.suggested_filename.startswith(f"digit-lab-{run.id}")
    download.value.save_as(tmp_path / "file")
    assert (tmp_path / "file").stat().st_size > 500


def test_links_and_downloads_stay_under_the_path_of_a_server(page: Page, tmp_path: Path) -> None:
    with dashboard(tmp_path, tmp_path / "runs", "/lab") as server:
        run = failed(server)
        page.goto(f"{server.url}/?run={run.id}")
        page.get_by_text("Share: command and link").click()
        expect(page.get_by_text(f"{server.url}?dataset=")).to_be_visible()
        page.get_by_role("link", name="Runs").click()
        expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
        page.goto(f"{server.url}/comparing")
        expect(page).to_have_url(f"{server.url}/runs")
        expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
        page.goto(f"{server.url}/learn")
        page.wait_for_function("window.Plotly")  # its file, too, is below the path
        page.goto(f"{server.url}/runs?compare={run.id}")
        page.get_by_role("link", name="Take it home").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Report", exact=True).click()
        assert page.url.startswith(f"{server.url}/evaluate?")
        assert download.value.url.startswith(f"{server.url}/media/")
        assert b"From here" in Path(download.value.path()).read_bytes()


def test_a_run_goes_from_one_server_to_another(
    server: Server, page: Page, phone: Page, tmp_path: Path
) -> None:
    run = failed(server)
    page.goto(f"{server.url}/runs?compare={run.id}")
    page.get_by_role("link", name="Take it home").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Whole run", exact=True).click()
    download.value.save_as(tmp_path / "run.zip")

    (tmp_path / "elsewhere").mkdir()
    with dashboard(tmp_path / "elsewhere", tmp_path / "elsewhere" / "runs") as other:
        phone.goto(f"{other.url}/runs")
        upload(phone, tmp_path / "run.zip")
        expect(phone.get_by_text("Imported")).to_be_visible()
        expect(phone.get_by_text("1 of 1 run")).to_be_visible()
        assert (other.runs / run.id / "config.json").is_file()

        upload(phone, tmp_path / "run.zip")
        expect(phone.get_by_text(f"run.zip: run {run.id} is here already")).to_be_visible()
        width = "document.querySelector('[data-testid=stMain]').scrollWidth"
        assert phone.evaluate(width) <= 360
