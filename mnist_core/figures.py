"""Numbers -> plotly figures, as plain dictionaries in plotly's JSON schema.

Colours are left to the theme wherever plotly lets the theme choose: the traces of a figure take
the theme's colours in their order, and heatmaps its colour scale. Every figure has a fixed height
and fixed margins, so that nothing moves when it is drawn anew.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, cycle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_core import words
from mnist_core.evaluation import row_shares
from mnist_core.runs.history import History

Figure = dict[str, Any]

NEUTRAL = "#808890"
"""A grey that can be read on light and on dark."""
FRAME = "#f59e0b"
"""An amber that stands out from the theme's greens, light and dark."""

MOST_CHARACTERS = 14
"""Of a class's name beside an axis; all of it is under the pointer."""
MOST_WITH_NUMBERS = 20
"""Classes up to which there is room for a number in each cell of a confusion matrix."""
MOST_BARS = 12
"""Classes up to which each has its bar; of more, the likeliest ten are shown."""

# For figures to look at, whose tool bar would only cover them.
STATIC = {"displayModeBar": False, "scrollZoom": False}


def training_curves(history: History, epochs: int) -> tuple[Figure, Figure]:
    """Accuracy and loss by epoch, with the batches of the running epoch.

    The traces are always three: training, validation, and the running epoch. Lines mark where the
    user has changed the learning rate, and where the run took over from another one.

    Args:
        epochs: where the horizontal axis ends.
    """
    accuracy = _curves(history, epochs, "accuracy", "Accuracy", "%{y:.2%}")
    accuracy["layout"]["yaxis"]["tickformat"] = "~%"
    loss = _curves(history, epochs, "loss", "Loss", "%{y:.4f}")
    loss["layout"]["yaxis"]["rangemode"] = "tozero"
    if not history.epochs and not history.batches:  # plotly's own range for nothing is odd
        accuracy["layout"]["yaxis"]["range"] = [0, 1]
        loss["layout"]["yaxis"]["range"] = [0, 2.5]
    return accuracy, loss


def _curves(history: History, epochs: int, name: str, title: str, value: str) -> Figure:
    rises = name == "accuracy"
    done = [epoch.epoch for epoch in history.epochs]
    trained = [getattr(epoch, name) for epoch in history.epochs]
    running_x: list[float] = []
    running_y: list[float | None] = []
    if history.fitting and history.batches:
        if done:  # start where the last epoch ended
            running_x, running_y = [done[-1]], [trained[-1]]
        steps = history.fitting.steps_per_epoch
        running_x += [batch.epoch - 1 + batch.step / steps for batch in history.batches]
        running_y += [getattr(batch, name) for batch in history.batches]
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "Training",
                "x": done,
                "y": trained,
                "customdata": [[epoch.learning_rate, epoch.seconds] for epoch in history.epochs],
                "hovertemplate": f"{value} · learning rate %{{customdata[0]:.2~g}}, "
                "%{customdata[1]:.1f} s",
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "Validation",
                "x": done,
                "y": [getattr(epoch, f"val_{name}") for epoch in history.epochs],
                "marker": {"symbol": "diamond"},
                "hovertemplate": value,
            },
            {
                "type": "scatter",
                "mode": "lines",
                "name": "Running epoch",
                "x": running_x,
                "y": running_y,
                "line": {"dash": "dot", "color": NEUTRAL},  # not yet sure
                "showlegend": False,  # it comes and goes, and the legend must not
                "hovertemplate": value,
            },
        ],
        "layout": _layout(
            height=320,
            xaxis={
                "title": {"text": "Epoch"},
                "range": [0, epochs * 1.02],
                "fixedrange": False,
                "nticks": min(epochs + 1, 11),  # at most: there is no half an epoch
            },
            yaxis={"title": {"text": title}},
            hovermode="x unified",
            showlegend=True,
            **(_marks(history, 0.02, "bottom") if rises else _marks(history, 0.98, "top")),
        ),
    }


def _marks(history: History, place: float, anchor: str) -> dict[str, Any]:
    """Upright lines for what people did, with words at a height where the curves seldom are."""
    return {
        "shapes": [
            {
                "type": "line",
                "x0": mark.at,
                "x1": mark.at,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": {"color": NEUTRAL, "width": 1, "dash": "dash"},
            }
            for mark in history.marks()
        ],
        "annotations": [
            {
                "x": mark.at,
                "yref": "paper",
                "y": place,
                "yanchor": anchor,
                "xanchor": "right",
                "text": mark.label,
                "textangle": -90,
                "showarrow": False,
                "font": {"size": 11, "color": NEUTRAL},
            }
            for mark in history.marks()
        ],
    }


AXES = {"epochs": "Epoch", "seconds": "Seconds in training", "images": "Images seen"}
"""What the curves of several runs can be drawn along, and the axis' title."""
_SYMBOLS = ("circle", "diamond", "square", "cross", "x", "triangle-up", "star", "pentagon")


