"""A configuration to pass on: as a command, and as the parameters of a link."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, get_args

from annotated_types import Ge, Le
from pydantic import ConfigDict, TypeAdapter, ValidationError

from mnist_core.config import FIELDS, TrainingConfig
from mnist_core.fields import allowed, choices, list_bounds, word
from mnist_core.presets import PRESETS, preset_settings

# --- A command ------------------------------------------------------------------------------------


def command(config: TrainingConfig) -> str:
    """The line for a shell that trains the same network again."""
    return shlex.join(["digit-lab", "train", *arguments(config)])


def arguments(config: TrainingConfig) -> list[str]:
    """What follows ``train`` on the command line: the nearest preset, and what differs from it.

    The dataset is always written out: which one is taken without it depends on the machine.
    """
    candidates = [_arguments_after(preset, config) for preset in PRESETS]
    return ["--dataset", config.dataset, *min(candidates, key=len)]


def _arguments_after(preset: str, config: TrainingConfig) -> list[str]:
    # What the flag of an architecture, which comes first, makes of the preset.
    start = TrainingConfig(
        **{"dataset": config.dataset, "architecture": config.architecture}
        | preset_settings(preset, config.architecture)
    )
    written = [] if preset == next(iter(PRESETS)) else ["--preset", preset]
    if config.architecture != PRESETS[preset].settings.get("architecture", "dense"):
        written += ["--architecture", config.architecture]
    for name, value in config:
        if value != getattr(start, name):
            written += [f"--{name.replace('_', '-')}", *_words(value)]
    return written


def _words(value: Any) -> list[str]:
    if isinstance(value, tuple):
        return [word for item in value for word in _words(item)]
    return [str(value).lower() if value is None or isinstance(value, bool) else str(value)]


# --- A link. A parameter is named like its field, and like the key of its widget, but for these ---

LISTS = {"widths": ("layers", "width"), "filters": ("blocks", "filters")}
"""Field to the parameter that says how many, and to the one for each (``width_1``, ``width_2``)."""
SWITCHES = {"patience": "early_stopping"}
"""Field that may be None, to the parameter that switches it on."""
OTHERS = {"run", "compare", "baseline"}
"""What the pages write into a link beside the settings."""


class Link(NamedTuple):
    """What could be read of a link, and what could not."""

    parameters: dict[str, str]
    """As the widgets write them."""
    problems: list[str]
    """Each names a parameter, its value and what is allowed."""


def form_values(config: TrainingConfig) -> dict[str, Any]:
    """Parameter to value, for every widget that ``config`` needs."""
    values: dict[str, Any] = {}
    for name, value in config:
        if not config.uses(name):
            continue
        if name in LISTS:
            count, each = LISTS[name]
            values[count] = len(value)
            values |= {f"{each}_{number}": item for number, item in enumerate(value, start=1)}
        elif name in SWITCHES:
            values[SWITCHES[name]] = value is not None
            if value is not None:
                values[name] = value
        else:
            values[name] = value
    return values


def link_parameters(config: TrainingConfig) -> dict[str, str]:
    """All settings, also those that are as they are by default; choices as people call them."""
    return {name: _text(name, value) for name, value in form_values(config).items()}


def read_link(given: Mapping[str, str]) -> Link:
    """Check a link's parameters, those that people have written by hand, too.

    A choice may be written as people call it, or as on the command line.
    """
    known = _parameters()
    context = {"datasets": choices(FIELDS["dataset"])}
    parameters, problems = {}, []
    unknown = []
    for name, text in given.items():
        if name in OTHERS:
            parameters[name] = text
        elif name in SWITCHES and text == "none":
            parameters[SWITCHES[name]] = "false"
        elif name not in known:
            unknown.append(repr(name))
        else:
            try:
                value = known[name].accepts.validate_python(_choice(name, text), context=context)
            except ValidationError:
                problems.append(f"{name} is {text!r}; allowed: {known[name].allowed}")
            else:
                # Numbers stay as they are: written anew, 0.10 would differ from what was given.
                is_word = isinstance(value, str | bool)
                parameters[name] = _text(name, value) if is_word else text
    if unknown:
        no_setting = "is not a setting" if len(unknown) == 1 else "are not settings"
        settings = ", ".join(form_values(TrainingConfig()))
        problems.append(f"{', '.join(unknown)} {no_setting}; allowed: {settings}")
    for name, switch in SWITCHES.items():
        if name in parameters:
            parameters.setdefault(switch, "true")
    return Link(parameters, problems)


class _Parameter(NamedTuple):
    accepts: TypeAdapter[Any]
    allowed: str


def parameters() -> frozenset[str]:
    """The names of all that a form can have, whatever its settings."""
    return frozenset(_parameters())


def _parameters() -> dict[str, _Parameter]:
    """Every parameter that a form can have, by the fields' own types and bounds."""
    known: dict[str, _Parameter] = {}
    for name, field in FIELDS.items():
        words = allowed(field)
        if name in LISTS:
            count, each = LISTS[name]
            (least, most), _ = list_bounds(field)
            known[count] = _Parameter(TypeAdapter(Annotated[int, Ge(least), Le(most)]), words)
            item = _Parameter(TypeAdapter(get_args(field.annotation)[0]), words)
            known |= {f"{each}_{number}": item for number in range(1, most + 1)}
            continue
        kind: Any = field.annotation
        for constraint in field.metadata:
            kind = Annotated[kind, constraint]
        known[name] = _Parameter(TypeAdapter(kind, config=ConfigDict(allow_inf_nan=False)), words)
        if name in SWITCHES:
            known[SWITCHES[name]] = _Parameter(TypeAdapter(bool), "true or false")
    return known


def _choice(name: str, text: str) -> str:
    if name not in FIELDS:
        return text
    field = FIELDS[name]
    return next((choice for choice in choices(field) if word(field, choice) == text), text)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return word(FIELDS[name], value) if isinstance(value, str) else str(value)
