"""Numbers -> plotly figures, as plain dictionaries in plotly's JSON schema.

Colours are left to the theme wherever plotly lets the theme choose: the traces of a figure take
the theme's colours in their order, and heatmaps its colour scale. Every figure has a fixed height
and fixed margins, so that nothing moves when it is drawn anew.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, cycle
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core import words
from mnist_core.curves import SMOOTHING, Series, smooth_line, thin
from mnist_core.evaluation import row_shares
from mnist_core.runs.history import History
from mnist_core.words import duration

Figure = dict[str, Any]

NEUTRAL = "#808890"
"""A grey that can be read on light and on dark."""
FRAME = "#f59e0b"
"""An amber that stands out from the theme's greens, light and dark."""

MOST_CHARACTERS = 14
"""Of a class's name beside an axis; all of it is under the pointer."""
MOST_WITH_NUMBERS = 20
"""Classes up to which there is room for a number in each cell of a confusion matrix."""

COLOURS = 10
"""That the theme has for classes and curves."""

# For figures to look at, whose tool bar would only cover them.
STATIC = {"displayModeBar": False, "scrollZoom": False}


def plain(name: str) -> str:
    """For plotly, which takes ``<b>``, ``<a href=...>`` and the like for markup, a name as it is.

    Names stand in legends, ticks and hover texts, never in a template such as ``%{y}``.
    """
    return html.escape(name, quote=False)


@dataclass(frozen=True)
class View:
    """How a reader wants curves to be drawn."""

    smoothing: float = SMOOTHING
    """Of the batches: the weight of those before, in [0, 1), as for :func:`curves.smooth`."""
    log: bool = False
    """Whether a loss, and what an accuracy lacks of 100 %, have a logarithmic axis."""


BATCH_BUCKETS, LINE_BUCKETS, EPOCH_BUCKETS = 160, 80, 48
"""What curves are thinned to, see :func:`curves.thin`: as much as can be told apart, and no more
than goes several times a second to a browser far away."""
COMPARED_BUCKETS = 100
"""The same of the curves of several runs, which are drawn once: every epoch that there may be."""
ERRORS = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005]
"""What a logarithmic axis of accuracy has ticks at: what is lacking there of 100 %."""
LEAST_ERROR = ERRORS[-1]
"""Where less is lacking, it is drawn as this: there is no logarithm of nothing."""
LOSSES = [digit * 10.0**power for power in range(-6, 3) for digit in (1, 2, 5)]
"""What a logarithmic axis of loss has ticks at."""
STRIP = 0.12
"""The share of the curves' height that is left below them, for what people did."""
FIXED = {"autoexpand": False}  # else a legend that is too wide narrows the curves
LEGEND = {
    "orientation": "h",
    "xanchor": "left",
    "x": -0.04,  # plotly lets it be wider than the curves where it begins to the left of them
    "yanchor": "bottom",
    "y": 1.02,
    "font": {"size": 11},
}
"""Above the curves, its three entries in one row also where a chart is 300 px wide."""


def training_curves(
    history: History,
    epochs: int,
    view: View = View(),
    earlier: tuple[str, History] | None = None,
) -> tuple[Figure, Figure]:
    """Accuracy and loss on one axis of epochs: each batch, their smoothed line, the validation.

    Below the curves it is marked where people changed the learning rate, had training wait, or had
    it taken over from another run. The traces are always the same, in the same order, with or
    without points, and so is the room for them. The axes reach over all there is to see, rounded
    outwards: while a run goes on, they only grow. Until there is something to see, the vertical
    ones have no numbers, which would be others soon.

    Args:
        epochs: where the horizontal axis ends.
        earlier: another run to draw in grey behind it, and its name.
    """
    marks = _marks(history, epochs)
    figures = []
    for name, title, value in (("accuracy", "Accuracy", ".2%"), ("loss", "Loss", ".4f")):
        own = _of_run(history, name, value, view)
        behind = _of_run(earlier[1], name, value, view) if earlier else [{}] * 3
        grey = plain(_shortened(earlier[0], 28)) if earlier else ""
        axis, reach = _reach(name, [*own, *behind], view.log)
        traces = [
            own[0] | {"name": "Batches", "opacity": 0.45, "hoverinfo": "skip"},
            own[1] | {"name": "Training"},
            own[2] | {"name": "Validation"},
            _behind(behind[1], grey, value),
            _behind(behind[2], grey and f"{grey}, validation", value) | {"showlegend": False},
            marks,
            reach,
        ]
        figures.append(
            {
                "data": [{key: _packed(part) for key, part in trace.items()} for trace in traces],
                "layout": layout(
                    height=300,
                    margin={"l": 56, "r": 16, "t": 44 if earlier else 24, "b": 44, **FIXED},
                    xaxis={
                        "title": {"text": "Epoch"},
                        "range": [0, epochs * 1.02],
                        "fixedrange": False,
                        "nticks": min(epochs + 1, 11),  # at most: there is no half an epoch
                        "anchor": "y2",
                        "unifiedhovertitle": {"text": "Epoch %{x:.2f}"},
                    },
                    yaxis=axis | {"title": {"text": title}, "domain": [STRIP, 1]},
                    yaxis2={
                        "domain": [0, STRIP],
                        "range": [-1, 1],
                        "fixedrange": True,
                        "visible": False,
                    },
                    hovermode="x unified",
                    hoversubplots="axis",
                    showlegend=True,
                    legend=LEGEND,
                ),
            }
        )
    return figures[0], figures[1]


