"""The made-up dataset of these tests is called "made"; the real files are used where they are."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import pickle
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_core import config, fields
from mnist_core.data import dataset, downloading, known, loading, places, published
from mnist_core.data.downloading import DownloadError
from mnist_core.data.known import Array, Source, Spec
from mnist_core.data.loading import DatasetError, DatasetMissing
from tests.data.test_published import cifar, fashion

REAL_DATA = os.environ.get("DIGIT_LAB_DATA")
needs_mnist = pytest.mark.skipif(
    not REAL_DATA or not Path(REAL_DATA, "mnist.npz").is_file(),
    reason="DIGIT_LAB_DATA names no folder with mnist.npz",
)

Arrays = dict[str, NDArray[Any]]


def made_arrays() -> Arrays:
    random = np.random.default_rng(0)
    return {
        # Large enough for several chunks of a download.
        "x_train": random.integers(0, 256, (400, 28, 28), np.uint8),
        "y_train": random.integers(0, 10, 400, np.uint8),
        "x_test": random.integers(0, 256, (20, 28, 28), np.uint8),
        "y_test": random.integers(0, 10, 20, np.uint8),
    }


def npz(arrays: Arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=True, **arrays)
    return file.getvalue()


def with_member(name: str, content: bytes, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """The made file, but with other bytes for one array."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(npz(made_arrays()))) as good,
        zipfile.ZipFile(file, "w", compression) as bad,
    ):
        for member in good.namelist():
            bad.writestr(member, content if member == name else good.read(member))
    return file.getvalue()


def npy(array: NDArray[Any], version: tuple[int, int] = (1, 0)) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version)
    return file.getvalue()


def npy_header(text: bytes) -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text


GOOD = npz(made_arrays())
X, Y = made_arrays()["x_train"], made_arrays()["y_train"]
SPEC = Spec(
    title="Made",
    description="Noise.",
    credit="Nobody",
    class_names=known.DIGITS,
    file="made.npz",
    arrays={
        key: Array(array.shape, hashlib.sha256(array.tobytes()).hexdigest())
        for key, array in made_arrays().items()
    },
    sources=(Source("http://127.0.0.1:9/made.npz", hashlib.sha256(GOOD).hexdigest(), len(GOOD)),),
)
URL = SPEC.sources[0].url


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, an empty Keras cache, and the dataset "made"."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("DIGIT_LAB_DATA", raising=False)
    monkeypatch.setitem(known.SPECS, "made", SPEC)
    data = tmp_path / "data"
    data.mkdir()
    return data


# What is loaded


def test_the_sample_is_4000_and_1000_images_with_as_many_of_each_class(folder: Path) -> None:
    sample = loading.load("mnist-sample", folder)

    assert sample.x_train.shape == (4000, 28, 28)
    assert sample.x_test.shape == (1000, 28, 28)
    assert np.bincount(sample.y_train).tolist() == [400] * 10
    assert np.bincount(sample.y_test).tolist() == [100] * 10
    assert sample.class_names == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert (sample.image_shape, sample.classes) == ((28, 28), 10)
    assert "mnist_sample.npz" in sample.source


def test_the_sample_is_not_sorted_by_class(folder: Path) -> None:
    sample = loading.load("mnist-sample", folder)

    assert sample.y_train.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] * 400
    assert sample.y_test.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] * 100


def test_no_image_of_the_sample_is_there_twice(folder: Path) -> None:
    sample = loading.load("mnist-sample", folder)

    images = {image.tobytes() for image in [*sample.x_train, *sample.x_test]}
    assert len(images) == 5000


@needs_mnist
def test_every_image_of_the_sample_is_in_mnists_training_part_with_the_same_label() -> None:
    sample = loading.load("mnist-sample")
    mnist = loading.load("mnist")

    labels = {
        image.tobytes(): label for image, label in zip(mnist.x_train, mnist.y_train, strict=True)
    }
    for images, given in [(sample.x_train, sample.y_train), (sample.x_test, sample.y_test)]:
        assert [labels[image.tobytes()] for image in images] == given.tolist()


