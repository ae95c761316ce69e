"""A run -> one page of HTML that needs nothing else: no program, no other file, no network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mnist_core.config import FIELDS
from mnist_core.curves import SMOOTHING, Series, smooth_line, thin
from mnist_core.data import loading
from mnist_core.data.known import SPECS
from mnist_core.data.loading import DatasetError
from mnist_core.evaluation import Evaluation, mistakes, row_shares
from mnist_core.fields import shown
from mnist_core.lessons import lessons_of
from mnist_core.network import describe
from mnist_core.png import address
from mnist_core.runs.catalog import Catalog, called
from mnist_core.runs.folder import Run
from mnist_core.runs.history import History, Mark
from mnist_core.runs.judging import judge
from mnist_core.runs.seeds import Group, groups
from mnist_core.runs.store import RunStore
from mnist_core.words import sureness

if TYPE_CHECKING:
    import jinja2

PREDICTIONS = 20
MISTAKES = 40
WIDTH, HEIGHT = 560, 280  # of a chart, in its own units
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 54  # of what surrounds its curves


MOST_DOTS = 60  # of a curve


class Tick(NamedTuple):
    """A place on an axis, and what is written there."""

    at: float
    label: str


class Line(NamedTuple):
    """A curve, from point to point."""

    name: str
    style: str
    """The class of it in the page's style sheet."""
    points: list[tuple[float, float]]
    dots: bool
    """Whether its points are marked."""


class Chart(NamedTuple):
    """Curves, axes and marks, in the coordinates of an SVG of ``WIDTH`` by ``HEIGHT``."""

    title: str
    x: list[Tick]
    y: list[Tick]
    lines: list[Line]
    marks: list[Mark]
    """On the line below the curves."""


class Picture(NamedTuple):
    """A test image, and what the network takes it for."""

    source: str
    """As a data URI."""
    answer: str
    truth: str
    confidence: str


def write(run: Run) -> bytes:
    """The page.

    Raises:
        RunError: the run's files are damaged.
    """
    config, history, labels = run.config, run.history(), run.labels()
    assert run.created  # else it has no configuration
    dataset, state = run.dataset(), run.state(history)
    result = judge(run) if run.has_model else None
    pictures = _pictures(result, config.dataset) if result else None
    page = template("report.html.jinja").render(
        run=run,
        name=labels.name or called(config, state, history.progress(config.epochs)),
        labels=labels,
        config=config,
        dataset=dataset,
        credit=SPECS[config.dataset].credit if config.dataset in SPECS else "",
        history=history,
        state=state,
        settings=[
            (str(FIELDS[name].title), shown(FIELDS[name], value))
            for name, value in config
            if config.uses(name)
        ],
        layers=describe(config, dataset.image_shape, dataset.classes),
        made=f"{run.created.day} {run.created:%B %Y, %H:%M}",
        environment={name: _kept(value) for name, value in run.environment().items()},
        charts=_charts(history),
        marks=[mark.words for mark in history.marks()],
        by_hand="; ".join(history.by_hand()),
        about_losses=history.about_losses(config.label_smoothing),
        result=result,
        group=_group(run) if result else None,
        lessons=lessons_of(result, history) if result else [],
        shares=row_shares(result.confusion) if result else None,
        wrong=len(mistakes(result)) if result else 0,
        pictures=pictures,
        size=(WIDTH, HEIGHT),
        frame=(LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM),
    )
    return page.encode()


def template(name: str) -> jinja2.Template:
    """A page of HTML to be filled in."""
    import jinja2  # not at the top: it is seldom needed, and the first page is waiting

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=True,  # names and notes are whatever somebody typed
    )
    return environment.get_template(name)


def _kept(value: object) -> str:
    """A line of the environment, for readers elsewhere: not where the data lay."""
    if isinstance(value, float):
        return f"{value:.1f}"
    return str(value).partition(", read from ")[0]


# --- Curves ---


def _charts(history: History) -> list[Chart]:
    """Accuracy and loss by epoch; none without an epoch."""
    if not history.epochs:
        return []
    return [_chart(history, "accuracy", "Accuracy"), _chart(history, "loss", "Loss")]


def _chart(history: History, name: str, title: str) -> Chart:
    batches, (ends, validated) = history.all_batches, history.validation(name)
    values: Series = getattr(batches, name)
    curves = [
        (label, style, x[drawn := thin(y, WIDTH // 2)].tolist(), y[drawn].tolist())
        for label, style, x, y in (
            ("Batches", "light", batches.at, values),
            ("Training", "line-1", batches.at, smooth_line(values, SMOOTHING, batches.images)),
            ("Validation", "line-2", ends, validated),
        )
    ]
    seen = [y for *_, points in curves for y in points] or [0.0, 1.0]
    share = name == "accuracy"
    ys = ticks(min(seen) if share else 0.0, max(seen))
    last = history.epochs[-1].epoch
    xs = [tick for tick in ticks(0, last, most=8) if tick == int(tick) and tick <= last]

    def across(epoch: float) -> float:
        return round(LEFT + epoch / last * (WIDTH - LEFT - RIGHT), 1)

    def up(value: float) -> float:
        low, high = ys[0], ys[-1]
        return round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    digits = max(0, -math.floor(math.log10(ys[1] - ys[0])) - (2 if share else 0))
    return Chart(
        title,
        x=[Tick(across(x), f"{x:.0f}") for x in xs],
        y=[Tick(up(y), f"{y:.{digits}{'%' if share else 'f'}}") for y in ys],
        lines=[
            Line(
                label,
                style,
                [(across(x), up(y)) for x, y in zip(places, points, strict=True)],
                dots=style != "light" and len(places) <= MOST_DOTS,
            )
            for label, style, places, points in curves
            if places
        ],
        marks=[mark._replace(at=across(mark.at)) for mark in history.marks()],
    )


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers, evenly apart, from ``low`` or a little less to ``high`` or a little more."""
    reach = (high - low) or abs(high) or 1.0
    rough = reach / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, max(last, first + 1) + 1)]


# --- Images ---


class Pictures(NamedTuple):
    """Test images; or why there are none."""

    first: Sequence[Picture] = ()
    mistakes: Sequence[Picture] = ()
    why_not: str = ""


def _group(run: Run) -> Group | None:
    """The runs beside it that differ from it by their seed alone."""
    return groups(Catalog(RunStore(run.folder.parent)).list()).get(run.id)


def _pictures(result: Evaluation, dataset: str) -> Pictures:
    """The first test images, and the mistakes, the most confident first."""
    try:
        data = loading.load(dataset)
    except DatasetError as error:
        return Pictures(why_not=str(error))
    if not np.array_equal(data.y_test, result.labels):
        return Pictures(why_not="The run was tested on other images than those on this machine.")

    def picture(index: int) -> Picture:
        return Picture(
            address(data.x_test[index]),
            data.class_names[result.predicted[index]],
            data.class_names[result.labels[index]],
            sureness(result.confidence[index]),
        )

    return Pictures(
        [picture(index) for index in range(min(PREDICTIONS, len(result.labels)))],
        [picture(index) for index in mistakes(result)[:MISTAKES].tolist()],
    )
