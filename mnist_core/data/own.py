"""Datasets of one's own: checked as a whole, then written as ``own/NAME.npz`` in the data folder.

What can be brought is either

- an .npz file with ``x_train``, ``y_train``, ``x_test`` and ``y_test``, as Keras's datasets have
  them, and perhaps ``class_names``; or
- a zip file of pictures, one folder a class: ``CLASS/picture.png``, or ``train/CLASS/picture.png``
  and ``test/CLASS/picture.png``, all of that perhaps in one more folder.

Nothing of it is unpickled, and nothing is unpacked to the disk.
"""

from __future__ import annotations

import io
import math
import os
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path, PureWindowsPath
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core import storage
from mnist_core.data import limits, loading, npz, pictures, zips
from mnist_core.data.dataset import Outline
from mnist_core.data.limits import CLASSES, MOST_BYTES, SIDES
from mnist_core.data.places import own_place

MOST_ARCHIVE_BYTES = 200_000_000
MOST_TABLE_BYTES = 32_000_000
"""Of a zip file's table of contents."""
MOST_PICTURES = 100_000
MOST_PICTURE_BYTES = 30_000_000
"""Of one picture's file."""
MOST_UNPACKED_BYTES = 2_000_000_000
"""Of all pictures' files."""
TEST_SHARE = 0.2
"""Of each class, where the pictures are not divided already."""
MOST_FAULTS = 20
"""How many are told one by one."""

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
Arrays = dict[str, NDArray[np.uint8]]
Progress = Callable[[int, int], None]