@needs_mnist
def test_mnist_is_the_published_one() -> None:
    mnist = loading.load("mnist")

    assert mnist.x_train.shape == (60_000, 28, 28)
    assert mnist.x_test.shape == (10_000, 28, 28)
    assert mnist.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert mnist.y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(mnist.y_test).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


def test_what_was_saved_is_loaded(folder: Path) -> None:
    (folder / "made.npz").write_bytes(GOOD)

    made = loading.load("made", folder)

    for key, array in made_arrays().items():
        np.testing.assert_array_equal(getattr(made, key), array)
    assert (made.name, made.title) == ("made", "Made")
    assert made.source == f"Nobody, read from {folder / 'made.npz'}"


@pytest.mark.parametrize("name", ["made", "mnist-sample"])
def test_arrays_are_uint8_contiguous_and_read_only(name: str, folder: Path) -> None:
    (folder / "made.npz").write_bytes(GOOD)

    dataset = loading.load(name, folder)

    for array in [dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test]:
        assert array.dtype == np.uint8
        assert array.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_configuration_offers_the_datasets_that_exist() -> None:
    assert fields.choices(config.FIELDS["dataset"]) == tuple(known.SPECS)


# Datasets of which a part will do, in any order


PART = replace(SPEC, arrays={key: Array(array.shape) for key, array in made_arrays().items()})


