"""A run -> a Python script that repeats it with TensorFlow and NumPy alone.

It is made of the definitions that trained the run, cut out of our own modules (``export.source``).
The rest, which puts them together, is in ``templates/script.py.jinja``; here is what that is told
about a run.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mnist_core.config import ConfigError, TrainingConfig
from mnist_core.data.known import SPECS
from mnist_core.export import source
from mnist_core.network import Layer, describe
from mnist_core.runs.events import Batch, Continued, Epoch, Fitting, LearningRate, State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.history import History
from mnist_core.words import counted

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"
IMPORTS = ("import sys", "from types import SimpleNamespace", "from pathlib import Path")
"""What the template's own part may need, besides what our modules do."""

IN_KERAS = {name: spec.in_keras for name, spec in SPECS.items() if spec.in_keras}
"""The datasets that Keras loads itself; the images of the others come with the script."""


class NotRepeatable(ValueError):  # noqa: N818
    """A setting of the run has no place in a script; the message names it and the value."""


class Place(NamedTuple):
    """After this step of this epoch, both counted from 1."""

    epoch: int
    step: int


class Part(NamedTuple):
    """One of the runs that a run is made of: it may continue others."""

    epochs: int
    """After how many, those before included, it was over or continued."""
    asked: int
    """The epochs that its learning-rate schedule spans."""


@dataclass
class _Course:
    """What of a run's past a repetition has to know."""

    rhythm: int = 0
    """Training steps between two looks at what is wanted."""
    parts: list[Part] = field(default_factory=list)
    rates: dict[Place, float] = field(default_factory=dict)
    """The learning rates that the user set while it trained."""
    stops: list[Place] = field(default_factory=list)
    """Where the user ended it, or a run that it continues, within an epoch or before the last."""


def write(run: Run, file_name: str = "train.py") -> str:
    """The script.

    Raises:
        NotRepeatable: a setting is not covered, or no network can be built.
        RunError: the run is live, or its files are damaged.
    """
    config, history = run.config, run.history()
    state = run.state(history)
    if state.live:
        raise RunError(f"run {run.id} is {state}; its script can be written when it is over")
    course, dataset, layers = _course(run, state), run.dataset(), check(run)
    render = functools.partial(
        _template().render,
        run=run,
        config=config,
        dataset=dataset,
        in_keras=IN_KERAS.get(config.dataset),
        file_name=file_name,
        data_name=data_name(run),
        versions=_versions(run),
        threads=_threads(run) if config.architecture == "convolutional" else None,
        outcome=_outcome(state, history),
        course=course,
        tables=list(_tables(course, scheduled=config.schedule != "constant")),
        layers=[_call(layer) for layer in layers],
        loss="SmoothedCrossentropy(config.label_smoothing)"
        if config.label_smoothing
        else '"sparse_categorical_crossentropy"',
        stopping=f"{'Averaged' if config.ema else 'keras.callbacks.'}EarlyStopping",
        callbacks=list(_callbacks(config, course)),
    )
    needed = source.needed(render(needed=source.Needed(), settings=[]), config, IMPORTS)
    return render(
        needed=needed,
        settings=[(name, _literal(value)) for name, value in config if name in needed.settings],
    )


def check(run: Run) -> list[Layer]:
    """Whether a script can be written of a run with these settings; the layers of its network.

    Raises:
        NotRepeatable: a setting is not covered, or no network can be built.
        RunError: the run has never begun, and its dataset is not here.
    """
    for name, value in run.config:
        if name not in _covered() and value != TrainingConfig.model_fields[name].default:
            raise NotRepeatable(f"no script can be written of a run with {name} {value!r} yet")
    dataset = run.dataset()
    try:
        return describe(run.config, dataset.image_shape, dataset.classes)
    except ConfigError as error:
        raise NotRepeatable(str(error)) from None


@functools.cache
def _covered() -> frozenset[str]:
    """The settings that a script of some run depends on, or that change nothing in it."""
    template = (TEMPLATES / "script.py.jinja").read_text()
    return source.settings_covered(template) | {"dataset", "tensorboard"}


def _call(layer: Layer) -> str:
    """What builds a layer, in Python."""
    named = {**layer.parameters, "name": layer.name}
    arguments = ", ".join(f"{name}={_literal(value)}" for name, value in named.items())
    return f"{source.entry('LAYERS', layer.kind)}({arguments})"


