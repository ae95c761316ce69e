"""A run as one zip file, and back: what comes from elsewhere is checked before it is a run here.

The archive holds one folder, named by the run's id, with the files that ``folder`` lists. Who owned
the run and what was wanted of it stays behind, and so do TensorBoard's files, which repeat its
events. An import is unpacked and checked in the hidden folder ``.imports`` of the store, and moved
among the runs when all is well; what the death of its process leaves there is cleaned up later.
"""

from __future__ import annotations

import io
import math
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Annotated

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from mnist_core import storage
from mnist_core.data import zips
from mnist_core.evaluation import evaluate
from mnist_core.runs.catalog import Damaged, summarize
from mnist_core.runs.events import Batch, Continued, Epoch, Event, parse_events
from mnist_core.runs.files import DAMAGED_NPZ, RunError, own_folder, write_whole
from mnist_core.runs.film import Film
from mnist_core.runs.folder import Owner, Run
from mnist_core.runs.format import FILE as FORMAT
from mnist_core.runs.format import Completion, Format, NewerFormat
from mnist_core.runs.store import BUILT_IN_RUN, RunStore, is_run_id

IMPORTS = ".imports"
_PROJECT = Path(__file__).resolve().parents[2]

MB = 2**20
KEPT = {
    FORMAT: MB,
    "config.json": MB,
    "before.jsonl": 200 * MB,
    "events.jsonl": 200 * MB,
    "labels.json": MB,
    "dataset.json": MB,
    "environment.json": MB,
    "checkpoint.npz": 2048 * MB,
    "film.bin": 16 * MB,
    "model.keras": 2048 * MB,
    "model.tflite": 1024 * MB,
    "test.npz": 64 * MB,
    "report.json": MB,
    "worker.log": 50 * MB,
}
"""The files that travel, and how large each may be. The largest network that can be asked for has
1.5 GB with the state of its optimizer."""
LEFT_BEHIND = {"owner.json", "control.json"}
"""These belong to the machine that trained the run; an archive may have them, if it was made by
hand, but they are not taken over."""
HOUR = 60 * 60
"""Seconds that an import on another machine may take."""
NETWORKS = ("model.keras", "model.tflite", "checkpoint.npz")
"""The files that a process of its own reads."""
MOST_SQUEEZED = 200
"""So many times smaller than its content, an archive may be. What runs write gets ten times."""
MOST_SQUEEZED_NETWORK = 10
"""The same of :data:`NETWORKS`, whose weights are random in all but their first bits."""
MOST_TABLE_BYTES = 2**17
"""Of an archive's table of contents, which has a hundred for each file."""
MOST_EVENTS = 1_200_000
"""As many batches as there is room for in ``events.jsonl``."""
MOST_ACTS = 10_000
"""Of each kind of event that people cause."""
PATIENCE = 300
"""Seconds for the reading of a network, which limits its own work; see ``training.check``."""


class ImportRefused(ValueError):  # noqa: N818
    """An archive is no run, or one that can't be trusted; the message names what and why."""


# --- There ---


