"""Summaries agree with the whole history; the catalog sees every change; the best come first."""

import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from mnist_core.config import TrainingConfig
from mnist_core.data.known import SPECS, bar
from mnist_core.evaluation import wilson_interval
from mnist_core.runs.catalog import (
    Catalog,
    Damaged,
    Summary,
    mentions,
    summarize,
)
from mnist_core.runs.events import (
    Batch,
    Ended,
    Epoch,
    Evaluated,
    Event,
    Started,
    State,
    append_event,
)
from mnist_core.runs.files import RunError, write_whole
from mnist_core.runs.folder import Labels, Owner, Run
from mnist_core.runs.leaderboard import Leaderboard, Standing, leaderboards
from mnist_core.runs.seeds import groups
from mnist_core.runs.store import RunStore
from tests import builders
from tests.builders import START, fitting
from tests.conftest import SMALL

FITTING = fitting(steps_per_epoch=50)
FINISHED = Ended(state=State.FINISHED)


def batch(epoch: int, step: int) -> Batch:
    elapsed = 10 * (epoch - 1) + step / 5
    return builders.batch(epoch, step, time=START + elapsed, elapsed=elapsed)


def epoch(number: int) -> Epoch:
    return builders.epoch(number, time=START + 10 * number, seconds=10, elapsed=10 * number)


def evaluated(accuracy: float = 0.952, seconds: float = 20.5) -> Evaluated:
    return Evaluated(
        test_accuracy=accuracy, test_loss=0.2, test_images=1_000, train_seconds=seconds
    )


def made(store: RunStore, *events: Event, config: TrainingConfig = SMALL) -> Run:
    run = store.create(config)
    for event in events:
        append_event(run.folder, event)
    return run


def summary(run: Run) -> Summary:
    found = summarize(run)
    assert isinstance(found, Summary), found
    return found


# --- Summaries ---


def test_a_finished_run_has_all_its_figures(store: RunStore) -> None:
    events: list[Event] = [Started(), FITTING, batch(1, 25), epoch(1), batch(2, 25), epoch(2)]
    found = summary(made(store, *events, evaluated(), FINISHED))

    assert (found.state, found.config) == (State.FINISHED, SMALL)
    assert (found.weights, found.progress.epochs, found.progress.share) == (12_730, 2, 1)
    assert (found.train_seconds, found.epoch_seconds) == (20.5, 10.25)
    assert found.evaluated
    assert found.evaluated.test_accuracy == 0.952
    assert found.interval == wilson_interval(952, 1_000)


def test_a_running_run_tells_how_far_it_is(store: RunStore) -> None:
    found = summary(made(store, Started(), FITTING, epoch(1), batch(2, 20), batch(2, 25)))

    assert found.state == State.RUNNING
    assert (found.progress.epochs, found.progress.share) == (1, 0.75)
    assert (found.train_seconds, found.epoch_seconds) == (15, 10)
    assert found.evaluated is None
    assert found.interval is None


def test_a_queued_run_has_no_figures_yet(store: RunStore) -> None:
    found = summary(made(store))

    assert found.state == State.QUEUED
    assert (found.weights, found.progress.epochs, found.progress.share) == (None, 0, 0)
    assert (found.train_seconds, found.epoch_seconds) == (None, None)


@pytest.mark.parametrize(
    ("state", "called"),
    [
        (State.STOPPED, "Dense 16, 1 of 2 epochs"),
        (State.FAILED, "Dense 16, 1 of 2 epochs"),
        (State.FINISHED, "Dense 16, 2 epochs"),  # it may have had as few as its settings say
    ],
)
def test_a_run_is_called_after_what_it_did(store: RunStore, state: State, called: str) -> None:
    run = made(store, Started(), FITTING, epoch(1))
    assert summary(run).title == "Dense 16, 2 epochs"

    append_event(run.folder, Ended(state=state))
    assert summary(run).title == called


def test_one_that_was_to_go_on_has_the_epochs_that_it_took_over(store: RunStore) -> None:
    run = made(store, Ended(state=State.STOPPED))
    before = b"".join(e.model_dump_json().encode() + b"\n" for e in (FITTING, epoch(1)))
    write_whole(run.folder / "before.jsonl", before)

    assert summary(run) == summarize(run, run.history())
    assert summary(run).progress.epochs == 1


def test_why_a_run_ended_is_told_however_long_it_is(store: RunStore) -> None:
    reason = "ResourceExhaustedError: " + "no memory " * 2_000
    found = summary(
        made(store, Started(), FITTING, epoch(1), Ended(state=State.FAILED, message=reason))
    )

    assert (found.state, found.message, found.progress.epochs) == (State.FAILED, reason, 1)


