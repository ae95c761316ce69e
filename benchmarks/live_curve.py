"""How fluid the live curves are, and what they send: a run that goes on, watched in Chromium.

    python benchmarks/live_curve.py [--batches 5000 500000] [--json FILE]

Nothing is trained: this program writes what a worker would, at the worker's pace.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, WebSocket
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from benchmarks.dashboard import seconds, server, tab
from mnist_core.config import TrainingConfig
from mnist_core.runs.events import Batch, Epoch, Event, Fitting, Started, append_event
from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore

STEPS = 5_400
"""An epoch of MNIST, in batches of 10 images."""
BATCHES_A_SECOND = 25
WATCHED_SECONDS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[5_000, 500_000], metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    found = {}
    print(
        f"{'batches so far':>14}{'opened, s':>12}{'updates/s':>12}{'kB a frame':>12}{'most kB':>10}"
    )
    for number in options.batches:
        found[number] = measure(number)
        print(f"{number:14,}" + "".join(f"{value:12.1f}" for value in found[number].values()))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def measure(number: int) -> dict[str, float]:
    """The figures of a run with so many batches."""
    with tempfile.TemporaryDirectory() as runs:
        run = RunStore(Path(runs)).create(
            TrainingConfig(dataset="mnist", epochs=200, batch_size=10)
        )
        events = trained()
        write(run, events, number)
        with going_on(run, events), server(runs) as (_, address), tab() as page:
            frames: list[int] = []
            page.on("websocket", lambda socket: count(socket, frames))
            began = time.perf_counter()
            page.goto(f"{address}/?run={run.id}")
            page.wait_for_function(DRAWN, timeout=600_000)
            opened = seconds(began)
            page.wait_for_timeout(3_000)  # the rest of the page
            updates, sent = watch(page, frames)
    return {
        "seconds until it is drawn": opened,
        "updates a second": updates / WATCHED_SECONDS,
        "kB a frame, on average": sum(sent) / len(sent) / 1000,
        "at most": max(sent) / 1000,
    }


DRAWN = "() => document.querySelector('.js-plotly-plot')?._fullLayout"
COUNT = """() => {
    window.updates = 0
    const chart = document.querySelector(".js-plotly-plot")
    let drawn = 0
    chart.on("plotly_afterplot", () => {
        const { x } = chart._fullData.find(trace => trace.name === "Training")
        if (x.at(-1) !== drawn) window.updates++
        drawn = x.at(-1)
    })
}"""


def watch(page: Page, frames: list[int]) -> tuple[int, list[int]]:
    """How often the curve has grown meanwhile, and the bytes of each run of the page."""
    page.evaluate(COUNT)
    before = len(frames)
    page.wait_for_timeout(WATCHED_SECONDS * 1000)
    updates: int = page.evaluate("window.updates")
    return updates, frames[before:-1]


def count(socket: WebSocket, frames: list[int]) -> None:
    """Add up what the server sends, from one end of a script's run to the next."""
    frames.append(0)

    def received(payload: bytes | str) -> None:
        assert isinstance(payload, bytes)
        frames[-1] += len(payload)
        if ForwardMsg.FromString(payload).WhichOneof("type") == "script_finished":
            frames.append(0)

    socket.on("framereceived", received)


def trained() -> Iterator[Event]:
    """What an endless training tells, step by step: falling, and never twice the same."""
    chance = np.random.default_rng(0)
    yield Started()
    yield Fitting(
        weights=535_818, train_images=54_000, validation_images=6_000, steps_per_epoch=STEPS
    )
    epoch, elapsed = 0, 0.0
    while True:
        epoch += 1
        total = 0.0
        for step in range(1, STEPS + 1):
            elapsed += 1 / BATCHES_A_SECOND
            total += 2.3 / math.sqrt(epoch) * chance.uniform(0.5, 1)
            loss = total / step
            figures = {
                "loss": loss,
                "accuracy": math.exp(-loss),
                "learning_rate": 0.001,
                "elapsed": elapsed,
            }
            yield Batch(epoch=epoch, step=step, images_per_second=50_000, **figures)
        yield Epoch(epoch=epoch, val_loss=loss, val_accuracy=math.exp(-loss), seconds=34, **figures)


def write(run: Run, events: Iterator[Event], batches: int) -> None:
    with (run.folder / "events.jsonl").open("wb") as file:
        while batches:
            event = next(events)
            batches -= isinstance(event, Batch)
            file.write(event.model_dump_json().encode() + b"\n")


@contextmanager
def going_on(run: Run, events: Iterator[Event]) -> Iterator[None]:
    """Meanwhile, more and more happens in the run."""
    over = threading.Event()

    def append() -> None:
        while not over.wait(1 / BATCHES_A_SECOND):
            append_event(run.folder, next(events))

    thread = threading.Thread(target=append)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


if __name__ == "__main__":
    main()
