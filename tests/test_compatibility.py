"""Runs, links and command lines of an earlier version work as they did; see fixtures/before_rooms.

What they have to give was written down by that version itself.
"""

import ast
import contextlib
import io
import json
import os
import shlex
import shutil
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mnist_core.cli.main import build_parser
from mnist_core.cli.train import config_of
from mnist_core.config import TrainingConfig
from mnist_core.export.formats import FORMATS, export, obstacle
from mnist_core.runs import archive
from mnist_core.runs.catalog import Catalog, Summary
from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool
from pages import _cached
from tests.conftest import wait_for_end

APP = str(Path(__file__).parents[1] / "app.py")
FIXTURE = Path(__file__).with_name("fixtures") / "before_rooms"


def written_down(name: str) -> Any:
    return json.loads((FIXTURE / f"{name}.json").read_text())


RUNS: dict[str, dict[str, Any]] = written_down("runs")
"""By what happened to each, what its summary was, and its history in short."""
PAGES: list[dict[str, Any]] = written_down("pages")
"""Addresses, and what is seen there."""
FORMS: list[dict[str, Any]] = written_down("forms")
"""Links to the form, the settings that it had then, and the link that it shared then."""
COMMANDS: list[dict[str, Any]] = written_down("commands")
"""What followed ``train``, and the configuration that came of it."""
CONTINUED: dict[str, dict[str, Any]] = written_down("continued")
"""The figures of runs that were continued, each for a few epochs."""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: WorkerPool) -> RunStore:
    """A machine with the earlier version's runs and own images, and nothing else."""
    for name in ("runs", "data"):
        shutil.copytree(FIXTURE / name, tmp_path / name)
    for mark in (tmp_path / "runs").glob("*/owner.json"):
        os.utime(mark, (0, 0))  # nobody has been heard of for long
    monkeypatch.setenv("DIGIT_LAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DIGIT_LAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(_cached, "pool", lambda: pool)
    st.cache_data.clear()
    st.cache_resource.clear()
    return RunStore(tmp_path / "runs")


def the_run(store: RunStore, role: str) -> Run:
    return store.get(RUNS[role]["run"])


def holds(config: TrainingConfig, earlier: dict[str, Any]) -> bool:
    """Whether these are the earlier settings; those that came later are as they are by default."""
    return TrainingConfig.model_validate(earlier) == config and earlier.items() <= (
        config.model_dump(mode="json").items()
    )


# --- The runs -------------------------------------------------------------------------------------


def summary(run: Run) -> dict[str, Any]:
    """The run as the list of runs has it, and its history in short."""
    entry = Catalog(RunStore(run.folder.parent)).entry(run)
    assert isinstance(entry, Summary), entry.reason
    history, tested = run.history(), entry.evaluated
    return {
        "run": run.id,
        "config": entry.config.model_dump(mode="json"),
        "network": entry.config.network,
        "labels": entry.labels.model_dump(mode="json"),
        "state": str(entry.state),
        "message": entry.message,
        "parent": entry.parent,
        "weights": entry.weights,
        "train_images": entry.train_images,
        "epochs": entry.progress.epochs,
        "progress": entry.progress.share,
        "train_seconds": entry.train_seconds,
        "epoch_seconds": entry.epoch_seconds,
        "test_accuracy": tested and tested.test_accuracy,
        "test_loss": tested and tested.test_loss,
        "test_images": tested and tested.test_images,
        "interval": entry.interval and list(entry.interval),
        "has_model": run.has_model,
        "classes": list(run.dataset().class_names),
        "history": [figures(epoch) for epoch in history.epochs],
        "marks": [[mark.at, mark.words] for mark in history.marks()],
        "versions": {name: run.environment().get(name) for name in ("keras", "seed", "threads")},
    }


def figures(epoch: Any) -> list[float | None]:
    return [
        epoch.epoch,
        epoch.loss,
        epoch.accuracy,
        epoch.val_loss,
        epoch.val_accuracy,
        epoch.learning_rate,
    ]


@pytest.mark.parametrize("role", RUNS)
def test_a_run_is_read_as_it_was(store: RunStore, role: str) -> None:
    now, then = summary(the_run(store, role)), dict(RUNS[role])

    assert holds(TrainingConfig.model_validate(now.pop("config")), then.pop("config"))
    assert now == then


def test_all_runs_are_listed(store: RunStore) -> None:
    listed = [entry.run.id for entry in Catalog(store).list()]

    assert listed == sorted((run["run"] for run in RUNS.values()), reverse=True)


@pytest.mark.parametrize("role", RUNS)
@pytest.mark.parametrize("name", [name for name in FORMATS if name != "onnx"])
def test_a_run_can_be_taken_home(store: RunStore, role: str, name: str) -> None:
    run = the_run(store, role)
    if not RUNS[role]["has_model"] and name in ("keras", "tflite"):
        assert obstacle(run, name) == "it has no network"
        return
    content = export(run, name)

    if name == "report":
        assert RUNS[role]["run"] in content.decode()
    elif name == "script":
        ast.parse(script(content))
    elif name == "zip":
        files = {Path(file).name for file in zipfile.ZipFile(io.BytesIO(content)).namelist()}
        assert {"config.json"} <= files
        assert ("model.keras" in files) == RUNS[role]["has_model"]
    else:
        assert content == (FIXTURE / "runs" / run.id / f"model.{name}").read_bytes()


def script(exported: bytes) -> str:
    """The program; where its images are not in Keras, they come with it in a zip file."""
    if not exported.startswith(b"PK"):
        return exported.decode()
    with zipfile.ZipFile(io.BytesIO(exported)) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".py"))
        return archive.read(name).decode()


