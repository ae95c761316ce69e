"""Many people at one server: how soon it answers, and what it takes of processor and memory.

    python benchmarks/watchers.py [--sessions 50] [--drawing 10] [--training 2] [--minutes 30]

Each session speaks with the server as Streamlit's page in a browser does: it opens a page, keeps
the timers that the server asks for, and sends again what it has changed. It draws nothing, so that
fifty of them leave the processor to the server. Some draw digits, some train and pause their run,
the others watch a run that is in training; every ten seconds one more opens a page and leaves.

The table says how long each kind of interaction took, from the click to the end of what the server
says to it, and what the server took meanwhile. It ends with 1 where something was not answered, or
a traceback is in the server's log.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs

import numpy as np
import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from benchmarks.dashboard import server
from benchmarks.runs import train

BETWEEN = (2.0, 4.0)  # seconds that somebody who draws or trains takes until the next click
PAUSE = 0.5  # seconds that a run waits at the least
ONE_MORE_EVERY = 10.0  # seconds
GIVEN_BACK_AFTER = 60.0  # seconds after the last session was closed
MOST_SECONDS = 60.0  # that anything may take
OVER = "Use its settings"  # a button that the page of a run has once it is over


# --- A session, and what it does ------------------------------------------------------------------


@dataclass
class _Question:
    """Somebody waits for the end of a run of a fragment, or of the page where it has no name."""

    fragment: str
    answered: asyncio.Future[None]
    begun: bool = False


class Session:
    """A tab of a browser, as far as the server can tell; see :func:`tab`."""

    def __init__(self, socket: ClientConnection, page: str, query: str) -> None:
        self.query = query
        """The address, after the question mark."""
        self.elements: dict[tuple[int, ...], Element] = {}
        """What has been on the page, by its place."""
        self.redraws = 0
        """How many runs of a timer have ended."""
        self._socket = socket
        self._page_name, self._page = page, ""
        self._widgets: dict[str, tuple[str, str]] = {}
        self._drawn: set[str] = set()
        self._values: dict[str, WidgetState] = {}
        self._known: dict[str, ForwardMsg] = {}
        self._timers: dict[str, tuple[float, asyncio.Task[None]]] = {}
        self._questions: list[_Question] = []

    @property
    def run(self) -> str:
        """The id of the run that the address names; empty: it names none."""
        return parse_qs(self.query.removeprefix("?")).get("run", [""])[0]

    def shows(self, *buttons: str) -> bool:
        """Whether one of these buttons is there, and may be pressed."""
        return any(button in self._widgets for button in buttons)

    async def open(self) -> float:
        """Ask for the page; seconds until all of it was there."""
        return await self._ask("")

    async def press(self, button: str) -> float:
        """Press the button of that label; seconds until the server has said all that it says."""
        widget, fragment = self._widgets[button]
        return await self._ask(fragment, WidgetState(id=widget, trigger_value=True))

    async def tell(self, component: str, **values: object) -> float:
        """The same, where the component of that name has other values."""
        widget, fragment = self._widgets[component]
        self._values[widget] = WidgetState(id=widget, json_value=json.dumps(values))
        return await self._ask(fragment)

    async def _ask(self, fragment: str, *pressed: WidgetState) -> float:
        question = _Question(fragment, asyncio.get_running_loop().create_future())
        self._questions.append(question)
        began = time.perf_counter()
        await self._send(fragment, pressed)
        try:
            async with asyncio.timeout(MOST_SECONDS):
                await question.answered
        finally:
            self._questions.remove(question)
        return time.perf_counter() - began

    async def _send(
        self, fragment: str, pressed: Iterable[WidgetState] = (), by_timer: bool = False
    ) -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string, state.fragment_id = self.query, fragment
        state.page_script_hash = self._page
        state.page_name = "" if self._page else self._page_name
        state.is_auto_rerun = by_timer
        state.cached_message_hashes.extend(self._known)
        state.widget_states.widgets.extend([*self._values.values(), *pressed])
        await self._socket.send(message.SerializeToString())

    async def _listen(self) -> None:
        """Take in what the server says, until the session is closed."""
        try:
            async for data in self._socket:
                assert isinstance(data, bytes)
                self._hear(ForwardMsg.FromString(data))
        finally:
            self._stop_timers([*self._timers])
            for question in self._questions:
                question.answered.cancel()

    def _hear(self, message: ForwardMsg) -> None:
        if message.WhichOneof("type") == "ref_hash":  # it has been sent before
            whole = ForwardMsg()
            whole.CopyFrom(self._known[message.ref_hash])
            whole.metadata.CopyFrom(message.metadata)
            message = whole
        elif message.metadata.cacheable:
            self._known[message.hash] = message
        fragments = {*message.metadata.run.fragment_ids}
        match message.WhichOneof("type"):
            case "new_session":
                if not fragments:  # all is drawn anew
                    self._stop_timers([*self._timers])
                self._drawn.clear()
                for question in self._questions:
                    question.begun |= not fragments or question.fragment in fragments
            case "script_finished":
                self.redraws += not fragments.isdisjoint(self._timers)
                if message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    return
                self._widgets = {  # the others are gone
                    name: (widget, fragment)
                    for name, (widget, fragment) in self._widgets.items()
                    if name in self._drawn or (fragments and fragment not in fragments)
                }
                for question in self._questions:
                    ended = question.begun and (not fragments or question.fragment in fragments)
                    if ended and not question.answered.done():
                        question.answered.set_result(None)
            case "navigation":
                self._page = message.navigation.page_script_hash
            case "page_info_changed":
                self.query = message.page_info_changed.query_string
            case "auto_rerun":
                self._keep_timer(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            case "stop_auto_rerun":
                self._stop_timers(message.stop_auto_rerun.fragment_ids)
            case "delta" if message.delta.HasField("new_element"):
                self._show(message)

    def _show(self, message: ForwardMsg) -> None:
        element, fragment = message.delta.new_element, message.delta.fragment_id
        if element.HasField("button") and not element.button.disabled:
            self._keep(element.button.label, element.button.id, fragment)
        elif element.HasField("bidi_component"):
            component = element.bidi_component
            self._keep(component.component_name, component.id, fragment)
        self.elements[tuple(message.metadata.delta_path)] = element

    def _keep(self, name: str, widget: str, fragment: str) -> None:
        self._widgets[name] = widget, fragment
        self._drawn.add(name)

    def _keep_timer(self, fragment: str, interval: float) -> None:
        if fragment in self._timers and self._timers[fragment][0] == interval:
            return
        self._stop_timers([fragment])

        async def tick() -> None:
            with suppress(ConnectionClosed):
                while True:
                    await asyncio.sleep(interval)
                    await self._send(fragment, by_timer=True)

        self._timers[fragment] = interval, asyncio.create_task(tick())

    def _stop_timers(self, fragments: Iterable[str]) -> None:
        for fragment in fragments:
            if fragment in self._timers:
                self._timers.pop(fragment)[1].cancel()


@asynccontextmanager
async def tab(address: str, page: str = "", query: str = "") -> AsyncIterator[Session]:
    """A session of its own, which has yet to open its page.

    Args:
        address: of the server.
        page: such as "draw"; empty: the first one.
        query: the rest of the address, without the question mark.
    """
    stream = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
    async with connect(
        stream,
        origin=Origin(address),
        subprotocols=[Subprotocol("streamlit")],
        max_size=None,
        open_timeout=MOST_SECONDS,
    ) as socket:
        session = Session(socket, page, query)
        listening = asyncio.create_task(session._listen())
        try:
            yield session
        finally:
            await socket.close()
            with suppress(ConnectionClosed):
                await listening


async def until(condition: Callable[[], object]) -> None:
    """Return as soon as it holds."""
    async with asyncio.timeout(MOST_SECONDS):
        while not condition():
            await asyncio.sleep(0.02)


# --- What people do -------------------------------------------------------------------------------


@dataclass
class Class:
    """People at one server, and how long they had to wait."""

    address: str
    trained: str
    """The id of a run whose network can be asked."""
    dataset: str
    live: dict[int, str] = field(default_factory=dict)
    """The runs in training, by who trains them."""
    opened: int = 0
    """How many pages those who stay have opened, or have not been given."""
    watching: list[Session] = field(default_factory=list)
    """The sessions of those who watch, and those they have closed."""
    seconds: dict[str, list[float]] = field(default_factory=dict)
    """Of each kind of interaction."""
    unanswered: list[str] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    async def note(self, kind: str, answer: Awaitable[float]) -> None:
        """How long that took."""
        try:
            seconds = await answer
        except TimeoutError:
            self.unanswered.append(kind)
        else:
            self.seconds.setdefault(kind, []).append(seconds)

    async def open(self, session: Session) -> None:
        """The page, of somebody who stays."""
        await self.note("page opened", session.open())
        self.opened += 1

    async def think(self) -> None:
        await asyncio.sleep(self.chance.uniform(*BETWEEN))

    async def draw(self) -> None:
        """Draw strokes, one after the other, and clear them away."""
        async with tab(self.address, "draw", f"run={self.trained}") as session:
            await self.open(session)
            await until(lambda: session.shows("pen_canvas"))
            strokes: list[list[list[float]]] = []
            while True:
                await self.think()
                strokes = [*strokes, self.stroke()] if len(strokes) < 4 else []
                await self.note("stroke", session.tell("pen_canvas", strokes=strokes))

    def stroke(self) -> list[list[float]]:
        (x, y), (right, down) = self._pair(60, 220), self._pair(-1.5, 1.5)
        return [[x + right * i, y + down * i] for i in range(40)]

    def _pair(self, low: float, high: float) -> tuple[float, float]:
        return self.chance.uniform(low, high), self.chance.uniform(low, high)

    async def train(self, number: int) -> None:
        """Train, pause, continue, and train again."""
        settings = f"dataset={self.dataset}&epochs=200"
        async with tab(self.address, "", settings) as session:
            await self.open(session)
            while True:
                await self.note("run started", session.press("Train"))
                self.live[number] = await self.other_run(session, self.live.get(number, ""))
                while not session.shows(OVER):
                    if session.shows("Continue"):
                        await self.note("steering", session.press("Continue"))
                    await self.think()
                    if session.shows("Pause"):
                        await self.note("steering", session.press("Pause"))
                    await asyncio.sleep(PAUSE)

    async def other_run(self, session: Session, before: str) -> str:
        await until(lambda: session.run not in ("", self.trained, before))
        return session.run

    async def watch(self, number: int) -> None:
        """Look on while somebody trains one run after the other."""
        while True:
            run = self.live[number]
            async with tab(self.address, "", f"run={run}") as session:
                self.watching.append(session)
                await self.open(session)
                while self.live[number] == run:
                    await asyncio.sleep(0.5)

    def redraws(self) -> int:
        """How many times the page of somebody who watches was drawn anew by a timer."""
        return sum(session.redraws for session in self.watching)

    async def come_and_go(self) -> None:
        """One more session, again and again."""
        while True:
            await asyncio.sleep(ONE_MORE_EVERY)
            async with tab(self.address, "", f"run={self.live[0]}") as session:
                await self.note("one more page opened", session.open())


# --- The measurement ------------------------------------------------------------------------------


class Server:
    """What the dashboard's own process takes, its workers left out."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def memory(self) -> float:
        """In MB."""
        return float(self._process.memory_info().rss / 2**20)

    def processor(self) -> float:
        """Seconds of a core so far."""
        times = self._process.cpu_times()
        return float(times.user + times.system)


