"""Damaged and hostile inputs: does one of thousands bring anything down, or get out of its folder?

    python benchmarks/mutations.py [--number 10000] [--seed 1] [--kind "run zip" ...]
    python benchmarks/mutations.py --seed 1 --only "run zip:417"

Each input follows from the seed, its kind and its number, and is fed to the functions that the
pages and commands feed (``benchmarks/hostile.py``), in a process that is used again and again, and
started anew where an input brings it down. The table counts, for each kind, what was accepted and
what was refused as documented; and as faults any other exception, the death of the process, more
than 10 s of processor time or 1 GB of memory above what the unharmed input takes, anything written
outside of the folder in hand, and any code of the input that was run. Faults end it with 1, and it
prints how to repeat each: --only feeds that one in this process, traceback and all.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any, NamedTuple, Self

import psutil

PROJECT = Path(__file__).parents[1]
MOST_SECONDS = 10.0
MOST_BYTES = 2**30
HANGS = 600.0
"""Seconds on the clock, after which an input is given up."""
CEILING = 8 * 2**30
"""Bytes that no input may take, lest the machine suffers."""
FAULTS = ("exception", "crash", "slow", "memory", "outside", "code")


class Outcome(NamedTuple):
    """What came of one input."""

    what: str
    """``accepted``, ``refused``, or one of :data:`FAULTS`."""
    why: str
    seconds: float
    """Of processor time."""
    bytes: int
    """The most memory that it took, as far as was seen."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=10_000, help="of inputs (10,000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", help="only of this kind; may be repeated")
    parser.add_argument(
        "--only", metavar="KIND:NUMBER", help="this input alone, with its traceback"
    )
    options = parser.parse_args()
    if options.only:
        kind, _, number = options.only.rpartition(":")
        with tempfile.TemporaryDirectory() as folder:
            print(feed(options.seed, kind, int(number), Path(folder), show=True))
        return
    from benchmarks.hostile import KINDS

    sys.exit(bool(run(options.seed, options.number, options.kind or list(KINDS))))


def run(seed: int, number: int, kinds: list[str]) -> list[str]:
    """Feed so many inputs, print each fault and the table, and return the faults."""
    from benchmarks.hostile import KINDS

    shares = sum(KINDS[name].share for name in kinds)
    counts: dict[str, Counter[str]] = {}
    worst: dict[str, tuple[float, int]] = {}
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder, Feeder(Path(folder)) as feeder:
        for name in kinds:
            usual = feeder.feed(seed, name, 0)
            if usual.what != "accepted":
                faults.append(f"{name}: the unharmed one is not accepted: {usual.why}")
                print(faults[-1], flush=True)
            counts[name] = Counter()
            worst[name] = (0.0, 0)
            for index in range(1, max(1, round(number * KINDS[name].share / shares)) + 1):
                outcome = feeder.feed(seed, name, index)
                took = outcome.seconds - usual.seconds, outcome.bytes - usual.bytes
                what = outcome.what
                if what in ("accepted", "refused") and took[0] > MOST_SECONDS:
                    what = "slow"
                elif what in ("accepted", "refused") and took[1] > MOST_BYTES:
                    what = "memory"
                counts[name][what] += 1
                worst[name] = max(worst[name][0], took[0]), max(worst[name][1], took[1])
                if what in FAULTS:
                    again = f'python benchmarks/mutations.py --seed {seed} --only "{name}:{index}"'
                    faults.append(f"{what}: {outcome.why or outcome} -- {again}")
                    print(faults[-1], flush=True)
    columns = ("accepted", "refused", *FAULTS)
    print("".join([f"{'inputs':18}", *(f"{name:>10}" for name in columns)]), end="")
    print(f"{'most s':>10}{'most MB':>10}")
    for name, count in counts.items():
        print("".join([f"{name:18}", *(f"{count[column]:10,}" for column in columns)]), end="")
        print(f"{worst[name][0]:10.1f}{worst[name][1] / 2**20:10,.0f}")
    return faults


class Feeder:
    """A process that feeds inputs, one after the other; another one where it has died."""

    COMMAND: tuple[str, ...] = (sys.executable, "-m", "benchmarks.mutations", "--feed")
    """What is started, followed by a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def feed(self, seed: int, kind: str, number: int) -> Outcome:
        """Feed the input of that number; that of number 0 is unharmed."""
        process = self._process = self._process or self._start()
        assert process.stdin
        began, most = time.monotonic(), 0
        process.stdin.write(json.dumps([seed, kind, number]) + "\n")
        process.stdin.flush()
        while True:
            try:
                line = self._lines.get(timeout=0.05)
            except queue.Empty:
                most = max(most, _memory(process.pid))
                if time.monotonic() - began > HANGS:
                    self._end()
                    return Outcome("slow", f"not over after {HANGS:g} s", HANGS, most)
                continue
            if not line:
                self._end()
                return Outcome("crash", f"exit code {process.returncode}", 0.0, most)
            what, why, seconds, peak = json.loads(line)
            return Outcome(what, why, seconds, max(most, peak))

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*self.COMMAND, str(self._folder)],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._listener = threading.Thread(target=_listen, args=(process, self._lines))
        self._listener.start()
        assert self._lines.get(timeout=HANGS) == "ready\n"
        return process

    def _end(self) -> None:
        if self._process:
            with contextlib.suppress(psutil.NoSuchProcess):
                for process in psutil.Process(self._process.pid).children(recursive=True):
                    process.kill()
            self._process.kill()
            self._listener.join()
            for pipe in (self._process.stdin, self._process.stdout):
                assert pipe
                pipe.close()
            self._process = None


def _listen(process: subprocess.Popen[str], lines: queue.SimpleQueue[str]) -> None:
    assert process.stdout
    for line in process.stdout:
        lines.put(line)
    process.wait()
    lines.put("")


def _memory(pid: int) -> int:
    """Bytes that a process and those that it has started take now."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += one.memory_info().rss
    return total


# --- In the process that feeds --------------------------------------------------------------------


def serve(folder: Path) -> None:
    """Feed what the lines of standard input name, each in a folder of its own."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print
    _set_ceiling()
    from benchmarks import hostile  # noqa: F401  # before anything is watched

    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        seed, kind, number = json.loads(line)
        with tempfile.TemporaryDirectory(dir=folder) as place:
            outcome = feed(seed, kind, number, Path(place))
        print(json.dumps(outcome), file=answers, flush=True)


def _set_ceiling() -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (CEILING, CEILING))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def feed(seed: int, kind: str, number: int, place: Path, show: bool = False) -> Outcome:
    """Feed one input, in an empty folder, which is also the working folder meanwhile."""
    from benchmarks.hostile import CANARY, KINDS

    chance = Random(f"{seed} {kind} {number}") if number else None
    what, why = "accepted", ""
    kept = Path.cwd()
    os.chdir(place)
    began = os.times()
    _forget_peak()
    with watched(place) as seen:
        try:
            KINDS[kind].feed(chance, place)
        except KINDS[kind].refusals as error:
            what, why = "refused", str(error)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            what, why = "exception", f"{type(error).__name__}: {str(error)[:200]}"
            if show:
                traceback.print_exc()
    spent = sum(os.times()[:4]) - sum(began[:4])  # with that of processes that have ended
    os.chdir(kept)
    if seen:
        what, why = seen[0]
    if (place / CANARY).exists():
        what, why = "code", "code of the input was run"
    return Outcome(what, why, spent, _peak())


def _forget_peak() -> None:
    with contextlib.suppress(OSError):  # only Linux has it
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """The most memory that this process took since then; 0 where that is not known."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) * 1024


WRITES = ("os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.rename", "os.symlink", "os.link")
RUNS_CODE = ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "marshal.loads")
CHECK = "mnist_core.training.check"
"""The one program that an import starts."""
_watching: list[tuple[Path, list[tuple[str, str]]]] = []


