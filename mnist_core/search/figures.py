"""The trials of a study -> plotly figures, as in ``mnist_core.figures``.

All of them take what is aimed for as it was on the validation images after a trial's last epoch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import griddata

from mnist_core.config import FIELDS
from mnist_core.fields import setting, shown
from mnist_core.figures import FRAME, NEUTRAL, Figure, layout, plain
from mnist_core.search.space import Options, Range, Space, count_of
from mnist_core.search.study import Aim, Outcome, Trial

AIMS: Mapping[Aim, str] = {"accuracy": "Validation accuracy", "loss": "Validation loss"}
FORMATS: Mapping[Aim, str] = {"accuracy": ".2%", "loss": ".4f"}
OUTCOMES = {Outcome.FINISHED: "finished", Outcome.PRUNED: "stopped early", Outcome.FAILED: "failed"}
"""What people call them."""
SYMBOLS = {Outcome.FINISHED: "circle", Outcome.PRUNED: "x-thin", Outcome.FAILED: "cross-thin"}
_GREY: Figure = {"color": NEUTRAL, "line": {"width": 1.5, "color": NEUTRAL}}
SCALE = [[0, NEUTRAL], [0.6, "#0d9488"], [1, FRAME]]
"""From what is to be seen last to what is to be seen first, on light and on dark."""
CONTOUR_SIDE = 40
"""Points a side of which a contour is interpolated."""
CONTOUR_LEAST = 8
"""Trials from which on there is one."""


def progress(trials: Sequence[Trial], aim: Aim) -> Figure:
    """Every trial, and the best so far."""
    known = sorted(trials, key=lambda trial: trial.number)  # they end in another order
    finished = [trial for trial in known if trial.outcome == Outcome.FINISHED]
    better = max if aim == "accuracy" else min
    best = [*accumulate((_reached(trial, aim) for trial in finished), better)]
    return {
        "data": [
            *(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": OUTCOMES[outcome].capitalize(),
                    "x": [trial.number for trial in known if trial.outcome == outcome],
                    "y": [_reached(trial, aim) for trial in known if trial.outcome == outcome],
                    "marker": {"symbol": symbol, "size": 7}
                    | ({} if outcome == Outcome.FINISHED else _GREY),
                    "hovertemplate": f"trial %{{x}}: %{{y:{FORMATS[aim]}}}<extra></extra>",
                }
                for outcome, symbol in SYMBOLS.items()
            ),
            {
                "type": "scatter",
                "mode": "lines",
                "name": "Best so far",
                "x": [trial.number for trial in finished],
                "y": best,
                "line": {"shape": "hv", "width": 2},
                "hoverinfo": "skip",
            },
        ],
        "layout": layout(
            height=340,
            xaxis={"title": {"text": "Trial"}, "range": [0, 1 + max(10, known[-1].number)]},
            yaxis=_axis_of_aim(known, aim),
            hovermode="closest",
            showlegend=True,
        ),
    }


def importance(shares: Mapping[str, float]) -> Figure:
    """How much each setting mattered, of 1 in all, the most at the top."""
    rows = sorted(shares.items(), key=lambda row: row[1])
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": [share for _, share in rows],
                "y": [plain(title(name)) for name, _ in rows],
                "text": [f"{share:.0%}" for _, share in rows],
                "textposition": "outside",
                "cliponaxis": False,
                "hovertemplate": "%{y}: %{x:.1%}<extra></extra>",
            }
        ],
        "layout": layout(
            height=80 + 32 * len(rows),
            margin={"l": 160, "r": 16, "t": 16, "b": 40},
            xaxis={"tickformat": ".0%", "range": [0, 1.08], "fixedrange": True},
            yaxis={"fixedrange": True},
        ),
    }


def parallel(trials: Sequence[Trial], space: Space, aim: Aim) -> Figure:
    """A line for each trial that ended as it should, through all that varied, to what came of it.

    A part of an axis can be chosen there; the trials within are left. The colours and the last axis
    reach from the best trial to as far beyond the median one: what is worse lies at their end, so
    that a trial that has learned nothing does not make all others look alike.
    """
    known = [trial for trial in trials if trial.value(aim) is not None]
    reached = np.array([trial.value(aim) for trial in known], float)
    values = np.clip(reached, *_telling(reached, aim)) if len(known) else reached
    dimensions = [_axis(name, space[name], known) for name in space]
    dimensions.append(_axis_of_clipped(values, reached, aim))
    return {
        "data": [
            {
                "type": "parcoords",
                "dimensions": dimensions,
                "line": {
                    "color": values.tolist(),
                    "colorscale": SCALE,
                    "reversescale": aim == "loss",
                },
                "labelangle": -20,
                "labelside": "bottom",
                "rangefont": {"size": 1, "color": "rgba(0,0,0,0)"},
            }
        ],
        "layout": layout(height=360, margin={"l": 64, "r": 64, "t": 24, "b": 88}),
    }


def slice_of(trials: Sequence[Trial], name: str, space: Space, aim: Aim) -> Figure:
    """What came of each trial, along one of the settings."""
    known = [t for t in trials if t.value(aim) is not None and t.config.uses(name)]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "markers",
                "x": [_place(name, trial) for trial in known],
                "y": [trial.value(aim) for trial in known],
                "customdata": [_told(name, trial) for trial in known],
                "text": [f"{trial.number}" for trial in known],
                "marker": {
                    "size": 7,
                    # Later trials stand out, so that it is seen where the search has gone.
                    "color": [trial.number for trial in known],
                    "colorscale": SCALE,
                    "showscale": False,
                },
                "hovertemplate": f"trial %{{text}}: %{{customdata}}, %{{y:{FORMATS[aim]}}}"
                "<extra></extra>",
            }
        ],
        "layout": layout(
            height=280,
            xaxis=_axis_of(name, space[name]),
            yaxis=_axis_of_aim(known, aim),
            hovermode="closest",
        ),
    }


def contour(trials: Sequence[Trial], name: str, other: str, space: Space, aim: Aim) -> Figure:
    """What came of the trials along two settings, interpolated between them."""
    known = [
        t
        for t in trials
        if t.value(aim) is not None and t.config.uses(name) and t.config.uses(other)
    ]
    values = [trial.value(aim) for trial in known]
    points = np.array([[unit_of(n, t, space[n]) for n in (name, other)] for t in known], float)
    traces: list[Figure] = []
    if len(known) >= CONTOUR_LEAST and np.ptp(points, axis=0).all():
        side = np.linspace(0, 1, CONTOUR_SIDE)
        between = griddata(points, np.array(values, float), (side[None, :], side[:, None]))
        traces.append(
            {
                "type": "contour",
                "x": [from_unit(at, space[name]) for at in side],
                "y": [from_unit(at, space[other]) for at in side],
                "z": [[None if math.isnan(v) else v for v in row] for row in between.tolist()],
                "reversescale": aim == "loss",
                "colorbar": {"tickformat": _ticks(aim), "thickness": 12},
                "hoverinfo": "skip",
                "connectgaps": False,
            }
        )
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "x": [_place(name, trial) for trial in known],
            "y": [_place(other, trial) for trial in known],
            "customdata": values,
            "text": [f"{t.number}: {_told(name, t)}, {_told(other, t)}" for t in known],
            "marker": {"size": 6, "color": NEUTRAL},
            "hovertemplate": f"trial %{{text}}, %{{customdata:{FORMATS[aim]}}}<extra></extra>",
        }
    )
    return {
        "data": traces,
        "layout": layout(
            height=360,
            xaxis=_axis_of(name, space[name]),
            yaxis=_axis_of(other, space[other]),
            hovermode="closest",
        ),
    }


def pareto(trials: Sequence[Trial], aim: Aim, against: str) -> Figure:
    """Both aims of each trial; those that no other beats in both are joined by a line."""
    known = [trial for trial in trials if trial.value(aim) is not None]
    front = front_of(known, aim, against)
    titles = {"weights": "Weights", "seconds": "Seconds in training"}
    costs = [cost for trial in known if (cost := getattr(trial, against)) > 0]
    across = _log_axis(min(costs), max(costs)) if costs else {}
    hover = f"trial %{{text}}: %{{y:{FORMATS[aim]}}}, %{{x:,.4~g}} {against}<extra></extra>"
    return {
        "data": [
            {
                "type": "scatter",
                "mode": mode,
                "name": name,
                "x": [getattr(trial, against) for trial in some],
                "y": [trial.value(aim) for trial in some],
                "text": [str(trial.number) for trial in some],
                "line": {"shape": "hv", "width": 2},
                "marker": {"size": 8} if some is front else {"size": 6, "color": NEUTRAL},
                "hovertemplate": hover,
            }
            for mode, name, some in (
                ("markers", "Beaten by another one", known),
                ("lines+markers", "Not beaten", front),
            )
        ],
        "layout": layout(
            height=340,
            xaxis={"title": {"text": titles[against]}} | across,
            yaxis=_axis_of_aim(known, aim),
            hovermode="closest",
            showlegend=True,
        ),
    }


def front_of(trials: Sequence[Trial], aim: Aim, against: str) -> list[Trial]:
    """The trials that no other one beats in both aims, by the second aim."""
    sign = -1 if aim == "accuracy" else 1

    def cost(trial: Trial) -> tuple[float, float]:
        value = trial.value(aim)
        assert value is not None
        return getattr(trial, against), sign * value

    front: list[Trial] = []
    for trial in sorted((t for t in trials if t.value(aim) is not None), key=cost):
        if not front or cost(trial)[1] < cost(front[-1])[1]:
            front.append(trial)
    return front


def timeline(trials: Sequence[Trial]) -> Figure:
    """When each worker had which trial, in minutes from the first one's begin."""
    lanes: list[float] = []  # when each worker becomes free
    start = min((trial.began for trial in trials), default=0.0)
    rows: dict[Outcome, list[tuple[int, float, float, int]]] = {outcome: [] for outcome in Outcome}
    for trial in sorted(trials, key=lambda trial: trial.began):
        free = [lane for lane, until in enumerate(lanes) if until <= trial.began + 0.5]
        lane = free[0] if free else len(lanes)
        lanes[lane : lane + 1] = [trial.ended]
        minutes = ((trial.began - start) / 60, (trial.ended - trial.began) / 60)
        rows[trial.outcome].append((lane, *minutes, trial.number))
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "name": OUTCOMES[outcome].capitalize(),
                "y": [f"Worker {lane + 1}" for lane, *_ in some],
                "base": [begin for _, begin, _, _ in some],
                "x": [took for _, _, took, _ in some],
                "text": [str(number) for *_, number in some],
                "marker": {"line": {"width": 1, "color": NEUTRAL}}
                | ({} if outcome == Outcome.FINISHED else _GREY),
                "textposition": "none",  # for the pointer alone: there may be thousands
                "hovertemplate": "trial %{text}: %{x:.2f} minutes<extra></extra>",
            }
            for outcome, some in rows.items()
        ],
        "layout": layout(
            height=120 + 40 * len(lanes),
            margin={"l": 80, "r": 16, "t": 32, "b": 48},
            barmode="overlay",
            xaxis={"title": {"text": "Minutes"}, "rangemode": "tozero"},
            yaxis={"autorange": "reversed", "fixedrange": True},
            showlegend=True,
        ),
    }


