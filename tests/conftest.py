"""What several test files share."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import hypothesis
import pytest
from streamlit.components.v2 import manifest_scanner

from benchmarks.kills import workers_of
from mnist_core.config import TrainingConfig
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.history import History
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool

# How long an example takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("at any speed", deadline=None)
hypothesis.settings.load_profile("at any speed")

SMALL = TrainingConfig(dataset="mnist-sample", widths=(16,), epochs=2)
"""Learns in a second."""
LONG = SMALL.model_copy(update={"widths": (512, 512), "epochs": 200})
"""Does not end by itself while a test looks on."""


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Return as soon as the condition holds; fail when it does not in that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.02)


def wait_for_end(run: Run) -> History:
    """The history of a run that some worker trains, once it is over."""
    history = run.history()

    def ended() -> bool:
        history.update()
        return history.ended is not None

    wait_until(ended)
    return history


@pytest.fixture(scope="session", autouse=True)
def looked_through_once() -> Iterator[None]:
    """Each AppTest looks through all installed packages for components, which stay the same."""
    with pytest.MonkeyPatch.context() as patch:
        scan = cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(scope="module", autouse=True)
def workers_end() -> Iterator[None]:
    """A file of tests that leaves a worker fails here, and not one that comes later and counts."""
    yield
    wait_until(lambda: len(workers_of(os.getpid())) <= 1)  # that of the pool below


@pytest.fixture(scope="session")
def pool() -> Iterator[WorkerPool]:
    """One real worker process; TensorFlow is loaded once for all tests that train."""
    with WorkerPool(1) as pool:
        yield pool


@pytest.fixture(autouse=True)
def nothing_trains_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that fails leaves the one worker to those that come, which would wait for it."""
    yield
    if "pool" in request.fixturenames:
        pool: WorkerPool = request.getfixturevalue("pool")
        for run in [*pool.running, *pool._waiting]:
            with contextlib.suppress(RunError):  # the test has taken its folder away
                run.want(stop=True)
        wait_until(lambda: not pool.running and not pool._waiting)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture(scope="session")
def trained(pool: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that was really trained, on the built-in sample."""
    config = TrainingConfig(dataset="mnist-sample", epochs=4, seed=1)
    run = RunStore(tmp_path_factory.mktemp("runs")).create(config)
    pool.submit(run)
    wait_for_end(run)
    return run
