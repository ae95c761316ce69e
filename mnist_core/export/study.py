"""A study -> its trials as CSV, and all of it as one page of HTML that needs nothing else."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from mnist_core.config import FIELDS
from mnist_core.data import known
from mnist_core.export.report import template
from mnist_core.fields import shown
from mnist_core.figures import Figure
from mnist_core.presets import title
from mnist_core.runs.folder import Run
from mnist_core.search import figures
from mnist_core.search.space import Options, Where
from mnist_core.search.study import Plan, Study, Trial, best
from mnist_core.search.suggest import importances


def as_csv(study: Study) -> bytes:
    """A row for each trial, in their order, with all digits; encoded as UTF-8.

    Raises:
        RunError: the study is damaged.
    """
    plan = study.plan
    rows = [
        {
            "trial": trial.number,
            "run": trial.run,
            "outcome": trial.outcome.value,
            "added_by_hand": trial.added,
            "epochs": len(trial.accuracies),
            "validation_accuracy": _last(trial.accuracies),
            "validation_loss": _last(trial.losses),
            "weights": trial.weights,
            "seconds": trial.seconds,
            **{name: _cell(trial, name) for name in plan.space},
        }
        for trial in sorted(study.trials(), key=lambda trial: trial.number)
    ]
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue().encode()


def _last(values: Sequence[float | None]) -> float | None:
    """Of a trial that was stopped early, what it had reached."""
    return values[-1] if values else None


def _cell(trial: Trial, name: str) -> Any:
    if not trial.config.uses(name):
        return None
    value = getattr(trial.config, name)
    return " ".join(map(str, value)) if isinstance(value, tuple) else value


def report(study: Study) -> bytes:
    """The page, with the charts as they are on the page Search.

    Raises:
        RunError: the study is damaged.
    """
    from plotly.offline import get_plotlyjs  # not at the top: a page that offers it is waiting

    plan, trials = study.plan, study.trials()
    made = Run(study.folder).created
    page = template("study.html.jinja").render(
        study=study,
        plan=plan,
        name=title(plan.base),
        dataset=known.title(plan.base.dataset),
        made=f"{made.day} {made:%B %Y, %H:%M}" if made else study.id,
        varied=[
            (str(FIELDS[name].title), _among(name, where)) for name, where in plan.space.items()
        ],
        fixed=[
            (str(FIELDS[name].title), shown(FIELDS[name], value))
            for name, value in plan.base
            if plan.base.uses(name) and name not in plan.space
        ],
        trials=trials,
        ranked=best(trials, plan.aim),
        result=study.result(),
        by_number={trial.number: trial for trial in trials},
        aim=figures.AIMS[plan.aim],
        fields={name: FIELDS[name] for name in plan.space},
        shown=shown,
        outcomes=figures.OUTCOMES,
        charts=_charts(plan, trials) if trials else {},
        plotly=get_plotlyjs() if trials else "",
    )
    return page.encode()


def _among(name: str, where: Where) -> str:
    """Where the search has looked for a setting, in words."""
    field = FIELDS[name]
    if isinstance(where, Options):
        return ", ".join(shown(field, value) for value in where.values)
    words = f"{where.low:g} to {where.high:g}"
    if where.most:
        words = f"{where.fewest} to {where.most} of {words}"
    return f"{words}, by factors" if where.log else words


def _charts(plan: Plan, trials: Sequence[Trial]) -> Mapping[str, Figure]:
    """Heading to figure."""
    charts = {"Every trial, and the best so far": figures.progress(trials, plan.aim)}
    if plan.against:
        charts["Both aims"] = figures.pareto(trials, plan.aim, plan.against)
    if shares := importances(plan, trials):
        charts["What mattered"] = figures.importance(shares)
    charts["All that varied, at once"] = figures.parallel(trials, plan.space, plan.aim)
    for name in plan.space:
        heading = f"Along {FIELDS[name].title}"
        charts[heading] = figures.slice_of(trials, name, plan.space, plan.aim)
    charts["When each worker had which trial"] = figures.timeline(trials)
    return charts
