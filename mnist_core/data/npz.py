"""Arrays out of an .npz file that may be damaged, or made to do harm.

Nothing is unpickled, and nothing is unpacked but the bytes of a shape that was found right before:
a file may claim to hold terabytes.
"""

from __future__ import annotations

import contextlib
import math
import os
import zipfile
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.data import zips


class Header(NamedTuple):
    """What an array says of itself."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        """How many the array takes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.dtype} {self.shape}"


def header(archive: zipfile.ZipFile, key: str) -> Header:
    """The shape and type of an array, which is not unpacked.

    Raises:
        one of ``zips.DAMAGE``: there is no such array, or its header can't be read.
    """
    with _opened(archive, key) as (found, _):
        return found


def read(archive: zipfile.ZipFile, key: str, expected: Header) -> NDArray[Any]:
    """Unpack an array, which must be what is expected; read-only and C-contiguous.

    Raises:
        one of ``zips.DAMAGE``: it is missing, damaged, or another one.
    """
    with _opened(archive, key) as (found, member):
        if found != expected:
            raise ValueError(f"{key} is {found}, expected {expected}")
        content = member.read(expected.bytes + 1)
    if len(content) != expected.bytes:
        raise ValueError(f"{key} does not have the {expected.bytes:,} bytes of its shape")
    return np.frombuffer(content, expected.dtype).reshape(expected.shape)  # read-only, as bytes are


def row(archive: zipfile.ZipFile, key: str, expected: Header, number: int) -> NDArray[Any]:
    """The same of one row alone: nothing behind it is unpacked, and nothing before it is kept."""
    of_row = expected._replace(shape=expected.shape[1:])
    with _opened(archive, key) as (found, member):
        if found != expected:
            raise ValueError(f"{key} is {found}, expected {expected}")
        member.seek(number * of_row.bytes, os.SEEK_CUR)
        content = member.read(of_row.bytes)
    if len(content) != of_row.bytes:
        raise ValueError(f"{key} does not have the {expected.bytes:,} bytes of its shape")
    return np.frombuffer(content, expected.dtype).reshape(of_row.shape)


@contextlib.contextmanager
def _opened(archive: zipfile.ZipFile, key: str) -> Iterator[tuple[Header, IO[bytes]]]:
    """An array's header, and the file it is in, from behind the header on."""
    if f"{key}.npy" not in archive.namelist():
        raise ValueError(f"it has no array {key}")
    packed = archive.getinfo(f"{key}.npy")
    if fault := zips.fault(packed):
        raise ValueError(f"{key} is {fault}")
    with archive.open(packed) as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise ValueError(f"{key} has .npy version {version}, expected (1, 0)")
        try:
            shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(member)
        except Exception as error:  # NumPy evaluates the text in there: anything can come of it
            raise ValueError(f"{key} has a damaged .npy header") from error
        if fortran_order:
            raise ValueError(f"{key} is {dtype} {shape} in Fortran order, expected C order")
        yield Header(shape, dtype), member
