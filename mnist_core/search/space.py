"""What a study varies: where it looks for each setting, and how a configuration is made of that."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from mnist_core.config import FIELDS, ConfigError, TrainingConfig, read_config
from mnist_core.fields import allowed, applies, bounds, choices, list_bounds, setting

VARIABLE = tuple(name for name, field in FIELDS.items() if setting(field).search)
"""The settings that a study can vary, in the order of tables and flags."""
DIGITS = 3
"""Significant ones of a number that a study tries: more of them say nothing."""


class Range(BaseModel):
    """Numbers between bounds, both included; of a field of several values, each of them."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    low: float
    high: float
    log: bool = False
    """Whether it is the factor between two values that counts, not their difference."""
    fewest: int = Field(0, ge=0)
    """Of a field of several values: how many there are at least. 0 for other fields."""
    most: int = Field(0, ge=0)
    """And at most."""


class Options(BaseModel):
    """Some values of which one is chosen."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    values: tuple[bool | int | float | str, ...] = Field(min_length=1)


Where = Range | Options
Space = Mapping[str, Where]
"""The settings that vary, by name."""


def usual(name: str) -> Where:
    """Where a study looks for a setting if nobody says so.

    Raises:
        ConfigError: it is none, or none that a study can vary.
    """
    field = _field(name)
    if options := _options(field):
        return Options(values=options)
    search = setting(field).search
    assert search
    several = setting(field).parts is not None
    fewest = max(1, list_bounds(field)[0][0]) if several else 0
    return Range(
        low=search.low,
        high=search.high,
        log=search.log,
        fewest=fewest,
        most=search.most if several else 0,
    )


def read_where(text: str) -> tuple[str, Where]:
    """What stands on the command line behind ``--vary``.

    Args:
        text: ``NAME``; ``NAME=LOW..HIGH``; ``NAME=ONE,OTHER,...``; or, of several values,
            ``NAME=FEWEST..MOSTxLOW..HIGH``, e.g. ``widths=1..3x32..1024``.

    Raises:
        ConfigError: it can't be read, or a value is none that the setting allows.
    """
    name, given, values = text.partition("=")
    name = name.strip().replace("-", "_")
    where = usual(name)
    if not given:
        return name, where
    if isinstance(where, Range) and ".." in values:
        counts, several, span = values.rpartition("x")
        bounds = dict(zip(("low", "high"), _span(name, span), strict=True))
        if several:
            if not where.most:
                raise ConfigError(f"{name} is {values!r}; only a setting of several values has x")
            bounds |= dict(zip(("fewest", "most"), _span(name, counts), strict=True))
        return name, within(name, bounds)
    options = tuple(_value(name, value.strip()) for value in values.split(","))
    return name, check(name, Options(values=options))


def within(name: str, bounds: Mapping[str, float]) -> Range:
    """The usual range of a setting, with other bounds.

    Args:
        bounds: some of the fields of :class:`Range`.

    Raises:
        ConfigError: names the setting, what was asked for and what is allowed.
    """
    values = usual(name).model_dump() | dict(bounds)
    check(name, Range.model_construct(**values))  # first: it says what is allowed
    return Range(**values)


def check(name: str, where: Where) -> Where:
    """Refuse a place to look at where the setting has values that are not allowed.

    Raises:
        ConfigError: names the setting, what was asked for and what is allowed.
    """
    field = _field(name)
    if isinstance(where, Options):
        if setting(field).parts:
            raise ConfigError(
                f"{name} is varied among {where.values}; allowed: a range, "
                "LOW..HIGH or FEWEST..MOSTxLOW..HIGH"
            )
        among: tuple[Any, ...] = _options(field) or where.values
        for value in where.values:
            is_allowed = value in among
            if is_allowed and not _options(field):
                low, high = bounds(field)
                whole = isinstance(value, int)
                is_number = whole or (field.annotation is float and isinstance(value, float))
                is_allowed = is_number and low <= value <= high  # type: ignore[operator]
            if not is_allowed:
                raise ConfigError(
                    f"{name} is varied among {value}; allowed: {allowed(FIELDS[name], typed=True)}"
                )
        return where
    if _options(field):
        raise ConfigError(f"{name} is varied in a range; allowed: some of {allowed(field, True)}")
    if setting(field).parts:
        (fewest, most), (least, greatest) = list_bounds(field)
        are_whole = _is_whole(where.fewest) and _is_whole(where.most)
        if are_whole and where.fewest > where.most:
            raise ConfigError(
                f"{name} is varied between {where.fewest:g} and {where.most:g} values; allowed: "
                "the smaller number first"
            )
        if not are_whole or not max(1, fewest) <= where.fewest <= where.most <= most:
            raise ConfigError(
                f"{name} is varied between {where.fewest:g} and {where.most:g} values; allowed: "
                f"{allowed(FIELDS[name], typed=True)}"
            )
    else:
        least, greatest = bounds(field)  # type: ignore[assignment]
    if least <= where.high <= where.low <= greatest:
        raise ConfigError(
            f"{name} is varied from {where.low:g} to {where.high:g}; allowed: the smaller number "
            "first, and a greater one after it"
        )
    in_order = least <= where.low < where.high <= greatest and (where.low > 0 or not where.log)
    are_whole = field.annotation is float or (_is_whole(where.low) and _is_whole(where.high))
    if not in_order or not are_whole:
        raise ConfigError(
            f"{name} is varied from {where.low:g} to {where.high:g}; allowed: "
            f"{allowed(field, typed=True)}"
        )
    return where


def suggested(space: Space, base: TrainingConfig, trial: optuna.Trial) -> TrainingConfig:
    """The configuration that a trial of Optuna's asks for; ``base`` where nothing varies."""
    values = base.model_dump()
    for name, field in FIELDS.items():  # in their order: what decides stands before what it decides
        if not applies(field, values):
            del values[name]
        elif name in space:
            values[name] = _suggest(name, space[name], trial)
    return read_config(values, of_a_run=True)


