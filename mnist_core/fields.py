"""What a field of a configuration says about itself, and how that is read.

Default, title, help and bounds are pydantic's own; the rest is a :class:`Setting` among the field's
metadata.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic.fields import FieldInfo

Group = Literal["network", "convolutions", "optimizer", "augmentation", "validation"]
"""The parts of the form."""


class Only(NamedTuple):
    """The choice that must be taken elsewhere for a field to mean anything."""

    field: str
    value: str
    whose: str
    """Who has the field then, for a refusal, e.g. ``"a convolutional network"``."""


class Search(NamedTuple):
    """Where a search looks for a better value by itself: between bounds, or among all choices."""

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    """Whether it is the factor between two values that counts, not their difference."""
    most: int = 1
    """Of a field of several values: how many there are at most."""


@dataclass(frozen=True)
class Setting:
    """What pydantic has no place for."""

    group: Group
    _: KW_ONLY
    only: Only | None = None
    """Without it, the field always applies; else it has its default where it does not."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What people call its choices; one that is not here is called as it is."""
    offered: Callable[[], tuple[str, ...]] | None = None
    """The choices, where they depend on the machine."""
    parts: tuple[str, str] | None = None
    """Of a field of several values: what there are several of, and what is counted in each."""
    none: str = ""
    """When there may be none, e.g. ``"for off"``; empty: never."""
    step: float | None = None
    """How far a click on its widget goes; None for 1."""
    format: str | None = None
    """Of a number with digits that a slider is too coarse for: how its widget writes it."""
    narrow: bool = False
    """Whether its widget can share a row."""
    search: Search | None = None
    """None: it is not for a search to vary."""


def setting(field: FieldInfo) -> Setting:
    """What a field says about itself."""
    return next(m for m in field.metadata if isinstance(m, Setting))


def applies(field: FieldInfo, values: Mapping[str, Any]) -> bool:
    """Whether a field means anything beside these ``values`` of others, by name."""
    only = setting(field).only
    return only is None or values.get(only.field) == only.value


def bounds(field: FieldInfo) -> tuple[float, float]:
    """The least and the greatest allowed value of a numeric field."""
    kind = float if field.annotation is float else int
    low: Any = next(m.ge for m in field.metadata if isinstance(m, Ge))
    high: Any = next(m.le for m in field.metadata if isinstance(m, Le))
    return kind(low), kind(high)


def list_bounds(field: FieldInfo) -> tuple[tuple[int, int], tuple[int, int]]:
    """Of a field of several values: how many there may be, and how large each one may be."""
    fewest = next(m.min_length for m in field.metadata if isinstance(m, MinLen))
    most = next(m.max_length for m in field.metadata if isinstance(m, MaxLen))
    item = get_args(get_args(field.annotation)[0])
    low: Any = next(m.ge for m in item if isinstance(m, Ge))
    high: Any = next(m.le for m in item if isinstance(m, Le))
    return (fewest, most), (low, high)


def choices(field: FieldInfo) -> tuple[str, ...]:
    """The allowed values of a field that is a choice, in the order to show them; () for others."""
    offered = setting(field).offered
    if offered:
        return offered()
    values = get_args(field.annotation)
    return values if values and all(isinstance(v, str) for v in values) else ()


def word(field: FieldInfo, choice: str) -> str:
    """What people call a choice, e.g. ``"SGD with momentum"``."""
    return setting(field).words.get(choice, choice)


def allowed(field: FieldInfo, typed: bool = False) -> str:
    """What a field accepts, in words, e.g. ``"a number from 0 to 0.9"``.

    Args:
        typed: a choice is named as it is typed on the command line and kept in files.
    """
    if choices(field):
        return ", ".join((_typed if typed else word)(field, choice) for choice in choices(field))
    if field.annotation is bool:
        return "true or false"
    none = setting(field).none
    return f"{_span(field)}, or none {none}" if none else _span(field)


def _span(field: FieldInfo) -> str:
    """Between which bounds a number, or several of them, may be."""
    parts = setting(field).parts
    if parts:
        (fewest, most), (least, greatest) = list_bounds(field)
        each = f"{least:,} to {greatest:,} {parts[1]} each"
        return f"{max(fewest, 1)} to {most} {parts[0]} of {each}"
    low, high = bounds(field)
    if field.annotation is float:
        return f"a number from {low:g} to {high:g}"
    return f"a whole number from {low:,} to {high:,}"


def _typed(field: FieldInfo, choice: str) -> str:
    """A choice as it is typed, and what it is called where that is more than other letters."""
    called = word(field, choice)
    alike = _letters(called) == _letters(choice)
    return choice if alike else f"{choice} ({called})"


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text).casefold()


def shown(field: FieldInfo, value: Any) -> str:
    """A value for people to read, e.g. ``"512-256"``, ``"off"``, ``"SGD with momentum"``.

    None stands for a field that does not apply, or for one that may be none.
    """
    if isinstance(value, list | tuple):
        return "-".join(map(str, value)) or "none"
    if value is None and setting(field).only:
        return "–"
    if value is None or isinstance(value, bool):
        return "on" if value else "off"
    return word(field, value) if isinstance(value, str) else str(value)
