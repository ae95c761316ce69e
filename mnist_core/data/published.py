"""Datasets as their makers publish them -> arrays. Only files whose hash was found right come here.

What comes back are ``x_train``, ``y_train``, ``x_test`` and ``y_test``, uint8, as in the .npz file.
"""

from __future__ import annotations

import gzip
import pickle
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[np.uint8]]


# --- Fashion-MNIST: four gzipped files, each a big-endian header and bytes ---


def fashion_mnist(files: Sequence[Path]) -> Arrays:
    """Training images and labels, test images and labels: in this order, as published.

    Raises:
        ValueError: a file is not in MNIST's own format; names it.
    """
    return {
        key: _idx(file)
        for key, file in zip(("x_train", "y_train", "x_test", "y_test"), files, strict=True)
    }


def _idx(file: Path) -> NDArray[np.uint8]:
    try:
        content = gzip.decompress(file.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{file.name} is no gzip file, or damaged: {error}") from error
    # Two zeros, 8 for unsigned bytes, and how many lengths follow.
    if content[:3] != b"\0\0\x08":
        raise ValueError(f"{file.name} is not an idx file of bytes")
    axes = content[3]
    shape = np.frombuffer(content, ">u4", axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


# --- CIFAR-10: a tar of pickles, which Python 2 wrote ---

CIFAR_FOLDER = "cifar-10-batches-py"


def cifar10(files: Sequence[Path]) -> Arrays:
    """The five batches for training and the one for the test, out of the one archive.

    Nothing is written, and of a pickle nothing is made but numbers, text and NumPy's arrays.

    Raises:
        ValueError: a batch is missing, or not what it should be; names it.
    """
    (file,) = files
    try:
        with tarfile.open(file, "r:gz") as archive:
            train = [_batch(archive, f"data_batch_{number}") for number in range(1, 6)]
            test = _batch(archive, "test_batch")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{file.name} is no tar.gz file, or damaged: {error}") from error
    return {
        "x_train": np.concatenate([images for images, _ in train]),
        "y_train": np.concatenate([labels for _, labels in train]),
        "x_test": test[0],
        "y_test": test[1],
    }


def _batch(archive: tarfile.TarFile, name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images ``(n, 32, 32, 3)`` and labels ``(n,)``."""
    try:
        member = archive.extractfile(f"{CIFAR_FOLDER}/{name}")
    except KeyError:
        member = None
    if member is None:
        raise ValueError(f"the archive has no file {CIFAR_FOLDER}/{name}")
    try:
        batch = _ArraysOnly(member, encoding="bytes").load()
        images = np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        labels = np.asarray(batch[b"labels"], np.uint8)
    except (pickle.UnpicklingError, KeyError, TypeError, EOFError, OverflowError) as error:
        raise ValueError(f"{name} is not a batch of CIFAR-10: {error}") from error
    return np.ascontiguousarray(images), labels


class _ArraysOnly(pickle.Unpickler):
    """Knows no names but the three that an array is pickled with."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            module = "numpy._core.multiarray"  # as NumPy calls it from 2.0 on
        if (module, name) not in {
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        }:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in it")
        return super().find_class(module, name)
