"""The stand-alone script: it gives a run's history again, whatever happened in the run."""

import csv
import hashlib
import io
import math
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_core import augmentation
from mnist_core.config import TrainingConfig
from mnist_core.export import formats, script
from mnist_core.runs.events import (
    Continued,
    Ended,
    Epoch,
    LearningRate,
    State,
    append_event,
)
from mnist_core.runs.files import RunError, write_json
from mnist_core.runs.folder import Run
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool
from tests import builders
from tests.builders import batch, fitting
from tests.conftest import SMALL, wait_for_end, wait_until

PROJECT = Path(__file__).parents[2]
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
    with zipfile.ZipFile(io.BytesIO(formats.export(run, "script"))) as archive:
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
    assert weights(place / "model.keras") == weights(run.folder / "model.keras")
    with (place / "history.csv").open() as file:
        return [figures(row.get) for row in csv.DictReader(file)]


def weights(model: Path) -> list[str]:
    """Hashes of all that the network has learned, sorted, for the names of its layers differ."""
    found = []

    def collect(name: str, item: Any) -> None:
        if name.startswith("layers/") and getattr(item, "dtype", None) == "float32":
            found.append(hashlib.sha256(item[()].tobytes()).hexdigest())

    with zipfile.ZipFile(model) as archive, archive.open("model.weights.h5") as file:
        h5py.File(io.BytesIO(file.read())).visititems(collect)
    assert found
    return sorted(found)


def history_of(run: Run) -> list[tuple[float | None, ...]]:
    return [figures(epoch.model_dump().get) for epoch in run.history().epochs]


def figures(get: Callable[[str], Any]) -> tuple[float | None, ...]:
    found = (get(name) for name in ("loss", "accuracy", "val_loss", "val_accuracy"))
    return tuple(None if value in (None, "NA") else float(value) for value in found)


ALTERATIONS = {
    "shift": 2.0,
    "rotation": 15.0,
    "scale": 0.15,
    "shear": 0.2,
    "elastic": 1.0,
    "flip": True,
    "erasing": 0.3,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 20, "patience": 1, "widths": (32, 16), "learning_rate": 0.01},
        {
            "optimizer": "sgd",
            "nesterov": True,
            "learning_rate": 0.05,
            "schedule": "one-cycle",
            "dropout": 0.0,
            "activation": "gelu",
            "validation_share": 0.0,
            "batch_size": 100,
            "seed": 7,
            "ema": 0.99,
            "shear": 0.3,
            "elastic": 1.0,
        },
        {
            "optimizer": "rmsprop",
            "activation": "tanh",
            "dropout": 0.5,
            "validation_share": 0.3,
            "label_smoothing": 0.2,
            "erasing": 0.4,
        },
        # An epoch has 57 steps, and what is wanted is looked at after 32 and after all of them.
        {"rate": 0.0002, "stop_at": 58, "epochs": 50},
        {"rate": 0.02, "optimizer": "sgd", "schedule": "one-cycle", "epochs": 3},
        {
            "architecture": "convolutional",
            "filters": (6, 16),  # normalized by Keras, and by the fused kernel
            "convolutions": 2,
            "block_dropout": 0.1,
            "dropout": 0.2,
            "schedule": "cosine",
            "learning_rate": 0.01,
            "weight_decay": 0.1,
            "label_smoothing": 0.1,
            "ema": 0.9,
            "patience": 1,
            **ALTERATIONS,
            "rate": 0.005,
        },
        {
            "architecture": "convolutional",
            "filters": (5, 4),
            "kernel_size": 5,
            "batch_normalization": False,
            "widths": (),
            "dropout": 0.5,
            "optimizer": "rmsprop",
            "weight_decay": 0.1,
            "rotation": 15.0,
        },
    ],
    ids=[
        *("adam", "sgd", "rmsprop", "steered and stopped", "steered in one cycle"),
        *("convolutional", "convolutional and nothing else"),
    ],
)
def test_the_script_gives_the_same_history_to_the_digit(
    train: Train, tmp_path: Path, settings: dict[str, Any]
) -> None:
    run = train(**settings)
    assert repeated(run, tmp_path / "elsewhere") == history_of(run)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [{}, {"schedule": "one-cycle"}, {"schedule": "cosine", "ema": 0.99, "flip": True}],
    ids=["constant", "one-cycle", "averaged"],
)
def test_the_script_of_a_run_that_continues_others(
    train: Train, tmp_path: Path, settings: dict[str, Any]
) -> None:
    first = train(**settings, epochs=9, stop_at=58, rate=0.002)
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


FITTING = fitting()


def epoch(number: int, step: int | None = 57) -> Epoch:
    return builders.epoch(number, step=step)


def share(most: float) -> st.SearchStrategy[float]:
    return st.just(0.0) | st.floats(0, most)