def _of_run(history: History, name: str, value: str, view: View) -> list[Figure]:
    """Traces of one figure of a run: its batches, the smoothed line, the validation."""
    batches = history.all_batches
    values: Series = getattr(batches, name)
    smoothed = smooth_line(values, view.smoothing, batches.images)
    light = thin(values if view.smoothing else values[:0], BATCH_BUCKETS)
    line = thin(smoothed, LINE_BUCKETS)
    at, rates = batches.at[line], batches.learning_rate[line]
    told = f"%{{customdata[0]:{value}}}<br>"
    hover = f"{told}step %{{customdata[1]:,.0f}}, batch %{{customdata[2]:{value}}}"
    if not np.isnan(rates).any():
        hover += "<br>learning rate %{customdata[3]:.2~g}"
    places, validated = history.validation(name)
    drawn = thin(validated, EPOCH_BUCKETS)
    epochs = np.array([(epoch.learning_rate, epoch.seconds) for epoch in history.epochs])
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": batches.at[light],
            "y": _height(name, values[light], view.log),
            "line": {"width": 1},
            "meta": {"colour": 0},
        },
        {
            "type": "scatter",
            "mode": "lines+markers" if len(line) <= FEW else "lines",
            "x": at,
            "y": _height(name, smoothed[line], view.log),
            "customdata": np.stack(
                [smoothed[line], batches.step[line], values[line], rates], axis=1
            ),
            "hovertemplate": hover,
            "line": {"width": 2},
            "marker": {"size": 4},
            "meta": {"colour": 0},
        },
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": places[drawn],
            "y": _height(name, validated[drawn], view.log),
            "customdata": np.column_stack([validated[drawn], epochs.reshape(-1, 2)[drawn]]),
            "hovertemplate": f"{told}learning rate %{{customdata[1]:.2~g}}, "
            "epoch took %{customdata[2]:.1f} s",
            "line": {"width": 1.5},
            "marker": {"symbol": "diamond", "size": 7 if len(drawn) <= FEW else 4},
            "meta": {"colour": 1},
        },
    ]


FEW = 32
"""Points that are set apart, as there is room; and that are sent as plain numbers."""


def _behind(trace: Figure, name: str, value: str) -> Figure:
    """A trace as one of the run that another is compared with: in grey, and with few words."""
    return trace | {
        "type": "scatter",
        "name": name,
        "showlegend": bool(name),
        "legendgroup": "behind",
        "customdata": trace["customdata"][:, 0] if trace else [],
        "hovertemplate": f"%{{customdata:{value}}}",
        "line": {"width": 1.5, "color": NEUTRAL},
        "marker": {"symbol": "diamond-open", "size": 5, "color": NEUTRAL},
        "meta": {},
        "zorder": -1,
    }


def _height(name: str, values: Series, log: bool) -> Series:
    """Where values are drawn: a logarithmic accuracy by what it lacks of 100 %."""
    return np.maximum(1 - values, LEAST_ERROR) if log and name == "accuracy" else values


