"""Settings that go together, and what was measured of them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, TypeAdapter

from mnist_core.config import CONVOLUTIONAL, FIELDS, ConfigError, TrainingConfig
from mnist_core.data import known
from mnist_core.fields import setting
from mnist_core.words import counted


class Preset(NamedTuple):
    """Settings that go together; what they leave out (dataset, seed) stays as the user has it."""

    title: str
    description: str
    settings: dict[str, Any]


class Measured(BaseModel):
    """What ``make bench`` has measured of a preset, on two cores without a graphics card."""

    model_config = ConfigDict(frozen=True)

    accuracy: float
    """Share of the test images that were recognised: the median of the seeds."""
    seeds: int
    """How many it was trained with."""
    seconds: float
    """Time in fit, of the first seed, which had the machine to itself."""
    of_plain: float
    """That, as a share of what the article's recipe takes as a plain Keras loop."""
    weights: int
    train_images: int
    """Those to validate with included; there may be more of them where the preset is used."""
    test_images: int
    strokes: float | None = None
    """Share of strangers' drawings that were recognised: the median of the seeds; MNIST only."""
    pictures: float | None = None
    """The same of seed 1, every third drawing as a picture: the least of three kinds of paper."""


_QUICKLY: dict[str, Any] = {"schedule": "one-cycle", "batch_size": 128}
_ALTERED: dict[str, Any] = {
    "shift": 1.5,
    "rotation": 8.0,
    "scale": 0.12,
    "shear": 0.12,
    "elastic": 0.48,
}
_REGULARIZED: dict[str, Any] = {"weight_decay": 0.05, "label_smoothing": 0.05, "ema": 0.998}

PRESETS: dict[str, Preset] = {
    "article": Preset(
        "Article",
        "The recipe of the tutorial that Digit Lab began with: layers of 512 and 256 units, Adam "
        "at 0.001, ten epochs.",
        {},
    ),
    "fast": Preset(
        "Fast",
        "The article's network in three epochs: one-cycle learning rate, larger batches, averaged "
        "weights; no dropout, which so short a training does not need.",
        _QUICKLY | {"dropout": 0.0, "learning_rate": 0.004, "epochs": 3, "ema": 0.99},
    ),
    "dense-best": Preset(
        "Dense best",
        "The article's network for 30 epochs of images that are shifted, turned, scaled, sheared "
        "and bent a little anew each time.",
        _QUICKLY | _ALTERED | {"dropout": 0.0, "learning_rate": 0.003, "epochs": 30},
    ),
    "tiny": Preset(
        "Tiny",
        "A seventy-sixth of the article's weights: three blocks of small convolutions, and no "
        "hidden layer behind them.",
        _QUICKLY
        | {
            "architecture": "convolutional",
            "filters": (8, 16, 24),
            "widths": (),
            "dropout": 0.0,
            "learning_rate": 0.01,
            "epochs": 8,
            "shift": 1.2,
            "rotation": 6.0,
            "scale": 0.08,
            "shear": 0.08,
        },
    ),
    "cnn": Preset(
        "CNN",
        "Three blocks of convolutions and one hidden layer, on altered images.",
        _QUICKLY
        | _ALTERED
        | _REGULARIZED
        | {
            "architecture": "convolutional",
            "filters": (16, 48, 96),
            "widths": (128,),
            "learning_rate": 0.007,
            "epochs": 8,
            "elastic": 0.35,
        },
    ),
    "cnn-best": Preset(
        "CNN best",
        "Two convolutions in each block, and more time: the best on MNIST and on drawings.",
        _QUICKLY
        | _ALTERED
        | _REGULARIZED
        | {
            "architecture": "convolutional",
            "filters": (16, 32, 64),
            "convolutions": 2,
            "widths": (128,),
            "dropout": 0.4,
            "learning_rate": 0.004,
            "epochs": 15,
            "elastic": 0.35,
        },
    ),
    "fashion-dense": Preset(
        "Dense",
        "The article's network, tuned for clothes: weight decay, smoothed labels, images that are "
        "shifted and scaled a little.",
        _QUICKLY
        | {
            "dropout": 0.1,
            "learning_rate": 0.0015,
            "epochs": 28,
            "weight_decay": 0.1,
            "label_smoothing": 0.1,
            "shift": 0.6,
            "scale": 0.03,
        },
    ),
    "fashion-cnn": Preset(
        "CNN",
        "Three blocks of two convolutions; images are mirrored and shifted by a pixel, and few are "
        "held back for validation.",
        _QUICKLY
        | _REGULARIZED
        | {
            "architecture": "convolutional",
            "filters": (16, 32, 64),
            "convolutions": 2,
            "widths": (128,),
            "dropout": 0.3,
            "learning_rate": 0.008,
            "epochs": 18,
            "validation_share": 0.03,
            "flip": True,
            "shift": 1.0,
        },
    ),
    "cifar-cnn": Preset(
        "CNN",
        "Three blocks of convolutions; images are mirrored, shifted and scaled.",
        _QUICKLY
        | _REGULARIZED
        | {
            "architecture": "convolutional",
            "filters": (32, 64, 128),
            "widths": (128,),
            "dropout": 0.3,
            "learning_rate": 0.007,
            "epochs": 13,
            "flip": True,
            "shift": 3.0,
            "scale": 0.08,
        },
    ),
}