def _literal(value: object) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


def data_name(run: Run) -> str:
    """The file beside the script that holds its images, where Keras does not have them."""
    return f"{run.config.dataset}.npz"


def _template() -> jinja2.Template:
    import jinja2  # not at the top: it is seldom needed, and the first page is waiting

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # Python, not HTML
    )
    return environment.get_template("script.py.jinja")


def _course(run: Run, state: State) -> _Course:
    """Fold the events of the run and of those that it continues."""
    course = _Course()
    an_epoch = 0
    last: Place | None = None
    for event in (*run.before(), *run.events()):
        match event:
            case Fitting():
                an_epoch = event.steps_per_epoch
            case Batch():
                course.rhythm = course.rhythm or event.step
            case LearningRate():
                course.rates[Place(event.epoch, event.step)] = event.learning_rate
            case Epoch():
                last = Place(event.epoch, event.step)
                if last.step < an_epoch:
                    course.stops.append(last)
            case Continued():
                course.parts.append(Part(event.epochs, event.asked))
    course.parts.append(Part(run.config.epochs, run.config.epochs))
    if state == State.STOPPED and last and last not in course.stops:
        course.stops.append(last)
    return course


def _tables(course: _Course, scheduled: bool) -> Iterator[tuple[str, str, str, list[str], str]]:
    """The constants that have several rows: name, comment, bracket, rows, bracket."""
    if len(course.parts) > 1:
        said = "the run continues others: from which epoch to which they went, and it itself"
        if scheduled:
            said = "the run continues others: from which epoch to which, of how many of a schedule"
        begins = [0, *(part.epochs for part in course.parts)]
        rows = [
            f"({begin}, {part.epochs}, {part.asked})" if scheduled else f"({begin}, {part.epochs})"
            for begin, part in zip(begins, course.parts, strict=False)
        ]
        yield "PARTS", said, "[", rows, "]"
    if course.stops:
        rows = [str(tuple(place)) for place in course.stops]
        yield "STOPS", "epoch and step after which training was stopped by hand", "[", rows, "]"
    if course.rates:
        said = "learning rates that were set while it trained: epoch and step, and the rate"
        rows = [f"{tuple(place)}: {rate}" for place, rate in course.rates.items()]
        yield "NEW_RATES", said, "{", rows, "}"


def _callbacks(config: TrainingConfig, course: _Course) -> Iterator[str]:
    in_parts = len(course.parts) > 1
    yield "Shuffle(order, training, config.seed)"
    if config.augments:
        yield "augmenter"
    if config.ema and config.validation_share:
        yield "JudgedByAverages()"
    if config.ema and in_parts:
        yield "keep"
    if course.rates or course.stops:
        yield "Steer()"
    if config.patience:
        yield "*([early] if end == config.epochs else [])" if in_parts else "early"
    yield f'keras.callbacks.CSVLogger("history.csv"{", append=begin > 0" if in_parts else ""})'


def _versions(run: Run) -> str:
    """What computed the run's figures, e.g. ``"tensorflow 2.21.0, keras 3.15.1"``; or nothing."""
    packages = ("tensorflow", "keras", "numpy")
    found = {name: str(run.environment().get(name, "")) for name in packages}
    # A run may come from elsewhere, and what is written here is run as Python.
    return ", ".join(f"{n} {v}" for n, v in found.items() if re.fullmatch(r"[\w.+]{1,30}", v))


def _threads(run: Run) -> int | None:
    """How many the run had to compute on, where that was kept and can be."""
    found = run.environment().get("threads")
    return found if type(found) is int and 1 <= found <= 1024 else None


def _outcome(state: State, history: History) -> str:
    """What came of the run."""
    epochs = counted(len(history.epochs), "epoch")
    match state:
        case State.FAILED:
            return f"The run failed after {epochs}; this trains on for as long as it can."
        case State.INTERRUPTED:
            return f"The run was interrupted after {epochs}; this trains all of them."
    accuracy = history.evaluated.test_accuracy if history.evaluated else math.nan
    stopped = " and was then stopped by hand" if state == State.STOPPED else ""
    return f"The run took {epochs}{stopped}; its test accuracy was {accuracy:.4f}."
