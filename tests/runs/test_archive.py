"""A run in a zip file: it comes back as it was, and what is not as it should be is refused."""

import io
import json
import signal
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mnist_core.runs import archive as archives
from mnist_core.runs.archive import IMPORTS, KEPT, ImportRefused, pack, purge_leftovers, unpack
from mnist_core.runs.catalog import Summary, summarize
from mnist_core.runs.events import Ended, Epoch, State, append_event
from mnist_core.runs.folder import Labels, Run
from mnist_core.runs.format import CURRENT
from mnist_core.runs.store import RunStore
from tests.conftest import SMALL

PROJECT = Path(__file__).parents[2]
Content = dict[str, bytes]


def content(run: Run) -> Content:
    return {path.name: path.read_bytes() for path in run.folder.iterdir() if path.is_file()}


def archive(content: Content) -> io.BytesIO:
    """A zip file with these files, by their whole names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in content.items():
            packed.writestr(name, data)
    return buffer


@pytest.fixture(scope="module")
def small(store_of_module: RunStore) -> Content:
    """The files of a run without a network, which is quick to check, by their names in a zip."""
    run = store_of_module.create(SMALL)
    append_event(run.folder, Ended(state=State.FAILED, message="by design"))
    run.set_labels(Labels(name="Small"))
    with zipfile.ZipFile(io.BytesIO(pack(run))) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


@pytest.fixture(scope="module")
def store_of_module(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    return RunStore(tmp_path_factory.mktemp("there"))


@pytest.fixture
def with_network(trained: Run) -> Content:
    with zipfile.ZipFile(io.BytesIO(pack(trained))) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def refused(content: Content | io.BytesIO, store: RunStore) -> str:
    """Why an archive is not taken in; nothing of it may be left."""
    with pytest.raises(ImportRefused) as refusal:
        unpack(content if isinstance(content, io.BytesIO) else archive(content), store)
    assert not store.list()
    assert not list((store.folder / IMPORTS).glob("*"))
    assert "/tmp" not in str(refusal.value)
    return str(refusal.value)


def run_id(content: Content) -> str:
    return next(iter(content)).partition("/")[0]


def changed(content: Content, name: str, data: bytes) -> Content:
    return content | {f"{run_id(content)}/{name}": data}


@pytest.mark.slow
def test_a_run_comes_back_as_it_was(trained: Run, store: RunStore) -> None:
    before = content(trained)
    run = unpack(io.BytesIO(pack(trained)), store)

    assert run.id == trained.id
    assert content(run) == {n: data for n, data in before.items() if n in KEPT}
    networks = {"model.keras", "model.tflite", "checkpoint.npz", "film.bin"}
    assert networks | {"test.npz"} <= content(run).keys()
    assert not list((store.folder / IMPORTS).iterdir())
    summary = summarize(run)
    assert isinstance(summary, Summary)
    assert summary.state == State.FINISHED


def test_a_run_that_was_live_is_interrupted_here(store: RunStore, tmp_path: Path) -> None:
    live = RunStore(tmp_path / "there").create(SMALL)
    append_event(live.folder, Epoch.model_validate(FIGURES | {"epoch": 1}))
    # Made by hand, with all that there is.
    run = unpack(archive({f"{live.id}/{n}": data for n, data in content(live).items()}), store)

    assert not (run.folder / "owner.json").exists()
    assert run.state(run.history()) == State.INTERRUPTED


FIGURES = {
    "loss": 0.5,
    "accuracy": 0.8,
    "val_loss": 0.4,
    "val_accuracy": 0.9,
    "learning_rate": 0.001,
    "seconds": 1,
}


def test_a_run_that_is_here_already_is_refused(small: Content, store: RunStore) -> None:
    run = unpack(archive(small), store)
    with pytest.raises(ImportRefused, match=f"{run.id} is here already"):
        unpack(archive(changed(small, "labels.json", b'{"name": "Other"}')), store)
    assert run.labels().name == "Small"


def test_the_format_travels_with_the_run(small: Content, store: RunStore) -> None:
    run = unpack(archive(small), store)

    assert json.loads((run.folder / "format.json").read_bytes()) == {"version": CURRENT}


def test_a_run_of_a_newer_version_is_refused_as_such(small: Content, store: RunStore) -> None:
    newer = changed(small, "format.json", json.dumps({"version": CURRENT + 1}).encode())

    assert "made by a newer version of Digit Lab" in refused(newer, store)
    # What else such a version keeps is not to blame.
    assert "newer version" in refused(changed(newer, "film.npz", b""), store)


@pytest.mark.parametrize(
    "name",
    [
        *("../evil", "/etc/passwd", "ID/../../evil", "ID/sub/config.json", "ID\\evil", "evil"),
        *("ID/evil.py", "ID/model.pkl", "ID/config.json/", "C:/evil", "ID/tensorboard/events"),
        *("99999999-999999-abcd/config.json", "20260101-120000-abcd/config.json"),
    ],
)
def test_only_a_runs_own_files_are_allowed(small: Content, store: RunStore, name: str) -> None:
    there = name.replace("ID", run_id(small))
    message = refused(small | {there: b"evil"}, store)

    assert there.replace("\\", "\\\\") in message or "2 folders" in message
    assert not (store.folder.parent / "evil").exists()


def test_a_link_is_refused(small: Content, store: RunStore) -> None:
    link = zipfile.ZipInfo(f"{run_id(small)}/worker.log")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = archive(small)
    with zipfile.ZipFile(buffer, "a") as packed:
        packed.writestr(link, "/etc/passwd")
    assert "no plain file" in refused(buffer, store)


def test_a_name_that_comes_twice_is_refused(small: Content, store: RunStore) -> None:
    buffer = archive(small)
    with (
        pytest.warns(UserWarning, match="Duplicate"),
        zipfile.ZipFile(buffer, "a") as packed,
    ):
        packed.writestr(f"{run_id(small)}/config.json", "{}")
    assert "once each" in refused(buffer, store)


def test_a_bomb_is_refused(small: Content, store: RunStore) -> None:
    assert "would grow" in refused(changed(small, "model.keras", bytes(50_000_000)), store)
    assert "allowed: 1,048,576" in refused(changed(small, "labels.json", bytes(2_000_000)), store)


def test_a_file_that_lies_about_its_size_is_refused(small: Content, store: RunStore) -> None:
    data = archive(small).getvalue()
    size = len(small[f"{run_id(small)}/config.json"])
    lie = data.replace(size.to_bytes(4, "little"), (size - 5).to_bytes(4, "little"))
    assert lie != data
    assert "damaged" in refused(io.BytesIO(lie), store)


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04" + bytes(100)])
def test_what_is_no_zip_is_refused(store: RunStore, data: bytes) -> None:
    assert "no zip archive" in refused(io.BytesIO(data), store)


def test_files_that_lie_before_the_beginning_are_refused(small: Content, store: RunStore) -> None:
    data = bytearray(archive(small).getvalue())
    place = data.rfind(b"PK\x05\x06") + 16  # of where the table of contents begins
    start = int.from_bytes(data[place : place + 4], "little")
    data[place : place + 4] = (start + 9).to_bytes(4, "little")
    path = store.folder.parent / "run.zip"
    path.write_bytes(data)

    assert "damaged" in refused(io.BytesIO(data), store)
    with path.open("rb") as file, pytest.raises(ImportRefused, match="damaged"):
        unpack(file, store)


@pytest.mark.parametrize("name", [name for name in KEPT if ".json" in name])
def test_json_without_end_is_refused(small: Content, store: RunStore, name: str) -> None:
    for data in (
        b"[" * 100_000,
        b'{"version": ' + b"[" * 100_000,
        b'{"a": ' + b"9" * 10_000 + b"}",
    ):
        assert name in refused(changed(small, name, data + b"\n"), store)


def with_number(data: bytes, mark: bytes, at: int, number: int, size: int) -> bytes:
    """The archive with another number in the last record that begins with the mark."""
    place = data.rindex(mark) + at
    return data[:place] + number.to_bytes(size, "little") + data[place + size :]


END, ENTRY = b"PK\5\6", b"PK\1\2"


@pytest.mark.parametrize(
    ("mark", "at", "number", "size"),
    [
        (END, 12, 2**31, 4),  # the table's size, so that it begins before the file does
        (END, 16, 2**31, 4),  # the table's offset
        (END, 16, 2**32 - 1, 4),
        (ENTRY, 8, 1, 2),  # a password
        (ENTRY, 8, 0x40, 2),
        (ENTRY, 10, 14, 2),  # LZMA
        (ENTRY, 10, 97, 2),  # a method that nobody knows
        (ENTRY, 42, 2**31, 4),  # the file's offset
        (ENTRY, 20, 2**31, 4),  # its packed size
        (ENTRY, 24, 7, 4),  # its size
        (ENTRY, 28, 0, 2),  # the length of its name
    ],
)
def test_whatever_is_wrong_with_a_zip_it_is_refused(
    small: Content, store: RunStore, mark: bytes, at: int, number: int, size: int
) -> None:
    harmed = with_number(archive(small).getvalue(), mark, at, number, size)
    assert refused(io.BytesIO(harmed), store)


def test_an_archive_of_many_files_is_refused_before_they_are_listed(
    small: Content, store: RunStore
) -> None:
    many = {f"{run_id(small)}/{number}": b"" for number in range(3_000)}
    assert "its table of contents has" in refused(small | many, store)


def test_more_events_than_a_training_has_are_refused(
    small: Content, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MOST_ACTS", 100)
    resumed = line(kind="resumed")
    assert "more than 100 events 'resumed'" in refused(
        changed(small, "events.jsonl", 101 * resumed), store
    )
    monkeypatch.setattr(archives, "MOST_EVENTS", 50)
    assert "more than 50 events" in refused(changed(small, "events.jsonl", 51 * resumed), store)


def test_a_network_that_was_squeezed_to_nothing_is_refused(small: Content, store: RunStore) -> None:
    chance = np.random.default_rng(0).bytes(100_000)
    squeezed = changed(small, "checkpoint.npz", chance + bytes(9_000_000))
    assert "checkpoint.npz would grow to 9,100,000 bytes" in refused(squeezed, store)


def test_an_archive_without_configuration_is_no_run(small: Content, store: RunStore) -> None:
    without = {name: data for name, data in small.items() if not name.endswith("config.json")}
    assert "config.json is missing" in refused(without, store)


def line(**event: object) -> bytes:
    return json.dumps({"time": 1.0} | event).encode() + b"\n"


FITTED = {"weights": 1, "train_images": 1, "validation_images": 0, "steps_per_epoch": 1}


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("config.json", b"{", "config.json"),
        ("config.json", b'{"dropout": 7}', "dropout is 7"),
        ("config.json", b'{"code": "x"}', "code is not a setting"),
        ("config.json", b"[" * 100_000, "config.json|not as a run has it"),
        ("environment.json", b'{"keras": ' * 100_000, "environment.json is damaged"),
        ("environment.json", b'{"cores": ' + b"9" * 10_000 + b"}", "environment.json is damaged"),
        ("config.json", b'{"seed": ' + b"9" * 10_000 + b"}", "config.json"),
        ("dataset.json", b'{"test_images": ' + b"9" * 10_000 + b"}", "dataset.json is damaged"),
        ("labels.json", b'{"name": "' + b"x" * 100 + b'"}', "labels.json is damaged"),
        ("environment.json", b"[]", "environment.json is damaged"),
        ("environment.json", b'{"keras": {"deep": 1}}', "keras"),
        ("report.json", b'{"0": {"precision": "high"}}', "0"),
        ("events.jsonl", line(kind="exploded"), "not an event"),
        ("format.json", b"{}", "format.json is damaged"),
        ("events.jsonl", line(kind="fitting", **FITTED | {"steps_per_epoch": 0}), "no weights"),
        ("events.jsonl", line(kind="epoch", epoch=2, **FIGURES), "epoch 2 comes after epoch 0"),
        (
            "events.jsonl",
            line(kind="epoch", epoch=1, **FIGURES | {"accuracy": 1.5}),
            "has the accuracy 1.5",
        ),
        (
            "events.jsonl",
            line(kind="epoch", epoch=1, **FIGURES).replace(b"0.001", b"NaN"),
            "has the learning_rate nan",
        ),
        ("before.jsonl", line(kind="continued", run="../x", epochs=1, asked=1), r"\.\./x"),
        ("test.npz", b"nothing", "test.npz"),
        ("checkpoint.npz", b"nothing", "checkpoint.npz"),
        ("film.bin", bytes(1_100_000), "film.bin is damaged: its moments are in no order"),
    ],
)
def test_what_a_file_says_is_checked(
    small: Content, store: RunStore, name: str, data: bytes, words: str
) -> None:
    message = refused(changed(small, name, data), store)
    assert any(word.replace("\\", "") in message for word in words.split("|")), message


def npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


LABELS = np.zeros(4, np.uint8)
SURE = np.eye(10, dtype=np.float32)[LABELS]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"probabilities": SURE}, "has the arrays"),
        ({"probabilities": SURE, "labels": LABELS, "more": LABELS}, "has the arrays"),
        ({"probabilities": SURE[:, :9], "labels": LABELS}, "shape (4, 9)"),
        ({"probabilities": SURE, "labels": LABELS + 10}, "labels go from 10"),
        ({"probabilities": SURE * 2, "labels": LABELS}, "not numbers from 0 to 1"),
        ({"probabilities": SURE, "labels": np.array([print] * 4, object)}, "labels.npy"),
    ],
)
def test_test_results_are_checked(
    small: Content, store: RunStore, arrays: dict[str, object], words: str
) -> None:
    assert words in refused(changed(small, "test.npz", npz(**arrays)), store)


def test_an_array_that_claims_terabytes_is_refused(small: Content, store: RunStore) -> None:
    header = io.BytesIO()
    claim = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 10)}
    np.lib.format.write_array_header_1_0(header, claim)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("probabilities.npy", header.getvalue())
        packed.writestr("labels.npy", header.getvalue())
    assert "claims" in refused(changed(small, "test.npz", buffer.getvalue()), store)


# --- Networks, which a process of their own reads ---


def rewritten(model: bytes, change: Callable[[str], str], **more: bytes) -> bytes:
    """A ``model.keras`` whose description has been changed, with more files in it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(model)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data.decode()) if name == "config.json" else data)
        for name, data in more.items():
            new.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "more", "words"),
    [
        (lambda text: text.replace('"Flatten"', '"Lambda"'), {}, "a part Lambda"),
        (
            lambda text: text.replace('"keras.layers"', '"os.path"', 1),
            {},
            "of os.path; allowed: what Keras itself has",
        ),
        (
            lambda text: text.replace('"registered_name": null', '"registered_name": "Mine>X"', 1),
            {},
            "allowed: what Keras itself has",
        ),
        (str, {"evil": b"x"}, "it has evil"),
        (lambda text: text.replace("28", "14"), {}, "can't be used"),
    ],
    ids=["lambda", "module", "custom", "file", "shape"],
)
def test_a_network_with_code_of_its_own_is_refused(
    with_network: Content,
    store: RunStore,
    change: Callable[[str], str],
    more: Content,
    words: str,
) -> None:
    model = with_network[f"{run_id(with_network)}/model.keras"]
    evil = rewritten(model, change, **more)
    assert evil != model
    message = refused(changed(with_network, "model.keras", evil), store)
    assert message.startswith("model.keras can't be used: ")
    assert words in message


