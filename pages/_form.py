"""The form of the page Train: every setting, the button, and the network before it is trained."""

import functools
import itertools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Literal, NamedTuple

import streamlit as st
from pydantic.fields import FieldInfo
from streamlit.delta_generator import DeltaGenerator

from mnist_core import estimate
from mnist_core.config import (
    DEFAULT_WIDTHS,
    FIELDS,
    ConfigError,
    TrainingConfig,
    read_config,
)
from mnist_core.data import known, loading, places
from mnist_core.data.dataset import Outline
from mnist_core.data.loading import DatasetError
from mnist_core.estimate import Work
from mnist_core.fields import Group, applies, bounds, choices, list_bounds, setting, word
from mnist_core.link import LISTS, OTHERS, SWITCHES, form_values, link_parameters, parameters
from mnist_core.network import Layer, describe
from mnist_core.presets import (
    NOT_IN_PRESETS,
    PRESETS,
    apply_preset,
    measured,
    presets_for,
    tuned_on,
)
from mnist_core.runs.folder import Run
from mnist_core.runs.seeds import with_seeds
from mnist_core.words import duration, reason
from pages import _augmentation, _cached, _chosen, _compat, _link, _page, _state
from pages._number import whole_number
from pages._state import Notice

ONE_MORE = 128  # units or filters of a layer that the architecture has not by default

# --- The form: every setting lives in the URL, so that a reload or a link brings it back ---


def put_in_form(config: TrainingConfig) -> None:
    """Set every widget to ``config``'s values."""
    for key, value in form_values(config).items():
        st.session_state[key] = value
    _compat.put_in_address(in_address(config))


def in_address(config: TrainingConfig) -> dict[str, str | list[str] | None]:
    """What the address says of every widget that there may be; nothing, of one at its default."""
    deciding = {only.field for field in FIELDS.values() if (only := setting(field).only)}
    start = TrainingConfig(
        dataset=places.default_name(), **{name: getattr(config, name) for name in deciding}
    )
    by_default = form_values(start) | {name: FIELDS[name].default for name in deciding}
    values, texts = form_values(config), link_parameters(config)
    of_others = dict.fromkeys(parameters() - set(values))  # those that don't apply to it
    return of_others | {
        key: None if value == by_default.get(key) else written(key, value, texts[key])
        for key, value in values.items()
    }


def written(key: str, value: Any, text: str) -> str | list[str]:
    """A value as its widget writes it into the address."""
    if key in FIELDS and 0 < len(choices(FIELDS[key])) <= _page.MOST_BUTTONS:
        return [text]
    if key in FIELDS and is_slider(FIELDS[key]):
        return [f"{value:.15g}"]
    return text


def bring_back() -> None:
    """On arrival, make the form what it was when the page was left.

    That is in the address, but for one case: Streamlit takes the settings out of it before it
    changes the page, and the browser's Back leads there. And the address alone counts: where it has
    a widget's default, Streamlit would take what a preset had set in the session before.
    """
    if _state.FORM_SHOWN.get():
        return
    for key in parameters():
        st.session_state.pop(key, None)
    left, settings = _state.FORM_LEFT.get(), set(st.query_params) - OTHERS
    if left is None or settings:
        return
    changed = {key: text for key, text in in_address(left).items() if text is not None}
    if changed:
        st.query_params.update(changed)
        st.rerun()  # the widgets take their values from the address of a run's beginning


def take_preset() -> None:
    preset = _state.PRESET.take()
    if preset:
        kept = {name: st.session_state[name] for name in NOT_IN_PRESETS}
        put_in_form(apply_preset(preset, TrainingConfig(**kept)))


def field_widget(name: str, default: Any = None, **options: Any) -> Any:
    """The widget of a setting, made of what its field says."""
    field = FIELDS[name]
    assert field.title
    default = field.default if default is None else default
    kind: Callable[..., Any]
    if choices(field):
        kind = _page.choice
        options |= {"options": choices(field), "format_func": functools.partial(word, field)}
        options |= {"default": default}
    elif field.annotation is bool:
        kind = st.toggle
        options["value"] = default
    elif is_slider(field):
        kind = st.slider
        low, high = bounds(field)
        options |= {"min_value": low, "max_value": high}
        options |= {"value": default, "step": setting(field).step}
    elif field.annotation is int:
        kind = whole_number
        options["value"] = default
    else:
        # It would refuse a number out of bounds without a word, show it all the same, and go on
        # with the one before. Without bounds it is passed on, and named by the form.
        kind = st.number_input
        options |= {"value": default, "step": setting(field).step, "format": setting(field).format}
    return kind(field.title, key=name, help=field.description, bind="query-params", **options)


def is_slider(field: FieldInfo) -> bool:
    """Whether a number is chosen with a slider, or typed."""
    return field.annotation is float and not setting(field).format


