"""Datasets of one's own: what is brought is what is read back, and every fault is named."""

import io
import pickle
import random
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_core.data import known, loading, own, pictures, places
from mnist_core.data.loading import DatasetError, DatasetMissing
from mnist_core.data.own import ImportRefused, import_file
from tests.data.test_published import Trap

Arrays = dict[str, NDArray[Any]]


def made_arrays(shape: tuple[int, ...] = (10, 12), classes: int = 3) -> Arrays:
    random = np.random.default_rng(0)
    return {
        "x_train": random.integers(0, 256, (30, *shape), np.uint8),
        "y_train": np.arange(30) % classes,  # int64, as NumPy makes them
        "x_test": random.integers(0, 256, (9, *shape), np.uint8),
        "y_test": np.arange(9) % classes,
    }


def npz(arrays: Arrays, compressed: bool = True) -> io.BytesIO:
    file = io.BytesIO()
    save = np.savez_compressed if compressed else np.savez
    save(file, allow_pickle=True, **arrays)
    return file


def picture(colour: tuple[int, int, int] = (200, 30, 30), kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(file, kind)
    return file.getvalue()


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


RED, BLUE = (200, 30, 30), (20, 40, 220)


def pets(cats: int = 10, dogs: int = 5, top: str = "") -> dict[str, bytes]:
    """Red cats and blue dogs."""
    return {
        **{f"{top}cats/{number}.png": picture(RED) for number in range(cats)},
        **{f"{top}dogs/{number}.jpg": picture(BLUE, "JPEG") for number in range(dogs)},
    }


def faults(file: io.BytesIO, folder: Path, **options: Any) -> str:
    """What is said of a file that is refused; and nothing has been written."""
    with pytest.raises(ImportRefused) as refused:
        import_file("mine", file, folder=folder, **options)
    assert list(folder.rglob("*")) == []
    return str(refused.value)


# --- Arrays ---


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("shape", [(10, 12), (10, 12, 3)])
def test_arrays_are_kept_as_they_are(
    shape: tuple[int, ...], compressed: bool, tmp_path: Path
) -> None:
    arrays = made_arrays(shape)
    outline = import_file("mine", npz(arrays, compressed), folder=tmp_path)
    mine = loading.load("mine", tmp_path)

    for key, array in arrays.items():
        np.testing.assert_array_equal(getattr(mine, key), array)
        assert getattr(mine, key).dtype == np.uint8
    assert mine.class_names == outline.class_names == ("0", "1", "2")
    assert outline == mine.outline.model_copy(update={"ground": "dark"})
    assert (outline.train_images, outline.test_images, outline.image_shape) == (30, 9, shape)
    assert mine.source == f"Images of your own, read from {tmp_path / 'own' / 'mine.npz'}"
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["mine.npz"]


def test_labels_in_a_column_and_a_single_channel_are_taken_too(tmp_path: Path) -> None:
    arrays = made_arrays((10, 12, 1))
    arrays["y_train"] = arrays["y_train"].reshape(-1, 1)
    import_file("mine", npz(arrays), folder=tmp_path)
    mine = loading.load("mine", tmp_path)

    assert mine.image_shape == (10, 12)
    assert mine.y_train.tolist() == arrays["y_train"][:, 0].tolist()


def test_names_of_classes_are_kept(tmp_path: Path) -> None:
    names = np.array(["Katze", "犬", "a $b$ [c](d)"])
    outline = import_file("mine", npz(made_arrays() | {"class_names": names}), folder=tmp_path)

    assert outline.class_names == loading.load("mine", tmp_path).class_names == tuple(names)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x_train": None}, "x_train: it has no array x_train"),
        (
            {"x_train": np.zeros((30, 10, 12)), "y_test": np.zeros(9)},
            "x_train: the type is float64; allowed: uint8, from 0 to 255\n"
            "y_test: the type is float64; allowed: whole numbers from 0",
        ),
        ({"x_test": np.zeros((9, 10, 13), np.uint8)}, "x_test: images of (10, 13), not (10, 12)"),
        ({"x_train": np.zeros((30, 120), np.uint8)}, "x_train has the shape (30, 120); allowed: "),
        ({"x_train": np.zeros((30, 2, 12), np.uint8)}, "sides of 4 to 96 pixels"),
        ({"x_train": np.zeros((30, 97, 12), np.uint8)}, "sides of 4 to 96 pixels"),
        ({"x_train": np.zeros((30, 9, 9, 4), np.uint8)}, "x_train has the shape (30, 9, 9, 4); al"),
        ({"y_train": np.zeros(29, int)}, "y_train: 29 labels for 30 images"),
        ({"y_train": np.zeros((30, 2), int)}, "y_train: the shape is (30, 2); allowed: (n,)"),
        (
            {"x_test": np.zeros((0, 10, 12), np.uint8), "y_test": np.zeros(0, int)},
            "x_test: no image in it",
        ),
        ({"y_test": np.arange(9) - 1}, "labels go from -1 to 7; allowed: 0 to 7"),
        ({"y_test": np.full(9, 4)}, "y_train: no image of class 3\ny_train: no image of class 4"),
        ({"y_test": np.full(9, 100)}, "there are 101 classes; allowed: 2 to 100"),
        ({"y_train": np.zeros(30, int), "y_test": np.zeros(9, int)}, "there is 1 class; all"),
        ({"class_names": np.array(["a", "b"])}, "labels go from 0 to 2; allowed: 0 to 1"),
        ({"class_names": np.array(["a", "b", "a"])}, "class_names has 'a' twice"),
        ({"class_names": np.array(["a", "b", " "])}, "a class is called ' '; allowed: 1 to 40"),
        ({"class_names": np.array(["a", "b", "Any"])}, "a class is called 'Any'; allowed: "),
        ({"class_names": np.array(["a", "b", "c" * 41])}, "a class is called 'ccc"),
        ({"class_names": np.arange(3)}, "class_names is int64 (3,); allowed: text, (n,)"),
    ],
)
def test_a_fault_in_arrays_is_named(tmp_path: Path, changes: Arrays, words: str) -> None:
    arrays = {k: v for k, v in (made_arrays() | changes).items() if v is not None}

    assert words in faults(npz(arrays), tmp_path)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    trap = np.array([Trap(sprung)] * 30, dtype=object)
    data = tmp_path / "data"
    data.mkdir()
    for arrays in (made_arrays() | {"x_train": trap}, made_arrays() | {"class_names": trap[:3]}):
        faults(npz(arrays), data)
    faults(io.BytesIO(pickle.dumps(trap)), data)

    assert not sprung.exists()