def presets_for(dataset: str) -> list[str]:
    """The presets to offer for a dataset: its own, else those for the default."""
    own = known.SPECS[dataset].presets if dataset in known.SPECS else ()
    return list(own or known.SPECS[known.DEFAULT].presets)


def title(config: TrainingConfig, done: int | None = None) -> str:
    """What to call a run that nobody has named: its preset, else its layers and epochs.

    E.g. ``"CNN best"``, ``"Dense 512-256, 3 epochs"``, ``"CNN best, 7 of 15 epochs"``.

    Args:
        done: how many epochs it had, of a run that was ended before the last one.
    """
    epochs = counted(config.epochs, "epoch")
    cut_short = done is not None and done < config.epochs
    if cut_short:
        epochs = f"{done} of {epochs}"
    for preset in presets_for(config.dataset):
        if all(getattr(config, name) == value for name, value in _completed(preset).items()):
            called = PRESETS[preset].title
            return f"{called}, {epochs}" if cut_short else called
    network = f"Dense {config.network}" if config.architecture == "dense" else config.network
    return f"{network[0].upper()}{network[1:]}, {epochs}"


def tuned_on(preset: str) -> str:
    """The dataset that a preset was made for, and measured on."""
    return next(name for name, spec in known.SPECS.items() if preset in spec.presets)


def measured() -> dict[str, Measured]:
    """What has been measured of the presets; the file is written by ``benchmarks/presets.py``."""
    path = Path(__file__).with_name("measured.json")
    return TypeAdapter(dict[str, Measured]).validate_json(path.read_bytes())


NOT_IN_PRESETS = ("dataset", "seed", "tensorboard")
"""The settings that presets leave as they are."""


def preset_settings(preset: str, architecture: str | None = None) -> dict[str, Any]:
    """The preset's settings; with another architecture than its own, those that still apply.

    Raises:
        ConfigError: no such preset.
    """
    if preset not in PRESETS:
        raise ConfigError(f"preset is {preset!r}; allowed: {', '.join(PRESETS)}")
    settings = PRESETS[preset].settings
    if architecture in (None, settings.get("architecture", "dense")):
        return dict(settings)
    blocks = {name for name, field in FIELDS.items() if setting(field).only == CONVOLUTIONAL}
    of_the_network = {"architecture", "widths", *blocks}
    return {name: settings[name] for name in settings if name not in of_the_network}


def apply_preset(preset: str, config: TrainingConfig) -> TrainingConfig:
    """The article's recipe with the preset's settings.

    What presets have no say in, :data:`NOT_IN_PRESETS`, is as in ``config``.

    Raises:
        ConfigError: no such preset.
    """
    own = {name: getattr(config, name) for name in NOT_IN_PRESETS}
    return TrainingConfig(**{**own, **preset_settings(preset)})


@functools.cache
def _completed(preset: str) -> dict[str, Any]:
    """Every setting that the preset decides on."""
    return TrainingConfig(**preset_settings(preset)).model_dump(exclude={*NOT_IN_PRESETS})