def list_widgets(
    name: str, default: tuple[int, ...], count_label: str, item_label: str, fewest: int = 1
) -> tuple[int | float, ...] | int | float:
    """The widgets of a field of several values: how many, and each of them.

    Returns:
        The values; their number where it is no allowed one, which no configuration accepts.
    """
    count_key, item_key = LISTS[name]
    (_, most), _ = list_bounds(FIELDS[name])
    usual = [*default, *[ONE_MORE] * most]
    with st.grid(4, min_column_width=100, gap="small"):
        count = whole_number(
            count_label,
            len(default),
            key=count_key,
            help=FIELDS[name].description,
            bind="query-params",
        )
        items = tuple(
            whole_number(
                f"{item_label} {number}",
                usual[number - 1],
                key=f"{item_key}_{number}",
                bind="query-params",
            )
            for number in range(1, int(min(count, most)) + 1)
        )
    return items if isinstance(count, int) and fewest <= count <= most else count


def take_architecture() -> None:
    """Begin with the hidden layers that suit it."""
    for key, value in form_values(TrainingConfig(architecture=_state.ARCHITECTURE.get())).items():
        if key == "layers" or key.startswith("width_"):
            st.session_state[key] = value


def network_widgets(values: dict[str, Any]) -> None:
    """The architecture and the sizes of its layers, put into ``values``."""
    values["architecture"] = field_widget("architecture", on_change=take_architecture)
    blocks = applies(FIELDS["filters"], values)
    with st.container():
        if blocks:
            values["filters"] = list_widgets(
                "filters", FIELDS["filters"].default, "Blocks", "Filters in"
            )
    widths = DEFAULT_WIDTHS[values["architecture"]]
    values["widths"] = list_widgets(
        "widths", widths, "Hidden layers", "Units in", fewest=0 if blocks else 1
    )


def early_stopping_widgets(values: dict[str, Any]) -> None:
    """A switch and, where it is on, the patience, put into ``values``."""
    patience = FIELDS["patience"]
    if st.toggle(
        str(patience.title),
        key=SWITCHES["patience"],
        help=patience.description,
        bind="query-params",
    ):
        values["patience"] = whole_number(
            "Patience in epochs", 3, key="patience", bind="query-params"
        )


class Part(NamedTuple):
    """A part of the form that can be folded."""

    title: str
    icon: str
    key: str
    column_width: int = 160
    """Of what stands side by side, at least; in pixels."""
    on_change: Literal["ignore", "rerun"] = "ignore"
    """What its folding and unfolding does."""


PARTS: dict[Group, Part] = {
    "convolutions": Part("Convolutions", ":material/grid_view:", "convolutions_part", 200),
    "optimizer": Part(
        "Activation, optimizer and learning rate", ":material/tune:", "optimizer_part"
    ),
    "augmentation": Part(
        "Augmentation", ":material/auto_fix_high:", "augmentation", on_change="rerun"
    ),
    "validation": Part(
        "Validation, early stopping, seed and files", ":material/science:", "validation_part"
    ),
}


def part_widgets(group: Group, values: dict[str, Any]) -> DeltaGenerator | None:
    """The settings of a group that apply, in the order of the fields, put into ``values``.

    Returns:
        A place above them for a preview, where the part has one and is open.
    """
    part, fields = PARTS[group], {n: f for n, f in FIELDS.items() if setting(f).group == group}
    if not any(applies(field, values) for field in fields.values()):
        return None
    expander = st.expander(part.title, icon=part.icon, key=part.key, on_change=part.on_change)
    with expander:
        place = st.container() if group == "augmentation" else None
        for narrow, names in itertools.groupby(fields, lambda name: setting(fields[name]).narrow):
            row = st.grid(2, min_column_width=part.column_width) if narrow else nullcontext()
            with row:
                for name in names:
                    if name == "patience":
                        early_stopping_widgets(values)
                    elif applies(fields[name], values):
                        values[name] = field_widget(name)
    return place if expander.open else None


class Described(NamedTuple):
    """The network that the form asks for."""

    layers: list[Layer]
    dataset: str
    part: DeltaGenerator
    """The place for it in its part of the form."""


def form() -> tuple[DeltaGenerator, Described | None]:
    """All settings, and the buttons that train with them; the reason where they don't fit.

    Returns:
        The place below the buttons; and the network, where the settings fit.
    """
    notice_place = st.container()
    dataset = field_widget("dataset", places.default_name())
    values: dict[str, Any] = {"dataset": dataset}
    preset_place = st.container()
    with st.container():
        network_widgets(values)
    left, right = st.columns([1, 2])
    with left:
        values["epochs"] = field_widget("epochs")
    with right:
        values["dropout"] = field_widget("dropout")
    # What comes and goes with the settings stands below the buttons, which so keep their place.
    train_place, about_place, below_place = st.container(), st.container(), st.container()
    places_above = {}
    for group in PARTS:
        with st.container():
            places_above[group] = part_widgets(group, values)
    with st.expander("What is fixed, and why", icon=":material/help:", key="fixed_part"):
        st.markdown(FIXED_PARTS)
    try:
        config = read_config(values, by_title=True)
        outline = loading.outline(config.dataset)
        layers = describe(config, outline.image_shape, outline.classes)
    except (ConfigError, DatasetError) as error:
        config, described = None, None
        with train_place:
            _page.refuse(str(error).splitlines())
            train_buttons(None)
    with notice_place:
        _link.notice(values)
    with preset_place:
        preset = preset_widget(config, values["dataset"])
    if preset:
        about_place.caption(about_preset(preset, values["dataset"]))
    if config:
        _state.FORM_LEFT.set(config)
        with train_place:
            train_buttons(config)
        if preview_place := places_above["augmentation"]:
            with preview_place:
                _augmentation.preview(config)
        described = Described(layers, config.dataset, summary(config, outline, layers))
        _link.share(config)
    return below_place, described


