"""How a run's files are read and written, and what is raised where they can't be."""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from tokenize import TokenError
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, RootModel, ValidationError

from mnist_core import storage
from mnist_core.data import zips
from mnist_core.words import megabytes


class RunError(ValueError):
    """A run is missing or its folder can't be read; the message says which file and why."""


def new_folder(parent: Path) -> Path:
    """The folder of a run or a study that begins now; sorted by name, as they began, to 15 µs.

    The time in UTC, the last digits being the 65,536ths of its second: ``20261128-232159-3826``.

    Raises:
        OSError: it can't be made.
    """
    while True:
        now = datetime.now(UTC)
        folder = parent / f"{now:%Y%m%d-%H%M%S}-{now.microsecond * 2**16 // 10**6:04x}"
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            return folder


DAMAGED_NPZ = (*zips.DAMAGE, TypeError, SyntaxError, TokenError)
"""What NumPy raises at a damaged npz."""


def unreadable(path: Path, error: OSError) -> RunError:
    """What to raise where the system does not give a file or folder."""
    return RunError(f"{path} can't be read: {error.strerror}")


_Read = TypeVar("_Read", bound=BaseModel)


def read_model(path: Path, kind: type[_Read]) -> _Read | None:
    """What a file of JSON says, checked; None where there is no such file.

    Raises:
        RunError: the file is damaged.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(path, error) from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = "".join(f"{part}: " for part in fault["loc"][:1])
        raise RunError(f"{path} is damaged: {where}{fault['msg']}") from None
    except (ValueError, RecursionError) as error:  # of numbers too long, and of what is too deep
        raise RunError(f"{path} is damaged: {error}") from None


class _Object(RootModel[dict[str, Any]]):
    """Any JSON object."""


def read_object(path: Path) -> dict[str, Any] | None:
    """What a file of JSON says, where its names are not known beforehand; None where there is none.

    Raises:
        RunError: the file is damaged, or no JSON object.
    """
    found = read_model(path, _Object)
    return found.root if found else None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Raises:
        OSError: it can't be written; names it and, on a full disk, what it would have taken.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            part.write_bytes(content)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritten(path, content, error) from error


def append(path: Path, content: bytes) -> None:
    """Add to the end of a file; where its process dies meanwhile, a part may be there.

    Raises:
        OSError: it can't be written; as of :func:`write_whole`.
    """
    try:
        with path.open("ab") as file:
            file.write(content)
    except OSError as error:
        raise _unwritten(path, content, error) from error


def _unwritten(path: Path, content: bytes, error: OSError) -> OSError:
    reason = error.strerror or str(error)
    if storage.is_full(error):
        reason += f" for {path.name}, which takes {megabytes(len(content))}"
    return OSError(error.errno, reason, str(path))


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, whole (see :func:`write_whole`)."""
    write_whole(path, json.dumps(value, indent=2).encode())


def write_npz(path: Path, **arrays: NDArray[Any]) -> None:
    """Write ``arrays`` as compressed npz, whole (see :func:`write_whole`)."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_whole(path, buffer.getvalue())


def age(path: Path, beside: Path) -> float:
    """Seconds since a file was last written or touched, by the clock of its file system.

    That is the one clock that all machines share whose runs lie there; their own may be minutes
    apart.

    Args:
        beside: a folder of the same file system, where something may be written for a moment.

    Raises:
        OSError: there is no such file, or it can't be read.
    """
    with path.open("rb") as file:  # which asks a server for what its clients may remember
        touched = os.fstat(file.fileno()).st_mtime
    try:
        with tempfile.TemporaryFile(dir=beside) as new:
            now = os.fstat(new.fileno()).st_mtime
    except OSError:
        now = time.time()
    return now - touched


def delete_unfinished(folder: Path) -> None:
    """Delete what the death of a run's worker left half written in its folder."""
    for pattern in (".part-*", ".*.npz.*"):
        for path in folder.glob(pattern):
            with contextlib.suppress(OSError):  # the folder is gone, or locked
                delete(path)


def own_folder(path: Path) -> Path:
    """A folder of the program's own, made where it is missing.

    Raises:
        StorageError: a link is in its place, which would lead elsewhere.
        OSError: it can't be made.
    """
    if path.is_symlink():
        raise storage.StorageError(f"{path} is a link, and links are not followed: remove it")
    path.mkdir(parents=True, exist_ok=True)
    return path


def delete(path: Path) -> None:
    """Delete a file, a folder with all that is in it, or a link, of which the target stays.

    Raises:
        OSError: the system refused.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
