"""What to try next, and which trials are hopeless: Optuna, asked afresh each time.

It is told all trials and asked once, and keeps nothing: the same trials and number give the same
suggestion in any process, and there is no second record of the study that could differ from the
runs. To tell it a thousand trials takes some hundredths of a second.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from mnist_core.config import FIELDS, TrainingConfig
from mnist_core.search.space import (
    DIGITS,
    Options,
    Range,
    count_of,
    distributions,
    fits,
    one_of,
    parameters,
    suggested,
)
from mnist_core.search.study import Aim, Outcome, Plan, Trial

GRID_POINTS = 3
"""Into how many values a grid divides a range."""
WORST = 25.0
"""A trial is stopped where after an epoch it is among the worst so many hundredths of those that
had come so far. One-cycle schedules look bad at first: half of all would go too far."""
OTHERS = 5
"""As many trials must have ended before one is stopped."""

optuna.logging.disable_default_handler()
logging.getLogger("optuna").setLevel(logging.WARNING)


def suggest(
    plan: Plan, trials: Sequence[Trial], running: Sequence[TrainingConfig], number: int
) -> TrainingConfig | None:
    """What to try next; None where a grid has been walked.

    Args:
        trials: those that are over.
        running: what is being tried.
        number: of the trial to come, from which chance follows.
    """
    if plan.method == "grid":
        tried = [*(trial.config for trial in trials), *running]
        return next((point for point in grid(plan) if point not in tried), None)
    seed = int(np.random.SeedSequence([plan.seed, number]).generate_state(1)[0])
    sampler: BaseSampler = RandomSampler(seed)
    if plan.method == "tpe":
        sampler = TPESampler(seed=seed)
    study = told(plan, trials, sampler)
    for config in running:
        if fits(plan.space, config):
            study.add_trial(
                create_trial(
                    state=TrialState.RUNNING,
                    params=parameters(plan.space, config),
                    distributions=distributions(plan.space, config),
                )
            )
    return suggested(plan.space, plan.base, study.ask())


def hopeless(plan: Plan, trials: Sequence[Trial], values: Sequence[float | None]) -> bool:
    """Whether a trial has fallen so far behind that it is not worth its time.

    Args:
        trials: those that are over.
        values: what is aimed for, of that trial, after each of its epochs so far.
    """
    if not plan.prune or plan.against or not values or values[-1] is None:
        return False
    pruner = optuna.pruners.PercentilePruner(100 - WORST, n_startup_trials=OTHERS)
    study = told(plan, trials, RandomSampler())
    trial = FrozenTrial(
        number=len(trials),
        state=TrialState.RUNNING,
        value=None,
        datetime_start=None,
        datetime_complete=None,
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values=_by_epoch(values),
        trial_id=len(trials),
    )
    return bool(pruner.prune(study, trial))


def told(plan: Plan, trials: Sequence[Trial], sampler: BaseSampler | None = None) -> optuna.Study:
    """A study of Optuna's, in memory, that knows these trials."""
    directions = [_direction(plan.aim)]
    if plan.against:
        directions.append("minimize")
    study = optuna.create_study(directions=directions, sampler=sampler)
    study.add_trials(trial for one in trials if (trial := _as_optuna(plan, one)))
    return study


def importances(plan: Plan, trials: Sequence[Trial]) -> Mapping[str, float]:
    """How much each setting that varies mattered, of 1 in all; empty where too few trials tell.

    Of two aims, for the first.

    PED-ANOVA, of Watanabe, Bansal and Hutter, "PED-ANOVA: efficiently quantifying hyperparameter
    importance in arbitrary subspaces", 2023.
    """
    study = told(plan.model_copy(update={"against": None}), trials)
    finished = [t for t in study.trials if t.state == TrialState.COMPLETE]
    if len(finished) < OTHERS:
        return {}
    in_all = set.intersection(*(set(trial.params) for trial in finished))
    return optuna.importance.get_param_importances(study, params=sorted(in_all))


def grid(plan: Plan) -> list[TrainingConfig]:
    """All combinations, in an order by chance, so that an early end has seen all of it."""
    return _grid(plan.model_dump_json())


@cache
def _grid(plan_as_json: str) -> list[TrainingConfig]:
    plan = Plan.model_validate_json(plan_as_json)
    axes = {name: _points(name, where) for name, where in plan.space.items()}
    found: dict[str, TrainingConfig] = {}
    for combination in itertools.product(*axes.values()):
        given = optuna.trial.FixedTrial(
            {key: value for point in combination for key, value in point.items()}
        )
        config = suggested(plan.space, plan.base, given)  # type: ignore[arg-type]
        found[config.model_dump_json()] = config
    configs = list(found.values())
    order = np.random.default_rng(plan.seed).permutation(len(configs))
    return [configs[i] for i in order]


def _points(name: str, where: Range | Options) -> list[dict[str, Any]]:
    """The values of a setting that a grid has, each as parameters of Optuna's."""
    if isinstance(where, Options):
        return [{name: value} for value in where.values]
    spaced = np.geomspace if where.log else np.linspace
    whole = FIELDS[name].annotation is not float
    values = [
        round(float(value)) if whole else float(f"{value:.{DIGITS}g}")
        for value in spaced(where.low, where.high, GRID_POINTS)
    ]
    if not where.most:
        return [{name: value} for value in dict.fromkeys(values)]
    return [
        {count_of(name): count} | {one_of(name, i): value for i in range(count)}
        for count in range(where.fewest, where.most + 1)
        for value in dict.fromkeys(values)
    ]


def _as_optuna(plan: Plan, trial: Trial) -> FrozenTrial | None:
    """A trial as Optuna knows it; None where it says nothing on what the study varies."""
    if not fits(plan.space, trial.config):
        return None  # one that was added by hand, elsewhere
    value = trial.value(plan.aim)
    values = None
    if value is not None:
        values = [value]
        if plan.against:
            values.append(float(getattr(trial, plan.against)))
    elif plan.against and trial.outcome == Outcome.PRUNED:
        return None  # with two aims, Optuna has no use for it
    return create_trial(
        state=TrialState.COMPLETE if values else TrialState.PRUNED,
        values=values,
        params=parameters(plan.space, trial.config),
        distributions=distributions(plan.space, trial.config),
        # One that has failed counts as one that was worse than all: else the search would come
        # back to where the loss is no number.
        intermediate_values={} if plan.against else _by_epoch(trial.values(plan.aim)),
    )


def _by_epoch(values: Sequence[float | None]) -> dict[int, float]:
    return {epoch: value for epoch, value in enumerate(values, 1) if value is not None}


def _direction(aim: Aim) -> Literal["maximize", "minimize"]:
    return "maximize" if aim == "accuracy" else "minimize"
