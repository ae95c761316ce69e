"""Groups of runs that differ by their seed alone, and whether one is better than another."""

from pathlib import Path

import pytest
from scipy import stats

from mnist_core.config import ConfigError, TrainingConfig
from mnist_core.runs.catalog import Catalog, Summary, summarize
from mnist_core.runs.events import Ended, Evaluated, Started, State, append_event
from mnist_core.runs.folder import Run
from mnist_core.runs.leaderboard import leaderboards
from mnist_core.runs.seeds import Group, compare, groups, tally, with_seeds
from mnist_core.runs.store import RunStore
from tests.builders import epoch, fitting
from tests.conftest import SMALL


def finished(
    store: RunStore,
    seed: int,
    accuracy: float,
    config: TrainingConfig = SMALL,
    state: State = State.FINISHED,
) -> Run:
    run = store.create(config.model_copy(update={"seed": seed}))
    tested = Evaluated(test_accuracy=accuracy, test_loss=0.2, test_images=1_000, train_seconds=4)
    end = Ended(state=state)
    for event in (Started(), fitting(), epoch(), tested, end):
        append_event(run.folder, event)
    return run


def groups_of(store: RunStore) -> dict[str, Group]:
    return groups(Catalog(store).list())


def test_settings_are_asked_for_with_their_seed_and_the_next() -> None:
    asked = with_seeds(SMALL.model_copy(update={"seed": 7}), 3)

    assert [config.seed for config in asked] == [7, 8, 9]
    assert {config.model_copy(update={"seed": 1}) for config in asked} == {SMALL}


@pytest.mark.parametrize(
    ("seed", "number", "words"),
    [
        (1, 0, "seeds is 0; allowed: a whole number from 1 to 20"),
        (1, "many", "seeds is many; allowed: a whole number from 1 to 20"),
        (2**31 - 2, 3, "seed is 2147483648; allowed: a whole number from 0 to 2,147,483,647"),
    ],
)
def test_seeds_that_there_are_not_are_refused(seed: int, number: int | str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        with_seeds(SMALL.model_copy(update={"seed": seed}), number)


def test_runs_that_differ_by_their_seed_alone_are_a_group(store: RunStore) -> None:
    runs = [finished(store, seed, accuracy) for seed, accuracy in ((3, 0.9), (1, 0.94), (2, 0.92))]
    other = finished(store, 4, 0.99, SMALL.model_copy(update={"dropout": 0.3}))
    found = groups_of(store)

    assert set(found) == {run.id for run in runs}
    assert other.id not in found
    group = found[runs[0].id]
    assert group.seeds == [1, 2, 3]
    assert group.mean == pytest.approx(0.92)
    assert group.deviation == pytest.approx(0.02)


def test_what_was_trained_otherwise_than_asked_is_left_out(store: RunStore) -> None:
    kept = [finished(store, seed, 0.9) for seed in (1, 2)]
    finished(store, 3, 0.5, state=State.STOPPED)
    steered = finished(store, 4, 0.5)
    (steered.folder / "control.json").write_text('{"learning_rate": 0.01}')
    damaged = finished(store, 5, 0.5)
    (damaged.folder / "control.json").write_text("{")
    files = SMALL.model_copy(update={"tensorboard": True})
    other_files = finished(store, 6, 0.9, files)

    found = groups_of(store)
    assert set(found) == {kept[0].id, kept[1].id, other_files.id}


def test_a_seed_that_was_trained_again_counts_once(store: RunStore) -> None:
    runs = [finished(store, seed, 0.9) for seed in (1, 2, 1)]
    entries = [summarize(run) for run in reversed(runs)]  # the newest first
    found = groups(entries)

    assert set(found) == {run.id for run in runs}
    assert [summary.run for summary in found[runs[0].id].summaries] == [runs[2], runs[1]]
    (board,) = leaderboards(entries, found)
    assert len(board.most_accurate) == 1


def words(store: RunStore, run: Run) -> str | None:
    """How far the seeds of that run's settings are."""
    summary = summarize(run)
    assert isinstance(summary, Summary)
    found = tally(summary, Catalog(store).list())
    return found.in_words() if found else None


def test_a_run_that_is_over_says_how_far_the_other_seeds_are(store: RunStore) -> None:
    first = finished(store, 1, 0.90)
    finished(store, 9, 0.99, SMALL.model_copy(update={"dropout": 0.3}))
    store.create(SMALL.model_copy(update={"epochs": 3, "seed": 4}))
    assert words(store, first) is None

    others = [store.create(SMALL.model_copy(update={"seed": seed})) for seed in (2, 3)]
    store.create(SMALL)  # its own seed once more
    assert words(store, first) == "1 of 3 seeds done"
    assert words(store, others[0]) is None

    finished(store, 2, 0.92)  # before that one, which goes on
    assert words(store, first) == "2 of 3 seeds done: 91.00% ± 1.41%"
    for other in others:
        append_event(other.folder, Ended(state=State.STOPPED))
    assert words(store, first) == "2 seeds: 91.00% ± 1.41%"
    assert words(store, others[0]) is None


def test_a_run_that_was_trained_otherwise_than_asked_says_nothing_of_seeds(store: RunStore) -> None:
    finished(store, 1, 0.9)
    store.create(SMALL.model_copy(update={"seed": 2}))
    steered = finished(store, 3, 0.9)
    (steered.folder / "control.json").write_text('{"learning_rate": 0.01}')

    assert words(store, steered) is None


def test_one_seed_is_no_group(store: RunStore) -> None:
    finished(store, 1, 0.9)
    finished(store, 1, 0.9)

    assert groups_of(store) == {}


def test_the_verdict_is_welchs(store: RunStore) -> None:
    accuracies = ([0.90, 0.91, 0.93], [0.95, 0.94, 0.96, 0.97])
    ids = []
    for number, some in enumerate(accuracies):
        config = SMALL.model_copy(update={"dropout": number / 10})
        first, *_ = [finished(store, seed, one, config) for seed, one in enumerate(some)]
        ids.append(first.id)
    found = groups_of(store)

    difference = compare(found[ids[0]], found[ids[1]])

    expected = stats.ttest_ind(*accuracies, equal_var=False).pvalue
    assert difference.p_value == pytest.approx(expected)
    assert difference.difference == pytest.approx(0.955 - 0.9133333)
    assert compare(found[ids[0]], found[ids[0]]).p_value == pytest.approx(1.0)


def test_seeds_that_all_reach_the_same_are_compared_too(store: RunStore, tmp_path: Path) -> None:
    ids = []
    for number, accuracy in enumerate((0.9, 0.95)):
        config = SMALL.model_copy(update={"dropout": number / 10})
        first, _ = [finished(store, seed, accuracy, config) for seed in (1, 2)]
        ids.append(first.id)
    found = groups_of(store)

    assert compare(found[ids[0]], found[ids[1]]).p_value == 0.0
    assert compare(found[ids[0]], found[ids[0]]).p_value == 1.0
