"""How a run's files are written, and what is raised where they can't be read."""

from __future__ import annotations

import io
import json
import os
import secrets
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray


class RunError(ValueError):
    """A run is missing or its folder can't be read; the message says which file and why."""


DAMAGED_NPZ = (ValueError, TypeError, KeyError, OSError, EOFError, BadZipFile, zlib.error)
"""What NumPy raises at a damaged npz."""


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as JSON, whole (see :func:`write_whole`)."""
    write_whole(path, json.dumps(value, indent=2).encode())


def write_npz(path: Path, **arrays: NDArray[Any]) -> None:
    """Write ``arrays`` as compressed npz, whole (see :func:`write_whole`)."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_whole(path, buffer.getvalue())
