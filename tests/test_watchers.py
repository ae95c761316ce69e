"""Many sessions at one server, in short: benchmarks/watchers.py has the whole of it."""

import asyncio
import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from urllib.request import urlopen

import pytest
from watchdog.events import FileClosedNoWriteEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from benchmarks.dashboard import server
from benchmarks.watchers import Session, tab, until
from mnist_core.runs.events import Started, append_event
from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore
from pages._changes import LOOK_SECONDS
from tests.builders import epoch, fitting
from tests.conftest import LONG

WATCHERS = 8
EPOCHS = 4


class Reads(FileSystemEventHandler):
    """Counts how many times anybody reads the events of a run."""

    def __init__(self, run: Run) -> None:
        self.number = 0
        self._path = str(run.folder / "events.jsonl")
        self.observer = Observer()
        self.observer.schedule(self, str(run.folder), event_filter=[FileClosedNoWriteEvent])
        self.observer.start()

    def on_any_event(self, event: FileSystemEvent) -> None:
        self.number += event.src_path == self._path


def newest_epoch(session: Session) -> int:
    """In the chart of the accuracy; 0: it shows none."""
    for element in session.elements.values():
        if element.bidi_component.component_name == "live_chart":
            alt = json.loads(element.bidi_component.json)["alt"]
            if found := re.match(r"Accuracy by epoch; in epoch (\d+)", alt):
                return int(found[1])
    return 0


def all_show(sessions: list[Session], number: int) -> bool:
    return all(newest_epoch(session) == number for session in sessions)


async def watch(address: str, run: Run) -> tuple[int, float]:
    """Have many sessions watch while epochs end; how often the run was read, in what time."""
    async with AsyncExitStack() as stack:
        tabs = [tab(address, query=f"run={run.id}") for _ in range(WATCHERS)]
        sessions = [await stack.enter_async_context(one) for one in tabs]
        await asyncio.gather(*(session.open() for session in sessions))
        reads, began = Reads(run), time.monotonic()
        stack.callback(reads.observer.stop)
        for number in range(1, EPOCHS + 1):
            append_event(run.folder, epoch(number))
            await until(partial(all_show, sessions, number))
        return reads.number, time.monotonic() - began


@pytest.mark.skipif(sys.platform != "linux", reason="who reads a file, only Linux tells")
def test_all_who_watch_see_the_newest_epoch_of_a_run_that_is_read_once(tmp_path: Path) -> None:
    run = RunStore(tmp_path / "runs").create(LONG)  # this process answers for it
    append_event(run.folder, Started())
    append_event(run.folder, fitting())
    log = tmp_path / "server.log"
    with log.open("wb") as file, server(str(tmp_path / "runs"), file) as (_, address):
        with ThreadPoolExecutor(1) as thread:  # this one may have a loop, a browser's
            reads, seconds = thread.submit(lambda: asyncio.run(watch(address, run))).result()
        with urlopen(f"{address}/_stcore/metrics") as metrics:
            said = metrics.read().decode()

    # All of them together: what is watched and the list of runs once each for an epoch; once a
    # second, whether its owner still lives; and three times in each look for runs in training.
    assert reads <= 2 * EPOCHS + seconds * (1 + 3 / (LOOK_SECONDS / 2))
    assert "active_sessions 0" in said
    assert "Traceback" not in log.read_text()
