"""Studies that are really conducted, with real workers and real kills."""

import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from mnist_core.runs.folder import Owner
from mnist_core.runs.store import RunStore
from mnist_core.search import conductor
from mnist_core.search import study as studies
from mnist_core.search.conductor import Conductor
from mnist_core.search.study import Study, StudyError
from mnist_core.training.pool import WorkerPool
from tests.conftest import SMALL, wait_until
from tests.search.builders import plan

ASKED = plan("learning_rate", "dropout", trials=6, finalists=1, seeds=2).model_copy(
    update={"base": SMALL}
)


def figures(study: Study) -> list[tuple[object, ...]]:
    """What must be the same however often the study was interrupted."""
    return [(t.number, t.config, t.outcome, t.accuracies, t.losses) for t in study.trials()]


@pytest.fixture(scope="module")
def conducted(pool: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Study:
    study = studies.create(tmp_path_factory.mktemp("study") / "runs", ASKED)
    Conductor(study, pool).work()
    return study


@pytest.mark.slow
def test_every_trial_is_a_run_that_has_not_seen_the_test_images(conducted: Study) -> None:
    store = RunStore(conducted.runs)
    trials = conducted.trials()

    assert [trial.number for trial in trials] == list(range(1, 7))
    assert len({trial.config for trial in trials}) == 6
    for trial in trials:
        run = store.get(trial.run)
        assert not run.has_model
        assert not run.history().evaluated
        assert (run.folder / "model.keras").exists()
    result = conducted.result()
    assert result
    (confirmed,) = result.confirmed
    best = studies.best(trials, "accuracy")[0]
    assert confirmed.number == best.number
    assert confirmed.seeds == (2, 3)
    for run_id, seed, accuracy in zip(
        confirmed.runs, confirmed.seeds, confirmed.test_accuracies, strict=True
    ):
        run = store.get(run_id)
        evaluated = run.history().evaluated
        assert run.config == best.config.model_copy(update={"seed": seed})
        assert evaluated
        assert evaluated.test_accuracy == accuracy
    assert len(store.list()) == 2
    assert len(store.list(trials=True)) == 6 + 2


@pytest.mark.slow
def test_a_study_goes_on_where_its_conductor_was_killed(
    conducted: Study, pool: WorkerPool, tmp_path: Path
) -> None:
    study = studies.create(tmp_path / "runs", ASKED)
    conductor.start(study)
    wait_until(lambda: len(study.trials()) >= 2)
    assert study.owner
    process = psutil.Process(study.owner.pid)
    children = process.children()
    os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs([process, *children], timeout=60)
    with (study.folder / "trials.jsonl").open("ab") as file:
        file.write(b'{"number": 6, "run":')  # as a death in the middle of a line leaves it

    Conductor(study, pool).work()

    assert figures(study) == figures(conducted)


@pytest.mark.slow
def test_a_trial_whose_worker_is_killed_is_tried_again(conducted: Study, tmp_path: Path) -> None:
    study = studies.create(tmp_path / "runs", ASKED)
    killed = False

    def kill(*_: object) -> None:
        nonlocal killed
        if not killed:
            killed = True
            for child in psutil.Process().children():
                if "mnist_core.training.worker" in child.cmdline():
                    own = child.environ().get("DIGIT_LAB_RUNS")
                    if own == str(study.runs):
                        child.kill()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_LAB_RUNS", str(study.runs))
        with WorkerPool(1) as pool:
            Conductor(study, pool, kill).work()

    assert killed
    assert figures(study) == figures(conducted)


@pytest.mark.slow
def test_what_is_added_while_the_best_are_confirmed_is_tried_and_may_be_the_best(
    conducted: Study, pool: WorkerPool, tmp_path: Path
) -> None:
    shutil.copytree(conducted.runs, tmp_path / "runs")
    study = studies.find(tmp_path / "runs", "latest")
    before = {run.id for run, _ in study.attempts()}
    for run, asked in study.attempts():
        if asked.confirms:
            shutil.rmtree(run.folder)
    by_hand = SMALL.model_copy(update={"widths": (512,), "epochs": 4, "batch_size": 32})

    def confirms() -> bool:
        return any(asked.confirms for run, asked in study.attempts() if run.id not in before)

    with ThreadPoolExecutor() as thread:
        end = thread.submit(Conductor(study, pool).work)
        wait_until(confirms)
        study.want(trials=7, added=(by_hand,))
        result = end.result()

    *trials, added = study.trials()
    assert figures(study)[:-1] == figures(conducted)
    assert (added.number, added.added, added.config) == (7, True, by_hand)
    assert not any(trial.added for trial in trials)
    assert [confirmed.number for confirmed in result.confirmed] == [7]
    assert not study.conducted


@pytest.mark.slow
def test_two_conductors_do_not_share_a_study(conducted: Study, tmp_path: Path) -> None:
    study = studies.create(tmp_path / "runs", ASKED)
    other = os.getppid()
    study.write("owner.json", Owner.of_process(other))
    with WorkerPool(1) as pool, pytest.raises(StudyError, match="by another process already"):
        Conductor(study, pool).work()
