"""Commands and links: they give back the configuration, and a link's faults are named."""

import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_core.cli.main import build_parser
from mnist_core.cli.train import config_of
from mnist_core.config import FIELDS, TrainingConfig
from mnist_core.fields import applies, bounds, choices, word
from mnist_core.link import (
    LISTS,
    SWITCHES,
    arguments,
    command,
    form_values,
    link_parameters,
    read_link,
)
from mnist_core.presets import PRESETS, apply_preset


def values(name: str) -> st.SearchStrategy[Any]:
    """What a field allows, by its own type and bounds."""
    field = TrainingConfig.model_fields[name]
    if name in LISTS:
        least, most = (1, 6) if name == "filters" else (0, 8)
        return st.lists(st.integers(1, 512), min_size=least, max_size=most).map(tuple)
    if choices(field):
        return st.sampled_from(choices(field))
    if field.annotation is bool:
        return st.booleans()
    low, high = bounds(field)
    numbers: st.SearchStrategy[Any]
    numbers = (
        st.floats(low, high) if field.annotation is float else st.integers(int(low), int(high))
    )
    return st.none() | numbers if name in SWITCHES else numbers


def fits(fields: dict[str, Any]) -> bool:
    if fields["architecture"] == "dense" and not fields["widths"]:
        return False
    return fields["patience"] is None or fields["validation_share"] > 0


def configuration(fields: dict[str, Any]) -> TrainingConfig:
    """Of the fields, those that apply beside the others."""
    return TrainingConfig(**{n: fields[n] for n in fields if applies(FIELDS[n], fields)})


configs = (
    st.fixed_dictionaries({name: values(name) for name in TrainingConfig.model_fields})
    .filter(fits)
    .map(configuration)
)


def parsed(line: str) -> TrainingConfig:
    """What a shell would start."""
    program, *rest = shlex.split(line)
    assert program == "digit-lab"
    return config_of(build_parser("digit-lab").parse_args(rest))


@given(configs)
def test_the_command_starts_the_same_configuration(config: TrainingConfig) -> None:
    assert parsed(command(config)) == config


@pytest.mark.parametrize("preset", PRESETS)
def test_the_command_names_the_preset_and_what_differs_from_it(preset: str) -> None:
    start = apply_preset(preset, TrainingConfig(dataset="mnist-sample", seed=3))
    flags = arguments(start.model_copy(update={"epochs": 4}))

    named = [] if preset == "article" else ["--preset", preset]
    assert flags == ["--dataset", "mnist-sample", *named, "--epochs", "4", "--seed", "3"]


@given(configs)
def test_a_link_gives_back_every_setting(config: TrainingConfig) -> None:
    parameters = link_parameters(config)

    assert read_link(parameters) == (parameters, [])
    texts = {
        name: word(FIELDS[name], value) if isinstance(value, str) else str(value)
        for name, value in form_values(config).items()
    }
    assert {name: text.lower() for name, text in parameters.items()} == {
        name: text.lower() for name, text in texts.items()
    }


def test_every_field_has_a_parameter() -> None:
    config = TrainingConfig(
        **dict.fromkeys(SWITCHES, 1), architecture="convolutional", optimizer="sgd"
    )
    fields = set(TrainingConfig.model_fields)

    assert fields - set(LISTS) <= set(form_values(config))
    assert not {name for name in fields if isinstance(getattr(config, name), tuple)} - set(LISTS), (
        "a field of several values needs its parameters in LISTS"
    )


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("epochs", "9999", "epochs is '9999'; allowed: a whole number from 1 to 200"),
        ("epochs", "2.7", "epochs is '2.7'; allowed: a whole number from 1 to 200"),
        ("epochs", "", "epochs is ''; allowed: a whole number from 1 to 200"),
        ("dropout", "half", "dropout is 'half'; allowed: a number from 0 to 0.9"),
        ("learning_rate", "nan", "learning_rate is 'nan'; allowed: a number from 1e-05 to 1"),
        (
            "dataset",
            "cats",
            "dataset is 'cats'; allowed: MNIST, MNIST sample",
        ),
        ("optimizer", "Adam!", "optimizer is 'Adam!'; allowed: Adam, SGD with momentum, RMSprop"),
        ("layers", "9", "layers is '9'; allowed: 1 to 8 layers of 1 to 4,096 units each"),
        ("width_2", "0", "width_2 is '0'; allowed: 1 to 8 layers of 1 to 4,096 units each"),
        ("early_stopping", "perhaps", "early_stopping is 'perhaps'; allowed: true or false"),
        (
            "width_9",
            "10",
            "'width_9' is not a setting; allowed: dataset, architecture, layers, width_1,",
        ),
        (
            "colour",
            "red",
            "'colour' is not a setting; allowed: dataset, architecture, layers, width_1,",
        ),
    ],
)
def test_what_a_link_can_not_ask_for_is_named_and_the_rest_kept(
    name: str, text: str, words: str
) -> None:
    link = read_link({"seed": "3", name: text, "run": "20260101-000000-abcd"})

    assert link.parameters == {"seed": "3", "run": "20260101-000000-abcd"}
    (problem,) = link.problems
    assert problem.startswith(words)


def test_unknown_parameters_are_named_together() -> None:
    (problem,) = read_link({"colour": "red", "size": "big"}).problems

    assert problem.startswith(
        "'colour', 'size' are not settings; allowed: dataset, architecture, layers,"
    )


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ({"optimizer": "sgd"}, {"optimizer": "SGD with momentum"}),
        ({"optimizer": "SGD with momentum"}, {"optimizer": "SGD with momentum"}),
        ({"patience": "5"}, {"patience": "5", "early_stopping": "true"}),
        ({"patience": "none"}, {"early_stopping": "false"}),
        ({"early_stopping": "YES"}, {"early_stopping": "true"}),
        ({"dropout": "0.10"}, {"dropout": "0.10"}),
    ],
)
def test_a_link_written_by_hand_may_use_the_values_of_the_command_line(
    given: dict[str, str], understood: dict[str, str]
) -> None:
    assert read_link(given) == (understood, [])