# --- Pictures ---


def test_a_zip_of_folders_becomes_a_dataset_with_a_fifth_of_each_class_to_test(
    tmp_path: Path,
) -> None:
    outline = import_file("mine", zipped(pets()), 16, colour=True, folder=tmp_path)
    mine = loading.load("mine", tmp_path)

    assert mine.class_names == ("cats", "dogs")
    assert outline.image_shape == (16, 16, 3)
    assert np.bincount(mine.y_train).tolist() == [8, 4]
    assert np.bincount(mine.y_test).tolist() == [2, 1]
    for images, labels in ((mine.x_train, mine.y_train), (mine.x_test, mine.y_test)):
        for image, label in zip(images, labels, strict=True):
            assert abs(image.astype(int) - (RED, BLUE)[label]).max() < 5  # JPEG's blue is near it


def test_grey_pictures_have_no_channels(tmp_path: Path) -> None:
    import_file("mine", zipped(pets()), 16, folder=tmp_path)
    mine = loading.load("mine", tmp_path)

    assert mine.image_shape == (16, 16)
    assert set(mine.x_train[mine.y_train == 0].ravel().tolist()) == {81}


@pytest.mark.parametrize("top", ["", "animals/", "animals\\"])
def test_folders_train_and_test_divide_the_pictures(tmp_path: Path, top: str) -> None:
    members = {
        **pets(3, 2, f"{top}Train/"),
        **pets(2, 0, f"{top}TEST/"),
        f"{top}Train/": b"",
        f"{top}Train/cats/": b"",
    }
    import_file("mine", zipped(members), folder=tmp_path)
    mine = loading.load("mine", tmp_path)

    assert np.bincount(mine.y_train).tolist() == [3, 2]
    assert mine.y_test.tolist() == [0, 0]


def test_a_folder_around_all_and_clutter_are_passed_over(tmp_path: Path) -> None:
    clutter = {
        "__MACOSX/animals/cats/._0.png": b"x",
        "animals/.DS_Store": b"x",
        "animals/cats/Thumbs.db": b"x",
        "animals/dogs/desktop.ini": b"x",
    }
    outline = import_file("mine", zipped(pets(top="animals/") | clutter), folder=tmp_path)

    assert outline.class_names == ("cats", "dogs")
    assert outline.train_images + outline.test_images == 15


def test_numbered_classes_are_in_the_order_of_numbers(tmp_path: Path) -> None:
    members = {f"{n}/{i}.png": picture() for n in (10, 9, 1) for i in range(2)}

    outline = import_file("mine", zipped(members), folder=tmp_path)

    assert outline.class_names == ("1", "9", "10")