class ImportRefused(ValueError):  # noqa: N818
    """The file can't become a dataset; the message has a line for each fault."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        told = self.faults[:MOST_FAULTS]
        if len(self.faults) > len(told):
            told += (f"and {len(self.faults) - len(told):,} more",)
        super().__init__("\n".join(told))


def import_file(
    name: str,
    file: BinaryIO,
    side: int = 28,
    colour: bool = False,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Outline:
    """Make a dataset called ``name`` of an .npz or zip file; nothing is written before all is well.

    Args:
        file: to be read from its beginning, wherever it stands.
        side: of pictures only: they become this many pixels high and wide.
        colour: of pictures only: whether they become red, green and blue, or grey.
        folder: where the datasets are; by default, the data folder of the settings.
        progress: called as ``progress(pictures done, pictures in all)``. What it raises ends the
            import and is raised from here.

    Raises:
        ImportRefused: the file is not as it must be; all that is wrong with it.
        ValueError: name or side can't be used.
        StorageError: the dataset can't be written.
    """
    if not SIDES[0] <= side <= SIDES[1]:
        raise ValueError(f"the side is {side}; allowed: {SIDES[0]} to {SIDES[1]} pixels")
    fault = ""
    try:
        place = own_place(name, folder)
        _refuse_taken(place)
    except ValueError as error:
        fault = str(error)
    try:  # whatever its name, so that all faults are told at once
        class_names, arrays = _read(file, (side, side, 3)[: 2 + colour], progress)
    except ImportRefused as error:
        raise ImportRefused([*filter(None, [fault]), *error.faults]) from error
    if fault:
        raise ValueError(fault)
    _write(place, arrays, class_names)
    return loading.outline(name, folder)


def remove(name: str, folder: Path | None = None) -> None:
    """Delete a dataset of one's own. The runs that were trained on it stay.

    Raises:
        ValueError: there is none of that name.
        StorageError: it can't be deleted.
    """
    place = own_place(name, folder)
    with storage.using(place.parent, storage.DATA):
        try:
            place.unlink()
        except FileNotFoundError:
            raise ValueError(f"there is no dataset of your own called {name!r}") from None


def _read(
    file: BinaryIO, shape: tuple[int, ...], progress: Progress | None
) -> tuple[tuple[str, ...], Arrays]:
    """Class names and arrays of a file; pictures in it are brought to ``shape``.

    Raises:
        ImportRefused: with all faults.
    """
    size = file.seek(0, os.SEEK_END)
    if size > MOST_ARCHIVE_BYTES:
        raise ImportRefused(
            [f"the file has {size:,} bytes; allowed: at most {MOST_ARCHIVE_BYTES:,}"]
        )
    try:
        archive = zips.opened(file, MOST_TABLE_BYTES)
    except zips.DAMAGE as error:
        raise ImportRefused([f"neither an .npz nor a zip file: {zips.reason(error)}"]) from error
    with archive:
        if any(member.endswith(".npy") for member in archive.namelist()):
            return _of_arrays(archive)
        return _of_pictures(archive, shape, progress)


def _refuse_taken(place: Path) -> None:
    if os.path.exists(place):  # Path.exists raises where a folder may not be entered
        raise ValueError(
            f"there is a dataset of your own called {place.stem!r} already; remove it first, or "
            "choose another name"
        )


def _write(place: Path, arrays: Arrays, class_names: tuple[str, ...]) -> None:
    with storage.using(place.parent, storage.DATA):
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".import-") as unfinished:
            file = Path(unfinished, place.name)
            np.savez(file, allow_pickle=False, class_names=np.array(class_names), **arrays)
            _refuse_taken(place)  # two imports at once
            file.replace(place)


def _class_name_fault(name: str) -> str | None:
    try:
        limits.check_class_name(name)
    except ValueError as error:
        return str(error)
    return None


def _class_count_fault(classes: int) -> str | None:
    if CLASSES[0] <= classes <= CLASSES[1]:
        return None
    told = "is 1 class" if classes == 1 else f"are {classes:,} classes"
    return f"there {told}; allowed: {CLASSES[0]} to {CLASSES[1]}"


# --- Arrays ---------------------------------------------------------------------------------------


def _of_arrays(archive: zipfile.ZipFile) -> tuple[tuple[str, ...], Arrays]:
    """Class names and arrays of an .npz file.

    Raises:
        ImportRefused: with all faults.
    """
    headers: dict[str, npz.Header] = {}
    faults = []
    for key in ARRAYS:
        try:
            headers[key] = npz.header(archive, key)
            (_check_images if key.startswith("x") else _check_labels)(key, headers[key])
        except zips.DAMAGE as error:
            faults.append(f"{key}: {zips.reason(error)}")
    if faults:
        raise ImportRefused(faults)
    shapes = {key: header.shape for key, header in headers.items()}
    for part in ("train", "test"):
        images, labelled = shapes[f"x_{part}"][0], shapes[f"y_{part}"][0]
        if images != labelled:
            faults.append(f"y_{part}: {labelled:,} labels for {images:,} images")
        elif not images:
            faults.append(f"x_{part}: no image in it")
    if shapes["x_train"][1:] != shapes["x_test"][1:]:
        faults.append(f"x_test: images of {shapes['x_test'][1:]}, not {shapes['x_train'][1:]}")
    if sum(header.bytes for header in headers.values()) > MOST_BYTES:
        faults.append(f"the arrays take more than {MOST_BYTES:,} bytes")
    if faults:
        raise ImportRefused(faults)
    try:
        arrays = {key: npz.read(archive, key, header) for key, header in headers.items()}
        given = _class_names(archive)
    except zips.DAMAGE as error:
        raise ImportRefused([zips.reason(error)]) from error
    labels = {key: arrays[key].reshape(-1) for key in ("y_train", "y_test")}
    lowest = min(int(array.min()) for array in labels.values())
    highest = max(int(array.max()) for array in labels.values())
    classes = len(given) if given else highest + 1
    if lowest < 0 or highest >= classes:
        faults.append(f"labels go from {lowest} to {highest}; allowed: 0 to {classes - 1}")
    elif fault := _class_count_fault(classes):
        faults.append(fault)
    else:
        class_names = given or tuple(map(str, range(classes)))
        never_seen = sorted(set(range(classes)) - set(labels["y_train"].tolist()))
        faults += [f"y_train: no image of class {class_names[label]}" for label in never_seen]
    if faults:
        raise ImportRefused(faults)
    rows_and_sides = slice(0, 4 if shapes["x_train"][3:] == (3,) else 3)
    return class_names, {
        key: labels[key].astype(np.uint8)
        if key in labels
        else arrays[key].reshape(shapes[key][rows_and_sides])
        for key in ARRAYS
    }


def _check_images(key: str, header: npz.Header) -> None:
    if header.dtype != np.uint8:
        raise ValueError(f"the type is {header.dtype}; allowed: uint8, from 0 to 255")
    grey = header.shape[3:] == (1,)
    limits.check_image_shape(key, header.shape[:3] if grey else header.shape)


def _check_labels(key: str, header: npz.Header) -> None:
    if header.dtype.kind not in "iu":
        raise ValueError(f"the type is {header.dtype}; allowed: whole numbers from 0")
    if header.shape[1:] not in ((), (1,)) or not header.shape:
        raise ValueError(f"the shape is {header.shape}; allowed: (n,), a label for each image")


def _class_names(archive: zipfile.ZipFile) -> tuple[str, ...] | None:
    """What the file calls its classes; None where it does not."""
    if "class_names.npy" not in archive.namelist():
        return None
    header = npz.header(archive, "class_names")
    if header.dtype.kind != "U" or len(header.shape) != 1 or header.bytes > 1_000_000:
        raise ValueError(f"class_names is {header}; allowed: text, (n,)")
    names = tuple(npz.read(archive, "class_names", header).tolist())
    faults = list(filter(None, map(_class_name_fault, names)))
    twice = [name for name, times in Counter(names).items() if times > 1]
    faults += [f"class_names has {name!r} twice" for name in twice]
    if faults:
        raise ImportRefused(faults)
    return names


# --- Pictures -------------------------------------------------------------------------------------


class _Picture(NamedTuple):
    """A picture's place in the archive, taken apart."""

    part: str
    """``"train"``, ``"test"``, or ``""`` where they are not divided."""
    class_name: str
    member: zipfile.ZipInfo