def parameters(space: Space, config: TrainingConfig) -> dict[str, Any]:
    """What a trial of Optuna's with that configuration was given, by its parameters' names."""
    found: dict[str, Any] = {}
    for name, where in space.items():
        if not config.uses(name):
            continue
        value = getattr(config, name)
        if isinstance(where, Range) and where.most:
            found[count_of(name)] = len(value)
            found |= {one_of(name, i): one for i, one in enumerate(value)}
        else:
            found[name] = value
    return found


def fits(space: Space, config: TrainingConfig) -> bool:
    """Whether a study could have come to that configuration, and so can learn from it."""
    every = _distributions(tuple(space.items()))
    found = parameters(space, config)
    return all(name in every and _lies_in(every[name], value) for name, value in found.items())


def distributions(space: Space, config: TrainingConfig) -> dict[str, BaseDistribution]:
    """Where each of :func:`parameters` could lie."""
    every = _distributions(tuple(space.items()))
    return {name: every[name] for name in parameters(space, config)}


def _lies_in(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return bool(value in distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    return bool(distribution.low <= value <= distribution.high)


@lru_cache(maxsize=8)  # each suggestion asks for it once for every trial
def _distributions(space: tuple[tuple[str, Where], ...]) -> Mapping[str, BaseDistribution]:
    """Where each parameter of Optuna's can lie, by its name."""
    found: dict[str, BaseDistribution] = {}
    for name, where in space:
        one = _distribution(FIELDS[name], where)
        if isinstance(where, Range) and where.most:
            found[count_of(name)] = IntDistribution(where.fewest, where.most)
            found |= {one_of(name, i): one for i in range(where.most)}
        else:
            found[name] = one
    return found


def _distribution(field: FieldInfo, where: Where) -> BaseDistribution:
    if isinstance(where, Options):
        return CategoricalDistribution(where.values)
    if field.annotation is float:
        return FloatDistribution(where.low, where.high, log=where.log)
    return IntDistribution(int(where.low), int(where.high), log=where.log)


def _suggest(name: str, where: Where, trial: optuna.Trial) -> Any:
    def one(parameter: str) -> Any:
        if isinstance(where, Options):
            return trial.suggest_categorical(parameter, where.values)
        if FIELDS[name].annotation is not float:
            return trial.suggest_int(parameter, int(where.low), int(where.high), log=where.log)
        value = trial.suggest_float(parameter, where.low, where.high, log=where.log)
        return min(max(float(f"{value:.{DIGITS}g}"), where.low), where.high)

    if not (isinstance(where, Range) and where.most):
        return one(name)
    count = trial.suggest_int(count_of(name), where.fewest, where.most)
    return tuple(one(one_of(name, i)) for i in range(count))


def count_of(name: str) -> str:
    """What Optuna calls how many values a field of several has."""
    part = setting(FIELDS[name]).parts
    assert part
    return f"{name}: {part[0]}"


def one_of(name: str, place: int) -> str:
    """What Optuna calls one of them."""
    return f"{name} {place + 1}"


def _field(name: str) -> FieldInfo:
    """A setting that a study can vary."""
    if name not in VARIABLE:
        raise ConfigError(f"{name} can't be varied; allowed: {', '.join(VARIABLE)}")
    return FIELDS[name]


def _is_whole(number: float) -> bool:
    return float(number).is_integer()


def _options(field: FieldInfo) -> tuple[str | bool, ...]:
    """What a setting is chosen among; () of a number."""
    return (False, True) if field.annotation is bool else choices(field)


def _span(name: str, text: str) -> tuple[float, float]:
    low, given, high = text.partition("..")
    if not given:
        raise ConfigError(f"{name} is varied in {text!r}; a range is written LOW..HIGH")
    return _number(name, low), _number(name, high)


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{name} is varied to {text!r}, which is no number") from None


def _value(name: str, text: str) -> bool | int | float | str:
    field = FIELDS[name]
    if field.annotation is bool:
        if text not in ("true", "false"):
            raise ConfigError(f"{name} is varied among {text!r}; allowed: true, false")
        return text == "true"
    if choices(field):
        return text
    number = _number(name, text)
    return int(number) if field.annotation is int and number.is_integer() else number