@pytest.mark.slow
@pytest.mark.parametrize("name", ["model.keras", "model.tflite"])
def test_a_damaged_network_is_refused(with_network: Content, store: RunStore, name: str) -> None:
    data = with_network[f"{run_id(with_network)}/{name}"]
    message = refused(changed(with_network, name, data[: len(data) // 2]), store)
    assert message.startswith(f"{name} can't be used: ")


@pytest.mark.slow
def test_the_checkpoint_of_another_network_is_refused(
    with_network: Content, store: RunStore
) -> None:
    config = json.loads(with_network[f"{run_id(with_network)}/config.json"])
    other = json.dumps(config | {"widths": [512, 255]}).encode()
    changed_run = changed(with_network, "config.json", other)
    assert "film.bin is damaged" in refused(changed_run, store)
    del changed_run[f"{run_id(with_network)}/film.bin"]
    assert "checkpoint.npz is damaged" in refused(changed_run, store)


# --- Death in the middle ---

IMPORT = """
import sys
from pathlib import Path
from mnist_core.runs import archive
from mnist_core.runs.store import RunStore

def wait(run):
    print("checking", flush=True)
    sys.stdin.read()

archive._check = wait
with open(sys.argv[1], "rb") as file:
    archive.unpack(file, RunStore(Path(sys.argv[2])))
"""


def test_what_a_killed_import_leaves_is_no_run_and_is_cleaned_up(
    small: Content, store: RunStore, tmp_path: Path
) -> None:
    (tmp_path / "run.zip").write_bytes(archive(small).getvalue())
    with subprocess.Popen(
        [sys.executable, "-c", IMPORT, str(tmp_path / "run.zip"), str(store.folder)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"checking\n"
        purge_leftovers(store)  # by another server: this import goes on
        assert len(list((store.folder / IMPORTS).iterdir())) == 1
        process.send_signal(signal.SIGKILL)
    assert not store.list()

    purge_leftovers(store)
    assert not list((store.folder / IMPORTS).iterdir())
    assert unpack(archive(small), store).labels().name == "Small"