def test_wherever_the_file_ends_a_summary_agrees_with_the_whole_history(store: RunStore) -> None:
    events: list[Event] = [Started(), FITTING, batch(1, 25), epoch(1), batch(2, 25), epoch(2)]
    run = made(store, *events, evaluated(), FINISHED)
    path = run.folder / "events.jsonl"
    text = path.read_bytes()

    breaks = [place for place, byte in enumerate(text) if byte == ord("\n")]
    for end in [0, *(place + near for place in breaks for near in (-9, 0, 1, 9))]:
        path.write_bytes(text[:end])
        found, history = summary(run), run.history()
        assert found.state == run.state(history)
        assert found.progress.epochs == len(history.epochs)
        assert found.weights == (history.fitting.weights if history.fitting else None)
        assert found.evaluated == history.evaluated


def test_a_line_that_was_torn_and_closed_is_passed_over(store: RunStore) -> None:
    run = made(store, Started(), FITTING, epoch(1))
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b'{"time":1,"kind":"epo')
    append_event(run.folder, Ended(state=State.INTERRUPTED))

    assert (summary(run).state, summary(run).progress.epochs) == (State.INTERRUPTED, 1)


def test_the_middle_of_a_long_run_is_not_read(store: RunStore) -> None:
    run = made(store, Started(), FITTING, *(batch(1, step) for step in range(1, 50)))
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b'{"kind":"no event"}\n')
    for number in range(1, 20):
        append_event(run.folder, epoch(number))

    assert summary(run).progress.epochs == 19
    with pytest.raises(RunError):
        run.history()


# --- Damage ---


def damage(run: Run, name: str, content: str | None) -> Damaged:
    if content is None:
        (run.folder / name).unlink()
    else:
        (run.folder / name).write_text(content)
    found = summarize(run)
    assert isinstance(found, Damaged)
    return found


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", None),
        ("config.json", "{"),
        ("config.json", '{"dropout": 7}'),
        ("config.json", "\x00\xff"),
        ("events.jsonl", '{"kind": "no event"}\n'),
        ("events.jsonl", "7\n"),
        ("labels.json", "["),
        ("labels.json", '{"name": 7}'),
    ],
)
def test_a_damaged_file_is_named(store: RunStore, name: str, content: str | None) -> None:
    run = made(store, Started(), FITTING, epoch(1), evaluated(), FINISHED)
    found = damage(run, name, content)

    assert name in found.reason
    assert Catalog(store).list() == [found]


def test_a_folder_in_place_of_a_file_is_damage_too(store: RunStore) -> None:
    run = made(store)
    (run.folder / "events.jsonl").mkdir()

    assert isinstance(summarize(run), Damaged)


def test_a_run_that_is_being_made_is_not_listed(store: RunStore) -> None:
    run = made(store)
    (run.folder / "config.json").unlink()

    assert Catalog(store).list() == []


# --- Labels ---


def test_labels_are_read_as_they_were_written(store: RunStore) -> None:
    run = made(store)
    assert run.labels() == Labels()

    run.set_labels(Labels(name=" Wide ", tags=("week 3", "é"), note="Two\nlines"))

    assert run.labels() == Labels(name="Wide", tags=("week 3", "é"), note="Two\nlines")
    assert summary(run).labels == run.labels()


@pytest.mark.parametrize(
    "labels", [{"name": "x" * 61}, {"tags": ("",)}, {"tags": ("a",) * 11}, {"note": "x" * 2001}]
)
def test_labels_have_bounds(labels: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(labels))):
        Labels.model_validate(labels)


def test_a_run_that_is_gone_can_not_be_labelled(store: RunStore) -> None:
    run = made(store)
    run.folder.rename(store.folder / "elsewhere")

    with pytest.raises(RunError, match=run.id):
        run.set_labels(Labels(name="Wide"))


# --- The catalog ---


def at(run: Run, minutes: int) -> Run:
    """The run as if it had been made so many minutes after some day's start."""
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    return Run(run.folder.rename(run.folder.parent / f"{moment:%Y%m%d-%H%M%S}{run.id[15:]}"))


def states(catalog: Catalog) -> list[State]:
    return [entry.state for entry in catalog.list() if isinstance(entry, Summary)]