@pytest.fixture
def part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the file of "made" belongs, of which nothing but shapes and labels is known."""
    monkeypatch.setitem(known.SPECS, "made", PART)
    return folder / "made.npz"


def rows(train: int, test: int) -> Arrays:
    arrays = made_arrays()
    arrays["y_train"] = np.arange(400, dtype=np.uint8) % 10
    return {
        key: np.ascontiguousarray(array[::-1][: train if key.endswith("train") else test])
        for key, array in arrays.items()
    }


def test_a_part_of_a_dataset_is_read_as_it_is(part: Path) -> None:
    arrays = rows(50, 7)
    part.write_bytes(npz(arrays))

    made = loading.load("made", part.parent)

    for key, array in arrays.items():
        np.testing.assert_array_equal(getattr(made, key), array)
    outline = loading.outline("made", part.parent)
    assert (outline.train_images, outline.test_images) == (50, 7)
    assert outline == made.outline.model_copy(update={"ground": "dark"})


def test_the_outline_of_a_missing_dataset_is_the_published_one(part: Path) -> None:
    outline = loading.outline("made", part.parent)

    assert (outline.train_images, outline.test_images) == (400, 20)
    assert (outline.image_shape, outline.classes) == ((28, 28), 10)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"y_train": Y[:49]}, r"y_train is uint8 \(49,\), expected .* as many of images as of lab"),
        ({"x_train": np.concatenate([X, X])}, r"x_train is uint8 \(800, 28, 28\), expected"),
        ({"x_test": X[:0], "y_test": Y[:0]}, r"x_test is uint8 \(0, 28, 28\), expected"),
        ({"x_train": X[:50, :14]}, r"x_train is uint8 \(50, 14, 28\), expected"),
        ({"x_train": X[:50].astype(np.float32)}, "x_train is float32"),
        ({"y_train": Y[:50] + np.uint8(3)}, "y_train has the label 12, expected 0 to 9"),
        ({"y_train": np.zeros(50, np.uint8)}, "y_train has no image of 1"),
    ],
)
def test_what_is_no_part_of_a_dataset_is_refused(part: Path, changes: Arrays, reason: str) -> None:
    part.write_bytes(npz(rows(50, 7) | changes))

    with pytest.raises(DatasetError, match=f"made.npz can't be used as Made: {reason}"):
        loading.load("made", part.parent)


@pytest.mark.parametrize("name", ["made", "mnist-sample"])
def test_the_example_is_the_first_test_image(name: str, folder: Path) -> None:
    (folder / "made.npz").write_bytes(GOOD)
    whole = loading.load(name, folder)

    image, label = loading.example(name, folder)

    assert image.tolist() == whole.x_test[0].tolist()
    assert label == whole.y_test[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    ids=["cut off", "other shape", "no such class", "no zip file"],
    argvalues=[
        (with_member("x_test.npy", npy(made_arrays()["x_test"])[:500]), "x_test does not have the"),
        (npz(made_arrays() | {"x_test": X[:20, :14]}), r"x_test is uint8 \(20, 14, 28\), expected"),
        (npz(made_arrays() | {"y_test": Y[:20] + np.uint8(90)}), "y_test has the label"),
        (GOOD[:99], "File is not a zip file"),
    ],
)
def test_no_example_comes_out_of_a_damaged_file(content: bytes, reason: str, folder: Path) -> None:
    with pytest.raises(DatasetMissing):
        loading.example("made", folder)
    (folder / "made.npz").write_bytes(content)

    with pytest.raises(DatasetError, match=f"made.npz can't be used as Made: {reason}"):
        loading.example("made", folder)


@needs_mnist
@pytest.mark.parametrize("name", ["fashion-mnist", "cifar10"])
def test_the_real_files_are_what_they_should_be(name: str) -> None:
    if not places.available(name):
        pytest.skip(f"DIGIT_LAB_DATA has no {name}")

    dataset = loading.load(name)

    assert dataset.outline.model_copy(update={"ground": "dark"}) == loading.outline(name)
    assert dataset.outline.ground == {"fashion-mnist": "dark", "cifar10": "mixed"}[name]
    # In the whole sets there are as many images of each class.
    counts = np.bincount(dataset.y_train)
    assert counts.min() > 0.9 * counts.max()


@pytest.mark.parametrize(
    ("edge", "ground"), [(0, "dark"), (40, "dark"), (128, "mixed"), (220, "light"), (255, "light")]
)
@pytest.mark.parametrize("colours", [(), (3,)])
def test_the_ground_is_judged_by_the_edges(edge: int, ground: str, colours: tuple[int]) -> None:
    images = np.full((5, 8, 9, *colours), edge, np.uint8)
    images[:, 1:-1, 1:-1] = 255 - edge

    assert dataset.ground(images) == ground


# Where it is looked for


def test_the_default_folder_is_the_data_folder_of_the_settings(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "made.npz").write_bytes(GOOD)
    monkeypatch.setenv("DIGIT_LAB_DATA", str(folder))

    assert places.available("made")
    assert loading.load("made").source.endswith(str(folder / "made.npz"))


def test_the_file_that_keras_downloaded_is_found(folder: Path) -> None:
    cache = Path(os.environ["KERAS_HOME"], "datasets")
    cache.mkdir(parents=True)
    (cache / "made.npz").write_bytes(GOOD)

    assert places.available("made", folder)
    assert loading.load("made", folder).source.endswith(str(cache / "made.npz"))


def test_without_keras_home_its_cache_is_in_the_home_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    cache = folder.parent / ".keras" / "datasets"
    cache.mkdir(parents=True)
    (cache / "made.npz").write_bytes(GOOD)

    assert loading.load("made", folder).source.endswith(str(cache / "made.npz"))


def test_the_data_folder_comes_before_keras_cache(folder: Path) -> None:
    cache = Path(os.environ["KERAS_HOME"], "datasets")
    cache.mkdir(parents=True)
    (cache / "made.npz").write_bytes(b"damaged")
    (folder / "made.npz").write_bytes(GOOD)

    assert loading.load("made", folder).source.endswith(str(folder / "made.npz"))


def test_a_missing_dataset_names_the_places_and_the_way_out(folder: Path) -> None:
    assert not places.available("made", folder)

    with pytest.raises(DatasetMissing) as missing:
        loading.load("made", folder)

    message = str(missing.value)
    assert str(folder / "made.npz") in message
    assert str(Path(os.environ["KERAS_HOME"], "datasets", "made.npz")) in message
    assert URL in message
    assert "mnist-sample" in message


def test_mnist_is_the_default_where_it_is_on_disk(folder: Path) -> None:
    assert places.default_name(folder) == "mnist-sample"

    (folder / "mnist.npz").write_bytes(GOOD)

    assert places.default_name(folder) == "mnist"


def test_the_sample_is_available_in_an_empty_folder(folder: Path) -> None:
    assert places.available("mnist-sample", folder)


@pytest.mark.parametrize("use", [loading.load, places.available, loading.outline])
@pytest.mark.parametrize("name", ["MNIST", "../mnist", "", "-x", "a" * 41, "mnist\n"])
def test_a_name_that_no_dataset_can_have_is_refused(
    name: str, use: Callable[[str], object]
) -> None:
    with pytest.raises(ValueError, match=r"^dataset is .*; allowed: mnist, mnist-sample, fashion"):
        use(name)


def test_what_cannot_be_downloaded_is_told_by_what_can() -> None:
    with pytest.raises(ValueError, match=r"dataset is 'minst'; allowed: mnist, fashion-mnist, cif"):
        downloading.download("minst")


# What is refused


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def changed(**arrays: NDArray[Any]) -> bytes:
    return npz(made_arrays() | arrays)


def without(key: str) -> bytes:
    return npz({k: v for k, v in made_arrays().items() if k != key})


DAMAGED = {
    "empty": (b"", "not a zip file"),
    "text": (b"<html>Please log in</html>", "not a zip file"),
    "cut off": (GOOD[: len(GOOD) // 2], "not a zip file"),
    "one byte changed": (GOOD[:5000] + bytes([GOOD[5000] ^ 1]) + GOOD[5001:], "x_train"),
    "plain npy": (npy(X), "not a zip file"),
    "array missing": (without("y_test"), "no array y_test"),
    "fewer images": (changed(x_train=X[:-1]), r"\(399, 28, 28\), expected uint8 \(400, 28, 28\)"),
    "flat images": (changed(x_train=X.reshape(400, 784)), r"\(400, 784\), expected uint8"),
    "floats": (changed(x_train=X / 255), r"x_train is float64 .*, expected uint8"),
    "signed": (changed(y_train=Y.astype(np.int8)), r"y_train is int8 .*, expected uint8"),
    "objects": (changed(x_train=X.astype(object)), r"x_train is object .*, expected uint8"),
    "Fortran order": (changed(x_train=np.asfortranarray(X)), "Fortran order"),
    "label out of range": (changed(y_train=Y + np.uint8(3)), "label 12, expected 0 to 9"),
    "other images": (changed(x_train=255 - X), "x_train has other values"),
    "other labels": (changed(y_test=made_arrays()["y_test"][::-1].copy()), "y_test has other val"),
    "header only": (with_member("x_train.npy", npy(X)[:128]), "x_train does not have the 313,600"),
    "a byte too many": (with_member("x_train.npy", npy(X) + b"\0"), "x_train does not have the"),
    "not npy": (with_member("x_train.npy", X.tobytes()), "magic"),
    "open bracket": (with_member("x_train.npy", npy(X).replace(b"}", b"(")), "damaged .npy head"),
    "deep header": (
        with_member("x_train.npy", npy_header(b"-" * 9000 + b"1")),
        "damaged .npy head",
    ),
    "npy version 2": (with_member("x_train.npy", npy(X, (2, 0))), r"\.npy version \(2, 0\)"),
    "bzip2": (with_member("x_train.npy", npy(X), zipfile.ZIP_BZIP2), "another method than defl"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused_and_left_alone(case: str, folder: Path) -> None:
    content, reason = DAMAGED[case]
    path = folder / "made.npz"
    path.write_bytes(content)

    with pytest.raises(DatasetError, match=reason) as refused:
        loading.load("made", folder)

    message = str(refused.value)
    assert message.startswith(f"{path} can't be used as Made: ")
    assert URL in message
    assert path.read_bytes() == content


@hypothesis.settings(
    max_examples=200,
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
@hypothesis.given(st.data())
def test_no_damage_gets_past_the_check(folder: Path, data: st.DataObject) -> None:
    content = bytearray(GOOD)
    # Half of the changes at the end, where the zip file's directory is.
    positions = st.integers(0, len(GOOD) - 1) | st.integers(len(GOOD) - 300, len(GOOD) - 1)
    for position in data.draw(st.lists(positions, min_size=1, max_size=4)):
        content[position] = data.draw(st.integers(0, 255))
    (folder / "made.npz").write_bytes(content[: data.draw(positions) + 1])

    try:
        made = loading.load("made", folder)
    except DatasetError:
        return
    for key, array in made_arrays().items():
        np.testing.assert_array_equal(getattr(made, key), array)


def test_a_file_that_ends_inside_an_array_gets_a_reason(folder: Path) -> None:
    # A part of the last array is cut out, and the directory behind it is found all the same.
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for key in ["y_train", "x_test", "y_test", "x_train"]:
            archive.writestr(f"{key}.npy", npy(made_arrays()[key]))
    content = bytearray(file.getvalue())
    directory = content.index(b"PK\1\2")
    del content[directory - 300_000 : directory]
    struct.pack_into("<I", content, content.index(b"PK\5\6") + 16, directory - 300_000)
    (folder / "made.npz").write_bytes(content)

    with pytest.raises(DatasetError, match=r"can't be used as Made: \w+"):
        loading.load("made", folder)


def test_nothing_is_unpickled(folder: Path) -> None:
    trap = np.array([Trap(folder / "sprung")], dtype=object)
    for content in [changed(x_train=trap), pickle.dumps(trap)]:
        (folder / "made.npz").write_bytes(content)
        with pytest.raises(DatasetError):
            loading.load("made", folder)
    assert not (folder / "sprung").exists()


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(npy(X)[:128].replace(b"(400,", b"(4" + b"0" * 12 + b","), id="claims 3 PB"),
        pytest.param(npy(X) + bytes(64 << 20), id="unpacks to 64 MB"),
    ],
)
def test_a_bomb_is_not_unpacked(member: bytes, folder: Path) -> None:
    (folder / "made.npz").write_bytes(with_member("x_train.npy", member))
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError):
            loading.load("made", folder)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 8 << 20


# Downloads, from a server on this machine


class Server(ThreadingHTTPServer):
    """Answers every request by ``answer``, and counts them."""

    answer: Callable[[BaseHTTPRequestHandler], None]
    count = 0


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.count += 1
        self.server.answer(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


def send(handler: BaseHTTPRequestHandler, *parts: bytes, length: int | None = len(GOOD)) -> None:
    handler.send_response(200)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.end_headers()
    for part in parts:
        handler.wfile.write(part)


def send_whole(handler: BaseHTTPRequestHandler) -> None:
    send(handler, GOOD)


def send_half(handler: BaseHTTPRequestHandler) -> None:
    send(handler, GOOD[: len(GOOD) // 2])  # and the connection is closed


@pytest.fixture
def server(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server(("127.0.0.1", 0), Handler) as server:
        server.answer = send_whole
        url = f"http://127.0.0.1:{server.server_port}/made.npz"
        monkeypatch.setitem(known.SPECS, "made", at(url))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def at(url: str) -> Spec:
    """The made dataset, to be fetched from there."""
    return replace(SPEC, sources=(SPEC.sources[0]._replace(url=url),))


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*")]


def test_a_download_is_loaded(server: Server, folder: Path) -> None:
    path = downloading.download("made", folder / "new" / "place")

    assert path == folder / "new" / "place" / "made.npz"
    assert path.read_bytes() == GOOD
    assert names(path.parent) == ["made.npz"]
    assert loading.load("made", path.parent).name == "made"


def test_the_default_place_is_the_data_folder_of_the_settings(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGIT_LAB_DATA", str(folder))

    assert downloading.download("made") == folder / "made.npz"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_other_users_may_read_the_file_as_the_umask_says(server: Server, folder: Path) -> None:
    before = os.umask(0o022)
    try:
        path = downloading.download("made", folder)
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o644


def test_the_unfinished_file_is_on_the_data_folders_file_system(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A rename from elsewhere, such as the system's temporary folder, would not be atomic.
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "no temporary folder"))

    assert downloading.download("made", folder).is_file()


def test_progress_grows_to_the_size_of_the_file(server: Server, folder: Path) -> None:
    seen: list[tuple[int, int]] = []

    downloading.download("made", folder, lambda done, total: seen.append((done, total)))

    assert len(seen) > 3
    assert seen == sorted(set(seen))
    assert {total for _, total in seen} == {len(GOOD)}
    assert seen[-1] == (len(GOOD), len(GOOD))


def test_progress_has_no_total_when_the_server_tells_none(server: Server, folder: Path) -> None:
    server.answer = lambda handler: send(handler, GOOD, length=None)
    seen: list[tuple[int, int]] = []

    downloading.download("made", folder, lambda done, total: seen.append((done, total)))

    assert seen == sorted(seen)
    assert {total for _, total in seen} == {0}
    assert seen[-1] == (len(GOOD), 0)


def test_a_slow_download_is_in_place_only_when_whole(server: Server, folder: Path) -> None:
    first_part_seen = threading.Event()

    def send_slowly(handler: BaseHTTPRequestHandler) -> None:
        send(handler, GOOD[:150_000])
        assert first_part_seen.wait(30)
        handler.wfile.write(GOOD[150_000:])

    def progress(done: int, total: int) -> None:
        if not first_part_seen.is_set():
            assert 0 < done < total
            assert not places.available("made", folder)
            first_part_seen.set()

    server.answer = send_slowly

    downloading.download("made", folder, progress)

    assert first_part_seen.is_set()
    assert loading.load("made", folder).name == "made"


def test_a_download_replaces_a_damaged_file(server: Server, folder: Path) -> None:
    (folder / "made.npz").write_bytes(b"damaged")

    downloading.download("made", folder)

    assert loading.load("made", folder).name == "made"


def test_a_dropped_connection_is_tried_again(server: Server, folder: Path) -> None:
    server.answer = lambda handler: (send_whole if server.count == 3 else send_half)(handler)
    done_so_far: list[int] = []

    downloading.download("made", folder, lambda done, total: done_so_far.append(done))

    assert server.count == 3
    assert max(done_so_far) == len(GOOD)
    assert names(folder) == ["made.npz"]
    assert loading.load("made", folder).name == "made"


CLIENTS_WORDS = re.compile("Error|Errno|Exception|urllib3|object at|SHA256|Incomplete|retries")


def send_404(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(404)


def send_503(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(503)


def send_another(handler: BaseHTTPRequestHandler) -> None:
    send(handler, GOOD[:-1] + b"\1")


@pytest.mark.parametrize(
    ("answer", "reason", "requests"),
    [
        pytest.param(send_half, "broke off, three times. Try again", 3, id="always dropped"),
        pytest.param(send_404, "does not have the file any more .*404", 1, id="not found"),
        pytest.param(send_503, "the error 503. Try again later", 1, id="out of order"),
        pytest.param(send_another, "not the published file.*browser", 1, id="other hash"),
    ],
)
@pytest.mark.parametrize("before", [None, b"what was there before"])
def test_a_failed_download_says_why_and_leaves_all_as_it_was(
    before: bytes | None,
    answer: Callable[[BaseHTTPRequestHandler], None],
    reason: str,
    requests: int,
    server: Server,
    folder: Path,
) -> None:
    server.answer = answer
    if before:
        (folder / "made.npz").write_bytes(before)

    with pytest.raises(DownloadError, match=reason) as failed:
        downloading.download("made", folder)

    message = str(failed.value)
    assert not CLIENTS_WORDS.search(message)
    assert known.SPECS["made"].sources[0].url in message
    assert str(folder / "made.npz") in message
    assert "mnist-sample" in message
    assert server.count == requests
    if before:
        assert names(folder) == ["made.npz"]
        assert (folder / "made.npz").read_bytes() == before
    else:
        assert names(folder) == []


def test_no_server_is_a_download_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as taken:  # bound but not listening: nobody else can answer there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/made.npz"
        monkeypatch.setitem(known.SPECS, "made", at(url))

        with pytest.raises(DownloadError, match=re.escape(url)) as failed:
            downloading.download("made", folder)

    assert "127.0.0.1 can't be reached. Check that this machine is on the network" in str(
        failed.value
    )
    assert not CLIENTS_WORDS.search(str(failed.value))
    assert names(folder) == []


def send_round(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


def test_other_reasons_are_in_our_words_too(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reason() -> str:
        with pytest.raises(DownloadError) as failed:
            downloading.download("made", folder)
        assert not CLIENTS_WORDS.search(str(failed.value))
        return str(failed.value)

    answered = threading.Event()

    def keep_silent(handler: BaseHTTPRequestHandler) -> None:
        answered.wait(30)

    server.answer = keep_silent
    monkeypatch.setattr(downloading, "SECONDS", 0.1)
    assert "127.0.0.1 did not answer in 0.1 seconds. Try again later" in reason()
    answered.set()

    monkeypatch.setattr(downloading, "SECONDS", 15)
    server.answer = send_round
    assert "gave no answer that can be used" in reason()

    monkeypatch.setitem(known.SPECS, "made", at(f"https://127.0.0.1:{server.server_port}/made.npz"))
    assert "does not trust the certificate that came for 127.0.0.1" in reason()

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setitem(known.SPECS, "made", at("https://example.org/made.npz"))
        assert "Check the variable HTTPS_PROXY" in reason()


def test_a_folder_that_cannot_be_made_is_a_download_error(server: Server, folder: Path) -> None:
    (folder / "file").write_bytes(b"")

    with pytest.raises(DownloadError, match="file"):
        downloading.download("made", folder / "file")


class CancelledError(Exception):
    pass


@pytest.mark.parametrize("wish", [CancelledError, KeyboardInterrupt])
def test_progress_can_cancel(wish: type[BaseException], server: Server, folder: Path) -> None:
    def progress(done: int, total: int) -> None:
        raise wish("enough")

    with pytest.raises(wish, match="enough"):
        downloading.download("made", folder, progress)

    assert server.count == 1
    assert names(folder) == []


def test_the_sample_has_nothing_to_download(folder: Path) -> None:
    with pytest.raises(ValueError, match="mnist-sample ships with the program"):
        downloading.download("mnist-sample", folder)


def test_downloads_of_threads_and_processes_do_not_disturb_each_other(
    server: Server, folder: Path
) -> None:
    all_here = threading.Barrier(4)

    def send_together(handler: BaseHTTPRequestHandler) -> None:
        all_here.wait(60)
        send_whole(handler)

    def progress(done: int, total: int) -> None:
        if places.available("made", folder):
            loading.load("made", folder)  # refuses half a file

    server.answer = send_together
    program = (
        "from pathlib import Path\n"
        "from mnist_core.data import downloading, known\n"
        "from mnist_core.data.known import Array, Source, Spec\n"
        f"known.SPECS['made'] = {known.SPECS['made']!r}\n"
        f"downloading.download('made', Path({str(folder)!r}))\n"
    )
    root = Path(__file__).parents[2]
    with ThreadPoolExecutor() as threads:
        processes = [subprocess.Popen([sys.executable, "-c", program], cwd=root) for _ in range(2)]
        downloads = [
            threads.submit(downloading.download, "made", folder, progress) for _ in range(2)
        ]
        for download in downloads:
            download.result()
        assert [process.wait(60) for process in processes] == [0, 0]

    assert server.count == 4
    assert names(folder) == ["made.npz"]
    assert loading.load("made", folder).name == "made"


def serve(server: Server, monkeypatch: pytest.MonkeyPatch, name: str, *contents: bytes) -> None:
    """Have the dataset of that name be downloaded from this server."""
    files = {f"/file-{number}.gz": content for number, content in enumerate(contents)}

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, files[handler.path], length=len(files[handler.path]))

    server.answer = answer
    sources = tuple(
        Source(
            f"http://127.0.0.1:{server.server_port}{path}",
            hashlib.sha256(content).hexdigest(),
            len(content),
        )
        for path, content in files.items()
    )
    monkeypatch.setitem(known.SPECS, name, replace(known.SPECS[name], sources=sources))


@pytest.mark.parametrize("name", ["fashion-mnist", "cifar10"])
def test_archives_are_unpacked_into_a_file_beside_mnist(
    name: str, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays, contents = fashion() if name == "fashion-mnist" else published_cifar()
    serve(server, monkeypatch, name, *contents)
    seen: list[tuple[int, int]] = []

    path = downloading.download(name, folder, lambda done, total: seen.append((done, total)))

    assert names(folder) == [known.SPECS[name].file] == [path.name]
    dataset = loading.load(name, folder)
    for key, array in arrays.items():
        np.testing.assert_array_equal(getattr(dataset, key), array, strict=True)
    assert seen == sorted(seen)  # one progress for all files
    assert {total for _, total in seen} == {sum(map(len, contents))}
    assert seen[-1][0] == sum(map(len, contents))


def published_cifar() -> tuple[Arrays, list[bytes]]:
    arrays, content = cifar()
    return arrays, [content]


def test_an_archive_is_not_opened_before_its_hash_was_found_right(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(server, monkeypatch, "cifar10", published_cifar()[1][0])
    spec = known.SPECS["cifar10"]

    def unpack(files: Sequence[Path]) -> published.Arrays:
        raise AssertionError(f"{files} are opened")

    wrong = (spec.sources[0]._replace(sha256="0" * 64),)
    monkeypatch.setitem(known.SPECS, "cifar10", replace(spec, sources=wrong, unpack=unpack))

    with pytest.raises(DownloadError, match="not the published file"):
        downloading.download("cifar10", folder)

    assert names(folder) == []


@pytest.mark.parametrize("wrong", [0, 3])
def test_when_one_of_several_files_fails_nothing_is_left(
    wrong: int, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, contents = fashion()
    serve(server, monkeypatch, "fashion-mnist", *contents)
    good = server.answer
    server.answer = lambda handler: (send_404 if handler.path == f"/file-{wrong}.gz" else good)(
        handler
    )

    with pytest.raises(DownloadError, match=rf"file-{wrong}\.gz: .*404"):
        downloading.download("fashion-mnist", folder)

    assert names(folder) == []


def test_an_archive_with_something_else_in_it_is_a_download_error(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(server, monkeypatch, "cifar10", b"no archive")

    with pytest.raises(DownloadError, match="CIFAR-10 could not be downloaded"):
        downloading.download("cifar10", folder)

    assert names(folder) == []


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "cifar10"])
def test_datasets_come_from_where_keras_gets_them(name: str) -> None:
    # Read, not imported: Keras takes seconds to load.
    keras = importlib.util.find_spec("keras")
    assert keras is not None
    assert keras.origin is not None
    module = Path(keras.origin).parent / "src" / "datasets" / f"{name.replace('-', '_')}.py"
    source = module.read_text()

    for url, sha256, _ in known.SPECS[name].sources:
        folder, _, file = url.rpartition("/")
        assert folder in source
        assert file in source
        if name != "fashion-mnist":  # for which Keras has no hashes
            assert sha256 in source