def test_the_same_file_gives_the_same_dataset(tmp_path: Path) -> None:
    rng = random.Random(0)
    members = {
        f"{c}/{i}.png": picture((rng.randrange(256), rng.randrange(256), 0))
        for c in "ab"
        for i in range(9)
    }
    for name in ("one", "two"):
        import_file(name, zipped(members), folder=tmp_path)
    one, two = (loading.load(name, tmp_path) for name in ("one", "two"))

    np.testing.assert_array_equal(one.x_train, two.x_train)
    np.testing.assert_array_equal(one.y_test, two.y_test)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dogs/7.png": b"Dear diary"}, "dogs/7.png: not a picture that can be read; allowed: PNG"),
        ({"dogs/7.png": picture()[:60]}, "dogs/7.png: the picture is damaged"),
        ({"7.png": picture()}, "7.png: allowed: a picture in its class's folder"),
        ({"dogs/poodles/7.png": picture()}, "dogs/poodles/7.png: allowed: a picture in its class"),
        ({"../7.png": picture()}, "'../7.png': the path leads out of the archive"),
        ({"dogs/../../7.png": picture()}, "'dogs/../../7.png': the path leads out of the archive"),
        ({"/dogs/7.png": picture()}, "'/dogs/7.png': the path leads out of the archive"),
        (
            {"C:\\dogs\\7.png": picture()},
            "'C:\\\\dogs\\\\7.png': the path leads out of the archive",
        ),
        ({"emus/": b""}, "emus/: no picture in it"),
        ({"emus/1.png": picture()}, "emus/: one picture; at least two are needed"),
        ({"Any/1.png": picture(), "Any/2.png": picture()}, "a class is called 'Any'; allowed: "),
        ({f"{'x' * 41}/{i}.png": picture() for i in range(2)}, "a class is called 'xxx"),
        (
            {"dogs/7.png": b"x", "7.png": picture(), "emus/": b""},
            "7.png: allowed: a picture in its class's folder, CLASS/picture, or train/CLASS/picture"
            " and test/CLASS/picture\nemus/: no picture in it\ndogs/7.png: not a picture",
        ),
    ],
)
def test_a_fault_in_pictures_is_named(
    tmp_path: Path, changes: dict[str, bytes], words: str
) -> None:
    assert words in faults(zipped(pets() | changes), tmp_path)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "there are 0 classes; allowed: 2 to 100"),
        (pets(dogs=0), "there is 1 class; allowed: 2 to 100"),
        ({f"{c}/{i}.png": b"" for c in range(101) for i in range(2)}, "there are 101 classes"),
        (pets(top="train/") | pets(3, 0, "test/") | {"test/emus/1.png": picture()}, "train/emus/:"),
        (pets(top="train/") | {"test/": b""}, "test/: no picture in it"),
    ],
)
def test_a_fault_in_classes_is_named(tmp_path: Path, members: dict[str, bytes], words: str) -> None:
    assert words in faults(zipped(members), tmp_path)


def test_of_many_faults_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    bad = {f"dogs/{number:03}.png": b"x" for number in range(100, 150)}
    told = faults(zipped(pets() | bad), tmp_path).splitlines()

    assert len(told) == 21
    assert told[0].startswith("dogs/100.png: ")
    assert told[-1] == "and 30 more"


@pytest.mark.parametrize("content", [b"", b"no archive", picture()])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "neither an .npz nor a zip file" in faults(io.BytesIO(content), tmp_path)


def test_an_encrypted_picture_is_named(tmp_path: Path) -> None:
    content = bytearray(zipped(pets()).getvalue())
    directory = content.index(b"PK\1\2")  # of the first picture
    content[directory + 8] |= 1

    assert "cats/0.png: encrypted" in faults(io.BytesIO(bytes(content)), tmp_path)


# --- Limits ---


def test_a_file_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "MOST_ARCHIVE_BYTES", 1_000)

    assert "bytes; allowed: at most 1,000" in faults(zipped(pets()), tmp_path)


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("MOST_PICTURES", 14, "15 pictures; allowed: at most 14"),
        ("MOST_UNPACKED_BYTES", 1_000, "the pictures' files unpack to "),
        ("MOST_BYTES", 11_759, "15 pictures of 28 x 28 take 11,760 bytes; allowed: at most 11,759"),
    ],
)
def test_too_many_pictures_are_refused_before_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, words: str
) -> None:
    monkeypatch.setattr(own, limit, value)
    monkeypatch.setattr(pictures, "opened", None)

    assert words in faults(zipped(pets()), tmp_path)


