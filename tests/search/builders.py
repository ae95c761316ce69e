"""Studies and trials without a training."""

from typing import Any

from mnist_core.config import TrainingConfig
from mnist_core.search.space import read_where
from mnist_core.search.study import Outcome, Plan, Trial

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