def preset_widget(config: TrainingConfig | None, dataset: str) -> str | None:
    """The presets for the dataset; returns the one whose settings these are."""
    offered = presets_for(dataset)
    matching = (name for name in offered if config and apply_preset(name, config) == config)
    preset = next(matching, None)
    return st.segmented_control(
        "Preset",
        options=offered,
        default=preset,
        format_func=lambda name: PRESETS[name].title,
        key=_state.PRESET.key(preset),
        on_change=take_preset,
        wrap=True,
        help="  \n".join(f"**{PRESETS[n].title}**: {PRESETS[n].description}" for n in offered),
    )


def about_preset(preset: str, dataset: str) -> str:
    """What a preset is, and what it has been measured to reach."""
    words = PRESETS[preset].description
    figures = measured().get(preset)
    if figures and dataset == tuned_on(preset):
        words += (
            f" Measured: {figures.accuracy:.2%} of the test images right, after "
            f"{duration(figures.seconds)} on two cores with {figures.train_images:,} images."
        )
    return words


SEEDS = 3
"""How many one press trains with: the fewest that show how far chance goes."""


def train_buttons(config: TrainingConfig | None) -> None:
    """They train with ``config``; without one, they stand there and can't be pressed."""
    if config is None or places.available(config.dataset):
        with st.container(horizontal=True, gap="small"):
            st.button(
                "Train",
                key="train",
                type="primary",
                icon=":material/play_arrow:",
                width="stretch",
                on_click=start if config else None,
                args=(config,),
                disabled=config is None,
            )
            st.button(
                f"{SEEDS} seeds",
                key="train_seeds",
                on_click=start if config else None,
                args=(config, SEEDS),
                disabled=config is None,
                help=f"Trains these settings {SEEDS} times, with their seed and the next ones: how "
                "much of the accuracy is chance? The runs wait in the queue; once they are over, "
                "their mean and standard deviation stand below the accuracy of each.",
            )
    else:
        st.info(
            f"{_page.plain(known.title(config.dataset))} is not on this machine yet; the MNIST "
            "sample is.",
            icon=":material/cloud_download:",
        )
        _page.step("pages/data.py", "Download it", ":material/download:")


FIXED_PARTS = """
- **Flatten** turns a picture into a row of numbers, 784 for MNIST's 28 × 28 pixels: a dense layer
  has no notion of neighbouring pixels.
- **A convolutional block** pads the picture with zeros, so that each convolution keeps its size.
  Then it keeps the largest of every 2 × 2 values, normalizes, and applies the activation. In this
  order, the last two steps have only a quarter of the values to work on.
- **Softmax** turns the sums of the last layer, one for each class, into probabilities that add up
  to one.
- **Sparse categorical cross-entropy** is the loss: minus the logarithm of the probability given to
  the right class. "Sparse" means that labels stay plain numbers instead of a one-hot table.
"""


# --- The network before training ---


def summary(config: TrainingConfig, outline: Outline, layers: list[Layer]) -> DeltaGenerator:
    """Weights, images, and what an epoch will take; returns a place above, for the network."""
    weights = sum(layer.weights for layer in layers)
    held_back = round(outline.train_images * config.validation_share)
    work = Work(
        images=outline.train_images - held_back,
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        batch_size=config.batch_size,
        augmented=config.augments,
    )
    seconds = estimate.epoch_seconds(work, _cached.paces())
    pace = f", {about(seconds)} per epoch" if seconds else ""
    with st.expander(
        f"{weights:,} weights{pace}", icon=":material/table_rows:", key="summary_part"
    ):
        place = st.container()
        st.caption(
            f"{_page.plain(outline.title)}: {work.images:,} images to train on, {held_back:,} held "
            f"back for validation, {outline.test_images:,} for testing; {outline.classes} classes."
        )
        st.caption(
            f"{work.multiply_adds:,} multiplications per image. "
            + (
                "The time is estimated from the latest runs on this machine."
                if seconds
                else "How long an epoch takes here is unknown until the first run."
            )
        )
    return place


def about(seconds: float) -> str:
    taken = duration(seconds)
    return taken if taken.startswith("under") else f"about {taken}"


def start(config: TrainingConfig, seeds: int = 1) -> None:
    """In a callback: have the settings trained with so many seeds, and show the first run."""
    runs: list[Run] = []
    try:
        for seeded in with_seeds(config, seeds):
            runs.append(_cached.store().create(seeded))  # noqa: PERF401, those before a failure count
    except (ConfigError, OSError) as error:
        words = _page.plain(reason(error))
        _state.leave_notice("training", Notice(st.error, words, ":material/error:"))
    if runs:
        _chosen.submit(*runs)
