"""What is known of each dataset stands in its entry, and the rest of the program asks there."""

from dataclasses import replace

import pytest

from mnist_core.config import TrainingConfig
from mnist_core.data import known, places
from mnist_core.presets import PRESETS, presets_for, tuned_on


def test_every_preset_is_of_one_dataset() -> None:
    named = [preset for spec in known.SPECS.values() for preset in spec.presets]

    assert sorted(named) == sorted(PRESETS)
    assert {preset: tuned_on(preset) for preset in ("article", "fashion-cnn", "cifar-cnn")} == {
        "article": "mnist",
        "fashion-cnn": "fashion-mnist",
        "cifar-cnn": "cifar10",
    }


def test_a_dataset_without_presets_is_offered_those_of_the_article_s() -> None:
    assert presets_for("fashion-mnist") == ["fashion-dense", "fashion-cnn"]
    assert presets_for("mnist-sample") == presets_for("pets") == presets_for("mnist")


def test_the_article_is_about_the_default_and_its_stand_in_needs_no_download() -> None:
    assert TrainingConfig().dataset == known.DEFAULT == "mnist"
    assert known.article_accuracy(known.DEFAULT) == 0.9803
    assert known.BUILT_IN == "mnist-sample"
    assert places.available(known.BUILT_IN)


def test_an_entry_is_enough_for_a_dataset_to_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(
        known.SPECS["cifar10"],
        title="Made",
        digits=True,
        bar=0.5,
        article_accuracy=0.4,
        presets=("tiny",),
    )
    monkeypatch.setitem(known.SPECS, "made", spec)

    assert known.title("made") == "Made"
    assert known.is_digits("made")
    assert (known.bar("made"), known.article_accuracy("made")) == (0.5, 0.4)
    assert presets_for("made") == ["tiny"]


def test_of_one_s_own_data_only_its_name_is_known() -> None:
    assert known.title("pets") == "pets"
    assert not known.is_digits("pets")
    assert known.bar("pets") is known.article_accuracy("pets") is None