def title(parameter: str) -> str:
    """What people call a parameter of Optuna's, e.g. ``"Hidden layers: units in 1"``."""
    name = parameter.partition(":")[0].rstrip("0123456789 ")
    words, part = str(FIELDS[name].title), setting(FIELDS[name]).parts
    if not part:
        return words
    if parameter == count_of(name):
        return f"{words}: how many"
    return f"{words}: {part[1]} in {parameter.removeprefix(name).strip()}"


def _reached(trial: Trial, aim: Aim) -> float:
    """What came of a trial so far, also of one that was stopped; NaN of none."""
    known = [value for value in trial.values(aim) if value is not None]
    return known[-1] if known else math.nan


def _ticks(aim: Aim) -> str:
    return ".1%" if aim == "accuracy" else "~g"


def _told(name: str, trial: Trial) -> str:
    return plain(shown(FIELDS[name], getattr(trial.config, name)))


def _place(name: str, trial: Trial) -> Any:
    """Where a trial lies on the axis of a setting."""
    value = getattr(trial.config, name)
    if isinstance(value, tuple):
        return math.prod(value) ** (1 / len(value))  # as wide on average, for an axis of factors
    return value if FIELDS[name].annotation in (int, float) else _told(name, trial)


def _axis_of(name: str, where: Range | Options) -> dict[str, Any]:
    axis: dict[str, Any] = {"title": {"text": _axis_title(name)}}
    if isinstance(where, Range):
        return axis | (_log_axis(where.low, where.high) if where.log else {})
    options = [shown(FIELDS[name], value) for value in where.values]
    return axis | {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": [plain(option) for option in options],
    }


