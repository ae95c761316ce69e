"""One's own pictures in Chromium: brought in on the page Data, learned on the page Train."""

from pathlib import Path

from playwright.sync_api import Page, expect

from mnist_core.runs.store import RunStore
from tests.browser.conftest import Server
from tests.data.test_own import pets, zipped

LONG = "dogs that have a rather long name"


def write_zip(path: Path, extra: dict[str, bytes]) -> Path:
    members = {name.replace("dogs", LONG): content for name, content in pets(40, 30).items()}
    path.write_bytes(zipped(members | extra).getvalue())
    return path


def choose(page: Page, file: Path) -> None:
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text(file.name)).to_be_visible()


def test_a_zip_of_pictures_is_imported_and_learned(
    server: Server, page: Page, tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{server.url}/data")
    page.get_by_text("More images: download them, or bring your own").click()
    page.get_by_role("textbox", name="Name").fill("pets")
    choose(page, write_zip(tmp_path / "bad.zip", {"cats/x.png": b"x"}))
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("cats/x.png: not a picture that can be read")).to_be_visible()
    assert not server.data.exists()

    # What has been filled in is still there; only the file needs to be another one.
    expect(page.get_by_role("textbox", name="Name")).to_have_value("pets")
    page.get_by_text("In colour", exact=True).click()
    choose(page, write_zip(tmp_path / "good.zip", {}))
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("56 images to train on and 14 to test with")).to_be_visible()
    expect(page.get_by_text("pets is imported")).to_be_in_viewport()
    expect(page.get_by_role("radio", name="pets")).to_be_checked()
    assert [path.name for path in server.data.rglob("*.npz")] == ["pets.npz"]

    page.get_by_role("link", name="Train on pets").click()
    expect(page.get_by_role("radio", name="pets")).to_be_checked()
    expect(page.get_by_text("1,336,578 weights")).to_be_visible()  # 28 x 28 x 3 values go in
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text("Trained to the end.")).to_be_visible(timeout=120_000)
    (run,) = RunStore(server.runs).list()
    assert run.dataset().class_names == ("cats", LONG)

    page.get_by_role("link", name="Evaluate it").click()
    expect(page.get_by_role("heading", name="Classification report")).to_be_visible()
    expect(page.get_by_role("img", name=f"{LONG}, recognised").first).to_be_visible()
