"""One description of a training run.

Every field of :class:`TrainingConfig` carries its default, its bounds and its help text. The
widgets, the command-line flags, the validation and the stored JSON all come from here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, get_args

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo

from mnist_core import datasets

Units = Annotated[int, Ge(1), Le(4096)]


def _on_this_machine(name: str, info: ValidationInfo) -> str:
    """Where the context says which datasets there are, it must be one of them."""
    if info.context and name not in info.context["datasets"]:
        raise ValueError("not on this machine")
    return name


DatasetName = Annotated[str, Field(pattern=f"^{datasets.NAME}$"), AfterValidator(_on_this_machine)]
Activation = Literal["relu", "gelu", "tanh", "sigmoid"]
OptimizerName = Literal["adam", "sgd", "rmsprop"]
Schedule = Literal["constant", "one-cycle"]


class TrainingConfig(BaseModel):
    """What to train, on what, and how. Frozen; the defaults are the article's recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dataset: DatasetName = Field(
        "mnist",
        title="Dataset",
        description="The images to learn from. The sample is 5,000 of MNIST's 70,000 digits: quick "
        "to try, but expect about 94% where the whole set gives 98%. The page Data has "
        "them all, and takes images of your own.",
    )
    widths: Annotated[tuple[Units, ...], MinLen(1), MaxLen(8)] = Field(
        (512, 256),
        title="Hidden layers",
        description="Units in each dense hidden layer, first to last. Wider layers can tell more "
        "shapes apart but take longer and overfit sooner; the article narrows from 512 to 256, so "
        "that features are condensed on their way to ten classes.",
    )
    dropout: float = Field(
        0.2,
        ge=0,
        le=0.9,
        title="Dropout",
        description="The share of a layer's outputs that is switched off at random in every "
        "training step, so that no unit can rely on another. The article takes 0.2: at 0 training "
        "accuracy runs ahead of validation accuracy, above 0.5 both learn slowly.",
    )
    activation: Activation = Field(
        "relu",
        title="Activation",
        description="What a unit does with its weighted sum. The article takes ReLU: it costs next "
        "to nothing and its gradient does not vanish for positive sums. Sigmoid, the old choice, "
        "learns visibly slower in deep stacks.",
    )
    optimizer: OptimizerName = Field(
        "adam",
        title="Optimizer",
        description="How gradients become steps. The article takes Adam, which keeps a step size "
        "for each weight and works untuned. SGD (momentum 0.9) wants a larger learning rate, about "
        "0.05; RMSprop behaves much like Adam.",
    )
    learning_rate: float = Field(
        0.001,
        ge=1e-5,
        le=1.0,
        title="Learning rate",
        description="The size of a step; the peak, where the schedule varies it. Adam's usual "
        "0.001 is the article's. Ten times more makes the loss jump or diverge, ten times less "
        "needs many more epochs.",
    )
    schedule: Schedule = Field(
        "constant",
        title="Learning-rate schedule",
        description="Constant, as in the article, or one-cycle: the rate rises during the first "
        "fifth of training, then falls to zero in a straight line. One-cycle with a higher peak "
        "reaches the same accuracy in fewer epochs.",
    )
    batch_size: int = Field(
        64,
        ge=1,
        le=1024,
        title="Batch size",
        description="Images for each step. Small batches make noisy but many steps; large ones "
        "make an epoch faster but want a higher learning rate. The article takes 64.",
    )
    epochs: int = Field(
        10,
        ge=1,
        le=200,
        title="Epochs",
        description="Passes over the training images. The article takes ten; from then on, "
        "validation accuracy hardly moves while training accuracy still climbs.",
    )
    validation_share: float = Field(
        0.1,
        ge=0,
        le=0.5,
        title="Validation share",
        description="The share of the training images held back to judge every epoch. The article "
        "takes a tenth. The test images are never used for this: they are seen once, at the end. "
        "0 trains on everything and shows no validation curve.",
    )
    patience: int | None = Field(
        None,
        ge=1,
        le=50,
        title="Early stopping",
        description="Stop when the validation loss has not improved for this many epochs, and keep "
        "the weights of the best one. Off in the article.",
    )
    seed: int = Field(
        1,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="Where chance starts: first weights, shuffling, dropout. The same settings and "
        "the same seed on the same machine give the same history, to the last digit.",
    )
    tensorboard: bool = Field(
        False,
        title="Files for TensorBoard",
        description="The run also writes its curves as event files, in the folder tensorboard/ of "
        "its own folder: `make tensorboard` shows those of all runs. Training does not change.",
    )

    def model_post_init(self, _context: object) -> None:
        if self.patience is not None and self.validation_share == 0:
            raise ConfigError(
                "Early stopping (patience) watches the validation loss: it needs a validation "
                "share above 0."
            )


ARTICLE_ACCURACY = 0.9803
"""What the article's network reached on the 10,000 test images of MNIST."""


class ConfigError(ValueError):
    """A configuration was refused; the message names the field, the value and what is allowed."""


class Preset(NamedTuple):
    """Settings that go together; what they leave out (dataset, seed) stays as the user has it."""

    title: str
    description: str
    settings: dict[str, Any]


