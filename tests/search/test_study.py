"""A study's folder: what is read back, and what of damage."""

from pathlib import Path

import pytest

from mnist_core.config import ConfigError
from mnist_core.runs.events import Ended, Started, State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Trial as TrialFile
from mnist_core.runs.history import History
from mnist_core.runs.store import RunStore
from mnist_core.search import study as studies
from mnist_core.search.study import Outcome, StudyError, summarized
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
    with pytest.raises(ValueError, match="trials"):
        study.want(trials=0)


def test_a_torn_line_is_left_out(tmp_path: Path) -> None:
    study = studies.create(tmp_path / "runs", plan())
    one, other = trial(1, BASE, 0.9), trial(2, BASE, 0.8)
    lines = f"{one.model_dump_json()}\n{other.model_dump_json()}\n"
    for end in range(len(lines)):
        (study.folder / "trials.jsonl").write_text(lines[:end])
        assert study.trials() in ([], [one], [one, other])


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    study = studies.create(tmp_path / "runs", plan())
    (study.folder / "control.json").write_text("{")
    with pytest.raises(RunError, match=r"control\.json is damaged"):
        study.wanted()


def test_a_plan_out_of_bounds_is_named() -> None:
    with pytest.raises(ConfigError, match="trials is 0"):
        studies.read_plan(plan().model_dump() | {"trials": 0})


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
