"""The program's own folders, on a disk that may be full, locked or gone: what is said of that."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from mnist_core import words

RUNS = "DIGIT_LAB_RUNS"
DATA = "DIGIT_LAB_DATA"


class StorageError(OSError):
    """A folder can't be used; the message names it, the reason, and what sets another one."""


@contextlib.contextmanager
def using(folder: Path, variable: str) -> Iterator[None]:
    """Have an error of the system say what can be done about it.

    Args:
        folder: what is read or written within the block is in it.
        variable: the one of the environment that names it.

    Raises:
        StorageError: the system refused something.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(explain(error, folder, variable)) from error


def explain(error: Exception, folder: Path, variable: str) -> str:
    """What to say where ``error`` came of writing into ``folder``; see :func:`using`."""
    if is_full(error):
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        return (
            f"the disk is full: {reason}, and {folder} has {_left(folder)} left. Make room there, "
            f"such as by deleting runs, or have {variable} name a folder on another disk"
        )
    return f"{folder} can't be used: {words.reason(error)}. {variable} can name another folder"


def is_full(error: Exception) -> bool:
    """Whether no more fits on the disk, or into what somebody may have of it."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    # Of TensorFlow and HDF5, which have errors of their own.
    return "No space left on device" in str(error) or "Disk quota exceeded" in str(error)


def _left(folder: Path) -> str:
    there = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
    return words.megabytes(shutil.disk_usage(there).free)
