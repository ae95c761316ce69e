"""Inputs that are damaged, or made to do harm, and the functions that the pages and commands feed.

An input follows from its seed alone, on every machine: what is mutated is made here, or one of the
runs that the tests keep. ``benchmarks/mutations.py`` feeds them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from mnist_core.cli.main import main as command_line
from mnist_core.config import ConfigError, read_config
from mnist_core.data import loading, own, pictures
from mnist_core.data.dataset import Outline
from mnist_core.drawing import network_input
from mnist_core.drawing.strokes import check_strokes, image_from_strokes
from mnist_core.export import formats
from mnist_core.inference import ModelError, Predictor
from mnist_core.link import form_values, read_link
from mnist_core.runs import archive, snapshot, trash
from mnist_core.runs.catalog import Catalog, mentions
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Labels, Run
from mnist_core.runs.judging import judge
from mnist_core.runs.leaderboard import leaderboards
from mnist_core.runs.seeds import groups
from mnist_core.runs.store import RunStore
from mnist_core.storage import StorageError

FIXTURES = Path(__file__).parents[1] / "tests" / "fixtures" / "before_rooms" / "runs"
RUNS = [FIXTURES / "20261127-151049-3800", FIXTURES / "20261127-151101-1064"]
"""A dense and a convolutional one, with all that a run can have."""


@dataclass(frozen=True)
class Kind:
    """One kind of input."""

    name: str
    feed: Callable[[Random | None, Path], None]
    """Makes an input by chance and hands it over; unharmed without. It works in an empty folder."""
    refusals: tuple[type[Exception], ...]
    """What is documented that it may raise."""
    share: int = 10
    """Of all inputs, compared with the others."""


# --- Values and bytes -----------------------------------------------------------------------------

CANARY = "ran"
"""The folder that code in an input makes, if it is run."""


class Evil:
    """Unpickled, it makes a folder."""

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (CANARY,)


NUMBERS: tuple[int, ...] = (
    0,
    1,
    -1,
    2,
    255,
    2**15,
    2**31 - 1,
    2**31,
    2**32 - 1,
    10**9,
    2**63 - 1,
    2**63,
    -(2**63),
)
WORDS: tuple[str, ...] = (
    "",
    " ",
    "..",
    "../../evil",
    "/etc/passwd",
    "C:\\evil",
    "a\x00b",
    "a\nb",
    "\ud800",
    "😀",
)
WORDS += ("%00", "<script>", "[a](http://b)", "x" * 100_000, "9" * 10_000, "nan", "-inf", "1e400")
JSON: tuple[str, ...] = (
    "NaN",
    "Infinity",
    "-1e400",
    "9" * 10_000,
    "[" * 100_000,
    '{"a":' * 100_000,
    "[]",
    "{}",
)
JSON += ("null", "true", '"\\ud800"', "-1", "1e999", "0.1", "1" + "0" * 400, "", "\x00", '"')
"""Values as they stand in a file; not all are JSON."""


def mutated(data: bytes, chance: Random) -> bytes:
    """The bytes with one to three faults."""
    for _ in range(chance.randint(1, 3)):
        data = chance.choice(FAULTS)(bytearray(data or b"\0"), chance)
    return data


def flip(data: bytearray, chance: Random) -> bytes:
    for _ in range(chance.choice([1, 1, 1, 4, 16])):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def cut(data: bytearray, chance: Random) -> bytes:
    return bytes(data[: chance.randrange(len(data))])


def cut_out(data: bytearray, chance: Random) -> bytes:
    start = chance.randrange(len(data))
    return bytes(data[:start] + data[start + chance.randint(1, 64) :])


def splice(data: bytearray, chance: Random) -> bytes:
    start, at = chance.randrange(len(data)), chance.randrange(len(data))
    return bytes(data[:at] + data[start : start + chance.randint(1, 256)] + data[at:])


def fill(data: bytearray, chance: Random) -> bytes:
    start, size = chance.randrange(len(data)), chance.choice([4, 64, 1024])
    data[start : start + size] = bytes([chance.choice([0, 255])]) * size
    return bytes(data)


def number(data: bytearray, chance: Random) -> bytes:
    """A length, an offset or a count says something else."""
    size = chance.choice([1, 2, 4, 8])
    start = chance.randrange(max(1, len(data) - size))
    if chance.random() < 0.5:  # where a zip has its lengths
        start = max(0, len(data) - chance.randint(1, 120))
    value = chance.choice(NUMBERS) % 2 ** (8 * size)
    data[start : start + size] = value.to_bytes(size, chance.choice(["little", "big"]))
    return bytes(data)


def more(data: bytearray, chance: Random) -> bytes:
    return bytes(data) + chance.randbytes(chance.choice([1, 100, 70_000]))


FAULTS = (flip, flip, cut, cut_out, splice, fill, number, number, more)


def mutated_json(data: bytes, chance: Random) -> bytes:
    """JSON, or a line of each, with another value somewhere."""
    lines = data.split(b"\n") if data.count(b'{"time"') > 1 else [data]
    index = chance.randrange(len(lines))
    try:
        value = json.loads(lines[index])
    except ValueError:  # the end of the last line
        return data + chance.choice(JSON).encode("utf-8", "surrogatepass")
    mark = "@here@"
    places = [*_places(value)]
    if not places:
        return chance.choice(JSON).encode("utf-8", "surrogatepass")
    holder, key = chance.choice(places)
    how = chance.random()
    if how < 0.15:
        del holder[key]
    elif how < 0.3 and isinstance(holder, dict):
        holder[chance.choice(WORDS)] = holder.pop(key)
    else:
        holder[key] = mark
    text = json.dumps(value)
    hostile = chance.choice([*JSON, *map(json.dumps, WORDS), *map(str, NUMBERS)])
    lines[index] = text.replace(f'"{mark}"', hostile).encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


def _places(value: Any) -> Iterable[tuple[Any, Any]]:
    keys: Iterable[Any] = ()
    if isinstance(value, dict):
        keys = value
    elif isinstance(value, list):
        keys = range(len(value))
    for key in keys:
        yield value, key
        yield from _places(value[key])


# --- Zip files ------------------------------------------------------------------------------------

Content = dict[str, bytes]


def zipped(content: Mapping[str, bytes], chance: Random | None = None) -> bytes:
    """A zip file; by chance, with a fault in what stands about its files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in content.items():
            packed.writestr(name, data)
        if chance:
            chance.choice(ODDITIES)(packed, chance, [*content])
    data = buffer.getvalue()
    return mutated(data, chance) if chance and chance.random() < 0.3 else data