def _of_pictures(
    archive: zipfile.ZipFile, shape: tuple[int, ...], progress: Progress | None
) -> tuple[tuple[str, ...], Arrays]:
    """Class names and arrays of a zip file of pictures, each brought to ``shape``.

    Raises:
        ImportRefused: with all faults.
    """
    found, faults = _sorted_out(archive)
    _refuse_too_much(found, shape)
    images = np.empty((len(found), *shape), np.uint8)
    for number, (_, _, member) in enumerate(found):
        try:
            with pictures.opened(io.BytesIO(_content(archive, member)), shape) as picture:
                images[number] = pictures.fitted(picture, shape)
        except zips.DAMAGE as error:
            faults.append(f"{member.filename}: {zips.reason(error)}")
        if progress:
            progress(number + 1, len(found))
    if faults:
        raise ImportRefused(faults)
    class_names = _in_order({picture.class_name for picture in found})
    labels = np.array([class_names.index(picture.class_name) for picture in found], np.uint8)
    chance = np.random.default_rng(0)
    if found[0].part:
        for_test = np.array([picture.part == "test" for picture in found])
    else:
        for_test = _drawn_for_test(labels, chance)
    # Shuffled, so that the first images of the dataset are of many classes.
    train, test = (chance.permutation(part.nonzero()[0]) for part in (~for_test, for_test))
    return class_names, {
        "x_train": images[train],
        "y_train": labels[train],
        "x_test": images[test],
        "y_test": labels[test],
    }


def _refuse_too_much(found: list[_Picture], shape: tuple[int, ...]) -> None:
    """Before the first picture is read."""
    faults = []
    if len(found) > MOST_PICTURES:
        faults.append(f"{len(found):,} pictures; allowed: at most {MOST_PICTURES:,}")
    unpacked = sum(picture.member.file_size for picture in found)
    if unpacked > MOST_UNPACKED_BYTES:
        faults.append(
            f"the pictures' files unpack to {unpacked:,} bytes; allowed: at most "
            f"{MOST_UNPACKED_BYTES:,}"
        )
    taken = len(found) * math.prod(shape)
    if taken > MOST_BYTES:
        faults.append(
            f"{len(found):,} pictures of {' x '.join(map(str, shape))} take {taken:,} bytes; "
            f"allowed: at most {MOST_BYTES:,}. Choose a smaller size, or grey"
        )
    if faults:
        raise ImportRefused(faults)