async def measure(
    people: Class, taken: Server, drawing: int, training: int, watching: int, seconds: float
) -> dict[str, float]:
    """Let them all come, stay and go; what the server took, by the row of the table."""
    async with tab(people.address) as session:
        await session.open()
        await asyncio.sleep(5)  # what all sessions share is loaded meanwhile
    figures = {"memory before, MB": taken.memory()}
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(people.train(number)) for number in range(training)]
        await until(lambda: len(people.live) == training)
        tasks += [group.create_task(people.draw()) for _ in range(drawing)]
        tasks += [group.create_task(people.watch(n % training)) for n in range(watching)]
        while people.opened < drawing + training + watching:
            await asyncio.sleep(0.1)
        tasks.append(group.create_task(people.come_and_go()))
        redraws, processor, memory = people.redraws(), taken.processor(), taken.memory()
        began = time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds:
            await asyncio.sleep(1)
            memory = max(memory, taken.memory())
        figures["memory with all, MB"] = memory
        figures["processor, cores"] = (taken.processor() - processor) / passed
        if watching:
            figures["redraws a watcher, 1/s"] = (people.redraws() - redraws) / passed / watching
        for task in tasks:
            task.cancel()
    await asyncio.sleep(GIVEN_BACK_AFTER)
    figures["memory a minute after, MB"] = taken.memory()
    return figures