def _reach(name: str, traces: Sequence[Figure], log: bool) -> tuple[dict[str, Any], Figure]:
    """The vertical axis of curves, and an invisible line that it reaches as far as.

    How far follows from the lowest and the highest point. It is no range, for one that changes
    would take away the reader's own.
    """
    points = np.concatenate([[], *(trace["y"] for trace in traces if trace)])
    points = points[np.isfinite(points)]
    axis: dict[str, Any]
    if name == "accuracy" and log:
        low, high = (points.min(), points.max()) if len(points) else (0.01, 1.0)
        ends = [_rounded(high, up=True), _rounded(low, up=False)]
        axis = {
            "type": "log",
            "autorange": "reversed",
            "tickvals": ERRORS,
            "ticktext": [f"{100 * (1 - error):.6g}%" for error in ERRORS],
            "uirevision": "log",
        }
    elif name == "accuracy":
        axis = {"tickformat": "~%"}
        ends = [min(0.9, math.floor(points.min() * 10) / 10) if len(points) else 0.9, 1]
    elif log:
        points = points[points > 0]
        axis = {
            "type": "log",
            "tickvals": LOSSES,
            "ticktext": [f"{loss:.6g}" for loss in LOSSES],
            "uirevision": "log",
        }
        low, high = (points.min(), points.max()) if len(points) else (0.1, 2.5)
        ends = [_rounded(low, up=False), _rounded(high, up=True)]
    else:
        axis = {"rangemode": "tozero"}
        ends = [0, _rounded(points.max(initial=0) or 0.1, up=True)]
    return axis | {"showticklabels": len(points) > 0}, {
        "type": "scatter",
        "mode": "lines",
        "name": "Reach",
        "x": [0, 0],
        "y": ends,
        "opacity": 0,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _rounded(value: float, up: bool) -> float:
    """The next round number from a positive one, or itself."""
    power = 10.0 ** math.floor(math.log10(value))
    steps = [power * step for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)]
    return (
        next(s for s in steps if s >= value * 0.999999)
        if up
        else max(s for s in steps if s <= value * 1.000001)
    )


WORDLESS = " "
"""Beside a point that has no words: where plotly has once been given an empty text, it never draws
one again."""


def _marks(history: History, epochs: int) -> Figure:
    """What people did, in the strip below the curves; in words where there is room for them."""
    marks, pauses = history.marks(), history.pauses
    # Words lie to the right of their mark, those of marks on the right to the left.
    sides = ["left" if mark.at > epochs / 2 else "right" for mark in marks]
    labels = []
    for number, (mark, side) in enumerate(zip(marks, sides, strict=True)):
        next_one = number + (1 if side == "right" else -1)
        room = math.inf
        if 0 <= next_one < len(marks):
            room = abs(marks[next_one].at - mark.at) / (1 if sides[next_one] == side else 2)
        labels.append(mark.label if room > 0.35 * epochs else WORDLESS)
    waited = [f" for {duration(pause.seconds)}" if pause.seconds else "" for pause in pauses]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": "By hand",
        "x": [mark.at for mark in marks] + [pause.at for pause in pauses],
        "y": [-0.5] * len(marks) + [0.5] * len(pauses),
        "yaxis": "y2",
        "text": labels + [WORDLESS] * len(pauses),
        "textposition": [f"middle {side}" for side in sides] + ["middle right"] * len(pauses),
        "textfont": {"size": 11},
        "hovertext": [mark.words for mark in marks] + [f"paused{words}" for words in waited],
        "hovertemplate": "%{hovertext}",
        "marker": {
            "symbol": ["triangle-up"] * len(marks) + ["line-ns"] * len(pauses),
            "size": 8,
            "color": NEUTRAL,
            "line": {"width": 2, "color": NEUTRAL},
        },
        "cliponaxis": False,
        "showlegend": False,
    }


def _packed(part: Any) -> Any:
    """An array as plotly takes it in few bytes, or as plain numbers if they are few."""
    if not isinstance(part, np.ndarray):
        return part
    if len(part) <= FEW:
        plain = part.astype(object)
        plain[~np.isfinite(part)] = None
        return plain.tolist()
    packed = {"dtype": "f4", "bdata": base64.b64encode(part.astype("<f4").tobytes()).decode()}
    return packed | ({"shape": ", ".join(map(str, part.shape))} if part.ndim > 1 else {})


