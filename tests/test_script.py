"""The stand-alone script: it gives a run's history again, whatever happened in the run."""

import csv
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_core import script, takehome
from mnist_core.config import TrainingConfig
from mnist_core.runs import (
    Batch,
    Continued,
    Ended,
    Epoch,
    Fitting,
    LearningRate,
    Run,
    RunError,
    RunStore,
    State,
    append_event,
    write_json,
)
from mnist_core.workers import WorkerPool
from tests.conftest import SMALL, wait_for_end, wait_until

PROJECT = Path(__file__).parents[1]
RUFF = [sys.executable, "-m", "ruff"]
Train = Callable[..., Run]


@pytest.fixture
def train(pool: WorkerPool, store: RunStore) -> Train:
    """``train(**settings)`` -> a run that is over; or ``train(continues=(run, epochs))``.

    With ``stop_at``, it is stopped by hand after so many steps in all, or soon after. With
    ``rate``, that is the learning rate once the first steps are done.
    """

    def run(
        continues: tuple[Run, int] | None = None,
        stop_at: int | None = None,
        rate: float | None = None,
        **settings: Any,
    ) -> Run:
        config = TrainingConfig(**{**SMALL.model_dump(), **settings})
        run = store.create_continuation(*continues) if continues else store.create(config)
        if stop_at is not None or rate is not None:
            run.want(pause_at=stop_at, learning_rate=rate)
        pool.submit(run)
        if stop_at is not None:
            history = run.history()

            def paused() -> bool:
                history.update()
                return history.paused is not None

            wait_until(paused)
            run.want(stop=True)
        assert wait_for_end(run).evaluated
        return run

    return run


def repeated(run: Run, folder: Path) -> list[tuple[float | None, ...]]:
    """What the run's script, which knows nothing of us, gives for every epoch."""
    with zipfile.ZipFile(io.BytesIO(takehome.export(run, "script"))) as archive:
        archive.extractall(folder)
    (place,) = folder.iterdir()
    subprocess.run(
        [sys.executable, "-P", "train.py"],
        cwd=place,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        check=True,
        capture_output=True,
    )
    assert {path.name for path in place.iterdir()} == {
        *("train.py", "mnist-sample.npz", "history.csv", "model.keras")
    }
    with (place / "history.csv").open() as file:
        return [figures(row.get) for row in csv.DictReader(file)]


def history_of(run: Run) -> list[tuple[float | None, ...]]:
    return [figures(epoch.model_dump().get) for epoch in run.history().epochs]


def figures(get: Callable[[str], Any]) -> tuple[float | None, ...]:
    found = (get(name) for name in ("loss", "accuracy", "val_loss", "val_accuracy"))
    return tuple(None if value in (None, "NA") else float(value) for value in found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 20, "patience": 1, "widths": (32, 16), "learning_rate": 0.01},
        {
            "optimizer": "sgd",
            "learning_rate": 0.05,
            "schedule": "one-cycle",
            "dropout": 0.0,
            "activation": "gelu",
            "validation_share": 0.0,
            "batch_size": 100,
            "seed": 7,
        },
        {"optimizer": "rmsprop", "activation": "tanh", "dropout": 0.5, "validation_share": 0.3},
        # An epoch has 57 steps, and what is wanted is looked at after 32 and after all of them.
        {"rate": 0.0002, "stop_at": 58, "epochs": 50},
        {"rate": 0.02, "optimizer": "sgd", "schedule": "one-cycle", "epochs": 3},
    ],
    ids=["adam", "sgd", "rmsprop", "steered and stopped", "steered in one cycle"],
)
def test_the_script_gives_the_same_history_to_the_digit(
    train: Train, tmp_path: Path, settings: dict[str, Any]
) -> None:
    run = train(**settings)
    assert repeated(run, tmp_path / "elsewhere") == history_of(run)


@pytest.mark.slow
@pytest.mark.parametrize("schedule", ["constant", "one-cycle"])
def test_the_script_of_a_run_that_continues_others(
    train: Train, tmp_path: Path, schedule: str
) -> None:
    first = train(schedule=schedule, epochs=9, stop_at=58, rate=0.002)
    second = train(continues=(first, 1))
    third = train(continues=(second, 2))

    assert [epoch.step for epoch in third.history().epochs] == [57, 32, 57, 57, 57]
    assert repeated(third, tmp_path / "elsewhere") == history_of(third)


@pytest.mark.slow
def test_the_script_of_a_run_that_continues_one_with_early_stopping(
    train: Train, tmp_path: Path
) -> None:
    first = train(patience=1, epochs=20, learning_rate=0.02)
    assert len(first.history().epochs) < 20
    second = train(continues=(first, 5))
    assert repeated(second, tmp_path / "elsewhere") == history_of(second)


# --- Without training ---


