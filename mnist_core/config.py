"""One description of a training run.

Every field of :class:`TrainingConfig` carries its default, its bounds, its help text and all else
that is to be known of it (``fields``). The widgets, the command-line flags, the links, the tables,
the validation and the stored JSON all come from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)
from pydantic.fields import FieldInfo

from mnist_core.data import known, limits, places
from mnist_core.fields import (
    Only,
    Search,
    Setting,
    allowed,
    applies,
    choices,
    list_bounds,
    setting,
    shown,
)

Units = Annotated[int, Ge(1), Le(4096)]
Filters = Annotated[int, Ge(1), Le(512)]


def _on_this_machine(name: str, info: ValidationInfo) -> str:
    """Where the context says which datasets there are, it must be one of them."""
    if info.context and name not in info.context["datasets"]:
        raise ValueError("not on this machine")
    return name


DatasetName = Annotated[str, Field(pattern=f"^{limits.NAME}$"), AfterValidator(_on_this_machine)]
Architecture = Literal["dense", "convolutional"]
Activation = Literal["relu", "gelu", "tanh", "sigmoid"]
OptimizerName = Literal["adam", "sgd", "rmsprop"]
Schedule = Literal["constant", "one-cycle", "cosine"]

DEFAULT_WIDTHS: dict[str, tuple[int, ...]] = {"dense": (512, 256), "convolutional": (128,)}
"""The hidden dense layers of each architecture, where nothing else is asked for."""

CONVOLUTIONAL = Only("architecture", "convolutional", "a convolutional network")
SGD = Only("optimizer", "sgd", "SGD with momentum")


class TrainingConfig(BaseModel):
    """What to train, on what, and how. Frozen; the defaults are the article's recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dataset: Annotated[
        DatasetName,
        Setting(
            "network",
            words={name: spec.title for name, spec in known.SPECS.items()},
            offered=places.names,
        ),
    ] = Field(
        known.DEFAULT,
        title="Dataset",
        description="The images to learn from. The sample is 5,000 of MNIST's 70,000 digits: quick "
        "to try, but expect about 94% where the whole set gives 98%. The page Data "
        "downloads all of them, and takes images of your own.",
    )
    architecture: Annotated[
        Architecture,
        Setting(
            "network", words={"dense": "Dense", "convolutional": "Convolutional"}, search=Search()
        ),
    ] = Field(
        "dense",
        title="Architecture",
        description="Dense, as in the article: every unit sees the whole picture. Convolutional: "
        "small filters slide over it, so that a stroke is found wherever it lies. It makes fewer "
        "mistakes, but takes several times the arithmetic.",
    )
    filters: Annotated[
        tuple[Filters, ...],
        MinLen(1),
        MaxLen(6),
        Setting(
            "network",
            only=CONVOLUTIONAL,
            parts=("blocks", "filters"),
            search=Search(8, 64, log=True, most=3),
        ),
    ] = Field(
        (32, 64),
        title="Filters",
        description="Filters in each convolutional block, first to last. A block ends by keeping "
        "the largest of every 2 × 2 values, which halves the picture, so that the next one can "
        "afford more filters. A picture of 28 × 28 can be halved four times.",
    )
    kernel_size: Annotated[
        int, Setting("convolutions", only=CONVOLUTIONAL, narrow=True, search=Search(3, 5))
    ] = Field(
        3,
        ge=1,
        le=7,
        title="Kernel size",
        description="The side of the square that a filter looks at, in pixels. 3 is the usual "
        "choice; 5 sees more of a stroke at once for almost three times the arithmetic.",
    )
    convolutions: Annotated[
        int, Setting("convolutions", only=CONVOLUTIONAL, narrow=True, search=Search(1, 2))
    ] = Field(
        1,
        ge=1,
        le=2,
        title="Convolutions per block",
        description="How many convolutions follow each other before the picture is halved. Two "
        "see more of it and tell finer shapes apart, but take more than twice as long.",
    )
    batch_normalization: Annotated[
        bool, Setting("convolutions", only=CONVOLUTIONAL, search=Search())
    ] = Field(
        True,
        title="Batch normalization",
        description="Brings each filter's outputs to mean 0 and variance 1 over the batch, before "
        "the activation. Deep stacks then learn faster and tolerate a higher learning rate.",
    )
    block_dropout: Annotated[
        float, Setting("convolutions", only=CONVOLUTIONAL, step=0.05, search=Search(0, 0.4))
    ] = Field(
        0.0,
        ge=0,
        le=0.9,
        title="Dropout in blocks",
        description="The share of values that is switched off at random after each convolutional "
        "block. 0.1 or 0.2 is enough, less than after dense layers: filters share their weights "
        "across the picture.",
    )
    widths: Annotated[
        tuple[Units, ...],
        MinLen(0),
        MaxLen(8),
        Setting(
            "network",
            parts=("layers", "units"),
            none="after convolutional blocks",
            search=Search(32, 1024, log=True, most=3),
        ),
    ] = Field(
        default_factory=lambda read: DEFAULT_WIDTHS[read["architecture"]],
        title="Hidden layers",
        description="Units in each dense hidden layer, first to last. Wider layers can tell more "
        "shapes apart but take longer and overfit sooner. The article narrows from 512 to 256, to "
        "condense the features on their way to ten classes. After convolutional blocks one layer "
        "is plenty, and none works too.",
    )
    dropout: Annotated[float, Setting("network", step=0.05, search=Search(0, 0.5))] = Field(
        0.2,
        ge=0,
        le=0.9,
        title="Dropout",
        description="The share of a layer's outputs that is switched off at random in every "
        "training step, so that no unit can rely on another: after each hidden dense layer, or "
        "after the blocks where there is none. The article uses 0.2. At 0, training accuracy runs "
        "ahead of validation accuracy; above 0.5, the network learns slowly.",
    )
    activation: Annotated[
        Activation,
        Setting(
            "optimizer",
            words={"relu": "ReLU", "gelu": "GELU", "tanh": "tanh", "sigmoid": "Sigmoid"},
            search=Search(),
        ),
    ] = Field(
        "relu",
        title="Activation",
        description="What a unit does with its weighted sum. The article uses ReLU: it costs next "
        "to nothing, and its gradient does not vanish for positive sums. Sigmoid, the old choice, "
        "learns visibly slower in deep stacks.",
    )
    optimizer: Annotated[
        OptimizerName,
        Setting(
            "optimizer",
            words={"adam": "Adam", "sgd": "SGD with momentum", "rmsprop": "RMSprop"},
            search=Search(),
        ),
    ] = Field(
        "adam",
        title="Optimizer",
        description="How gradients become steps. The article uses Adam, which keeps a step size "
        "for each weight and works untuned. SGD (momentum 0.9) needs a larger learning rate, about "
        "0.05; RMSprop behaves much like Adam.",
    )
    nesterov: Annotated[bool, Setting("optimizer", only=SGD, search=Search())] = Field(
        False,
        title="Nesterov momentum",
        description="The gradient is taken as if momentum had already carried the weights on, so "
        "that a step that goes too far is corrected sooner. It costs nothing, and often learns a "
        "little faster.",
    )
    learning_rate: Annotated[
        float,
        Setting("optimizer", step=0.001, format="%.4g", search=Search(0.0003, 0.03, log=True)),
    ] = Field(
        0.001,
        ge=1e-5,
        le=1.0,
        title="Learning rate",
        description="The size of a step, or its peak where the schedule varies it. The article "
        "uses Adam's usual 0.001. Ten times more makes the loss jump or diverge; ten times less "
        "needs many more epochs.",
    )
    schedule: Annotated[
        Schedule,
        Setting(
            "optimizer",
            words={"constant": "Constant", "one-cycle": "One-cycle", "cosine": "Cosine"},
            search=Search(),
        ),
    ] = Field(
        "constant",
        title="Learning-rate schedule",
        description="Constant, as in the article; one-cycle: the rate rises during the first "
        "fifth of training, then falls to zero in a straight line; cosine: it rises during the "
        "first twentieth, stays high for longer, and falls gently to zero. Both reach the same "
        "accuracy in fewer epochs, with a higher peak.",
    )
    batch_size: Annotated[int, Setting("optimizer", search=Search(16, 512, log=True))] = Field(
        64,
        ge=1,
        le=1024,
        title="Batch size",
        description="Images per step. Small batches make many but noisy steps; large ones make an "
        "epoch faster but need a higher learning rate. The article uses 64.",
    )
    weight_decay: Annotated[
        float, Setting("optimizer", step=0.001, format="%.4g", search=Search(0.0001, 0.1, log=True))
    ] = Field(
        0.0,
        ge=0,
        le=1.0,
        title="Weight decay",
        description="Every step shrinks all weights, but no biases, by the learning rate times "
        "this, as AdamW does, to keep them small. 0.01 is mild; 0 is off, as in the article.",
    )
    label_smoothing: Annotated[
        float,
        Setting(
            "optimizer",
            step=0.01,
            search=Search(0, 0.2),
        ),
    ] = Field(
        0.0,
        ge=0,
        le=0.5,
        title="Label smoothing",
        description="The share of a label's certainty that is spread over all classes, so that the "
        "network does not become overconfident. 0.1 is common. The losses shown during training "
        "include it, and so never reach zero; the test loss does not include it.",
    )
    ema: Annotated[
        float, Setting("optimizer", step=0.01, format="%.4g", search=Search(0.9, 0.999))
    ] = Field(
        0.0,
        ge=0,
        le=0.9999,
        title="Weight averaging",
        description="The network that is evaluated and kept has a running average of the weights "
        "instead of the newest ones: every step keeps this much of the average and takes the rest "
        "from the newest weights (an exponential moving average). 0.99 averages about a hundred "
        "steps; 0 is off.",
    )
    epochs: Annotated[int, Setting("network")] = Field(
        10,
        ge=1,
        le=200,
        title="Epochs",
        description="Passes over the training images. The article uses ten; after that, "
        "validation accuracy hardly moves while training accuracy still climbs.",
    )
    shift: Annotated[
        float,
        Setting(
            "augmentation",
            step=0.5,
            narrow=True,
            search=Search(0, 3),
        ),
    ] = Field(
        0.0,
        ge=0,
        le=8,
        title="Shift",
        description="Training images are moved by up to this many pixels, across and down.",
    )
    rotation: Annotated[
        float, Setting("augmentation", step=1.0, narrow=True, search=Search(0, 20))
    ] = Field(
        0.0,
        ge=0,
        le=45,
        title="Rotation",
        description="Training images are turned by up to this many degrees, either way.",
    )
    scale: Annotated[
        float, Setting("augmentation", step=0.05, narrow=True, search=Search(0, 0.2))
    ] = Field(
        0.0,
        ge=0,
        le=0.5,
        title="Scale",
        description="Training images are enlarged or shrunk by up to this share of their size, and "
        "stretched in width or height by up to half of it.",
    )
    shear: Annotated[
        float, Setting("augmentation", step=0.05, narrow=True, search=Search(0, 0.3))
    ] = Field(
        0.0,
        ge=0,
        le=0.5,
        title="Shear",
        description="Training images are slanted, as handwriting is, by up to this many pixels to "
        "the side for every pixel up.",
    )
    elastic: Annotated[
        float, Setting("augmentation", step=0.1, narrow=True, search=Search(0, 1.5))
    ] = Field(
        0.0,
        ge=0,
        le=3,
        title="Elastic distortion",
        description="Training images are warped as if drawn on rubber: each part moves on its own, "
        "smoothly, by about this many pixels.",
    )
    flip: Annotated[bool, Setting("augmentation", narrow=True, search=Search())] = Field(
        False,
        title="Mirror",
        description="Half of the training images are mirrored, left to right. Right for clothes "
        "and animals; wrong for digits and letters, which mean nothing in a mirror.",
    )
    erasing: Annotated[
        float, Setting("augmentation", step=0.05, narrow=True, search=Search(0, 0.3))
    ] = Field(
        0.0,
        ge=0,
        le=0.5,
        title="Erasing",
        description="A rectangle of up to this share of the area of every training image is "
        "wiped out, so that the network can't rely on one part alone.",
    )
    validation_share: Annotated[float, Setting("validation", step=0.05)] = Field(
        0.1,
        ge=0,
        le=0.5,
        title="Validation share",
        description="The share of the training images held back to judge every epoch. The article "
        "uses a tenth. The test images are never used for this: they are seen once, at the end. "
        "0 trains on everything and shows no validation curve.",
    )
    patience: Annotated[int | None, Setting("validation", none="for off")] = Field(
        None,
        ge=1,
        le=50,
        title="Early stopping",
        description="Stop when the validation loss has not improved for this many epochs, and keep "
        "the weights of the best epoch. Off in the article.",
    )
    seed: Annotated[int, Setting("validation")] = Field(
        1,
        ge=0,
        le=2**31 - 1,
        title="Seed",
        description="Where chance starts: initial weights, shuffling, dropout. The same settings "
        "and seed on the same machine give the same history, to the last digit.",
    )
    tensorboard: Annotated[bool, Setting("validation")] = Field(
        False,
        title="TensorBoard files",
        description="The run also writes its curves as event files, into tensorboard/ in its own "
        "folder: `make tensorboard` shows those of all runs. Training does not change.",
    )

    def model_post_init(self, _context: object) -> None:
        for name, only in _ONLY.items():
            field, value = FIELDS[name], getattr(self, name)
            if value != field.default and not self.uses(name):
                raise ConfigError(
                    f"{name} is {_written(field, value)}, but only {only.whose} has that: "
                    f"leave it out, or set {only.field} to {only.value}"
                )
        if self.architecture == "dense" and not self.widths:
            raise ConfigError(f"widths is none; allowed: {allowed(FIELDS['widths'], typed=True)}")
        if self.patience is not None and self.validation_share == 0:
            raise ConfigError(
                "Early stopping (patience) watches the validation loss: it needs a validation "
                "share above 0."
            )

    def uses(self, name: str) -> bool:
        """Whether a field means anything beside the others; one that doesn't has its default."""
        return applies(FIELDS[name], vars(self))

    @property
    def but_for_seed(self) -> str:
        """The same for configurations that train alike from another chance, and for no others.

        Whether a run writes TensorBoard's files changes nothing in its training.
        """
        return self.model_dump_json(exclude={"seed", "tensorboard"})

    @property
    def augments(self) -> bool:
        """Whether training images are altered at all."""
        return any(getattr(self, name) for name in AUGMENTATIONS)

    @property
    def moves(self) -> bool:
        """Whether pixels of training images change places; erasing alone leaves the rest alone."""
        return any(getattr(self, name) for name in AUGMENTATIONS if name != "erasing")

    @property
    def network(self) -> str:
        """The layers in a few characters, e.g. ``"512-256"``, ``"conv 32-64, 128"``."""
        widths = "-".join(map(str, self.widths))
        if self.architecture == "dense":
            return widths
        twice = "×2" if self.convolutions == 2 else ""
        blocks = f"conv {'-'.join(map(str, self.filters))}{twice}"
        return f"{blocks}, {widths}" if widths else blocks