def add_nothing(packed: zipfile.ZipFile, chance: Random, names: list[str]) -> None:
    pass


def add_named(packed: zipfile.ZipFile, chance: Random, names: list[str]) -> None:
    folder = names[0].partition("/")[0]
    word = chance.choice([word for word in WORDS if "\ud800" not in word])[:1000]
    name = chance.choice([f"{folder}/{word}", word, f"{word}/{names[0]}", f"{folder}/../{word}"])
    packed.writestr(zipfile.ZipInfo(name or "x"), b"evil")


def add_link(packed: zipfile.ZipFile, chance: Random, names: list[str]) -> None:
    link = zipfile.ZipInfo(chance.choice([f"{names[0]}.link", names[0].partition("/")[0], "link"]))
    kind = chance.choice([stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
    link.external_attr = (kind | 0o777) << 16
    packed.writestr(link, "../../evil")


def add_bomb(packed: zipfile.ZipFile, chance: Random, names: list[str]) -> None:
    packed.writestr(f"{names[0]}.more", bytes(chance.choice([10**6, 10**7, 10**8])))


def add_odd(packed: zipfile.ZipFile, chance: Random, names: list[str]) -> None:
    how = chance.choice([zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
    packed.writestr(f"{names[0]}2", b"x" * 1000, how)


def lie(packed: zipfile.ZipFile, chance: Random, names: list[str]) -> None:
    """In the table of contents alone."""
    member = chance.choice(packed.infolist())
    fields = ("file_size", "compress_size", "header_offset", "CRC", "compress_type", "flag_bits")
    most = {"compress_type": 99, "flag_bits": 2**12}
    name = chance.choice(fields)
    setattr(member, name, abs(chance.choice(NUMBERS)) % most.get(name, 2**32 - 2))


ODDITIES = (add_nothing, add_nothing, add_named, add_link, add_bomb, add_odd, lie, lie, lie)


def one_mutated(content: Content, chance: Random, names: Iterable[str]) -> Content:
    """The content, with a fault in one of these files."""
    name = chance.choice([*names])
    text = name.endswith((".json", ".jsonl"))
    if name.endswith((".npz", ".keras")) and chance.random() < 0.6:
        inner = unzipped(content[name])
        part = chance.choice([*inner])
        change = {".npy": mutated_array, ".json": mutated_json}.get(Path(part).suffix, mutated)
        return content | {name: zipped(inner | {part: change(inner[part], chance)})}
    change = mutated_json if text and chance.random() < 0.7 else mutated
    return content | {name: change(content[name], chance)}


def unzipped(data: bytes) -> Content:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


# --- Arrays ---------------------------------------------------------------------------------------

SHAPES: tuple[str, ...] = (
    "(1000000000,)",
    "(1000000000, 28, 28)",
    "(-1,)",
    "()",
    "(0,)",
    "(4, 0)",
    "((1,),)",
    "(",
)
SHAPES += ("(10**9,)", "(True,)", "(1.5,)", "(" * 200, "(99999999999999999999,)", "(1,)" * 2000)
TYPES = ("|O", "<U1000000", "|V0", "|S0", "<M8[ns]", "<f4", "<i8", "|b1", "evil", "[('a', '<f4')]")


def mutated_array(data: bytes, chance: Random) -> bytes:
    """An .npy file with another claim in its header, or other bytes."""
    if chance.random() < 0.3 or len(data) < 10:
        return mutated(data, chance)
    if chance.random() < 0.1:
        return npy(np.array([Evil()] * 4, object))
    (size,) = struct.unpack("<H", data[8:10])
    said = data[10 : 10 + size].decode("latin1")
    shape = said.partition("'shape': ")[2].partition(", }")[0]
    kind = said.partition("'descr': ")[2].partition(", '")[0]
    claims = ((shape, SHAPES), (kind, [f"'{name}'" for name in TYPES]), ("False", ["True", "{"]))
    said_before, instead = chance.choice(claims)
    said = said.replace(said_before, chance.choice(instead), 1)
    header = said.encode("latin1")
    return data[:8] + struct.pack("<H", len(header)) + header + data[10 + size :]


def npy(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def some_arrays() -> Content:
    chance = np.random.default_rng(1)
    images = chance.integers(0, 256, (40, 8, 8), np.uint8)
    labels = np.arange(40, dtype=np.uint8) % 2
    arrays = {"x_train": images[:30], "y_train": labels[:30]}
    arrays |= {"x_test": images[30:], "y_test": labels[30:]}
    names = np.array(["cats", "dogs"])
    return {f"{name}.npy": npy(array) for name, array in (arrays | {"class_names": names}).items()}


def feed_npz(chance: Random | None, folder: Path) -> None:
    content = some_arrays()
    data = zipped(content)
    if chance:
        data = zipped(one_mutated(content, chance, content), chance)
        if chance.random() < 0.3:
            data = mutated(data, chance)
    if chance and chance.random() < 0.3:  # put there by hand
        (folder / "own").mkdir()
        (folder / "own" / "mine.npz").write_bytes(data)
        loading.outline("mine", folder)
    else:
        own.import_file("mine", io.BytesIO(data), folder=folder)
    loading.load("mine", folder)


# --- Pictures -------------------------------------------------------------------------------------


def picture(chance: Random | None, side: int = 24) -> bytes:
    """A picture with a stroke in it."""
    image = Image.new("L", (side, side), 255)
    image.paste(0, (side // 3, side // 6, side // 2, side - side // 6))
    if chance is None:
        return encoded(image, "PNG")
    kind = chance.choice(["PNG", "PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "ICO"])
    mode = chance.choice(["L", "RGB", *(["P", "1", "RGBA", "LA", "I;16"] if kind == "PNG" else [])])
    image = image.convert("I").convert("I;16") if mode == "I;16" else image.convert(mode)
    if chance.random() < 0.02:  # large, but small as a file
        image = image.resize((chance.choice([7_000, 9_900]), 7_000))
    exif = Image.Exif()
    exif[0x0112] = chance.choice([1, 3, 6, 8])
    options = {"exif": exif} if kind in ("PNG", "JPEG", "WEBP") else {}
    data = encoded(image, kind, **options)
    if kind == "PNG" and chance.random() < 0.3:
        return resized_png(data, chance)
    return mutated(data, chance) if chance.random() < 0.9 else data


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def resized_png(data: bytes, chance: Random) -> bytes:
    """The header of a PNG says another size, bit depth or kind, with its checksum right."""
    sides = [chance.choice([24, *(abs(number) % 2**31 for number in NUMBERS)]) for _ in range(2)]
    kind = bytes([chance.choice([1, 8, 16]), chance.choice([0, 2, 3, 4, 6])])
    header = b"IHDR" + struct.pack(">II", *sides) + kind + data[26:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


DIGITS = Outline(
    name="mnist",
    class_names=tuple("0123456789"),
    image_shape=(28, 28),
    train_images=1,
    test_images=1,
)
ANIMALS = DIGITS.model_copy(update={"name": "cifar10", "image_shape": (32, 32, 3)})


def feed_picture(chance: Random | None, folder: Path) -> None:
    data = picture(chance)
    outline = chance.choice([DIGITS, ANIMALS]) if chance else DIGITS
    with Image.open(io.BytesIO(data)) as opened:
        network_input.as_input(opened, outline)


def feed_predict(chance: Random | None, folder: Path) -> None:
    """The command, which tells what is wrong in a line."""
    path = folder / "picture.png"
    path.write_bytes(picture(chance))
    run_command(folder, "predict", RUNS[0].name, str(path))


def feed_pictures(chance: Random | None, folder: Path) -> None:
    content = {
        f"{name}/{index}.png": picture(None) for name in ("cats", "dogs") for index in range(3)
    }
    data = zipped(content)
    if chance:
        harmed = chance.choice([*content])
        data = zipped(content | {harmed: picture(chance)}, chance)
        if chance.random() < 0.3:
            data = mutated(data, chance)
    own.import_file("mine", io.BytesIO(data), folder=folder)


# --- Runs -----------------------------------------------------------------------------------------


def files(run: Path) -> Content:
    return {path.name: path.read_bytes() for path in sorted(run.iterdir()) if path.is_file()}


def run_zip(chance: Random | None, networks: bool) -> bytes:
    run = chance.choice(RUNS) if chance else RUNS[0]
    content = {name: data for name, data in files(run).items() if name in archive.KEPT}
    with_keras = [name for name in content if name in archive.NETWORKS]
    if not networks:
        content = {name: data for name, data in content.items() if name not in with_keras}
    if chance:
        content = one_mutated(content, chance, with_keras if networks else content)
    named = {f"{run.name}/{name}": data for name, data in content.items()}
    if networks or not chance:
        return zipped(named)
    data = zipped(named, chance)
    return mutated(data, chance) if chance.random() < 0.2 else data


def feed_run_zip(chance: Random | None, folder: Path, networks: bool = False) -> None:
    store = RunStore(folder / "runs")
    try:
        run = archive.unpack(io.BytesIO(run_zip(chance, networks)), store)
    except archive.ImportRefused:
        left = [path for path in folder.rglob("*") if path.is_file()]
        assert not left, f"a refused import leaves {left}"
        raise
    look_at(run)


def feed_network_zip(chance: Random | None, folder: Path) -> None:
    feed_run_zip(chance, folder, networks=True)


def look_at(run: Run) -> None:
    """All that the pages and commands read of a run that can be read."""
    store = RunStore(run.folder.parent)
    entries = Catalog(store).list()
    leaderboards(entries, groups(entries))
    for entry in entries:
        mentions(entry, "a b")
    shot = snapshot.take(run, run.history())
    shot.history.marks()
    assert shot.stage
    outline = run.dataset()
    run.environment()
    if run.has_model:
        judge(run)
        image = np.zeros((1, *outline.image_shape), np.float32)
        Predictor(run.folder).probabilities(image)
    for name in formats.FORMATS:
        if name != "onnx" and formats.obstacle(run, name) is None:
            formats.export(run, name)


def feed_run_folder(chance: Random | None, folder: Path) -> None:
    """A run that was put there by hand, or has suffered where it lies."""
    source = chance.choice(RUNS) if chance else RUNS[0]
    content = files(source)
    run = Run(folder / "runs" / source.name)
    run.folder.mkdir(parents=True)
    if chance:
        content = one_mutated(content, chance, content.keys() - {"model.tflite", "model.keras"})
    for name, data in content.items():
        (run.folder / name).write_bytes(data)
    if chance and chance.random() < 0.2:
        put_odd(run.folder / chance.choice([*content, "control.json", "format.json"]), chance)
    run_command(folder, "runs")
    run_command(folder, "evaluate", run.id, "--json")
    Catalog(RunStore(run.folder.parent)).list()
    try:
        look_at(run)
    finally:
        with contextlib.suppress(RunError, StorageError):  # as the pages say both
            run.set_labels(Labels(name="Mine"))
            trash.purge([trash.discard(run)])


def put_odd(path: Path, chance: Random) -> None:
    """Something else in the place of a file."""
    path.unlink(missing_ok=True)
    how = chance.randrange(4)
    if how == 0:
        path.mkdir()
    elif how == 1:
        path.symlink_to("nowhere")
    elif how == 2:
        path.symlink_to(path.name)
    else:
        path.touch()


def run_command(folder: Path, *words: str) -> None:
    """A command of the command line; what it prints is not looked at."""
    os.environ["DIGIT_LAB_RUNS"] = str(folder / "runs" if words[0] != "predict" else FIXTURES)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert command_line(words) in (0, 1)


# --- Addresses and strokes ------------------------------------------------------------------------


def feed_address(chance: Random | None, folder: Path) -> None:
    from mnist_core.config import TrainingConfig

    given = {name: str(value) for name, value in form_values(TrainingConfig()).items()}
    given |= {"run": RUNS[0].name, "early_stopping": "true"}
    for _ in range(chance.randint(1, 4) if chance else 0):
        assert chance
        values = [*WORDS, *JSON, *map(str, NUMBERS), *given.values(), "1_0", "٣", "0x1", "1.0"]
        name = chance.choice([*given, *WORDS, "width_9", "layers", "compare", "filters_1"])
        given[name] = chance.choice(values)
    link = read_link(given)
    assert all(isinstance(problem, str) for problem in link.problems)
    for run_id in (given["run"], *given.get("compare", "").split(",")):
        with contextlib.suppress(RunError):
            RunStore(folder).get(run_id)
    wanted = {name: value for name, value in given.items() if name in TrainingConfig.model_fields}
    with contextlib.suppress(ConfigError):
        read_config(wanted)
    with contextlib.suppress(ConfigError):
        read_config(wanted, by_title=True)


def feed_strokes(chance: Random | None, folder: Path) -> None:
    strokes: Any = [[[10.0 * i, 20.0 + j] for i in range(5)] for j in range(3)]
    if chance and chance.random() < 0.1:
        size = chance.choice([10_000, 20_000, 200_000])
        strokes = [[[chance.uniform(-1e4, 1e4), chance.uniform(-1e4, 1e4)] for _ in range(size)]]
    if chance and chance.random() < 0.95:
        harmed = mutated_json(json.dumps(strokes).encode(), chance)
        try:
            strokes = json.loads(harmed)
        except (ValueError, RecursionError):
            return  # no browser's message, and none that Streamlit hands on
    check_strokes(strokes)
    image_from_strokes(strokes)


def feed_litert(chance: Random | None, folder: Path) -> None:
    run = chance.choice(RUNS) if chance else RUNS[0]
    data = (run / "model.tflite").read_bytes()
    (folder / "model.tflite").write_bytes(mutated(data, chance) if chance else data)
    predictor = Predictor(folder)
    predictor.probabilities(np.zeros((8, *predictor.input_shape), np.float32))


UNREADABLE = (*pictures.UNREADABLE, ValueError)
RUN_REFUSALS = (RunError, ModelError, formats.ExportError)

KINDS = {
    kind.name: kind
    for kind in (
        Kind("npz", feed_npz, (own.ImportRefused, loading.DatasetError)),
        Kind("zip of pictures", feed_pictures, (own.ImportRefused,)),
        Kind("picture", feed_picture, UNREADABLE),
        Kind("picture, command", feed_predict, (), share=3),
        Kind("run zip", feed_run_zip, (archive.ImportRefused,)),
        Kind("run zip, networks", feed_network_zip, (archive.ImportRefused,), share=1),
        Kind("run folder", feed_run_folder, RUN_REFUSALS),
        Kind("address", feed_address, ()),
        Kind("strokes", feed_strokes, (ValueError,)),
        Kind("LiteRT file", feed_litert, (ModelError,)),
    )
}