def over(store: RunStore, config: TrainingConfig, *events: Any, state: Any = State.FINISHED) -> Run:
    run = store.create(config)
    for event in (*events, Ended(state=state)):
        append_event(run.folder, event)
    return run


FITTING = Fitting(weights=1, train_images=3_600, validation_images=400, steps_per_epoch=57)


def batch(epoch: int, step: int) -> Batch:
    return Batch(epoch=epoch, step=step, loss=1, accuracy=0, images_per_second=1)


def epoch(number: int, step: int | None = 57) -> Epoch:
    figures = {"loss": 1.0, "accuracy": 0.0, "val_loss": None, "val_accuracy": None}
    return Epoch(epoch=number, step=step, learning_rate=0.1, seconds=1, **figures)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    config=st.builds(
        TrainingConfig,
        dataset=st.sampled_from(["mnist", "mnist-sample"]),
        widths=st.lists(st.integers(1, 4096), min_size=1, max_size=8).map(tuple),
        dropout=st.just(0.0) | st.floats(0, 0.9),
        activation=st.sampled_from(["relu", "gelu", "tanh", "sigmoid"]),
        optimizer=st.sampled_from(["adam", "sgd", "rmsprop"]),
        schedule=st.sampled_from(["constant", "one-cycle"]),
        learning_rate=st.floats(1e-5, 1),
        validation_share=st.floats(0.1, 0.5),
        patience=st.none() | st.integers(1, 50),
        seed=st.integers(0, 2**31 - 1),
    ),
    steered=st.booleans(),
    stopped=st.booleans(),
    continued=st.booleans(),
)
def test_scripts_are_as_tidy_as_our_own_code(
    store: RunStore,
    config: TrainingConfig,
    steered: bool,
    stopped: bool,
    continued: bool,
) -> None:
    events: list[Any] = [FITTING, batch(1, 32), epoch(1)]
    if steered:
        events.insert(2, LearningRate(epoch=1, step=32, learning_rate=0.01))
    if continued:
        events.append(Continued(run="20260101-000000-abcd", epochs=1, asked=3))
    run = over(store, config, *events, state=State.STOPPED if stopped else State.FINISHED)
    text = script.write(run)

    compile(text, "train.py", "exec")
    for arguments in (["format", "--diff"], ["check", "--no-cache"]):
        done = subprocess.run(
            [*RUFF, *arguments, "--stdin-filename", str(PROJECT / "train.py"), "-"],
            input=text,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_script_says_nothing_of_what_the_run_does_not_use(store: RunStore) -> None:
    plain = {"dropout": 0.0, "optimizer": "sgd", "validation_share": 0.0}
    text = script.write(over(store, TrainingConfig(**plain), FITTING, batch(1, 32), epoch(1)))

    for word in ("Dropout", "Adam", "RMSprop", "OneCycle", "validation", "Early", "Steer", "PARTS"):
        assert word not in text
    assert "keras.datasets.mnist.load_data()" in text
    assert "mnist_core" not in text


def test_where_a_run_was_stopped_is_told_by_runs_of_old_as_well(store: RunStore) -> None:
    events = (FITTING, batch(1, 32), batch(1, 57), epoch(1, None), batch(2, 32), epoch(2, None))
    text = script.write(over(store, SMALL, *events, state=State.STOPPED))
    assert "    (2, 32),\n" in text


@pytest.mark.parametrize("state", [State.FAILED, State.INTERRUPTED])
def test_the_script_of_a_run_that_never_ended_says_so(store: RunStore, state: State) -> None:
    text = script.write(over(store, SMALL, FITTING, batch(1, 32), epoch(1), state=state))
    assert f"{state} after 1 epoch" in text


def test_a_live_run_has_no_script_yet(store: RunStore) -> None:
    with pytest.raises(RunError, match="is queued"):
        script.write(store.create(SMALL))


def test_a_setting_that_is_not_covered_is_refused_by_name(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(script._REPEATED, "dropout")
    monkeypatch.setitem(script._REPEATED, "optimizer", ("adam",))

    script.write(over(store, SMALL))  # the default does without
    with pytest.raises(script.NotRepeatable, match=r"a run with dropout 0\.5 yet"):
        script.write(over(store, SMALL.model_copy(update={"dropout": 0.5})))
    with pytest.raises(script.NotRepeatable, match="a run with optimizer 'sgd' yet"):
        script.write(over(store, SMALL.model_copy(update={"optimizer": "sgd"})))


def test_what_a_foreign_run_calls_its_versions_is_not_run(store: RunStore) -> None:
    run = over(store, SMALL)
    write_json(run.folder / "environment.json", {"keras": '3"""\nraise SystemExit', "numpy": "2.4"})
    text = script.write(run)

    assert "SystemExit" not in text
    assert "It was made with numpy 2.4.\n" in text