def test_the_catalog_lists_every_run_newest_first(store: RunStore) -> None:
    assert Catalog(store).list() == []
    old, new, middle = (at(made(store), minutes) for minutes in (1, 3, 2))

    assert [entry.run for entry in Catalog(store).list()] == [new, middle, old]


def test_the_newest_few_can_be_listed_alone(store: RunStore) -> None:
    old, new, middle = (at(made(store), minutes) for minutes in (1, 3, 2))
    (at(made(store), 4).folder / "config.json").unlink()

    assert store.list(2) == [new, middle]
    assert store.list() == [new, middle, old]


def test_a_run_that_is_over_is_read_once(store: RunStore) -> None:
    made(store, Started(), FITTING, epoch(1), evaluated(), FINISHED)
    catalog = Catalog(store)

    assert catalog.list()[0] is catalog.list()[0]


def test_the_catalog_sees_a_run_go_on(store: RunStore) -> None:
    run, catalog = made(store), Catalog(store)
    happening: list[tuple[Event, State, int]] = [
        (Started(), State.RUNNING, 0),
        (FITTING, State.RUNNING, 0),
        (epoch(1), State.RUNNING, 1),
        (epoch(2), State.RUNNING, 2),
        (Ended(state=State.STOPPED), State.STOPPED, 2),
    ]
    for event, state, epochs in happening:
        append_event(run.folder, event)
        (found,) = catalog.list()
        assert isinstance(found, Summary)
        assert (found.state, found.progress.epochs) == (state, epochs)


def test_the_catalog_sees_the_death_of_a_runs_owner(store: RunStore) -> None:
    run, catalog = made(store, Started(), FITTING), Catalog(store)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = Owner(
            host=socket.gethostname(),
            pid=process.pid,
            created=psutil.Process(process.pid).create_time(),
        )
        write_whole(run.folder / "owner.json", owner.model_dump_json().encode())
        assert states(catalog) == [State.RUNNING]
        process.communicate(b"\n")

    assert states(catalog) == [State.INTERRUPTED]


def test_the_catalog_sees_new_labels_and_what_is_appended_to_a_run_that_was_over(
    store: RunStore,
) -> None:
    run, catalog = made(store, Started(), FITTING, epoch(1), FINISHED), Catalog(store)
    catalog.list()

    run.set_labels(Labels(name="Wide"))
    (found,) = catalog.list()
    assert isinstance(found, Summary)
    assert found.labels.name == "Wide"

    append_event(run.folder, evaluated())
    append_event(run.folder, FINISHED)
    (found,) = catalog.list()
    assert isinstance(found, Summary)
    assert found.evaluated


def test_the_catalog_forgets_a_run_that_is_gone(store: RunStore, tmp_path: Path) -> None:
    run, catalog = made(store, Started(), FITTING, epoch(1), FINISHED), Catalog(store)
    catalog.list()
    run.folder.rename(tmp_path / "elsewhere")

    assert catalog.list() == []


# --- Search ---


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", True),
        ("wide", True),
        ("WEEK 3", True),
        ("sample 16", True),
        ("finished", True),
        ("adam two", True),
        ("wide deep", False),
        ("mnist-sample sgd", False),
    ],
)
def test_every_word_must_be_there_somewhere(store: RunStore, words: str, found: bool) -> None:
    run = made(store, Started(), FITTING, epoch(1), FINISHED)
    run.set_labels(Labels(name="Wide one", tags=("week 3",), note="Two of them"))

    assert mentions(summarize(run), words) is found
    assert mentions(summarize(run), run.id)


def test_damaged_runs_are_found_by_what_is_wrong(store: RunStore) -> None:
    found = damage(made(store), "config.json", "{")

    assert mentions(found, "damaged config.json")
    assert not mentions(found, "finished")


# --- Leaderboards ---


def scored(
    store: RunStore,
    accuracy: float,
    weights: int = 9,
    seconds: float = 9,
    dataset: str = "mnist",
    seed: int = 1,
) -> Run:
    config = TrainingConfig.model_validate({"dataset": dataset, "seed": seed})
    fitting = FITTING.model_copy(update={"weights": weights})
    events = (Started(), fitting, epoch(1), evaluated(accuracy, seconds), FINISHED)
    return made(store, *events, config=config)


def boards(store: RunStore, places: int = 5) -> list[Leaderboard]:
    entries = Catalog(store).list()
    return leaderboards(entries, groups(entries), places)


def runs(standings: list[Standing]) -> list[Run]:
    return [standing.summary.run for standing in standings]


def test_every_dataset_has_a_bar() -> None:
    assert all(0 < (bar(name) or 0) < 1 for name in SPECS)