def show(people: Class, figures: dict[str, float]) -> None:
    print(f"{'':28}{'number':>8}{'median':>9}{'p95':>9}{'most':>9}")
    for kind, times in people.seconds.items():
        p95 = float(np.quantile(times, 0.95))
        print(f"{kind + ', s':28}{len(times):8}{median(times):9.3f}{p95:9.3f}{max(times):9.3f}")
    for name, value in figures.items():
        print(f"{name:28}{value:8.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=50, help="in all (50)")
    parser.add_argument("--drawing", type=int, default=10, help="those that draw (10)")
    parser.add_argument("--training", type=int, default=2, help="those that train (2)")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--dataset", default="mnist-sample", choices=["mnist", "mnist-sample"])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    watching = options.sessions - options.drawing - options.training
    if options.training < 1 or watching < 0:
        parser.error("somebody has to train, and the sessions include those that draw and train")
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "server.log").open("wb") as log:
        trained = train(Path(folder) / "runs")
        environment = {"DIGIT_LAB_WORKERS": str(min(options.training, os.cpu_count() or 1))}
        with server(str(trained.parent), log, **environment) as (process, address):
            people = Class(address, trained.name, options.dataset)
            figures = asyncio.run(
                measure(
                    people,
                    Server(process.pid),
                    options.drawing,
                    options.training,
                    watching,
                    60 * options.minutes,
                )
            )
        said = (Path(folder) / "server.log").read_text()
    figures["tracebacks in the log"] = said.count("Traceback")
    figures["without an answer"] = len(people.unanswered)
    print(f"{watching} watch, {options.drawing} draw, {options.training} train")
    show(people, figures)
    if options.json:
        options.json.write_text(json.dumps({"seconds": people.seconds} | figures, indent=2) + "\n")
    if figures["tracebacks in the log"]:
        print(said)
    sys.exit(bool(figures["tracebacks in the log"] or people.unanswered))


if __name__ == "__main__":
    main()
