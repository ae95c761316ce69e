"""Short forms of ``benchmarks/mutations.py`` and ``benchmarks/kills.py``."""

import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks import hostile, kills, mutations
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool


def test_no_damaged_input_brings_anything_down(capsys: pytest.CaptureFixture[str]) -> None:
    without_keras = [name for name in hostile.KINDS if name != "run zip, networks"]
    assert mutations.run(seed=2, number=300, kinds=without_keras) == []
    table = capsys.readouterr().out
    assert all(f"\n{name} " in table for name in without_keras)


HARM = """
import os, pickle, time
import numpy as np

def feed(chance, folder):
    {harm}
"""


@pytest.mark.parametrize(
    ("harm", "what"),
    [
        ("raise KeyError('x')", "exception"),
        ("open('../outside', 'w').close()", "outside"),
        ("os.symlink('a', '../outside')", "outside"),
        ("os.rename(folder / 'a', '/etc/a')", "outside"),
        ("os.system('true')", "code"),
        ("pickle.loads(pickle.dumps(time.sleep))", "code"),
        ("os.mkdir('ran')", "code"),
        ("pass", "accepted"),
    ],
)
def test_the_harness_sees_what_an_input_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str, what: str
) -> None:
    names: dict[str, object] = {}
    exec(HARM.format(harm=harm), names)
    kind = hostile.Kind("harmful", names["feed"], ())  # type: ignore[arg-type]
    monkeypatch.setitem(hostile.KINDS, "harmful", kind)
    assert mutations.feed(1, "harmful", 1, tmp_path).what == what


class Dying(mutations.Feeder):
    COMMAND = (sys.executable, "-c", "print('ready', flush=True); input(); import os; os.abort()")


def test_the_harness_survives_an_input_that_ends_the_process(tmp_path: Path) -> None:
    with Dying(tmp_path) as feeder:
        for number in (1, 2):
            outcome = feeder.feed(1, "address", number)
            assert (outcome.what, outcome.why) == ("crash", "exit code -6")


@pytest.mark.slow
def test_a_kill_costs_the_epoch_in_hand_alone(
    pool: WorkerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    victims = ["worker", "parent", "command line"]
    store = RunStore(tmp_path / "runs")
    assert kills.run(1, range(3), victims, store, pool) == []
    assert kills.left_behind(store) == []