def _shortened(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


AXES = {"epochs": "Epoch", "seconds": "Seconds in training", "images": "Images seen"}
"""What the curves of several runs can be drawn along, and the axis' title."""
_SYMBOLS = ("circle", "diamond", "square", "cross", "x", "triangle-up", "star", "pentagon")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


class Seeds(NamedTuple):
    """Runs that differ by their seed alone."""

    histories: Sequence[History]
    """Of two or more, whether they are drawn by themselves or not."""
    drawn: Collection[str]
    """The names of those that are."""


def overlaid_curves(
    histories: Mapping[str, History],
    along: str = "epochs",
    training: bool = False,
    view: View = View(),
    groups: Mapping[str, Seeds] | None = None,
) -> tuple[Figure, Figure]:
    """Accuracy and loss of several runs, a trace for each; up to eight look different.

    Args:
        histories: by the run's name in the legend.
        along: a key of :data:`AXES`.
        training: the smoothed line of the batches, instead of the validation after each epoch.
        groups: by name in the legend; each has the mean of its runs as a line, the standard
            deviation around it as a band, and one colour.
    """
    accuracy = _overlaid(histories, along, "accuracy", training, view, groups or {})
    accuracy["layout"]["yaxis"]["title"] = {"text": "Accuracy"}
    loss = _overlaid(histories, along, "loss", training, view, groups or {})
    loss["layout"]["yaxis"]["title"] = {"text": "Loss"}
    return accuracy, loss


def _overlaid(
    histories: Mapping[str, History],
    along: str,
    name: str,
    training: bool,
    view: View,
    groups: Mapping[str, Seeds],
) -> Figure:
    legend = 24 * (len(histories) + len(groups))
    of_group = {run: group for group, seeds in groups.items() for run in seeds.drawn}
    hues = dict.fromkeys([*(of_group.get(run, run) for run in histories), *groups])
    colours = {hue: {"colour": number} for number, hue in enumerate(hues)}
    value = ".2%" if name == "accuracy" else ".4f"
    traces: list[Figure] = []
    for (group, seeds), dash in zip(groups.items(), cycle(_DASHES), strict=False):
        curves = [_curve(history, name, training, view) for history in seeds.histories]
        shared = {"meta": colours[group], "name": plain(group), "legendgroup": group}
        if found := _band_and_mean(curves, along, name, value, view):
            band, mean = found
            traces += [band | shared, mean | shared | {"line": {"width": 3, "dash": dash}}]
    for (run, history), symbol in zip(histories.items(), cycle(_SYMBOLS), strict=False):
        curve = _curve(history, name, training, view)
        drawn = thin(curve.values, COMPARED_BUCKETS)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": plain(run),
                "x": curve.places[along][drawn],
                "y": _height(name, curve.values[drawn], view.log),
                "customdata": curve.values[drawn],
                "line": {"width": 1 if run in of_group else 2},
                "marker": {"symbol": symbol, "size": 6 if len(drawn) <= FEW else 4},
                "hovertemplate": f"%{{customdata:{value}}}",
                "meta": colours[of_group.get(run, run)],
            }
        )
    axis, reach = _reach(name, traces, view.log)
    return {
        "data": [{key: _packed(part) for key, part in trace.items()} for trace in [*traces, reach]],
        "layout": layout(
            height=320 + legend,
            margin={"l": 56, "r": 16, "t": 16, "b": 56 + legend},
            xaxis={"title": {"text": AXES[along]}, "rangemode": "tozero"},
            yaxis=axis,
            hovermode="x unified" if along == "epochs" else "closest",
            showlegend=True,
            legend={
                "x": 0,
                "yref": "container",
                "y": 0,
                "yanchor": "bottom",
                "tracegroupgap": 5,  # a row takes the 24 pixels that are left for it
            },
        ),
    }


class _Curve(NamedTuple):
    """One figure of a run as it went; all ``(n,)``."""

    places: dict[str, Series]
    """Where on each of :data:`AXES`."""
    values: Series


def _curve(history: History, name: str, training: bool, view: View) -> _Curve:
    if training:
        batches = history.all_batches
        ends, elapsed = batches.at, batches.elapsed
        values = smooth_line(getattr(batches, name), view.smoothing, batches.images)
    else:
        ends, values = history.validation(name)
        elapsed = np.fromiter(accumulate(epoch.seconds for epoch in history.epochs), float)
    images = history.fitting.train_images if history.fitting else 1
    return _Curve({"epochs": ends, "seconds": elapsed, "images": ends * images}, values)


