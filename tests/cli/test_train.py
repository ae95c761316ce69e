"""train, as an engineer would call it."""

import json
from pathlib import Path

from mnist_core.runs.folder import Run
from tests.cli.conftest import command


def test_train_ends_with_one_line_of_json(tmp_path: Path) -> None:
    flags = "--dataset mnist-sample --preset fast --widths 32 16 --epochs 2 --seed 3 --json"
    done = command(tmp_path, "train", *flags.split())

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    run = Run(Path(result["folder"]))
    assert run.folder == tmp_path / result["run"]
    assert (result["epochs"], result["state"]) == (2, "finished")
    assert 0.5 < result["test_accuracy"] <= 1
    assert result["train_seconds"] > 0
    assert result["test_loss"] > 0
    assert (run.config.widths, run.config.schedule, run.config.seed) == ((32, 16), "one-cycle", 3)
    assert run.has_model
