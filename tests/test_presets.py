"""Presets: settings that go together; the rest stays as the user has it."""

from typing import Any

import pytest

from mnist_core.config import ConfigError, TrainingConfig
from mnist_core.presets import PRESETS, apply_preset, title, tuned_on


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_keeps_dataset_and_seed_and_resets_the_rest(preset: str) -> None:
    mine = TrainingConfig(dataset="mnist-sample", seed=7, activation="tanh", dropout=0.7)

    config = apply_preset(preset, mine)

    assert (config.dataset, config.seed, config.activation) == ("mnist-sample", 7, "relu")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_run_of_a_presets_settings_is_called_after_it(preset: str) -> None:
    asked = TrainingConfig(dataset=tuned_on(preset), seed=7)

    assert title(apply_preset(preset, asked)) == PRESETS[preset].title


@pytest.mark.parametrize(
    ("settings", "called"),
    [
        ({"widths": (512, 256), "epochs": 3}, "Dense 512-256, 3 epochs"),
        ({"epochs": 1}, "Dense 512-256, 1 epoch"),
        ({"architecture": "convolutional"}, "Conv 32-64, 128, 10 epochs"),
    ],
)
def test_any_other_is_called_after_its_layers_and_epochs(
    settings: dict[str, Any], called: str
) -> None:
    assert title(TrainingConfig(**settings)) == called


def test_one_that_was_ended_is_called_after_the_epochs_that_it_had() -> None:
    asked = TrainingConfig(widths=(64,), epochs=60)

    assert title(asked, done=7) == "Dense 64, 7 of 60 epochs"
    assert title(asked, done=60) == "Dense 64, 60 epochs"
    assert title(TrainingConfig(), done=1) == "Article, 1 of 10 epochs"


def test_an_unknown_preset_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="preset is 'best'; allowed: article, fast, dense-best"):
        apply_preset("best", TrainingConfig())