def _band_and_mean(
    curves: Sequence[_Curve], along: str, name: str, value: str, view: View
) -> tuple[Figure, Figure] | None:
    """Traces of the mean of curves, and of the standard deviation around it.

    They go as far as all of the curves do: one that was stopped early ends them. None where one has
    no points.
    """
    if not all(len(curve.values) for curve in curves):
        return None
    last = min(curve.places["epochs"][-1] for curve in curves)
    at = curves[0].places["epochs"]
    at = at[at <= last]
    at = at[np.unique(np.linspace(0, len(at) - 1, 2 * COMPARED_BUCKETS).astype(int))]

    def there(of_curve: Series, curve: _Curve) -> Series:
        found: Series = np.interp(at, curve.places["epochs"], of_curve)
        return found

    values = np.stack([there(curve.values, curve) for curve in curves])
    places = np.stack([there(curve.places[along], curve) for curve in curves])
    mean, deviation = values.mean(axis=0), values.std(axis=0, ddof=1)
    low, high = np.maximum(mean - deviation, 0), mean + deviation
    if name == "accuracy":
        high = np.minimum(high, 1)
    elif view.log:  # where there may be no room for all of it
        low = np.maximum(low, values.min(axis=0))
    seen = np.isfinite(mean)
    x, low, high = (part[seen] for part in (places.mean(axis=0), low, high))
    shared: Figure = {"type": "scatter", "mode": "lines"}
    band = {
        "x": np.concatenate([x, x[::-1]]),
        "y": _height(name, np.concatenate([low, high[::-1]]), view.log),
        "fill": "toself",
        "line": {"width": 0},
        "opacity": 0.4,
        "hoverinfo": "skip",
        "showlegend": False,
    }
    line = {
        "x": x,
        "y": _height(name, mean[seen], view.log),
        "customdata": np.column_stack([mean, deviation])[seen],
        "hovertemplate": f"%{{customdata[0]:{value}}} ± %{{customdata[1]:{value}}}",
    }
    return shared | band, shared | line


def confusion_matrix(
    confusion: NDArray[np.int64],
    class_names: Sequence[str],
    shares: bool = False,
    row: int | None = None,
    column: int | None = None,
) -> Figure:
    """How often each class (row) was taken for each (column); its points can be selected.

    A heatmap can't be clicked in Streamlit, so invisible points lie on it: point ``i`` is the cell
    in row ``i // classes`` and column ``i % classes``.

    Args:
        confusion: ``(classes, classes)`` counts.
        shares: write percent of the row, without the sign, instead of counts.
        row, column: the cell to put a frame around; one alone is framed as a whole.
    """
    share = row_shares(confusion)
    named = [plain(name) for name in class_names]
    rows, columns = np.indices(confusion.shape).reshape(2, -1)
    framed = [] if row is None and column is None else [_frame(row, column, len(class_names))]
    numbers = [
        [
            "" if count == 0 else f"{100 * part:.1f}" if shares else f"{count:,}"
            for count, part in zip(*row, strict=True)
        ]
        for row in zip(confusion, share, strict=True)
    ]
    return {
        "data": [
            {
                "type": "heatmap",
                # The square root lets a single mistake be seen beside a thousand right answers.
                "z": np.sqrt(share).tolist(),
                "zmin": 0,
                "zmax": 1,
                "text": numbers,
                "texttemplate": "%{text}" if len(class_names) <= MOST_WITH_NUMBERS else "",
                "textfont": {"size": _number_size(class_names)},
                "showscale": False,
                "hoverinfo": "skip",
                "xgap": int(len(class_names) <= MOST_WITH_NUMBERS),
                "ygap": int(len(class_names) <= MOST_WITH_NUMBERS),
            },
            {
                "type": "scatter",
                "mode": "markers",
                "x": columns.tolist(),
                "y": rows.tolist(),
                "marker": {
                    "symbol": "square",
                    "size": min(24, round(360 / len(class_names))),  # about a cell
                    "opacity": 0,
                },
                "selected": {"marker": {"opacity": 0}},
                "unselected": {"marker": {"opacity": 0}},
                "hoverinfo": "text",
                "hovertext": [
                    f"{named[row]} taken for {named[column]}: "
                    f"{words.images(confusion[row, column])}, {share[row, column]:.1%}"
                    for row, column in zip(rows, columns, strict=True)
                ],
            },
        ],
        "layout": layout(
            height=440 if len(class_names) <= MOST_WITH_NUMBERS else 640,
            margin=_margin(class_names, class_names),
            xaxis=_classes("Predicted class", class_names),
            yaxis=_classes("True class", class_names, downwards=True),
            hovermode="closest",
            hoverdistance=60,
            shapes=framed,
        ),
    }


