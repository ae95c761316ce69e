"""Wrong arguments, and folders that can't be used."""

from pathlib import Path

import pytest

from mnist_core.cli.main import main
from tests.cli.conftest import command
from tests.cli.test_data import pets_zip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("train --dropout 2", "dropout is 2; allowed: a number from 0 to 0.9"),
        ("train --widths 512 x", "widths is x; allowed: 1 to 8 layers of 1 to 4,096 units each"),
        ("train --dataset cats", "dataset is cats; allowed: mnist, mnist-sample"),
        ("train --seeds 0", "seeds is 0; allowed: a whole number from 1 to 20"),
        ("train --preset best", "choose from article, fast, dense-best, tiny, cnn"),
        ("train --epoch-count 3", "unrecognized arguments: --epoch-count"),
        ("fly", "choose from train, continue, search, evaluate, predict, inspect, map, download"),
        ("train --tensorboard loud", "tensorboard is loud; allowed: true or false"),
        ("export latest --format gif", "choose from keras, tflite, onnx, script, report, zip"),
        ("", "the following arguments are required: COMMAND"),
    ],
)
def test_wrong_arguments_are_named_in_one_line(tmp_path: Path, arguments: str, words: str) -> None:
    done = command(tmp_path, *arguments.split())

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr.replace("'", "")  # argparse quotes choices in some versions
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "variable"),
    [
        ("train --dataset mnist-sample", "DIGIT_LAB_RUNS"),
        ("runs", "DIGIT_LAB_RUNS"),
        ("import-data pets pets.zip", "DIGIT_LAB_DATA"),
        ("download mnist", "DIGIT_LAB_DATA"),
    ],
)
def test_a_folder_that_can_not_be_used_is_named_with_what_sets_another(
    arguments: str,
    variable: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "folder"
    monkeypatch.setenv(variable, str(folder))
    pets = str(pets_zip(tmp_path))

    assert main([pets if a == "pets.zip" else a for a in arguments.split()]) == 1
    said = capsys.readouterr().err
    assert f"can't be used: Not a directory: {folder}" in said
    assert f"{variable} can name another folder" in said
    assert "Errno" not in said
