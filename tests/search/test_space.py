"""Where a study looks for settings, and that it comes to allowed configurations alone."""

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_core.config import FIELDS, ConfigError, TrainingConfig
from mnist_core.fields import bounds, list_bounds, setting
from mnist_core.search.space import (
    VARIABLE,
    Options,
    Range,
    check,
    fits,
    parameters,
    read_where,
    suggested,
    usual,
)

DENSE = TrainingConfig(dataset="mnist-sample")


@pytest.mark.parametrize("name", VARIABLE)
def test_a_study_looks_by_itself_where_the_setting_has_its_values(name: str) -> None:
    where = usual(name)

    assert check(name, where) == where
    if isinstance(where, Range):
        several = setting(FIELDS[name]).parts
        least, greatest = list_bounds(FIELDS[name])[1] if several else bounds(FIELDS[name])
        assert least <= where.low < where.high <= greatest


def test_what_would_not_be_a_setting_of_the_network_is_not_varied() -> None:
    assert not {"dataset", "seed", "epochs", "validation_share", "tensorboard"} & {*VARIABLE}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("learning_rate=0.0003..0.01", Range(low=0.0003, high=0.01, log=True)),
        ("learning-rate=0.0003..0.01", Range(low=0.0003, high=0.01, log=True)),
        ("dropout=0..0.3", Range(low=0, high=0.3)),
        ("widths=64..256", Range(low=64, high=256, log=True, fewest=1, most=3)),
        ("widths=2..4x64..256", Range(low=64, high=256, log=True, fewest=2, most=4)),
        ("batch_size=32,64", Options(values=(32, 64))),
        ("schedule=constant,cosine", Options(values=("constant", "cosine"))),
        ("flip=true", Options(values=(True,))),
    ],
)
def test_a_range_is_read(text: str, where: object) -> None:
    assert read_where(text)[1] == where


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("speed", "speed can't be varied; allowed: architecture, "),
        ("seed", "seed can't be varied"),
        ("learning_rate=5..7", "learning_rate is varied from 5 to 7; allowed: a number from 1e-05"),
        ("learning_rate=0.1..0.01", "varied from 0.1 to 0.01"),
        ("learning_rate=a..b", "varied to 'a', which is no number"),
        ("dropout=0.1,2", r"varied among 2.0; allowed: a number from 0 to 0.9"),
        ("dropout=1x0..0.3", "only a setting of several values has x"),
        ("batch_size=16.5,32", "varied among 16.5; allowed: a whole number"),
        ("widths=64,128", "allowed: a range"),
        ("widths=0..3x64..128", "between 0 and 3 values"),
        ("widths=1..9x64..128", "between 1 and 9 values"),
        ("optimizer=adam,magic", "varied among magic; allowed: adam, sgd"),
        ("flip=yes", "varied among 'yes'; allowed: true, false"),
        ("widths=1.5..3x64..128", "between 1.5 and 3 values"),
        ("widths=64.5..128", "varied from 64.5 to 128"),
    ],
)
def test_what_can_not_be_a_range_is_named(text: str, named: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_where(text)
    assert named in str(refused.value)


def test_a_range_is_none_of_choices() -> None:
    with pytest.raises(ConfigError, match="schedule is varied in a range; allowed: some of const"):
        check("schedule", Range(low=1, high=2))


@given(
    names=st.sets(st.sampled_from(VARIABLE), min_size=1),
    seed=st.integers(0, 2**31 - 1),
    convolutional=st.booleans(),
)
def test_what_is_suggested_is_allowed_and_recognized(
    names: set[str], seed: int, convolutional: bool
) -> None:
    base = DENSE
    if convolutional:
        base = TrainingConfig(dataset="mnist-sample", architecture="convolutional")
    space = {name: usual(name) for name in names}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed))
    trial = study.ask()

    config = suggested(space, base, trial)

    assert fits(space, config)
    found = parameters(space, config)
    assert found.keys() == trial.params.keys()
    for name, value in found.items():
        near = isinstance(value, float)
        assert value == (
            pytest.approx(trial.params[name], rel=0.01) if near else trial.params[name]
        )
    unvaried = {name for name in FIELDS if name not in names and config.uses(name)}
    assert all(getattr(config, name) == getattr(base, name) for name in unvaried if base.uses(name))


def test_a_configuration_from_elsewhere_is_not_taken_for_one_of_the_study() -> None:
    space = dict([read_where("widths=1..2x64..256"), read_where("learning_rate=0.001..0.01")])

    assert fits(space, DENSE.model_copy(update={"widths": (64, 256)}))
    assert not fits(space, DENSE.model_copy(update={"widths": (64, 64, 64)}))
    assert not fits(space, DENSE.model_copy(update={"widths": (32,)}))
    assert not fits(space, DENSE.model_copy(update={"widths": (64,), "learning_rate": 0.1}))