def test_a_picture_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    bomb = zipped(pets() | {"dogs/7.png": bytes(own.MOST_PICTURE_BYTES + 1)})
    tracemalloc.start()
    try:
        told = faults(bomb, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert told == "dogs/7.png: 30,000,001 bytes; allowed: at most 30,000,000"
    assert peak < 5_000_000


def test_arrays_that_claim_too_much_are_not_unpacked(tmp_path: Path) -> None:
    honest = npz(made_arrays())
    file = io.BytesIO()
    with zipfile.ZipFile(honest) as good, zipfile.ZipFile(file, "w") as bad:
        for member in good.namelist():
            content = good.read(member)
            if member in ("x_train.npy", "y_train.npy"):
                content = content.replace(b"(30,", b"(3" + b"0" * 9 + b",")
            bad.writestr(member, content)

    assert "the arrays take more than 400,000,000 bytes" in faults(file, tmp_path)


# --- Names and places ---


@pytest.mark.parametrize(
    "name", ["", "Pets", "../pets", "a/b", "-a", "a" * 41, "mnist", "cifar10", "pets.npz", "pets\n"]
)
def test_a_name_that_cannot_be_used_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="the name is "):
        import_file(name, zipped(pets()), folder=tmp_path)
    with pytest.raises(ValueError, match="the name is "):
        own.remove(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("side", [3, 97, -1])
def test_a_side_out_of_bounds_is_refused(tmp_path: Path, side: int) -> None:
    with pytest.raises(ValueError, match=f"the side is {side}; allowed: 4 to 96 pixels"):
        import_file("mine", zipped(pets()), side, folder=tmp_path)


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    import_file("mine", npz(made_arrays()), folder=tmp_path)
    before = (tmp_path / "own" / "mine.npz").read_bytes()

    with pytest.raises(ValueError, match="a dataset of your own called 'mine' already"):
        import_file("mine", zipped(pets()), folder=tmp_path)

    assert (tmp_path / "own" / "mine.npz").read_bytes() == before


def test_it_is_listed_after_the_known_ones_and_can_be_removed(tmp_path: Path) -> None:
    for name in ("zoo", "apes"):
        import_file(name, npz(made_arrays()), folder=tmp_path)
    (tmp_path / "own" / "Other file.npz").touch()
    (tmp_path / "own" / "mnist.npz").touch()  # not the MNIST

    assert places.names(tmp_path) == (*known.SPECS, "apes", "zoo")
    own.remove("zoo", tmp_path)
    assert places.names(tmp_path) == (*known.SPECS, "apes")
    assert not places.available("zoo", tmp_path)
    with pytest.raises(DatasetMissing, match=r"own.zoo\.npz\. Import it on the page Data"):
        loading.load("zoo", tmp_path)
    with pytest.raises(ValueError, match="no dataset of your own called 'zoo'"):
        own.remove("zoo", tmp_path)


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("a file")

    with pytest.raises(OSError, match="own"):
        import_file("mine", npz(made_arrays()), folder=tmp_path)


def test_progress_tells_of_every_picture_and_can_cancel(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    import_file("one", zipped(pets()), folder=tmp_path, progress=lambda *told: seen.append(told))

    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file("two", zipped(pets()), folder=tmp_path, progress=cancel)
    assert seen == [(number, 15) for number in range(1, 16)]
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["one.npz"]


@pytest.mark.parametrize(
    "changes",
    [
        {"class_names": np.array([Trap(Path("/nowhere"))] * 3, dtype=object)},
        {"class_names": np.array(["a", "b", "x" * 500])},
        {"class_names": np.array(["a", "b", "Any"])},
        {"x_train": np.zeros((30, 97, 12), np.uint8)},
        {"y_train": np.full(30, 7, np.uint8)},
    ],
)
def test_a_file_put_there_by_hand_is_checked_as_well(tmp_path: Path, changes: Arrays) -> None:
    import_file("mine", npz(made_arrays()), folder=tmp_path)
    path = tmp_path / "own" / "mine.npz"
    with np.load(path) as good:
        arrays = {key: good[key] for key in good}
    path.write_bytes(npz(arrays | changes).getvalue())

    with pytest.raises(DatasetError, match=r"mine\.npz can't be used as mine"):
        loading.load("mine", tmp_path)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("My Pets", "my-pets"),
        ("  Müller & Söhne (2)  ", "muller-sohne-2"),
        ("x" * 60, "x" * 40),
        ("a" * 39 + " b", "a" * 39),
        ("猫", ""),
    ],
)
def test_the_nearest_allowed_name(title: str, name: str) -> None:
    assert places.name_like(title) == name
