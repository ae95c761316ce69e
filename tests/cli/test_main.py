"""Wrong arguments."""

from pathlib import Path

import pytest

from tests.cli.conftest import command


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("train --dropout 2", "dropout is 2; allowed: a number from 0 to 0.9"),
        ("train --widths 512 x", "widths is x; allowed: 1 to 8 layers of 1 to 4,096 units each"),
        ("train --dataset cats", "dataset is cats; allowed: mnist, mnist-sample"),
        ("train --preset best", "choose from article, fast, dense-best, tiny, cnn"),
        ("train --epoch-count 3", "unrecognized arguments: --epoch-count"),
        ("fly", "choose from train, continue, evaluate, predict, download, import-data"),
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
