"""How a run's files are read and written, and what is raised where they can't be."""

from __future__ import annotations

import io
import json
import os
import secrets
from pathlib import Path
from tokenize import TokenError
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, RootModel, ValidationError

from mnist_core.data import zips


class RunError(ValueError):
    """A run is missing or its folder can't be read; the message says which file and why."""


DAMAGED_NPZ = (*zips.DAMAGE, TypeError, SyntaxError, TokenError)
"""What NumPy raises at a damaged npz."""


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
    except ValidationError as error:
        raise RunError(f"{path} is damaged: {error.errors()[0]['msg']}") from None


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