def overlaid_curves(
    histories: Mapping[str, History], along: str = "epochs", training: bool = False
) -> tuple[Figure, Figure]:
    """Accuracy and loss after each epoch, a trace for each run; up to eight look different.

    Args:
        histories: by the run's name in the legend.
        along: a key of :data:`AXES`.
        training: on the training images instead of the validation images.
    """
    accuracy = _overlaid(histories, along, "accuracy" if training else "val_accuracy", "%{y:.2%}")
    accuracy["layout"]["yaxis"] |= {"title": {"text": "Accuracy"}, "tickformat": "~%"}
    loss = _overlaid(histories, along, "loss" if training else "val_loss", "%{y:.4f}")
    loss["layout"]["yaxis"] |= {"title": {"text": "Loss"}, "rangemode": "tozero"}
    return accuracy, loss


def _overlaid(histories: Mapping[str, History], along: str, name: str, value: str) -> Figure:
    legend = 24 * len(histories)
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": run,
                "x": _places(history, along),
                "y": [getattr(epoch, name) for epoch in history.epochs],
                "marker": {"symbol": symbol},
                "hovertemplate": value,
            }
            for (run, history), symbol in zip(histories.items(), cycle(_SYMBOLS), strict=False)
        ],
        "layout": _layout(
            height=320 + legend,
            margin={"l": 56, "r": 16, "t": 16, "b": 56 + legend},
            xaxis={"title": {"text": AXES[along]}, "rangemode": "tozero"},
            yaxis={},
            hovermode="x unified" if along == "epochs" else "closest",
            showlegend=True,
            legend={"x": 0, "yref": "container", "y": 0, "yanchor": "bottom"},
        ),
    }


def _places(history: History, along: str) -> list[float]:
    """Where each epoch ends on the axis."""
    if along == "seconds":
        return list(accumulate(epoch.seconds for epoch in history.epochs))
    images = history.fitting.train_images if history.fitting and along == "images" else 1
    return [epoch.epoch * images for epoch in history.epochs]


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
    named = [html.escape(name, quote=False) for name in class_names]
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
        "layout": _layout(
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
    named = [html.escape(name, quote=False) for name in class_names]
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
        "layout": _layout(
            height=440 if len(class_names) <= MOST_WITH_NUMBERS else 640,
            margin=_margin(class_names, class_names),
            xaxis=_classes("Predicted class", class_names),
            yaxis=_classes("True class", class_names, downwards=True),
        ),
    }


def probability_bars(probabilities: NDArray[np.float32], class_names: Sequence[str]) -> Figure:
    """How likely each class is, first class on top; the likeliest stands out.

    Of more than :data:`MOST_BARS` classes, the ten likeliest, the very likeliest on top.

    Args:
        probabilities: ``(classes,)``, summing to one.
    """
    if len(class_names) > MOST_BARS:
        likeliest = probabilities.argsort(kind="stable")[::-1][:10]
        class_names = [class_names[index] for index in likeliest]
        probabilities = probabilities[likeliest]
    answer = int(probabilities.argmax())
    return {
        "data": [
            {
                "type": "bar",
                "orientation": "h",
                "x": probabilities.tolist(),
                "y": list(range(len(class_names))),
                "text": [words.sureness(probability) for probability in probabilities.tolist()],
                "textposition": "outside",
                "cliponaxis": False,
                "marker": {
                    "opacity": [1 if i == answer else 0.35 for i in range(len(class_names))]
                },
                "hoverinfo": "skip",
            }
        ],
        "layout": _layout(
            height=320,
            margin=_margin((), class_names),
            xaxis={
                "title": {"text": "Probability"},
                "range": [0, 1.15],  # room for ">99.9%"
                "tickvals": [0, 0.25, 0.5, 0.75, 1],
                "tickformat": ".0%",
                "fixedrange": True,
            },
            # A title would lie on long names, which need none.
            yaxis=_classes("Class" if _longest(class_names) <= 3 else "", class_names, True),
            bargap=0.25,
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
        "layout": _layout(
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
            "colorscale": "Greys",
            "reversescale": True,
            "showscale": False,
            "customdata": (image / 255).round(3).tolist(),
            "hovertemplate": place + "%{z}, divided by 255 %{customdata}<extra></extra>",
        }
    return {
        "data": [trace | {"z": image.tolist()}],
        "layout": _layout(
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
        "layout": _layout(
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
        "ticktext": [html.escape(name, quote=False) for name in shown[::every]],
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


def _layout(**options: Any) -> dict[str, Any]:
    return {
        "margin": {"l": 56, "r": 16, "t": 32, "b": 48},
        "uirevision": "same",  # keeps zoom and hidden traces when the figure is drawn anew
        "showlegend": False,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    } | options