FIELDS = TrainingConfig.model_fields
"""All that is to be known of each setting, by its name, in the order of tables and flags."""

_ONLY = {name: only for name, field in FIELDS.items() if (only := setting(field).only)}
"""Of the settings that mean something beside some others alone, what makes them do so."""

AUGMENTATIONS = tuple(n for n, field in FIELDS.items() if setting(field).group == "augmentation")
"""The fields that alter the training images."""


class ConfigError(ValueError):
    """A configuration was refused; the message names the field, the value and what is allowed."""


def read_config(
    values: Mapping[str, Any], of_a_run: bool = False, by_title: bool = False
) -> TrainingConfig:
    """Check ``values`` (field name to value, as in the stored JSON) and return them as a config.

    Args:
        of_a_run: it was asked for before, so its dataset need not be on this machine any more.
        by_title: an error calls fields and choices as the form does, e.g. "Batch size", "Adam".

    Raises:
        ConfigError: an unknown field, or a value out of bounds: all of them, a line each.
    """
    context = {} if of_a_run else {"datasets": choices(FIELDS["dataset"])}
    try:
        return TrainingConfig.model_validate(values, context=context)
    except ValidationError as error:
        # A default that follows from other fields is not made where one of those is wrong.
        faults = [e for e in error.errors() if e["type"] != "default_factory_not_called"]
        raise ConfigError("\n".join(_explain(dict(fault), by_title) for fault in faults)) from None


def _explain(error: dict[str, Any], by_title: bool) -> str:
    location = error["loc"]
    if not location:
        return str(error.get("ctx", {}).get("error", error["msg"]))
    name = str(location[0])
    if error["type"] == "extra_forbidden":
        return f"{name} is not a setting; allowed: {', '.join(FIELDS)}"
    field = FIELDS[name]
    value = _written(field, error["input"])
    if not by_title:
        return f"{name} is {value}; allowed: {allowed(field, typed=True)}"
    title, words = field.title, allowed(field)
    if len(location) > 1:  # one of several values
        title = f"{title}, number {int(location[1]) + 1}"
        low, high = list_bounds(field)[1]
        words = f"a whole number from {low:,} to {high:,}"
    return f"{title}: {value} is refused; allowed: {words}"


def _written(field: FieldInfo, value: Any) -> str:
    """A value in a refusal: several as in tables, and text in quotes."""
    if isinstance(value, list | tuple):
        return shown(field, value)
    return str(value).lower() if isinstance(value, bool) else repr(value)
