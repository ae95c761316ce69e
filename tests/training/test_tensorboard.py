"""TensorBoard's files: its own reader finds every curve in them, and training does not change."""

from pathlib import Path
from typing import Any

import pytest

from mnist_core.runs.events import Batch, Epoch, Event, append_event
from mnist_core.runs.store import RunStore
from mnist_core.training.tensorboard import recording

from .conftest import SMALL, Train
from .test_fit import without_times

accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator",
    reason="requirements-extras.txt is not installed",
)


def curve(folder: Path, tag: str) -> list[tuple[int, float]]:
    """What TensorBoard shows: step and value."""
    from tensorboard.util import tensor_util

    events = accumulator.EventAccumulator(str(folder))
    events.Reload()
    return [(e.step, float(tensor_util.make_ndarray(e.tensor_proto))) for e in events.Tensors(tag)]


def figures(events: list[Any], name: str) -> list[tuple[int, Any]]:
    return [
        (event.epoch, pytest.approx(getattr(event, name), rel=1e-6))
        for event in events
        if isinstance(event, Epoch)
    ]


def test_all_curves_are_there(train: Train, store: RunStore) -> None:
    run = store.create(SMALL.model_copy(update={"tensorboard": True}))
    events: list[Event] = train()[1]
    told: list[Event] = []
    with recording(run, told.append) as emit:
        for event in events:
            emit(event)
    training, validation = (run.folder / "tensorboard" / n for n in ("training", "validation"))

    assert told == events
    for name in ("loss", "accuracy"):
        assert curve(training, f"epoch_{name}") == figures(events, name)
        assert curve(validation, f"epoch_{name}") == figures(events, f"val_{name}")
    assert curve(training, "epoch_learning_rate") == figures(events, "learning_rate")
    batches = [event for event in events if isinstance(event, Batch)]
    assert [step for step, _ in curve(training, "batch_loss")] == [32, 45, 45 + 32, 90]
    assert curve(training, "batch_accuracy")[-1][1] == pytest.approx(batches[-1].accuracy)


def test_curves_begin_with_those_of_the_runs_that_it_continues(
    train: Train, store: RunStore
) -> None:
    run = store.create(SMALL.model_copy(update={"tensorboard": True}))
    first, second = (event for event in train()[1] if isinstance(event, Epoch))
    append_event(run.folder, first)
    (run.folder / "events.jsonl").rename(run.folder / "before.jsonl")
    with recording(run, lambda event: None) as emit:
        emit(second)
    folder = run.folder / "tensorboard" / "training"

    assert curve(folder, "epoch_loss") == figures([first, second], "loss")


def test_without_being_asked_there_are_no_files(store: RunStore) -> None:
    run = store.create(SMALL)
    told: list[Event] = []
    with recording(run, told.append) as emit:
        assert emit == told.append
    assert not (run.folder / "tensorboard").exists()


def test_the_history_does_not_change(train: Train, store: RunStore) -> None:
    run = store.create(SMALL.model_copy(update={"tensorboard": True}))
    plain = train()[1]
    with recording(run, lambda event: None) as emit:
        events: list[Any] = _Emitting(emit)
        train(events=events)
    assert without_times(list(events)) == without_times(plain)


class _Emitting(list[Any]):
    """A list that hands on what is appended."""

    def __init__(self, emit: Any) -> None:
        super().__init__()
        self._emit = emit

    def append(self, event: Any) -> None:
        self._emit(event)
        super().append(event)
