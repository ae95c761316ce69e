"""Studies and trials without a training."""

from pathlib import Path
from typing import Any

from mnist_core.config import TrainingConfig
from mnist_core.search import study as studies
from mnist_core.search.space import read_where
from mnist_core.search.study import Confirmed, Outcome, Plan, Result, Study, Trial

BASE = TrainingConfig(dataset="mnist-sample", epochs=3)


def plan(*vary: str, **asked: Any) -> Plan:
    names = vary or ("learning_rate", "dropout", "widths", "schedule")
    return Plan(base=BASE, space=dict(map(read_where, names)), **asked)


def trial(number: int, config: TrainingConfig, *accuracies: float, **other: Any) -> Trial:
    """One that has ended as it should, unless said otherwise."""
    usual = {
        "outcome": Outcome.FINISHED,
        "losses": tuple(1 - accuracy for accuracy in accuracies),
        "weights": 1_000,
        "seconds": 3.0,
        "began": 1_000_000.0 + 10 * number,
        "ended": 1_000_009.0 + 10 * number,
    }
    run = f"20261128-{number:06}-0000"
    return Trial(number=number, run=run, config=config, accuracies=accuracies, **{**usual, **other})


TRIALS = (
    trial(1, BASE, 0.7, 0.8, weights=900),
    trial(2, BASE.model_copy(update={"dropout": 0.3, "widths": (64, 32)}), 0.8, 0.95),
    trial(3, BASE.model_copy(update={"dropout": 0.4}), 0.6, outcome=Outcome.PRUNED),
    trial(4, BASE.model_copy(update={"schedule": "cosine"}), outcome=Outcome.FAILED),
    trial(5, BASE.model_copy(update={"dropout": 0.1}), 0.8, 0.9),
)
CONFIRMED = Confirmed(
    number=2,
    runs=("20261128-000002-0001", "20261128-000002-0002"),
    seeds=(2, 3),
    test_accuracies=(0.93, 0.94),
    values=(0.92, 0.94),
)
RESULT = Result(confirmed=(CONFIRMED,), seconds=60)


def searched(runs: Path, *trials: Trial, result: Result | None = RESULT, **asked: Any) -> Study:
    """A study of those trials; without a result, nobody knows what became of its process."""
    study = studies.create(runs, plan(**{"trials": 5} | asked))
    lines = "".join(f"{one.model_dump_json()}\n" for one in trials or TRIALS)
    (study.folder / "trials.jsonl").write_text(lines)
    if result:
        study.write("result.json", result)
    return study
