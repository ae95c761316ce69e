"""What is tried next, which follows from the trials alone, and which trials are hopeless."""

import math
from collections.abc import Callable
from statistics import fmean

import pytest

from mnist_core.config import TrainingConfig
from mnist_core.search.study import Outcome, Plan, Trial, best
from mnist_core.search.suggest import OTHERS, grid, hopeless, importances, suggest
from tests.search.builders import BASE, plan, trial


def accuracy(config: TrainingConfig) -> float:
    """Best at a learning rate of 0.004 and a dropout of 0.2; the widths matter little."""
    off = abs(math.log10(config.learning_rate / 0.004)) + abs(config.dropout - 0.2)
    return 0.98 - 0.02 * off - 0.001 * len(config.widths)


def search(
    asked: Plan, trials: int, judge: Callable[[TrainingConfig], float] = accuracy
) -> list[Trial]:
    found: list[Trial] = []
    for number in range(1, trials + 1):
        config = suggest(asked, found, [], number)
        if config is None:
            break
        found.append(trial(number, config, judge(config) - 0.01, judge(config)))
    return found


def test_the_same_trials_give_the_same_suggestion_to_whoever_asks() -> None:
    asked = plan()
    trials = search(asked, 15)

    assert suggest(asked, trials, [BASE], 15) == suggest(asked, list(trials), [BASE], 15)
    assert suggest(asked, trials, [], 15) != suggest(asked, trials, [], 16)
    other = asked.model_copy(update={"seed": 2})
    assert suggest(asked, [], [], 1) != suggest(other, [], [], 1)


def test_it_learns_from_the_trials() -> None:
    found = {
        method: fmean(
            max(accuracy(t.config) for t in search(plan(method=method, seed=seed), 40))
            for seed in (1, 2, 3)
        )
        for method in ("tpe", "random")
    }

    assert found["tpe"] > found["random"]


def test_it_keeps_away_from_where_trials_fail() -> None:
    asked, found = plan("learning_rate"), list[Trial]()
    for number in range(1, 41):
        config = suggest(asked, found, [], number)
        assert config
        failed = config.learning_rate > 0.003
        outcome = Outcome.FAILED if failed else Outcome.FINISHED
        values = () if failed else (0.9,)
        found.append(trial(number, config, *values, outcome=outcome))

    failures = [t.outcome == Outcome.FAILED for t in found]
    assert sum(failures[-10:]) <= 3 < sum(failures[:10])


def test_what_people_add_from_elsewhere_does_not_disturb_it() -> None:
    asked = plan("learning_rate=0.001..0.01")
    elsewhere = trial(1, BASE.model_copy(update={"learning_rate": 0.5}), 0.99)

    assert suggest(asked, [elsewhere], [], 2) == suggest(asked, [], [], 2)


def test_with_two_aims_it_suggests_too() -> None:
    asked = plan(against="weights")
    trials = [t.model_copy(update={"weights": sum(t.config.widths)}) for t in search(asked, 15)]
    pruned = trials[0].model_copy(update={"outcome": Outcome.PRUNED})

    assert suggest(asked, [*trials, pruned], [], 16)
    assert not hopeless(asked, trials, [0.0])
    assert importances(asked, trials)


def test_a_grid_has_every_combination_once() -> None:
    asked = plan("dropout=0,0.2", "schedule=constant,cosine", "widths=1..2x64..256", method="grid")
    found = [t.config for t in search(asked, 100)]

    assert len(found) == len({c.model_dump_json() for c in found}) == 2 * 2 * 2 * 3
    assert {c.widths for c in found} == {(w,) * n for w in (64, 128, 256) for n in (1, 2)}
    assert sorted(map(str, found)) == sorted(map(str, grid(asked)))


@pytest.mark.parametrize(
    ("values", "stops"), [([0.2], True), ([0.985], False), ([0.2, 0.985], False), ([], False)]
)
def test_the_worst_are_stopped_early(values: list[float], stops: bool) -> None:
    assert hopeless(plan(), search(plan(), 20), values) is stops


def test_none_is_stopped_before_some_have_ended_nor_where_nobody_asks_for_it() -> None:
    trials = search(plan(), OTHERS)

    assert hopeless(plan(), trials, [0.2])
    assert not hopeless(plan(), trials[1:], [0.2])
    assert not hopeless(plan(prune=False), trials, [0.2])
    assert not hopeless(plan(), trials, [None])


def test_of_losses_less_is_better() -> None:
    asked = plan(aim="loss")
    trials = search(asked, 20)

    assert hopeless(asked, trials, [5.0])
    assert not hopeless(asked, trials, [0.001])
    assert best(trials, "loss")[0].losses[-1] == min(t.losses[-1] or 0 for t in trials)


def test_what_mattered_is_told() -> None:
    def judge(config: TrainingConfig) -> float:
        return 0.98 - 0.1 * abs(math.log10(config.learning_rate / 0.004))

    asked = plan("learning_rate", "dropout", method="random")
    trials = search(asked, 60, judge)
    found = importances(asked, trials)

    assert max(found, key=lambda name: found[name]) == "learning_rate"
    assert importances(asked.model_copy(update={"against": "seconds"}), trials) == found
    assert importances(asked, search(asked, OTHERS - 1)) == {}