def _axis_title(name: str) -> str:
    """Of a setting of several values, the axis has one number; see :func:`_place`."""
    field = FIELDS[name]
    part = setting(field).parts
    return f"{part[1].capitalize()}, geometric mean" if part else plain(str(field.title))


def _axis_of_aim(trials: Sequence[Trial], aim: Aim) -> dict[str, Any]:
    """Over all that was reached; of a single value, some way around it."""
    values = [value for trial in trials if not math.isnan(value := _reached(trial, aim))] or [0.5]
    low, high = min(values), max(values)
    margin = max(0.06 * (high - low), 0.005)
    return {
        "title": {"text": AIMS[aim]},
        "tickformat": _ticks(aim),
        "range": [low - margin, high + margin],
    }


def _telling(reached: NDArray[np.float64], aim: Aim) -> tuple[float, float]:
    """From the best to as far beyond the median; to the worst where that is nearer.

    And where the median one is the best: then nothing lies between.

    Args:
        reached: ``(trials,)``.

    Returns:
        The least and the greatest.
    """
    low, middle, high = float(reached.min()), float(np.median(reached)), float(reached.max())
    if aim == "accuracy":
        return (max(low, 2 * middle - high) if middle < high else low), high
    return low, (min(high, 2 * middle - low) if middle > low else high)


