"""A dataset's file -> its arrays, checked as far as it is known what they should be."""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mnist_core.data import npz, zips
from mnist_core.data.dataset import Dataset, Outline
from mnist_core.data.known import BUILT_IN, SPECS, Array, Spec, title
from mnist_core.data.limits import (
    CLASSES,
    LONGEST_CLASS_NAME,
    MOST_BYTES,
    check_class_name,
    check_image_shape,
)
from mnist_core.data.places import available, names, place, possible_places


class DatasetError(ValueError):
    """A file is not the dataset it should be; the message names the file and what is wrong."""


class DatasetMissing(DatasetError):  # noqa: N818
    """A dataset is not on this machine; the message names the places looked at and what to do."""


def load(name: str, folder: Path | None = None) -> Dataset:
    """Read a dataset and check that it is what it should be, as far as that is known.

    Args:
        name: one of ``places.names``.
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


def example(name: str, folder: Path | None = None) -> tuple[NDArray[np.uint8], int]:
    """The first test image ``(height, width[, 3])`` and its label, without unpacking the others.

    Raises:
        as :func:`load` does, as far as that can be told without the rest.
    """

    def read(archive: zipfile.ZipFile, spec: Spec) -> tuple[NDArray[np.uint8], int]:
        first = spec.train_rows or 0
        images, labels = ("x_test", "y_test") if spec.train_rows is None else ("images", "labels")
        image = npz.row(archive, images, _checked_header(archive, images, spec), first)
        return image, int(_read_array(archive, labels, spec)[first])

    *_, found = _in_file(name, folder, read)
    return found


_Found = TypeVar("_Found")


def _in_file(
    name: str, folder: Path | None, read: Callable[[zipfile.ZipFile, Spec], _Found]
) -> tuple[Path, Spec, _Found]:
    """Have ``read`` take what it wants out of a dataset's file; the file and what it should be."""
    places = possible_places(name, folder)
    path = place(name, folder)
    if path is None:
        raise DatasetMissing(
            f"{title(name)} was not found at {' or '.join(map(str, places))}. "
            f"{_how_to_get(name, places[0])}"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            spec = SPECS[name] if name in SPECS else _own_spec(archive)
            return path, spec, read(archive, spec)
    except zips.DAMAGE as error:
        raise DatasetError(
            f"{path} can't be used as {title(name)}: {zips.reason(error)}. The file was left as it "
            f"is. {_how_to_get(name, places[0])}"
        ) from error


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
        f"The dataset {BUILT_IN} needs no download."
    )


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


def _own_spec(archive: zipfile.ZipFile) -> Spec:
    """What an .npz file of somebody's own holds, by its headers and the names of its classes.

    Raises:
        one of ``zips.DAMAGE``: it is nothing that a network can learn here.
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
