"""search, as an engineer would call it."""

import json
from pathlib import Path

import pytest

from mnist_core.runs.store import RunStore
from mnist_core.search import study as studies
from tests.cli.conftest import command

SEARCH = "search --preset article --dataset mnist-sample"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (SEARCH, "--vary names no setting; allowed: architecture, "),
        (f"{SEARCH} --vary speed", "be varied; allowed: architecture, "),
        (f"{SEARCH} --vary dropout=0..2", "dropout is varied from 0 to 2; allowed: a number from"),
        (f"{SEARCH} --vary dropout --trials 0", "trials is 0; allowed: a whole number from 1 to"),
        (f"{SEARCH} --vary dropout --minutes 0", "minutes is 0.0; allowed: a number above 0"),
        (f"{SEARCH} --vary dropout --workers 999", "999 trials at a time are asked for; allowed"),
        (f"{SEARCH} --vary dropout --validation-share 0", "validation_share is 0, but a search"),
        (f"{SEARCH} --vary dropout --dropout 2", "dropout is 2; allowed: a number from 0 to 0.9"),
        (f"{SEARCH} --vary dropout --aim speed", "choose from accuracy, loss"),
    ],
)
def test_what_can_not_be_searched_is_named_in_one_line(
    tmp_path: Path, arguments: str, words: str
) -> None:
    done = command(tmp_path, *arguments.split())

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr.replace("'", "")
    assert not list(tmp_path.iterdir())


def test_a_study_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = command(tmp_path, "search", "--resume", "latest")

    assert done.returncode == 1
    assert f"there is no study 'latest' in {tmp_path / 'studies'}" in done.stderr


@pytest.mark.slow
def test_a_search_ends_with_one_line_and_is_gone_on_with(tmp_path: Path) -> None:
    flags = "--vary learning_rate=0.001..0.01 widths=1..2x16..64 --trials 2 --epochs 1 --seed 1"
    done = command(tmp_path, *SEARCH.split(), *flags.split(), "--json")

    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    told = json.loads(line)
    study = studies.find(tmp_path, "latest")
    best = studies.best(study.trials(), "accuracy")[0]
    assert told["study"] == study.id
    assert told["trials"] == {"finished": 2, "pruned": 0, "failed": 0}
    assert told["best"]["run"] == best.run
    assert told["best"]["validation_accuracy"] == best.accuracies[-1]
    assert told["best"]["settings"] == {
        "widths": [*best.config.widths],
        "learning_rate": best.config.learning_rate,
    }
    assert told["confirmed"]["seeds"] == [2, 3, 4]
    assert 0.5 < told["confirmed"]["accuracy"] < 1
    assert 0 < told["confirmed"]["deviation"] < 0.2
    assert told["seconds"] > 0
    assert "Trial 2  finished" in done.stderr
    runs = RunStore(tmp_path).list()

    again = command(tmp_path, "search", "--resume", study.id, "--trials", "3", "--minutes", "0.001")

    assert again.returncode == 0, again.stderr
    assert f"Study {study.id}: 2 finished, 0 pruned, 0 failed" in again.stdout
    assert RunStore(tmp_path).list() == runs