def pack(run: Run) -> bytes:
    """The run as a zip file.

    Raises:
        RunError: there is no such run any more.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", strict_timestamps=False) as archive:
        for name in KEPT:
            path = run.folder / name
            if path.is_file():
                # Networks are compressed already, or can't be.
                dense = path.suffix in (".keras", ".npz", ".tflite", ".bin")
                how = zipfile.ZIP_STORED if dense else zipfile.ZIP_DEFLATED
                archive.write(path, f"{run.id}/{name}", how)
        if f"{run.id}/config.json" not in archive.namelist():
            raise RunError(f"there is no run {run.id!r} any more")
    return buffer.getvalue()


# --- And back ---


def unpack(source: IO[bytes], store: RunStore) -> Run:
    """Take in a run that :func:`pack` has made somewhere; all of it or nothing.

    An id that is here already is refused, whatever is behind it: runs don't change, but for their
    labels, so the other one is the same run.

    Raises:
        ImportRefused: something in it is not as it should be.
        StorageError: it can't be written.
    """
    try:
        archive = zips.opened(source, MOST_TABLE_BYTES)
    except zips.DAMAGE as error:
        raise _damaged(error) from error
    with archive:
        _refuse_newer(archive)
        run_id, members = _look_through(archive)
        if os.path.lexists(store.folder / run_id) or run_id == BUILT_IN_RUN.id:
            raise ImportRefused(f"run {run_id} is here already")
        return _take_in(archive, run_id, members, store)


def _damaged(error: Exception) -> ImportRefused:
    return ImportRefused(f"the file is no zip archive, or damaged: {zips.reason(error)}")


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """A member's bytes, part by part: no more than the archive's table of contents announces.

    Raises:
        ImportRefused: it is damaged.
    """
    try:
        with archive.open(member) as packed:
            while part := packed.read(MB):
                yield part
    except zips.DAMAGE as error:
        raise _damaged(error) from error


def purge_leftovers(store: RunStore) -> None:
    """Delete what imports have left whose process has ended."""
    imports = store.folder / IMPORTS
    for folder in [] if imports.is_symlink() else imports.glob("*"):
        mark = folder / "owner.json"
        owner = Owner.read(mark)
        if owner is None or not owner.still_minds(mark, imports, HOUR):
            shutil.rmtree(folder, ignore_errors=True)


def _refuse_newer(archive: zipfile.ZipFile) -> None:
    """Before anything in it is found to be wrong: it may be right, where it comes from."""
    for member in archive.infolist():
        plain = member.file_size <= KEPT[FORMAT] and not zips.fault(member)
        if plain and member.filename.partition("/")[2] == FORMAT:
            try:
                Format.model_validate_json(b"".join(_content(archive, member))).check(FORMAT)
            except NewerFormat as error:
                raise ImportRefused(str(error)) from None
            except (ValidationError, RecursionError):
                pass  # damaged, as the check of all files will say


def _look_through(archive: zipfile.ZipFile) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """The run's id, and its files by name, judged by the archive's table of contents alone."""
    files: dict[str, zipfile.ZipInfo] = {}
    run_ids = set()
    for member in archive.infolist():
        run_id, slash, name = member.filename.partition("/")
        known = KEPT.keys() | LEFT_BEHIND | {""}
        if not slash or not is_run_id(run_id) or name not in known or name in files:
            raise ImportRefused(
                f"{member.filename!r} does not belong in a run's archive; allowed: one folder "
                f"named like a run, and in it, once each: {', '.join(KEPT)}"
            )
        run_ids.add(run_id)
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG if name else stat.S_IFDIR):
            raise ImportRefused(f"{member.filename!r} is no plain file")
        if fault := zips.fault(member):
            raise ImportRefused(f"{member.filename!r} is {fault}")
        if name in KEPT:
            files[name] = member
            if member.file_size > KEPT[name]:
                raise ImportRefused(
                    f"{name} has {member.file_size:,} bytes; allowed: {KEPT[name]:,}"
                )
            squeezed = MB + MOST_SQUEEZED_NETWORK * member.compress_size
            if name in NETWORKS and member.file_size > squeezed:
                raise ImportRefused(
                    f"{name} would grow to {member.file_size:,} bytes, which no run's does"
                )
    if len(run_ids) != 1:
        raise ImportRefused(f"the archive holds {len(run_ids)} folders of runs; allowed: one")
    if "config.json" not in files:
        raise ImportRefused("config.json is missing: that is no run")
    unpacked = sum(member.file_size for member in files.values())
    if unpacked > MB + MOST_SQUEEZED * sum(member.compress_size for member in files.values()):
        raise ImportRefused(f"it would grow to {unpacked:,} bytes, which no run does")
    return run_ids.pop(), files


def _take_in(
    archive: zipfile.ZipFile, run_id: str, files: dict[str, zipfile.ZipInfo], store: RunStore
) -> Run:
    with storage.using(store.folder, storage.RUNS):
        place = Path(tempfile.mkdtemp(dir=own_folder(store.folder / IMPORTS)))
        try:
            write_whole(place / "owner.json", Owner.this_process().model_dump_json().encode())
            run = Run(place / run_id)
            run.folder.mkdir()
            for name, member in files.items():
                with (run.folder / name).open("wb") as file:
                    file.writelines(_content(archive, member))
            _check(run)
            try:
                return Run(run.folder.rename(store.folder / run_id))
            except OSError as error:
                if os.path.lexists(store.folder / run_id) or run_id == BUILT_IN_RUN.id:
                    raise ImportRefused(f"run {run_id} is here already") from error
                raise
        finally:
            shutil.rmtree(place, ignore_errors=True)


# --- What a run must be ---

_ENVIRONMENT: TypeAdapter[object] = TypeAdapter(
    Annotated[
        dict[
            Annotated[str, Field(max_length=50)],
            Annotated[str, Field(max_length=500)] | int | float | None,
        ],
        Field(max_length=50),
    ]
)


def _check(run: Run) -> None:
    """Read all of a run's files; the networks by a process of their own.

    Raises:
        ImportRefused: one is damaged, or not what a run of this configuration has.
    """
    try:
        config = run.config
        run.labels()
        if run.dataset().name != config.dataset:
            raise ValueError(
                f"dataset.json is of {run.dataset().name!r}, not of {config.dataset!r}"
            )
        _ENVIRONMENT.validate_python(run.environment())
        before, events = (_events(run.folder / name) for name in ("before.jsonl", "events.jsonl"))
        _check_events(chain(before, events), config.epochs)
        report = run.report()
        if (run.folder / "test.npz").exists():
            most = KEPT["test.npz"]
            _check_arrays(run.folder / "test.npz", most, allowed={"probabilities", "labels"})
            evaluate(*run.test_results(), run.dataset().class_names, report)
        if run.checkpoint.exists():
            _check_arrays(run.checkpoint, most=2 * run.checkpoint.stat().st_size + MB)
            run.checkpoint_epoch()
        Film(run).moments()
        summary = summarize(run)
    except RunError as error:
        # What is wrong, without the place where it was unpacked.
        raise ImportRefused(str(error).replace(f"{run.folder}{os.sep}", "")) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ImportRefused(f"{error.title}: {where}: {first['msg']}") from None
    except (ValueError, ArithmeticError, LookupError, RecursionError) as error:
        raise ImportRefused(f"a file is not as a run has it: {error}") from None
    if isinstance(summary, Damaged):
        raise ImportRefused(summary.reason.replace(f"{run.folder}{os.sep}", ""))
    _check_networks(run)


def _events(path: Path) -> Iterator[Event]:
    """The events of a file, of which there may be a million, one after the other."""
    if path.exists():
        with path.open("rb") as file:
            yield from map(Completion(), parse_events(file, path))


def _check_events(events: Iterable[Event], epochs: int) -> None:
    """Hold the number and order of the events against what training gives."""
    done = 0
    acts: Counter[str] = Counter()
    for number, event in enumerate(events, start=1):
        if number > MOST_EVENTS:
            raise ValueError(f"it has more than {MOST_EVENTS:,} events")
        if not isinstance(event, Batch | Epoch):
            acts[event.kind] += 1
            if acts[event.kind] > MOST_ACTS:
                raise ValueError(f"it has more than {MOST_ACTS:,} events {event.kind!r}")
        match event:
            case Continued() if not is_run_id(event.run):
                raise ValueError(f"an event 'continued' names the run {event.run!r}")
            case Epoch() if event.epoch != done + 1 or event.epoch > epochs:
                raise ValueError(f"epoch {event.epoch} comes after epoch {done} of {epochs}")
            case Batch() if event.epoch != done + 1 or event.epoch > epochs:
                raise ValueError(f"a batch of epoch {event.epoch} comes after epoch {done}")
            case Epoch():
                done = event.epoch


def _check_arrays(path: Path, most: int, allowed: set[str] | None = None) -> None:
    """Look at the headers alone: an array may claim to hold terabytes, or be Python in disguise.

    Args:
        most: how many bytes all arrays may take.
    """
    try:
        with path.open("rb") as packed, zips.opened(packed, MOST_TABLE_BYTES) as archive:
            names = {member.filename.removesuffix(".npy") for member in archive.infolist()}
            if allowed and names != allowed:
                raise ValueError(f"has the arrays {sorted(names)}; allowed: {sorted(allowed)}")
            if sum(member.file_size for member in archive.infolist()) > most:
                raise ValueError("would grow larger than a run has it")
            for member in archive.infolist():
                if fault := zips.fault(member):
                    raise ValueError(f"{member.filename} is {fault}")
                with archive.open(member) as file:
                    if np.lib.format.read_magic(file) != (1, 0):
                        raise ValueError(f"{member.filename} is of an unusual version")
                    shape, _, dtype = np.lib.format.read_array_header_1_0(file)
                    size = math.prod(shape) * dtype.itemsize
                    if dtype.hasobject or file.tell() + size != member.file_size:
                        raise ValueError(f"{member.filename} is not the {dtype} that it claims")
    except DAMAGED_NPZ as error:
        raise ImportRefused(f"{path.name}: {zips.reason(error)}") from None


def _check_networks(run: Run) -> None:
    """Have the networks read by a process of their own: it has Keras, and may be brought down."""
    if not any((run.folder / name).exists() for name in NETWORKS):
        return
    command = [sys.executable, "-m", "mnist_core.training.check", str(run.folder)]
    # Its standard input ends with this process, however that ends; so does it.
    watched, held = os.pipe()
    try:
        done = subprocess.run(
            command,
            cwd=_PROJECT,
            env=os.environ | {"TMPDIR": str(run.folder.parent)},  # which goes when all is over
            stdin=watched,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ImportRefused(f"its network was not read within {PATIENCE} s") from None
    finally:
        os.close(watched)
        os.close(held)
    if done.returncode < 0:
        raise ImportRefused(_end(signal.Signals(-done.returncode).name))
    if done.returncode:
        told = done.stdout.strip()
        raise ImportRefused(told or f"its network can't be read: {_last_line(done.stderr)}")


def _end(name: str) -> str:
    """Why there is no network, where a signal of this name has ended its reading."""
    if name == "SIGXCPU":
        return "its network takes longer to read than files of that size can explain"
    return f"its network brings the process down that reads it ({name})"


def _last_line(text: str) -> str:
    return (text.strip() or "no reason was given").splitlines()[-1]