def read_config(values: Mapping[str, Any], of_a_run: bool = False) -> TrainingConfig:
    """Check ``values`` (field name to value, as in the stored JSON) and return them as a config.

    Args:
        of_a_run: it was asked for before, so its dataset need not be on this machine any more.

    Raises:
        ConfigError: an unknown field, or a value out of bounds: all of them, a line each.
    """
    context = {} if of_a_run else {"datasets": choices("dataset")}
    try:
        return TrainingConfig.model_validate(values, context=context)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(dict(e)) for e in error.errors())) from None


def _explain(error: dict[str, Any]) -> str:
    location = error["loc"]
    if not location:
        return str(error.get("ctx", {}).get("error", error["msg"]))
    name = str(location[0])
    if error["type"] == "extra_forbidden":
        return f"{name} is not a setting; allowed: {', '.join(TrainingConfig.model_fields)}"
    return f"{name} is {error['input']!r}; allowed: {allowed(name)}"


def bounds(name: str) -> tuple[float, float]:
    """The least and the greatest allowed value of a numeric field."""
    field = TrainingConfig.model_fields[name]
    kind = float if field.annotation is float else int
    low: Any = next(m.ge for m in field.metadata if isinstance(m, Ge))
    high: Any = next(m.le for m in field.metadata if isinstance(m, Le))
    return kind(low), kind(high)


def choices(name: str) -> tuple[str, ...]:
    """The allowed values of a field that is a choice, in the order to show them; () for others.

    Of the dataset, they are those on this machine and those that can be downloaded.
    """
    if name == "dataset":
        return datasets.names()
    annotation = TrainingConfig.model_fields[name].annotation
    values = get_args(annotation)
    return values if values and all(isinstance(v, str) for v in values) else ()


def allowed(name: str) -> str:
    """What a field accepts, in words, e.g. ``"a number from 0 to 0.9"``."""
    field: FieldInfo = TrainingConfig.model_fields[name]
    if choices(name):
        return ", ".join(choices(name))
    if name == "widths":
        return "1 to 8 layers of 1 to 4,096 units each"
    if field.annotation is bool:
        return "true or false"
    low, high = bounds(name)
    if field.annotation is float:
        return f"a number from {low:g} to {high:g}"
    optional = ", or none for off" if field.default is None else ""
    return f"a whole number from {low:,} to {high:,}{optional}"


class LayerSummary(NamedTuple):
    """One line of the model summary. ``output_shape`` is without the batch axis."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    weights: int


def summarize(
    config: TrainingConfig, image_shape: tuple[int, ...], classes: int
) -> list[LayerSummary]:
    """The network's layers, first to last, as ``training.model.build`` makes them.

    Args:
        image_shape: of one image, e.g. ``(28, 28)``.
        classes: how many outputs.
    """
    inputs = math.prod(image_shape)
    layers = [LayerSummary("flatten", "Flatten", (inputs,), 0)]
    for number, units in enumerate(config.widths, start=1):
        weights = (inputs + 1) * units
        layers.append(
            LayerSummary(f"dense_{number}", f"Dense, {config.activation}", (units,), weights)
        )
        if config.dropout > 0:
            layers.append(
                LayerSummary(f"dropout_{number}", f"Dropout {config.dropout:g}", (units,), 0)
            )
        inputs = units
    layers.append(
        LayerSummary("probabilities", "Dense, softmax", (classes,), (inputs + 1) * classes)
    )
    return layers


PRESETS: dict[str, Preset] = {
    "article": Preset(
        "Article",
        "The recipe of the tutorial that Digit Lab began with: layers of 512 and 256 units, Adam "
        "at 0.001, ten epochs.",
        {},
    ),
    "fast": Preset(
        "Fast",
        "The same network in three epochs: one-cycle learning rate, larger batches, no dropout, "
        "which so short a training does not need.",
        {
            "dropout": 0.0,
            "learning_rate": 0.004,
            "schedule": "one-cycle",
            "batch_size": 128,
            "epochs": 3,
        },
    ),
    "tiny": Preset(
        "Tiny",
        "A sixtieth of the weights: layers of 10 and 32 units, no dropout, one-cycle learning "
        "rate, twenty quick epochs.",
        {
            "widths": (10, 32),
            "dropout": 0.0,
            "learning_rate": 0.01,
            "schedule": "one-cycle",
            "batch_size": 128,
            "epochs": 20,
        },
    ),
}


OWN = ("dataset", "seed", "tensorboard")
"""The settings that presets leave as they are."""


def apply_preset(preset: str, config: TrainingConfig) -> TrainingConfig:
    """The article's recipe with the preset's settings.

    What presets have no say in, :data:`OWN`, is as in ``config``.

    Raises:
        ConfigError: no such preset.
    """
    if preset not in PRESETS:
        raise ConfigError(f"preset is {preset!r}; allowed: {', '.join(PRESETS)}")
    own = {name: getattr(config, name) for name in OWN}
    return TrainingConfig(**{**own, **PRESETS[preset].settings})
