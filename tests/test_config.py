"""TrainingConfig: the article's recipe, its bounds, and what is said of a wrong value."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_core.config import (
    FIELDS,
    ConfigError,
    TrainingConfig,
    read_config,
)
from mnist_core.data import known
from mnist_core.fields import allowed, bounds, choices, list_bounds, setting, shown


def test_defaults_are_the_articles_recipe() -> None:
    assert TrainingConfig().model_dump() == {
        "dataset": "mnist",
        "architecture": "dense",
        "filters": (32, 64),
        "kernel_size": 3,
        "convolutions": 1,
        "batch_normalization": True,
        "block_dropout": 0.0,
        "widths": (512, 256),
        "dropout": 0.2,
        "activation": "relu",
        "optimizer": "adam",
        "nesterov": False,
        "learning_rate": 0.001,
        "schedule": "constant",
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
        "ema": 0.0,
        "batch_size": 64,
        "epochs": 10,
        "shift": 0.0,
        "rotation": 0.0,
        "scale": 0.0,
        "shear": 0.0,
        "elastic": 0.0,
        "flip": False,
        "erasing": 0.0,
        "validation_share": 0.1,
        "patience": None,
        "seed": 1,
        "tensorboard": False,
    }


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"dropout": 1.5}, "dropout is 1.5; allowed: a number from 0 to 0.9"),
        ({"epochs": "many"}, "epochs is 'many'; allowed: a whole number from 1 to 200"),
        ({"widths": [512, 0]}, "widths is 0; allowed: 1 to 8 layers of 1 to 4,096 units each"),
        ({"widths": []}, "widths is none; allowed: 1 to 8 layers of 1 to 4,096 units each"),
        ({"activation": "step"}, "activation is 'step'; allowed: relu, gelu, tanh, sigmoid"),
        (
            {"learning_rate": float("nan")},
            "learning_rate is nan; allowed: a number from 1e-05 to 1",
        ),
        ({"patience": 0}, "patience is 0; allowed: a whole number from 1 to 50, or none for off"),
        ({"tensorboard": "loud"}, "tensorboard is 'loud'; allowed: true or false"),
        ({"layers": 2}, "layers is not a setting; allowed: dataset, architecture, filters"),
        ({"filters": []}, "filters is none; allowed: 1 to 6 blocks of 1 to 512 filters each"),
        ({"flip": "perhaps"}, "flip is 'perhaps'; allowed: true or false"),
        (
            {"filters": [8]},
            "filters is 8, but only a convolutional network has that: leave it out, or set",
        ),
        (
            {"nesterov": True},
            "nesterov is true, but only SGD with momentum has that: leave it out, or set optimizer "
            "to sgd",
        ),
        (
            {"patience": 2, "validation_share": 0},
            "Early stopping (patience) watches the validation loss",
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(values: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_config(values)

    assert str(refusal.value).startswith(words)


@pytest.mark.parametrize(
    ("values", "typed", "in_the_form"),
    [
        (
            {"optimizer": "x"},
            "optimizer is 'x'; allowed: adam, sgd (SGD with momentum), rmsprop",
            "Optimizer: 'x' is refused; allowed: Adam, SGD with momentum, RMSprop",
        ),
        (
            {"widths": (8,) * 9},
            "widths is 8-8-8-8-8-8-8-8-8; allowed: 1 to 8 layers of",
            "Hidden layers: 8-8-8-8-8-8-8-8-8 is refused; allowed: 1 to 8 layers of",
        ),
    ],
)
def test_choices_are_named_as_they_are_typed_and_in_the_form_by_their_words(
    values: dict[str, object], typed: str, in_the_form: str
) -> None:
    for words, by_title in ((typed, False), (in_the_form, True)):
        with pytest.raises(ConfigError) as refusal:
            read_config(values, by_title=by_title)
        assert str(refusal.value).startswith(words)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as refusal:
        read_config({"dropout": 2, "epochs": 0})

    assert len(str(refusal.value).splitlines()) == 2


@given(
    st.builds(
        TrainingConfig,
        widths=st.lists(st.integers(1, 4096), min_size=1, max_size=8).map(tuple),
        dropout=st.floats(0, 0.9),
        learning_rate=st.floats(1e-5, 1),
        epochs=st.integers(1, 200),
        patience=st.none() | st.integers(1, 50),
        seed=st.integers(0, 2**31 - 1),
    )
)
def test_json_gives_back_the_same_config(config: TrainingConfig) -> None:
    assert TrainingConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize("name", TrainingConfig.model_fields)
def test_every_field_can_be_shown_and_explained(name: str) -> None:
    field = TrainingConfig.model_fields[name]

    assert field.title
    assert field.description
    assert allowed(field)
    if isinstance(getattr(TrainingConfig(), name), tuple):
        (fewest, most), (least, greatest) = list_bounds(field)
        assert 0 <= fewest < most
        assert least < greatest
    elif not choices(field) and not isinstance(getattr(TrainingConfig(), name), bool):
        low, high = bounds(field)
        assert low < high


@pytest.mark.parametrize("name", TrainingConfig.model_fields)
def test_every_choice_has_its_words_and_every_condition_can_be_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("DIGIT_LAB_DATA", str(tmp_path))  # without data of one's own
    words, only = setting(FIELDS[name]).words, setting(FIELDS[name]).only

    assert set(choices(FIELDS[name])) == set(words)
    if only:
        before = list(FIELDS)[: list(FIELDS).index(name)]
        assert only.field in before  # the form asks in this order
        assert only.value in choices(FIELDS[only.field])


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("optimizer", "sgd", "SGD with momentum"),
        ("dataset", "mnist-sample", "MNIST sample"),
        ("dataset", "sgd", "sgd"),  # somebody's own
        ("widths", (512, 256), "512-256"),
        ("widths", (), "none"),
        ("flip", True, "on"),
        ("patience", None, "off"),
        ("kernel_size", None, "–"),
        ("dropout", 0.2, "0.2"),
    ],
)
def test_a_setting_is_shown_in_words(name: str, value: object, words: str) -> None:
    assert shown(FIELDS[name], value) == words


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a dataset of one's own."""
    monkeypatch.setenv("DIGIT_LAB_DATA", str(tmp_path))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "pets.npz").touch()


def test_the_datasets_to_choose_from_are_the_known_ones_and_ones_own(pets: None) -> None:
    assert choices(FIELDS["dataset"]) == (*known.SPECS, "pets")
    assert read_config({"dataset": "pets"}).dataset == "pets"


@pytest.mark.parametrize("name", ["zoo", "Zoo!"])
def test_another_dataset_is_refused_with_those_that_are_here(pets: None, name: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        read_config({"dataset": name})

    assert str(refusal.value) == f"dataset is {name!r}; allowed: {', '.join(known.SPECS)}, pets"


def test_the_config_of_a_run_is_read_also_where_its_dataset_is_gone(pets: None) -> None:
    assert read_config({"dataset": "zoo"}, of_a_run=True).dataset == "zoo"
    with pytest.raises(ConfigError, match=r"^dataset is '../zoo'; allowed: mnist"):
        read_config({"dataset": "../zoo"}, of_a_run=True)
