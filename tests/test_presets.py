"""Presets: settings that go together; the rest stays as the user has it."""

import pytest

from mnist_core.config import ConfigError, TrainingConfig
from mnist_core.presets import PRESETS, apply_preset


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_keeps_dataset_and_seed_and_resets_the_rest(preset: str) -> None:
    mine = TrainingConfig(dataset="mnist-sample", seed=7, activation="tanh", dropout=0.7)

    config = apply_preset(preset, mine)

    assert (config.dataset, config.seed, config.activation) == ("mnist-sample", 7, "relu")


def test_an_unknown_preset_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="preset is 'best'; allowed: article, fast, dense-best"):
        apply_preset("best", TrainingConfig())