def _number_size(class_names: Sequence[str]) -> int:
    """Of the numbers in a matrix; on a phone, plotly would take 5 pixels."""
    return 11 if len(class_names) <= 10 else 9


def _frame(row: int | None, column: int | None, classes: int) -> dict[str, Any]:
    """Around a cell of a matrix, a row, or a column."""

    def side(place: int | None) -> tuple[float, float]:
        return (-0.5, classes - 0.5) if place is None else (place - 0.5, place + 0.5)

    (left, right), (top, bottom) = side(column), side(row)
    line = {"color": FRAME, "width": 3}
    return {"type": "rect", "x0": left, "x1": right, "y0": top, "y1": bottom, "line": line}


def confusion_difference(
    first: NDArray[np.int64], second: NDArray[np.int64], class_names: Sequence[str]
) -> Figure:
    """Second less first of two confusion matrices ``(classes, classes)``, in images.

    Its colours tell better from worse: more right answers or fewer mistakes, or the other way.
    """
    difference = second - first
    better = np.where(np.eye(len(class_names), dtype=bool), difference, -difference)
    named = [plain(name) for name in class_names]
    # The root of the size, as in the matrices, so that one image is seen beside a hundred.
    sizes = np.sign(better) * np.sqrt(np.abs(better) / max(1, np.abs(better).max()))
    return {
        "data": [
            {
                "type": "heatmap",
                "z": [[size or None for size in row] for row in sizes.tolist()],
                "zmin": -1,
                "zmax": 1,
                "autocolorscale": True,  # the theme's diverging colours: there is worse and better
                "text": [[f"{cell:+,}" if cell else "" for cell in row] for row in difference],
                "texttemplate": "%{text}" if len(class_names) <= MOST_WITH_NUMBERS else "",
                "textfont": {"size": _number_size(class_names)},
                "showscale": False,
                "hoverinfo": "text",
                "hovertext": [
                    [
                        f"{true} taken for {taken}: {b - a:+,} images, from {a:,} to {b:,}"
                        for taken, a, b in zip(named, row, other_row, strict=True)
                    ]
                    for true, row, other_row in zip(named, first, second, strict=True)
                ],
                "xgap": int(len(class_names) <= MOST_WITH_NUMBERS),
                "ygap": int(len(class_names) <= MOST_WITH_NUMBERS),
            }
        ],
        "layout": layout(
            height=440 if len(class_names) <= MOST_WITH_NUMBERS else 640,
            margin=_margin(class_names, class_names),
            xaxis=_classes("Predicted class", class_names),
            yaxis=_classes("True class", class_names, downwards=True),
        ),
    }


