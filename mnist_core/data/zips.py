"""Zip files that may be damaged, or made to do harm."""

from __future__ import annotations

import math
import os
import struct
import zipfile
import zlib
from typing import IO, Any, cast

from mnist_core import words

DAMAGE = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # also a password that is missing, and what zipfile does not know how to read
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What zipfile, zlib and NumPy raise when they read a damaged file."""


def reason(error: Exception) -> str:
    """Why a file could not be read, for a message."""
    return words.reason(error) or "it ends too early"  # an EOFError says nothing


def opened(file: IO[bytes], most: int) -> zipfile.ZipFile:
    """An archive whose table of contents has at most so many bytes; nothing else is read.

    Args:
        most: zipfile takes ten to twenty times as much memory. At least 2**17: it looks for the
            table in the last 64 KB.

    Raises:
        one of :data:`DAMAGE`: it is no zip file, its table is damaged or longer, or files in it
            share bytes, which is how a small archive holds a large one many times.
    """
    size = file.seek(0, os.SEEK_END)
    guarded = _Guarded(file, most)
    archive = zipfile.ZipFile(cast(IO[bytes], guarded))
    guarded.most = math.inf
    if sum(member.compress_size for member in archive.infolist()) > size:
        raise zipfile.BadZipFile("its files take more bytes than it has")
    return archive


class _Guarded:
    """A file of which no more than ``most`` bytes are read at once."""

    def __init__(self, file: IO[bytes], most: float) -> None:
        self._file, self.most = file, most

    def read(self, size: int = -1) -> bytes:
        if size > self.most:
            raise zipfile.BadZipFile(
                f"its table of contents has {size:,} bytes; allowed: {self.most:,}"
            )
        return self._file.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def fault(member: zipfile.ZipInfo) -> str | None:
    """Why a member can't be read within limits, by the archive's table of contents."""
    if member.flag_bits & 1:
        return "encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile unpacks the others, which hardly any program writes, without a limit.
        return "compressed by another method than deflate"
    return None
