"""A run -> a Python script that repeats it with TensorFlow and NumPy alone.

What the script says is in ``templates/script.py.jinja``; here is what it is told about a run.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mnist_core.config import TrainingConfig
from mnist_core.data.known import SPECS
from mnist_core.runs.events import Batch, Continued, Epoch, Fitting, LearningRate, State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.history import History

if TYPE_CHECKING:
    import jinja2

IN_KERAS = {name: spec.in_keras for name, spec in SPECS.items() if spec.in_keras}
"""The datasets that Keras loads itself; the images of the others come with the script."""

_REPEATED: dict[str, tuple[str, ...]] = {
    "dataset": (),
    "architecture": ("dense", "convolutional"),
    "filters": (),
    "kernel_size": (),
    "convolutions": (),
    "batch_normalization": (),
    "block_dropout": (),
    "widths": (),
    "dropout": (),
    "activation": ("relu", "gelu", "tanh", "sigmoid"),
    "optimizer": ("adam", "sgd", "rmsprop"),
    "learning_rate": (),
    "schedule": ("constant", "one-cycle", "cosine"),
    "weight_decay": (),
    "label_smoothing": (),
    "ema": (),
    "batch_size": (),
    "epochs": (),
    "shift": (),
    "rotation": (),
    "scale": (),
    "shear": (),
    "elastic": (),
    "flip": (),
    "erasing": (),
    "validation_share": (),
    "patience": (),
    "seed": (),
    "tensorboard": (),  # changes nothing
}
"""The settings that the template knows, and which choices where not every value will do."""


class NotRepeatable(ValueError):  # noqa: N818
    """The template does not cover a setting of the run; the message names it and the value."""


class Place(NamedTuple):
    """After this step of this epoch, both counted from 1."""

    epoch: int
    step: int


class Part(NamedTuple):
    """One of the runs that a run is made of: it may continue others."""

    epochs: int
    """After how many, those before included, it was over or continued."""
    first_step: int
    """How many steps came before it."""
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
        NotRepeatable: a setting is not covered.
        RunError: the run is live, or its files are damaged.
    """
    config, history = run.config, run.history()
    state = run.state(history)
    if state.live:
        raise RunError(f"run {run.id} is {state}; its script can be written when it is over")
    check(config)
    course = _course(run, state)
    return _template().render(
        run=run,
        config=config,
        dataset=run.dataset(),
        in_keras=IN_KERAS.get(config.dataset),
        file_name=file_name,
        data_name=data_name(run),
        versions=_versions(run),
        threads=_threads(run) if config.architecture == "convolutional" else None,
        outcome=_outcome(state, history),
        course=course,
        steered=bool(course.rates or course.stops),
    )


def check(config: TrainingConfig) -> None:
    """Whether a script can be written of a run with these settings.

    Raises:
        NotRepeatable: a setting is not covered.
    """
    for name, value in config:
        known = _REPEATED.get(name, (TrainingConfig.model_fields[name].default,))
        if known and value not in known:
            raise NotRepeatable(f"no script can be written of a run with {name} {value!r} yet")


def data_name(run: Run) -> str:
    """The file beside the script that holds its images, where Keras does not have them."""
    return f"{run.config.dataset}.npz"


def _template() -> jinja2.Template:
    import jinja2  # not at the top: it is seldom needed, and the first page is waiting

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # Python, not HTML
    )
    return environment.get_template("script.py.jinja")


def _course(run: Run, state: State) -> _Course:
    """Fold the events of the run and of those that it continues."""
    course = _Course()
    an_epoch = done = first_step = 0
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
                done += last.step
                if last.step < an_epoch:
                    course.stops.append(last)
            case Continued():
                course.parts.append(Part(event.epochs, first_step, event.asked))
                first_step = done
    course.parts.append(Part(run.config.epochs, first_step, run.config.epochs))
    if state == State.STOPPED and last and last not in course.stops:
        course.stops.append(last)
    return course


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
    epochs = "1 epoch" if len(history.epochs) == 1 else f"{len(history.epochs)} epochs"
    match state:
        case State.FAILED:
            return f"The run failed after {epochs}; this trains on for as long as it can."
        case State.INTERRUPTED:
            return f"The run was interrupted after {epochs}; this trains all of them."
    accuracy = history.evaluated.test_accuracy if history.evaluated else math.nan
    stopped = " and was then stopped by hand" if state == State.STOPPED else ""
    return f"The run took {epochs}{stopped}; its test accuracy was {accuracy:.4f}."