def image_map(
    places: NDArray[np.float32],
    labels: NDArray[np.uint8],
    predicted: NDArray[np.int64],
    class_names: Sequence[str],
    of_interest: Collection[int] | None = None,
    marked: Mapping[str, NDArray[np.float32]] | None = None,
) -> Figure:
    """Where images lie on a plane, each class in its colour; mistakes in circles.

    Short names, such as digits, stand where their images do; of longer ones, there are points. Each
    has the number of its image as ``customdata``.

    Args:
        places: ``(n, 2)``.
        labels: ``(n,)``, the true classes.
        predicted: ``(n,)``, what they were taken for.
        of_interest: the classes that are not to be grey; None: all of them.
        marked: places that stand out, ``(2,)``, by what is there.
    """
    named, drawn = [plain(name) for name in class_names], _longest(class_names) <= 2
    traces = []
    for number, name in enumerate(named):
        of_class = np.flatnonzero(labels == number)
        wrong = predicted[of_class] != number
        in_colour = of_interest is None or number in of_interest
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text" if drawn else "markers",
                "name": name,
                "x": places[of_class, 0].round(3).tolist(),
                "y": places[of_class, 1].round(3).tolist(),
                "text": name if drawn else None,
                "meta": {"colour": number % COLOURS} if in_colour else {},
                "marker": {
                    "size": np.where(wrong, 14, 0 if drawn else 6).tolist(),
                    "symbol": np.where(wrong, "circle-open", "circle").tolist(),
                },
                "hoverinfo": "text",
                "hovertext": [
                    f"{name}, taken for {named[answer]}" if answer != number else name
                    for answer in predicted[of_class]
                ],
                "customdata": of_class.tolist(),
            }
        )
        if not in_colour:
            grey = {"color": NEUTRAL}
            traces[-1] |= {"opacity": 0.3, "textfont": grey, "marker": traces[-1]["marker"] | grey}
    for what, place in (marked or {}).items():
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "name": plain(what),
                "x": [float(place[0])],
                "y": [float(place[1])],
                "text": f"<b>{plain(what)}</b>",
                "textposition": "top center",
                "marker": {"size": 18, "symbol": "star", "color": FRAME, "line": {"width": 1}},
                "hoverinfo": "skip",
                "showlegend": False,
            }
        )
    side = {"showticklabels": False, "zeroline": False, "fixedrange": True}
    return {
        "data": traces,
        "layout": layout(
            height=360,
            margin={"l": 8, "r": 8, "t": 8, "b": 8},
            showlegend=not drawn and len(named) <= MOST_WITH_NUMBERS,
            xaxis=side,
            yaxis=side,
            hovermode="closest",
        ),
    }


def losses_by_step(steps: Sequence[int], losses: Sequence[tuple[float, float]]) -> Figure:
    """The mean loss after each of some steps: on images learned from, and on others."""
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers" if len(steps) <= FEW else "lines",
                "name": name,
                "x": list(steps),
                "y": [round(both[number], 4) for both in losses],
                "meta": {"colour": number},
                "hovertemplate": "%{y:.3f}",
            }
            for number, name in enumerate(("Training", "Validation"))
        ],
        "layout": layout(
            height=260,
            xaxis={"title": {"text": "Step"}, "rangemode": "tozero", "fixedrange": True},
            yaxis={"title": {"text": "Loss"}, "rangemode": "tozero", "fixedrange": True},
            hovermode="x unified",
            showlegend=True,
        ),
    }


def opinions(
    shares: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    class_names: Sequence[str],
    at: float,
) -> Figure:
    """What a network makes of an image on its way to a change and beyond: the two classes that it
    is about.

    Args:
        shares: ``(n,)`` of the change, the first one 0.
        probabilities: ``(n, classes)``.
        at: the share that is looked at.
    """
    answer = int(probabilities[0].argmax())
    others = probabilities.copy()
    others[:, answer] = 0
    other = int(others.max(axis=0).argmax())
    traces: list[Figure] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": plain(class_names[number]),
            "x": shares.round(3).tolist(),
            "y": probabilities[:, number].round(4).tolist(),
            "line": {"width": 3},
            "meta": {"colour": colour},
            "hovertemplate": "%{y:.1%}",
        }
        for colour, number in enumerate((answer, other))
    ]
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "x": [at, at],
            "y": [0, 1],
            "line": {"width": 2, "dash": "dot", "color": NEUTRAL},
            "hoverinfo": "skip",
            "showlegend": False,
        }
    )
    return {
        "data": traces,
        "layout": layout(
            height=260,
            xaxis={"title": {"text": "How much of the change"}, "tickformat": "~%"}
            | {"fixedrange": True, "unifiedhovertitle": {"text": "%{x:.0%} of the change"}},
            yaxis={"title": {"text": "Probability"}, "tickformat": "~%", "range": [-0.02, 1.02]}
            | {"fixedrange": True},
            hovermode="x unified",
            showlegend=True,
        ),
    }


