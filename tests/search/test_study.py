"""A study's folder: what is read back, and what of damage."""

import math
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_core.config import ConfigError
from mnist_core.runs.events import Ended, Started, State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Owner
from mnist_core.runs.folder import Trial as TrialFile
from mnist_core.runs.history import History
from mnist_core.runs.store import RunStore
from mnist_core.search import study as studies
from mnist_core.search.study import Outcome, Study, StudyError, summarized
from tests.builders import epoch, fitting
from tests.search.builders import BASE, plan, trial


def test_what_was_asked_is_read_back(tmp_path: Path) -> None:
    asked = plan("learning_rate=0.001..0.01", "schedule", trials=7, minutes=2.5, workers=2)
    study = studies.create(tmp_path / "runs", asked)

    assert studies.find(tmp_path / "runs", study.id).plan == asked
    assert studies.find(tmp_path / "runs", "latest") == study
    assert RunStore(tmp_path / "runs").list() == []
    assert not study.conducted
    assert study.trials() == []
    assert study.result() is None


def test_a_study_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("latest", "20261128-000000-0000", "../.."):
        with pytest.raises(StudyError, match="there is no study"):
            studies.find(tmp_path, name)


def test_wishes_stay_until_they_change(tmp_path: Path) -> None:
    study = studies.create(tmp_path / "runs", plan())
    study.want(trials=80)
    study.want(pause=True)

    assert study.wanted() == studies.Wanted(trials=80, pause=True)
    with pytest.raises(ConfigError, match="trials is 0; allowed: a whole number from 1 to 10,000"):
        study.want(trials=0)


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    study = studies.create(tmp_path / "runs", plan())
    one, other = trial(1, BASE, 0.9), trial(2, BASE, 0.8)
    lines = f"{one.model_dump_json()}\n{other.model_dump_json()}\n"
    for end in range(len(lines)):
        (study.folder / "trials.jsonl").write_text(lines[:end])
        assert study.trials() in ([], [one], [one, other])


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("study.json", lambda study: study.plan),
        ("control.json", Study.wanted),
        ("trials.jsonl", Study.trials),
        ("result.json", Study.result),
    ],
)
def test_a_damaged_file_is_named(
    tmp_path: Path, name: str, read: Callable[[Study], object]
) -> None:
    study = Study(studies.create(tmp_path / "runs", plan()).folder)
    for content in ("{\n", "[]\n", '{"space": {}}\n', "[" * 100_000 + "\n", "\0\n"):
        (study.folder / name).write_text(content)
        with pytest.raises(RunError, match=re.escape(f"{study.folder / name}")):
            read(study)
    (study.folder / name).unlink()
    (study.folder / name).mkdir()
    with pytest.raises(RunError, match=rf"{re.escape(name)} can't be read: Is a directory"):
        read(study)
    assert studies.find(tmp_path / "runs", "latest") == study


def test_links_are_not_followed(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    moved = studies.create(runs, plan()).folder.rename(tmp_path / "elsewhere")
    link = runs / studies.FOLDER / "20261128-000000-0000"
    link.symlink_to(moved)

    (study,) = studies.every(runs)
    with pytest.raises(StudyError, match="is a link, and links are not followed"):
        _ = study.plan
    studies.delete(study)
    assert studies.every(runs) == []
    assert (moved / "study.json").exists()


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"trials": 0}, "trials is 0; allowed: a whole number from 1 to 10,000"),
        ({"workers": 1.5}, "workers is 1.5; allowed: a whole number from 1 to"),
        ({"minutes": 0}, "minutes is 0; allowed: a number above 0"),
        ({"minutes": math.inf}, "minutes is inf; allowed: a number above 0"),
        ({"base": BASE.model_copy(update={"validation_share": 0.0})}, "validation_share is 0, but"),
        ({"space": {"seed": {"values": (1, 2)}}}, "seed can't be varied; allowed: architecture, "),
        ({"space": {"flip": {"low": 0, "high": 1}}}, "flip is varied in a range; allowed"),
    ],
)
def test_what_can_not_be_planned_is_named(asked: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(named)):
        studies.read_plan(dict(plan()) | asked)


def test_what_this_machine_can_not_train_is_named() -> None:
    studies.check_here(plan())
    with pytest.raises(ConfigError, match="9999 trials at a time are asked for; allowed: a whole"):
        studies.check_here(plan().model_copy(update={"workers": 9999}))


def test_with_a_study_goes_what_it_only_tried(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    study, other = (studies.create(store.folder, plan()) for _ in range(2))
    tried = store.create(BASE, TrialFile(study=study.id, number=1))
    kept = [
        store.create(BASE, TrialFile(study=study.id, number=1, confirms=True)),
        store.create(BASE, TrialFile(study=other.id, number=1)),
        store.create(BASE),
    ]
    study.write("owner.json", Owner.of_process(os.getppid()))
    with pytest.raises(StudyError, match="goes on; stop it before you delete it"):
        studies.delete(study)
    assert store.is_run(tried.id)
    (study.folder / "owner.json").unlink()

    studies.delete(study)

    assert studies.every(store.folder) == [other]
    assert {run.id for run in store.list(trials=True)} == {run.id for run in kept}


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (State.FINISHED, Outcome.FINISHED),
        (State.STOPPED, Outcome.PRUNED),
        (State.FAILED, Outcome.FAILED),
        (State.INTERRUPTED, Outcome.FAILED),
    ],
)
def test_what_came_of_a_trial_is_in_its_run(tmp_path: Path, state: State, outcome: Outcome) -> None:
    asked_for = TrialFile(study="one", number=3)
    run = RunStore(tmp_path).create(BASE, asked_for)
    history = History(run.folder / "events.jsonl")
    part = epoch(2, step=5, val_accuracy=0.1)  # an epoch that was stopped in its middle
    end = Ended(state=state)
    for event in (Started(), fitting(), epoch(1, val_accuracy=0.9), part, end):
        history.add(event)

    found = summarized(asked_for, run, history)

    assert (found.number, found.run, found.outcome) == (3, run.id, outcome)
    assert found.accuracies == (0.9,)
    assert found.value("accuracy") == (0.9 if outcome == Outcome.FINISHED else None)