@contextlib.contextmanager
def watched(place: Path) -> Iterator[list[tuple[str, str]]]:
    """What Python does within it that no input may make it do: kind of fault, and what."""
    if not _watching:
        sys.addaudithook(_audit)  # for good: there is no way to remove one
    seen: list[tuple[str, str]] = []
    _watching[:] = [(place.resolve(), seen)]
    yield seen
    _watching[:] = [(Path("/"), [])]


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    place, seen = _watching[0]
    said = f"{event} {str(arguments)[:200]}"
    if event == "subprocess.Popen":
        if CHECK not in map(str, arguments[1]):
            seen.append(("code", said))
    elif event in RUNS_CODE:
        if not _imports():
            seen.append(("code", said))
    elif event in WRITES or (event == "open" and _is_write(arguments)):
        path = arguments[1 if event in WRITES[4:] else 0]
        # Else it is named beside a folder that was opened before, as shutil.rmtree does.
        by_path = event == "open" or arguments[-1] in (-1, None)
        if by_path and isinstance(path, str | bytes) and not _is_inside(os.fsdecode(path), place):
            seen.append(("outside", said))


def _is_inside(path: str, place: Path) -> bool:
    whole = Path(path).parent.resolve() / Path(path).name
    return path == os.devnull or whole.is_relative_to(place)


def _imports() -> bool:
    """Whether it is a module of the program that is being loaded."""
    frame: FrameType | None = sys._getframe(2)
    while frame and not frame.f_code.co_filename.startswith("<frozen importlib"):
        frame = frame.f_back
    return frame is not None


def _is_write(arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    changes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    return not isinstance(path, int) and bool(flags and flags & changes)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--feed"]:
        serve(Path(sys.argv[2]))
    else:
        main()