@pytest.mark.slow
def test_a_run_can_be_converted_to_onnx(store: RunStore) -> None:
    pytest.importorskip("tf2onnx")
    assert export(the_run(store, "convolutional"), "onnx")


@pytest.mark.slow
def test_a_run_that_was_taken_home_as_a_whole_can_be_brought_back(store: RunStore) -> None:
    shutil.rmtree(the_run(store, "own images").folder)
    with (FIXTURE / "exported.zip").open("rb") as file:
        brought = archive.unpack(file, store)

    assert summary(brought) | {"config": None} == RUNS["own images"] | {"config": None}


def go_on(pool: WorkerPool, store: RunStore, role: str) -> dict[str, Any]:
    """Train for two more epochs, and say what came of them."""
    run = store.create_continuation(the_run(store, role), 2)
    pool.submit(run)
    history = wait_for_end(run)
    assert history.evaluated, history.ended
    return {
        "history": [figures(epoch) for epoch in history.epochs],
        "test": [history.evaluated.test_accuracy, history.evaluated.test_loss],
    }


@pytest.mark.slow
def test_runs_go_on_from_their_checkpoints_as_they_did(store: RunStore) -> None:
    with WorkerPool(1) as pool:  # of its own, which knows where the images are
        now = {role: go_on(pool, store, role) for role in CONTINUED}

    for role, then in CONTINUED.items():
        # Another processor than the one of then rounds otherwise, and convolutions do with the
        # number of threads; by the end, an image more or less may then be right.
        near = 0.02 if role == "convolutional" else 2e-3
        for after, before in zip(now[role]["history"], then["history"], strict=True):
            assert after == pytest.approx(before, rel=near), role
        assert now[role]["test"] == pytest.approx(then["test"], rel=near), role


# --- Pages and links ------------------------------------------------------------------------------


def opened(page: str, query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for name, values in parse_qs(query, keep_blank_values=True).items():
        app.query_params[name] = values
    app.switch_page(f"pages/{page}.py").run()
    assert not app.exception
    return app


def seen(app: AppTest) -> str:
    """All words and figures on a page, what stands in its fields included."""
    texts = ("title", "header", "subheader", "markdown", "caption", "code")
    alerts = ("success", "info", "warning", "error")
    words = [element.value for kind in texts + alerts for element in getattr(app, kind)]
    words += [f"{metric.label}: {metric.value}" for metric in app.metric]
    words += [f"link to {link.value}" for link in app.page_link]
    words += [f"{menu.label}: {menu.options[menu.index or 0]}" for menu in app.selectbox]
    for kind in ("multiselect", "segmented_control", "number_input", "text_input"):
        words += [f"{field.label}: {field.value}" for field in getattr(app, kind)]
    words += [table.value.to_string() for table in (*app.dataframe, *app.table)]
    words += [image.caption for shown in app.get("image") for image in shown.proto.imgs]
    with contextlib.suppress(KeyError):
        words.append(app.get_by_key("answer").proto.json)  # of the network on Draw
    return "\n".join(words).replace(
        "\\", ""
    )  # which only keeps Markdown from taking names for its own


@pytest.mark.parametrize("role", RUNS)
def test_every_page_shows_the_run(store: RunStore, role: str) -> None:
    run = RUNS[role]
    name, outcome = run["labels"]["name"], run["state"]
    train, evaluate, draw = (
        seen(opened(page, f"run={run['run']}")) for page in ("train", "evaluate", "draw")
    )

    if run["has_model"]:
        outcome = f"{run['test_accuracy']:.1%}"
        for words in (train, evaluate):
            assert f"Test accuracy: {run['test_accuracy']:.2%}" in words
            assert f"Test loss: {run['test_loss']:.4f}" in words
    for words in (train, evaluate, draw):
        assert f"{name} · {outcome} · " in words
    if run["state"] != "interrupted":  # for which the pages have words of their own
        assert run["message"] in train
    assert ("This run has no network to ask." in draw) == (not run["has_model"])


@pytest.mark.parametrize("link", PAGES, ids=lambda link: f"{link['page']}?{link['query']}")
def test_an_address_shows_what_it_did(store: RunStore, link: dict[str, Any]) -> None:
    words = seen(opened(link["page"], link["query"]))

    assert [part for part in link["seen"] if part not in words] == []
    assert [part for part in link["not seen"] if part in words] == []


def form(app: AppTest) -> tuple[TrainingConfig, dict[str, list[str]]]:
    """The settings of the form, as its own command gives them, and the parameters of its link."""
    app.session_state["share_part"] = True
    command, link = (code.value for code in app.run().code)
    program, *arguments = shlex.split(command)
    assert program == "digit-lab"
    return config_of(build_parser(program).parse_args(arguments)), parse_qs(link.partition("?")[2])


@pytest.mark.parametrize("link", FORMS, ids=lambda link: link["query"])
def test_a_link_to_the_form_gives_the_settings_that_it_gave(
    store: RunStore, link: dict[str, Any]
) -> None:
    a_finished_run = f"run={RUNS['dense']['run']}"  # has no warning of its own
    app = opened("train", f"{link['query']}&{a_finished_run}")
    config, shared = form(app)

    assert holds(config, link["config"])
    assert link["shared"].items() <= shared.items()
    # What can't be used of a link is named.
    warned = "\n".join(warning.value for warning in app.warning)
    assert [part for part in link["problems"] if part not in warned] == []
    assert bool(link["problems"]) == bool(warned)


# --- Command lines --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command["arguments"]))
def test_a_command_line_gives_the_configuration_that_it_gave(
    store: RunStore, command: dict[str, Any]
) -> None:
    options = build_parser("mnist_core").parse_args(["train", *command["arguments"]])

    assert holds(config_of(options), command["config"])