of_any_network = {
    "dataset": st.sampled_from(["mnist", "mnist-sample", "cifar10"]),
    "dropout": share(0.9),
    "activation": st.sampled_from(["relu", "gelu", "tanh", "sigmoid"]),
    "optimizer": st.sampled_from(["adam", "sgd", "rmsprop"]),
    "schedule": st.sampled_from(["constant", "one-cycle", "cosine"]),
    "learning_rate": st.floats(1e-5, 1),
    "weight_decay": share(1),
    "label_smoothing": share(0.5),
    "ema": share(0.9999),
    "shift": share(8),
    "rotation": share(45),
    "scale": share(0.5),
    "shear": share(0.5),
    "elastic": share(3),
    "flip": st.booleans(),
    "erasing": share(0.5),
    "validation_share": st.floats(0.1, 0.5),
    "patience": st.none() | st.integers(1, 50),
    "seed": st.integers(0, 2**31 - 1),
}


def layers(fewest: int, most: int, units: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(1, units), min_size=fewest, max_size=most).map(tuple)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    config=st.builds(TrainingConfig, widths=layers(1, 8, 4096), **of_any_network)
    | st.builds(
        TrainingConfig,
        architecture=st.just("convolutional"),
        filters=layers(1, 4, 512),  # with more, no network can be built
        kernel_size=st.integers(1, 7),
        convolutions=st.integers(1, 2),
        batch_normalization=st.booleans(),
        block_dropout=share(0.9),
        widths=layers(0, 8, 4096),
        **of_any_network,
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
    write_json(run.folder / "environment.json", {"threads": 2})
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


def test_a_script_says_nothing_of_alterations_that_the_run_does_not_make(store: RunStore) -> None:
    text = script.write(over(store, SMALL.model_copy(update={"flip": True})))
    left_out = ("shift", "rotation", "scale", "shear", "elastic", "erasing")
    for word in (*(f"config.{name}" for name in left_out), "splines", "boxes"):
        assert word not in text
    assert "mirror" in text


@pytest.mark.parametrize("name", ALTERATIONS)
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "left out"])
def test_what_a_script_draws_does_not_depend_on_what_it_leaves_out(
    store: RunStore, name: str, alone: bool
) -> None:
    used = {key: value for key, value in ALTERATIONS.items() if (key == name) == alone}
    config = SMALL.model_copy(update={"seed": 5, **used})
    text = script.write(over(store, config))
    names: dict[str, Any] = {"np": np, "math": math, "SimpleNamespace": SimpleNamespace}
    exec(text[text.index("config = ") : text.index("class Augmenter")], names)

    drawn = names["draw"](names["config"], (32, 28), 30, 3)
    ours = augmentation.draw(config, (32, 28), 30, 3)
    assert drawn.keys() == ours.keys()
    if used.keys() == {"erasing"}:
        np.testing.assert_array_equal(drawn["boxes"], ours["boxes"])
        return
    np.testing.assert_array_equal(drawn["coefficients"], ours["coefficients"])
    basis = names["basis"](names["config"], (32, 28))
    np.testing.assert_array_equal(basis, augmentation.basis(config, (32, 28)))
    if "erasing" in used:
        np.testing.assert_array_equal(drawn["boxes"], ours["boxes"])


@pytest.mark.parametrize(
    ("threads", "said"),
    [(3, True), ("3\nraise SystemExit", False), (True, False), (10**9, False), (None, False)],
)
def test_a_convolutional_script_computes_on_as_many_threads_as_the_run(
    store: RunStore, threads: object, said: bool
) -> None:
    run = over(store, TrainingConfig(architecture="convolutional"))
    write_json(run.folder / "environment.json", {"threads": threads})
    text = script.write(run)
    assert ("THREADS = 3  #" in text) == said
    assert ("set_intra_op_parallelism_threads(THREADS)" in text) == said
    assert ("and as many threads" in text) != said


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
    known = frozenset(TrainingConfig.model_fields) - {"dropout", "optimizer"}
    monkeypatch.setattr(script, "_covered", lambda: known)

    script.write(over(store, SMALL))  # the default does without
    with pytest.raises(script.NotRepeatable, match=r"a run with dropout 0\.5 yet"):
        script.write(over(store, SMALL.model_copy(update={"dropout": 0.5})))
    with pytest.raises(script.NotRepeatable, match="a run with optimizer 'sgd' yet"):
        script.write(over(store, SMALL.model_copy(update={"optimizer": "sgd"})))


def test_the_script_of_a_network_that_cannot_be_built_is_refused(store: RunStore) -> None:
    config = TrainingConfig(architecture="convolutional", filters=(8,) * 5)
    run = over(store, config, state=State.FAILED)
    with pytest.raises(script.NotRepeatable, match="block 5 can't halve 1 × 1"):
        script.write(run)
    assert "block 5 can't halve" in (formats.obstacle(run, "script") or "")


def test_a_script_can_be_written_whatever_the_settings() -> None:
    assert script._covered() == TrainingConfig.model_fields.keys()


def test_what_a_foreign_run_calls_its_versions_is_not_run(store: RunStore) -> None:
    run = over(store, SMALL)
    write_json(run.folder / "environment.json", {"keras": '3"""\nraise SystemExit', "numpy": "2.4"})
    text = script.write(run)

    assert "SystemExit" not in text
    assert "It was made with numpy 2.4.\n" in text
