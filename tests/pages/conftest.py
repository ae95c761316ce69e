"""What the tests of the pages share."""

import shutil
from importlib import import_module
from pathlib import Path

import pytest
import streamlit as st

from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool
from pages import _cached

PAGES = Path(__file__).parents[2] / "pages"


@pytest.fixture(scope="session", autouse=True)
def loaded() -> None:
    """What pages import is here before the time that AppTest gives a script begins."""
    for module in PAGES.glob("_*.py"):
        import_module(f"pages.{module.stem}")
    import_module("plotly.graph_objects")


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: WorkerPool) -> Path:
    """A machine without runs and downloads, and a server that remembers nothing.

    Its pages train in the tests' one pool: one of their own would outlive them, for a server has
    its pool until it ends.
    """
    monkeypatch.setattr(_cached, "pool", lambda: pool)
    monkeypatch.setenv("DIGIT_LAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DIGIT_LAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    st.cache_data.clear()
    st.cache_resource.clear()
    return tmp_path


@pytest.fixture
def store(empty_machine: Path) -> RunStore:
    return RunStore(empty_machine / "runs")


@pytest.fixture
def run(store: RunStore, trained: Run) -> Run:
    """The only run on the machine, with a network that was really trained."""
    shutil.copytree(trained.folder, store.folder / trained.id)
    return store.get(trained.id)