def _axis_of_clipped(
    values: NDArray[np.float64], reached: NDArray[np.float64], aim: Aim
) -> dict[str, Any]:
    """The dimension of parallel coordinates that says what came of the trials.

    Args:
        values: ``(trials,)``, of which some stand for worse ones.
        reached: the same, as they are.
    """
    axis: dict[str, Any] = {"label": AIMS[aim], "values": values.tolist()}
    if not len(values) or np.ptp(values) == 0:
        return axis | {"tickformat": _ticks(aim)}
    ticks = np.linspace(values.min(), values.max(), 5)
    words = [f"{tick:{FORMATS[aim]}}" for tick in ticks]
    if reached.min() < values.min():
        words[0] += " or less"
    if reached.max() > values.max():
        words[-1] += " or more"
    return axis | {
        "range": [float(ticks[0]), float(ticks[-1])],
        "tickvals": ticks.tolist(),
        "ticktext": words,
    }


def _log_axis(low: float, high: float) -> dict[str, Any]:
    """Ticks at one and three times the powers of ten; of a short axis, at one, two and five."""
    digits = (1, 3) if high > 30 * low else (1, 2, 5)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [float(f"{digit}e{power}") for power in powers for digit in digits]
    words = [f"{tick:,.0f}" if tick >= 1 else f"{tick:g}" for tick in ticks]
    return {"type": "log", "tickvals": ticks, "ticktext": words}


def _axis(name: str, where: Range | Options, trials: Sequence[Trial]) -> dict[str, Any]:
    """A dimension of parallel coordinates: numbers, for there are no others."""
    field = FIELDS[name]
    units = [unit_of(name, trial, where) for trial in trials]
    if isinstance(where, Options):
        names = [shown(field, value) for value in where.values]
        ticks = [i / max(1, len(names) - 1) for i in range(len(names))]
    else:
        ticks = [0.0, 0.25, 0.5, 0.75, 1.0]
        whole = field.annotation is not float
        names = [
            f"{from_unit(tick, where):,.0f}" if whole else f"{from_unit(tick, where):.2g}"
            for tick in ticks
        ]
    return {
        "label": _axis_title(name),
        "values": units,
        "range": [0, 1],
        "tickvals": ticks,
        "ticktext": [plain(name) for name in names],
    }


def unit_of(name: str, trial: Trial, where: Range | Options) -> float:
    """Where a trial lies on the axis of a setting, from 0 to 1."""
    if isinstance(where, Options):
        value = getattr(trial.config, name)
        place = where.values.index(value) if value in where.values else 0
        return place / max(1, len(where.values) - 1)
    place = _place(name, trial)
    if where.log:
        return math.log(place / where.low) / math.log(where.high / where.low)
    return float((place - where.low) / (where.high - where.low))


def from_unit(at: float, where: Range | Options) -> Any:
    """The value at a place on the axis, from 0 to 1."""
    if isinstance(where, Options):
        return where.values[round(at * (len(where.values) - 1))]
    if where.log:
        return where.low * (where.high / where.low) ** at
    return where.low + at * (where.high - where.low)
