"""import-data and remove-data, as an engineer would call them."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from mnist_core.data import loading
from mnist_core.runs.folder import Run
from tests.cli.conftest import command


def pets_zip(folder: Path) -> Path:
    """Red and blue pictures, twenty of each."""
    path = folder / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, colour in (("red cat", (200, 30, 30)), ("blue dog", (20, 40, 220))):
            for number in range(20):
                shade = tuple(min(255, channel + 2 * number) for channel in colour)
                picture = io.BytesIO()
                Image.new("RGB", (30, 40), shade).save(picture, "PNG")
                archive.writestr(f"{name}/{number}.png", picture.getvalue())
    return path


def test_ones_own_pictures_are_imported_learned_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGIT_LAB_DATA", str(tmp_path / "data"))
    runs = tmp_path / "runs"
    pets = str(pets_zip(tmp_path))
    done = command(runs, "import-data", "pets", pets, "--side", "8", "--colour")
    assert done.returncode == 0, done.stderr
    assert "pets: 32 images to train on, 8 to test with, 8 x 8 x 3; classes: blue dog, red cat" in (
        done.stdout
    )

    flags = "--dataset pets --widths 16 --epochs 15 --learning-rate 0.01 --batch-size 8 --json"
    done = command(runs, "train", *flags.split())
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["test_accuracy"] == 1
    outline = Run(Path(result["folder"])).dataset()
    assert outline == loading.load("pets", tmp_path / "data").outline

    assert command(runs, "remove-data", "pets").returncode == 0
    done = command(runs, "evaluate", "latest", "--json")
    assert done.returncode == 0, done.stderr
    assert {"red cat", "blue dog"} < set(json.loads(done.stdout)["report"])
    Image.new("RGB", (99, 50), (230, 10, 10)).save(tmp_path / "strawberry.jpg")
    done = command(runs, "predict", "latest", str(tmp_path / "strawberry.jpg"), "--json")
    assert json.loads(done.stdout)["answer"] == "red cat"
    done = command(runs, "train", "--dataset", "pets")
    assert done.returncode == 2
    assert "dataset is 'pets'; allowed: mnist, mnist-sample, fashion-mnist, cifar10" in done.stderr


def test_every_fault_of_an_import_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGIT_LAB_DATA", str(tmp_path / "data"))
    path = pets_zip(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../x.png", b"")
        archive.writestr("red cat/x.png", b"")
    done = command(tmp_path, "import-data", "pets", str(path))

    assert done.returncode == 1
    assert f"{path} can't be used:\n'../x.png': the path leads out of the archive\n" in done.stderr
    assert "red cat/x.png: not a picture that can be read" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("import-data pets nowhere.zip", "nowhere.zip"),
        ("import-data 猫 pets.zip", "the name is '猫'; allowed: 1 to 40 small letters"),
        ("import-data pets pets.zip --side 2", "the side is 2; allowed: 4 to 96 pixels"),
        ("remove-data pets", "there is no dataset of your own called 'pets'"),
        ("remove-data mnist", "the name is 'mnist'; allowed: "),
    ],
)
def test_what_is_wrong_with_an_import_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, words: str
) -> None:
    monkeypatch.setenv("DIGIT_LAB_DATA", str(tmp_path / "data"))
    path = str(pets_zip(tmp_path))
    done = command(tmp_path, *(path if a == "pets.zip" else a for a in arguments.split()))

    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