def _sorted_out(archive: zipfile.ZipFile) -> tuple[list[_Picture], list[str]]:
    """The pictures by their places, and what is wrong with those or with the classes."""
    faults: list[str] = []
    places: list[tuple[tuple[str, ...], zipfile.ZipInfo]] = []
    for member in archive.infolist():
        path = PureWindowsPath(member.filename)  # which takes / and \ alike
        if path.anchor or ".." in path.parts:
            faults.append(f"{member.filename!r}: the path leads out of the archive")
        elif path.parts and not any(map(_is_clutter, path.parts)):
            places.append((path.parts, member))
    places = _unwrapped(places)
    tops = {parts[0].casefold() for parts, _ in places}
    divided = tops == {"train", "test"}
    found: list[_Picture] = []
    folders: set[str] = set()
    for parts, member in places:
        part, inside = (parts[0].casefold(), parts[1:]) if divided else ("", parts)
        if member.is_dir():
            folders |= {"/".join(filter(None, (part, inside[0])))} if inside else set()
        elif len(inside) != 2:
            faults.append(
                f"{member.filename}: allowed: a picture in its class's folder, CLASS/picture, or "
                "train/CLASS/picture and test/CLASS/picture"
            )
        else:
            found.append(_Picture(part, inside[0], member))
    empty = folders - {"/".join(filter(None, picture[:2])) for picture in found}
    faults += [f"{folder}/: no picture in it" for folder in sorted(empty)]
    return found, faults + (_class_faults(found, divided) if found or not faults else [])


def _class_faults(found: list[_Picture], divided: bool) -> list[str]:
    classes = _in_order({picture.class_name for picture in found})
    faults = list(
        filter(None, [_class_count_fault(len(classes)), *map(_class_name_fault, classes)])
    )
    counts = Counter((picture.part, picture.class_name) for picture in found)
    if divided:
        faults += [f"train/{c}/: no picture in it" for c in classes if not counts["train", c]]
        if not any(picture.part == "test" for picture in found):
            faults.append("test/: no picture in it")
    else:
        faults += [
            f"{c}/: one picture; at least two are needed, one to train on and one to test with"
            for c in classes
            if counts["", c] == 1
        ]
    return faults


def _is_clutter(part: str) -> bool:
    """What operating systems put beside people's files."""
    return part.startswith(".") or part.casefold() in ("__macosx", "thumbs.db", "desktop.ini")


def _unwrapped(
    places: list[tuple[tuple[str, ...], zipfile.ZipInfo]],
) -> list[tuple[tuple[str, ...], zipfile.ZipInfo]]:
    """Without the folder that holds all the others, where there is one."""
    if len({parts[0] for parts, _ in places}) != 1:
        return places
    if not any(len(parts) > 2 for parts, _ in places):
        return places  # a single class: that is said of it later
    return [(parts[1:], member) for parts, member in places if len(parts) > 1]


def _in_order(class_names: set[str]) -> tuple[str, ...]:
    """As people sort: by number where all are numbers, else by letter, whatever its case."""
    if all(name.isdecimal() for name in class_names):
        return tuple(sorted(class_names, key=lambda name: (int(name), name)))
    return tuple(sorted(class_names, key=lambda name: (name.casefold(), name)))


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's bytes, of which zipfile gives no more than the archive's directory announces."""
    if fault := zips.fault(member):
        raise ValueError(fault)
    if member.file_size > MOST_PICTURE_BYTES:
        raise ValueError(f"{member.file_size:,} bytes; allowed: at most {MOST_PICTURE_BYTES:,}")
    with archive.open(member) as file:
        return file.read(MOST_PICTURE_BYTES)


def _drawn_for_test(labels: NDArray[np.uint8], chance: np.random.Generator) -> NDArray[np.bool_]:
    """Which of the pictures to test with: the same share of each class, one at least."""
    for_test = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        (of_class,) = (labels == label).nonzero()
        count = max(1, round(TEST_SHARE * len(of_class)))
        for_test[chance.permutation(of_class)[:count]] = True
    return for_test