def class_balance(
    train_labels: NDArray[np.uint8], test_labels: NDArray[np.uint8], class_names: Sequence[str]
) -> Figure:
    """How many images each class has, for training and for the test."""
    return {
        "data": [
            {
                "type": "bar",
                "name": name,
                "x": list(range(len(class_names))),
                "y": np.bincount(labels, minlength=len(class_names)).tolist(),
                "hovertemplate": "%{y:,}",
            }
            for name, labels in (("Training", train_labels), ("Test", test_labels))
        ],
        "layout": layout(
            height=320,
            margin=_margin(class_names, ()),
            xaxis=_classes("Class", class_names),
            yaxis={"title": {"text": "Images"}, "fixedrange": True},
            hovermode="x unified",
            showlegend=True,
        ),
    }


def pixels(image: NDArray[np.uint8]) -> Figure:
    """An image ``(height, width)``, in colour ``(height, width, 3)``: values under the pointer."""
    side = {"showgrid": False, "zeroline": False, "fixedrange": True, "constrain": "domain"}
    place = "row %{y}, column %{x}: "
    trace: Figure
    if image.ndim == 3:
        trace = {
            "type": "image",
            "hovertemplate": place + "red %{z[0]}, green %{z[1]}, blue %{z[2]}<extra></extra>",
        }
    else:
        trace = {
            "type": "heatmap",
            "zmin": 0,
            "zmax": 255,
            "colorscale": [[0, "black"], [1, "white"]],  # plotly's two kinds differ on its Greys
            "showscale": False,
            "customdata": (image / 255).round(3).tolist(),
            "hovertemplate": place + "%{z}, divided by 255 %{customdata}<extra></extra>",
        }
    return {
        "data": [trace | {"z": image.tolist()}],
        "layout": layout(
            height=360,
            xaxis={"title": {"text": "Column"}} | side,
            yaxis={"title": {"text": "Row"}, "autorange": "reversed", "scaleanchor": "x"} | side,
        ),
    }


def input_strip(values: NDArray[np.float32]) -> Figure:
    """What goes into the network: ``(inputs,)`` from 0 to 1; drag to enlarge a part."""
    return {
        "data": [
            {
                "type": "bar",
                "x": list(range(len(values))),
                "y": [round(value, 4) for value in values.tolist()],
                "hovertemplate": "input %{x}: %{y:.3f}<extra></extra>",
            }
        ],
        "layout": layout(
            height=200,
            xaxis={"title": {"text": "Input"}, "range": [-0.5, len(values) - 0.5]},
            yaxis={"title": {"text": "Value"}, "range": [0, 1], "fixedrange": True},
            bargap=0,
        ),
    }


def _classes(title: str, class_names: Sequence[str], downwards: bool = False) -> dict[str, Any]:
    """An axis of classes: numbers inside, names outside, as many as there is room for."""
    ends = [-0.5, len(class_names) - 0.5]
    every = math.ceil(len(class_names) / (32 if downwards else 16))  # on a phone
    shown = _shown(class_names)
    return {
        "title": {"text": title},
        "range": ends[::-1] if downwards else ends,
        "tickvals": list(range(len(class_names)))[::every],
        "ticktext": [plain(name) for name in shown[::every]],
        "tickangle": 0 if downwards or _longest(class_names) <= 2 else -45,
        "fixedrange": True,
        "showgrid": False,
        "zeroline": False,
    }


def _shown(class_names: Sequence[str]) -> list[str]:
    """The classes' names, the long ones without their middle: they may begin or end alike."""
    end = MOST_CHARACTERS // 2 - 1
    return [
        name
        if len(name) <= MOST_CHARACTERS
        else f"{name[: MOST_CHARACTERS - 1 - end]}…{name[-end:]}"
        for name in class_names
    ]


def _longest(class_names: Sequence[str]) -> int:
    """Characters of the longest name that is shown."""
    return max(map(len, _shown(class_names)), default=0)


def _margin(below: Sequence[str], beside: Sequence[str]) -> dict[str, int]:
    """Room for the names of classes below and beside a figure; those below lean where long."""
    return {
        "l": 56 + 6 * max(0, _longest(beside) - 3),
        "r": 16,
        "t": 32,
        "b": 48 + 4 * max(0, _longest(below) - 2),
    }


def layout(**options: Any) -> dict[str, Any]:
    """What all figures have, but for what is given: margins, and no legend."""
    return {
        "margin": {"l": 56, "r": 16, "t": 32, "b": 48},
        "uirevision": "same",  # keeps zoom and hidden traces when the figure is drawn anew
        "showlegend": False,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    } | options
