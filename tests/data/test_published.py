"""Published files, small ones in the real formats: read as arrays, and nothing else is made."""

import gzip
import io
import os
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_core.data import published
from mnist_core.data.published import CIFAR_FOLDER, Arrays

BATCHES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def idx(array: NDArray[np.uint8]) -> bytes:
    """An array as MNIST's and Fashion-MNIST's makers publish it."""
    lengths = struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + lengths + array.tobytes())


def fashion(images: int = 20, tests: int = 10) -> tuple[Arrays, list[bytes]]:
    """Noise, every class in turn, and the four files that hold it."""
    arrays = noise((28, 28), images, tests)
    return arrays, [idx(arrays[key]) for key in ("x_train", "y_train", "x_test", "y_test")]


def noise(shape: tuple[int, ...], images: int, tests: int) -> Arrays:
    random = np.random.default_rng(0)
    return {
        "x_train": random.integers(0, 256, (images, *shape), np.uint8),
        "y_train": np.arange(images, dtype=np.uint8) % 10,
        "x_test": random.integers(0, 256, (tests, *shape), np.uint8),
        "y_test": np.arange(tests, dtype=np.uint8) % 10,
    }


def cifar(images: int = 20, tests: int = 10) -> tuple[Arrays, bytes]:
    """Noise, every class in turn, and the archive that holds it: five batches and one."""
    arrays = noise((32, 32, 3), images, tests)
    parts = [
        *zip(np.split(arrays["x_train"], 5), np.split(arrays["y_train"], 5), strict=True),
        (arrays["x_test"], arrays["y_test"]),
    ]
    pickles = [python_2_pickle(*part) for part in parts]
    return arrays, archive(dict(zip(BATCHES, pickles, strict=True)))


def archive(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(f"{CIFAR_FOLDER}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def python_2_pickle(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> bytes:
    """A batch as Python 2 and the NumPy of 2009 pickled it, which today's don't."""

    def text(value: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(value)) + value

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    dtype = (
        b"cnumpy\ndtype\n" + text(b"u1") + b"K\0K\1\x87R"
        b"(K\3" + text(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    )
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" + text(b"b") + b"\x87R"
        b"(K\1" + number(rows.shape[0]) + number(rows.shape[1]) + b"\x86" + dtype + b"\x89"
        + text(rows.tobytes()) + b"tb"
    )  # fmt: skip
    return (
        b"\x80\x02}("
        + text(b"batch_label") + text(b"testing batch 1 of 1")
        + text(b"labels") + b"](" + b"".join(map(number, labels.tolist())) + b"e"
        + text(b"data") + array
        + b"u."
    )  # fmt: skip


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def written(folder: Path, *contents: bytes) -> list[Path]:
    files = [folder / str(number) for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    return files


def test_the_four_files_of_fashion_mnist_are_read(tmp_path: Path) -> None:
    arrays, contents = fashion()
    read = published.fashion_mnist(written(tmp_path, *contents))

    assert list(read) == list(arrays)
    for key, array in arrays.items():
        np.testing.assert_array_equal(read[key], array, strict=True)


def test_a_file_in_another_format_is_named(tmp_path: Path) -> None:
    _, contents = fashion()
    contents[2] = gzip.compress(b"<html>")

    with pytest.raises(ValueError, match="2 is not an idx file of bytes"):
        published.fashion_mnist(written(tmp_path, *contents))


def test_the_archive_of_cifar10_is_read_its_colours_last(tmp_path: Path) -> None:
    arrays, content = cifar()
    read = published.cifar10(written(tmp_path, content))

    assert list(read) == list(arrays)
    for key, array in arrays.items():
        np.testing.assert_array_equal(read[key], array, strict=True)
        assert read[key].flags.c_contiguous
    assert len(list(tmp_path.iterdir())) == 1  # nothing was unpacked to the disk


def test_a_batch_that_is_not_there_is_named(tmp_path: Path) -> None:
    members = dict.fromkeys(BATCHES[:-1], python_2_pickle(*batch()))

    with pytest.raises(ValueError, match="no file cifar-10-batches-py/test_batch"):
        published.cifar10(written(tmp_path, archive(members)))


def batch() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    arrays = noise((32, 32, 3), 4, 4)
    return arrays["x_train"], arrays["y_train"]


def test_of_a_pickle_nothing_is_made_but_arrays(tmp_path: Path) -> None:
    good = python_2_pickle(*batch())
    trap = pickle.dumps({"data": Trap(tmp_path / "sprung")}, protocol=2)

    with pytest.raises(ValueError, match=r"data_batch_1 is not a batch of CIFAR-10: \w+\.mkdir"):
        published.cifar10(
            written(tmp_path, archive(dict.fromkeys(BATCHES, good) | {BATCHES[0]: trap}))
        )
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1]), pickle.dumps({})])
def test_a_damaged_batch_is_named(tmp_path: Path, content: bytes) -> None:
    members = dict.fromkeys(BATCHES, python_2_pickle(*batch())) | {"test_batch": content}

    with pytest.raises(ValueError, match="test_batch is not a batch of CIFAR-10"):
        published.cifar10(written(tmp_path, archive(members)))