def test_the_best_come_first_and_only_good_ones_are_small_or_fast(store: RunStore) -> None:
    best = scored(store, 0.99, weights=500, seconds=50)
    small = scored(store, 0.98, weights=50, seconds=90)
    fast = scored(store, 0.985, weights=900, seconds=5)
    poor = scored(store, 0.9799, weights=1, seconds=1)
    made(store, Started(), FITTING, epoch(1))
    (board,) = boards(store)

    assert (board.dataset, board.bar) == ("mnist", 0.98)
    assert runs(board.most_accurate) == [best, fast, small, poor]
    assert runs(board.smallest) == [small, best, fast]
    assert runs(board.fastest) == [fast, best, small]


def test_seeds_have_one_place_by_their_mean(store: RunStore) -> None:
    lucky = scored(store, 0.999, seconds=10)
    for seed, accuracy in ((2, 0.983), (3, 0.983)):
        scored(store, accuracy, seconds=40, seed=seed)
    alone = made(
        store,
        *(Started(), FITTING, epoch(1), evaluated(0.99, 20), FINISHED),
        config=TrainingConfig(dropout=0.5),
    )
    (board,) = boards(store)
    (first, second) = board.most_accurate

    assert runs(board.most_accurate) == runs(board.smallest)[::-1] == [alone, lucky]
    assert runs(board.fastest) == [alone, lucky]
    assert first.group is None
    assert second.group
    assert second.group.seeds == [1, 2, 3]
    assert second.accuracy == pytest.approx(0.98833, abs=1e-5)
    assert second.seconds == 30
    low, high = second.interval
    assert low < 0.98833 < high < 0.999


def test_each_dataset_has_its_own_board_of_limited_length(store: RunStore) -> None:
    for accuracy in (0.93, 0.95, 0.96):
        scored(store, accuracy, dataset="mnist-sample")
    scored(store, 0.5)
    mnist, sample = boards(store, places=1)

    assert (mnist.dataset, len(mnist.most_accurate), mnist.fastest) == ("mnist", 1, [])
    assert (sample.dataset, len(sample.most_accurate), len(sample.smallest)) == (
        "mnist-sample",
        1,
        1,
    )


def test_runs_on_other_numbers_of_images_have_boards_of_their_own(store: RunStore) -> None:
    def on(train_images: int, test_images: int, accuracy: float) -> Run:
        fitting = FITTING.model_copy(
            update={"train_images": train_images - 400, "validation_images": 400}
        )
        tested = evaluated(accuracy, 9).model_copy(update={"test_images": test_images})
        config = TrainingConfig(dataset="cifar10")
        return made(store, Started(), fitting, epoch(1), tested, FINISHED, config=config)

    part = on(20_000, 1_000, 0.8)
    whole = on(50_000, 10_000, 0.7)
    better = on(50_000, 10_000, 0.75)
    fewer = on(20_000, 10_000, 0.6)
    found = boards(store)

    assert [(b.train_images, b.test_images, runs(b.most_accurate)) for b in found] == [
        (50_000, 10_000, [better, whole]),
        (20_000, 10_000, [fewer]),
        (20_000, 1_000, [part]),
    ]


def test_images_held_back_for_validation_make_no_other_board(store: RunStore) -> None:
    for train_images in (3_600, 4_000):
        fitting = FITTING.model_copy(
            update={"train_images": train_images, "validation_images": 4_000 - train_images}
        )
        made(store, Started(), fitting, epoch(1), evaluated(0.9, 9), FINISHED)
    (board,) = boards(store)

    assert board.train_images == 4_000
    assert len(board.most_accurate) == 2


def test_damaged_runs_are_on_no_board(store: RunStore) -> None:
    damage(scored(store, 0.99), "config.json", "{")

    assert boards(store) == []


def test_people_s_own_data_has_boards_of_accuracy_alone_after_the_others(store: RunStore) -> None:
    poor, good = (scored(store, accuracy, dataset="pets") for accuracy in (0.5, 0.99))
    scored(store, 0.7, dataset="apes")
    scored(store, 0.95, dataset="fashion-mnist")
    fashion, apes, pets = boards(store)

    assert [(b.dataset, b.bar) for b in (fashion, apes, pets)] == [
        ("fashion-mnist", 0.9),
        ("apes", None),
        ("pets", None),
    ]
    assert runs(pets.most_accurate) == [good, poor]
    assert pets.smallest == pets.fastest == []
    assert any(mentions(entry, "fashion-mnist") for entry in Catalog(store).list())
