"""Taking a run home on Evaluate, and taking one in on Runs."""

import io
import zipfile
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from mnist_core.export import formats
from mnist_core.runs.archive import pack
from mnist_core.runs.events import Ended, State, append_event
from mnist_core.runs.folder import Labels, Run
from mnist_core.runs.store import RunStore
from tests.conftest import SMALL

APP = str(Path(__file__).parents[2] / "app.py")


def failed(store: RunStore, name: str = "") -> Run:
    run = store.create(SMALL)
    append_event(run.folder, Ended(state=State.FAILED, message="by design"))
    run.set_labels(Labels(name=name))
    return run


def page(name: str, **query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=30)
    for key, value in query.items():
        app.query_params[key] = value
    return checked(app.switch_page(f"pages/{name}.py").run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def buttons(app: AppTest) -> dict[str, bool]:
    """The downloads that are offered, and whether they can be had."""
    found: list[Any] = list(app.get("download_button"))
    return {button.label: not button.disabled for button in found}


def captions(app: AppTest) -> str:
    return "\n".join(caption.value for caption in app.caption)


def test_every_format_is_offered_for_a_run_with_a_network(store: RunStore) -> None:
    run = failed(store)
    (run.folder / "model.keras").touch()
    app = page("evaluate", run=run.id, take_home="true")

    offered = buttons(app)
    assert list(offered) == [format.title for format in formats.FORMATS.values()]
    assert all(can for title, can in offered.items() if title != "ONNX")  # needs a converter


def test_what_can_not_be_had_says_why(store: RunStore) -> None:
    app = page("evaluate", run=failed(store).id, take_home="true")

    assert [title for title, can in buttons(app).items() if not can] == ["Keras", "LiteRT", "ONNX"]
    assert captions(app).count("Not now: it has no network.") == 3


def test_nothing_is_offered_of_a_live_run(store: RunStore) -> None:
    app = page("evaluate", run=store.create(SMALL).id, take_home="true")

    assert not any(buttons(app).values())
    assert "Not now: it is queued" in captions(app)


def test_what_is_closed_costs_nothing(store: RunStore) -> None:
    assert not buttons(page("evaluate", run=failed(store).id))


def test_runs_leads_to_the_downloads(store: RunStore) -> None:
    run = failed(store)
    app = page("runs", compare=run.id)
    (link,) = [link for link in app.page_link if link.value == "Take it home"]

    assert f"run={run.id}" in link.proto.query_string
    assert "take_home=true" in link.proto.query_string


def upload(app: AppTest, data: bytes) -> AppTest:
    (uploader,) = app.file_uploader
    return checked(uploader.set_value(("run.zip", data, "application/zip")).run())


def test_an_uploaded_run_is_among_the_others(store: RunStore, tmp_path: Path) -> None:
    run = failed(RunStore(tmp_path / "there"), "From elsewhere")
    app = upload(page("runs"), pack(run))

    assert "From elsewhere" in app.success[0].value
    assert list(app.dataframe[0].value["name"]) == ["From elsewhere"]
    assert not checked(app.run()).success  # said once, and not taken in again


def test_an_upload_that_is_no_run_is_refused_by_name(store: RunStore) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../evil", "x")
    app = upload(page("runs"), buffer.getvalue())

    assert "run.zip: '../evil' does not belong in a run's archive" in app.error[0].value
    assert "Nothing was imported" in app.error[0].value
    assert not store.list()
