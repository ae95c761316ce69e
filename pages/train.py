"""Choose a network, press Train, watch it learn, stop it."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from mnist_core import datasets, estimate, figures
from mnist_core.config import (
    ARTICLE_ACCURACY,
    PRESETS,
    ConfigError,
    TrainingConfig,
    apply_preset,
    bounds,
    choices,
    read_config,
    summarize,
)
from mnist_core.datasets import DatasetError
from mnist_core.runs import History, Run, RunError, State
from pages import _shared
from pages._live_chart import live_chart, load_plotly

FIELDS = TrainingConfig.model_fields
LABELS = {
    "relu": "ReLU",
    "gelu": "GELU",
    "tanh": "tanh",
    "sigmoid": "Sigmoid",
    "adam": "Adam",
    "sgd": "SGD with momentum",
    "rmsprop": "RMSprop",
    "constant": "Constant",
    "one-cycle": "One-cycle",
} | {name: spec.title for name, spec in datasets.SPECS.items()}
MOST_LAYERS = 8
REFRESH_SECONDS = 0.4


# --- The form: every setting lives in the URL, so that a reload or a link brings it back ---


def put_in_form(config: TrainingConfig) -> None:
    """Set every widget to ``config``'s values."""
    for name, value in config.model_dump().items():
        if name == "widths":
            st.session_state["layers"] = len(value)
            for number, units in enumerate(value, start=1):
                st.session_state[f"width_{number}"] = units
        elif name == "patience":
            st.session_state["early_stopping"] = value is not None
            if value is not None:
                st.session_state["patience"] = value
        else:
            st.session_state[name] = value


def take_preset() -> None:
    preset = st.session_state["preset"]
    if preset:
        kept = {name: st.session_state[name] for name in ("dataset", "seed")}
        put_in_form(apply_preset(preset, TrainingConfig(**kept)))


def field_widget(name: str, widget: Callable[..., Any], default: Any = None, **options: Any) -> Any:
    """The widget of a config field: label, help, default and bounds are the field's own."""
    field = FIELDS[name]
    assert field.title
    default = field.default if default is None else default
    if choices(name):
        options |= {
            "options": choices(name),
            "format_func": lambda value: LABELS.get(value, value),  # own data is called as it is
            "default": default,
        }
    else:
        options["value"] = default
        options["min_value"], options["max_value"] = bounds(name)
    return widget(field.title, key=name, help=field.description, bind="query-params", **options)


def width_widgets() -> tuple[int, ...]:
    default = FIELDS["widths"].default
    layers = st.number_input(
        "Hidden layers",
        value=len(default),
        min_value=1,
        max_value=MOST_LAYERS,
        key="layers",
        help=FIELDS["widths"].description,
        bind="query-params",
    )
    with st.grid(4, min_column_width=110, gap="small"):
        return tuple(
            st.number_input(
                f"Units in {number}",
                value=default[number - 1] if number <= len(default) else 128,
                min_value=1,
                max_value=4096,
                key=f"width_{number}",
                bind="query-params",
            )
            for number in range(1, layers + 1)
        )


def form() -> None:
    """All settings, and the button that trains with them; the reason where they don't fit."""
    preset_place = st.container()
    values: dict[str, Any] = {
        "dataset": field_widget(
            "dataset", st.segmented_control, datasets.default_name(), required=True, wrap=True
        ),
        "widths": width_widgets(),
        "epochs": field_widget("epochs", st.number_input),
        "dropout": field_widget("dropout", st.slider, step=0.05),
    }
    train_place = st.container()
    with st.expander("Activation, optimizer and learning rate", icon=":material/tune:"):
        values["activation"] = field_widget("activation", st.segmented_control, required=True)
        values["optimizer"] = field_widget("optimizer", st.segmented_control, required=True)
        values["learning_rate"] = field_widget(
            "learning_rate", st.number_input, step=0.001, format="%.5f"
        )
        values["schedule"] = field_widget("schedule", st.segmented_control, required=True)
        values["batch_size"] = field_widget("batch_size", st.number_input)
    with st.expander("Validation, early stopping and seed", icon=":material/science:"):
        values["validation_share"] = field_widget("validation_share", st.slider, step=0.05)
        early_stopping = st.toggle(
            "Early stopping",
            key="early_stopping",
            help=FIELDS["patience"].description,
            bind="query-params",
        )
        if early_stopping:
            low, high = bounds("patience")
            values["patience"] = st.number_input(
                "Patience in epochs",
                value=3,
                min_value=low,
                max_value=high,
                key="patience",
                bind="query-params",
            )
        values["seed"] = field_widget("seed", st.number_input)
    with st.expander("What is fixed, and why", icon=":material/help:"):
        st.markdown(FIXED_PARTS)
    try:
        config = read_config(values)
    except ConfigError as error:
        config = None
        train_place.error(str(error), icon=":material/error:")
    with preset_place:
        preset_widget(config)
    if config:
        with train_place:
            train_button(config)
        summary(config)


def preset_widget(config: TrainingConfig | None) -> None:
    matching = [name for name in PRESETS if config and apply_preset(name, config) == config]
    st.session_state["preset"] = matching[0] if matching else None
    st.segmented_control(
        "Preset",
        options=list(PRESETS),
        format_func=lambda name: PRESETS[name].title,
        key="preset",
        on_change=take_preset,
        help="  \n".join(f"**{p.title}**: {p.description}" for p in PRESETS.values()),
    )


def train_button(config: TrainingConfig) -> None:
    if datasets.available(config.dataset):
        st.button(
            "Train",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            on_click=start,
            args=(config,),
        )
    else:
        st.info(
            f"{datasets.title(config.dataset)} is not on this machine yet; the sample is.",
            icon=":material/cloud_download:",
        )
        st.page_link("pages/data.py", label="Download it", icon=":material/download:")


FIXED_PARTS = """
- **Flatten** turns a picture, MNIST's of 28 × 28, into a row of numbers, 784 of them: a dense layer
  has no notion of neighbouring pixels.
- **Softmax** turns the sums of the last layer, one a class, into probabilities that add up to one.
- **Sparse categorical cross-entropy** is the loss: minus the logarithm of the probability given to
  the right class. "Sparse" means that labels stay plain numbers, with no one-hot table.
"""


# --- The network before training ---


def summary(config: TrainingConfig) -> None:
    """Layers, weights, and what an epoch will take."""
    try:
        outline = datasets.outline(config.dataset)
    except DatasetError as error:
        st.error(str(error), title="This dataset can't be read", icon=":material/error:")
        return
    layers = summarize(config, outline.image_shape, outline.classes)
    weights = sum(layer.weights for layer in layers)
    held_back = round(outline.train_images * config.validation_share)
    images = outline.train_images - held_back
    seconds = estimate.epoch_seconds(images, weights, config.batch_size, _shared.paces())
    pace = f", about {duration(seconds)} an epoch" if seconds else ""
    with st.expander(f"{weights:,} weights{pace}", icon=":material/table_rows:"):
        st.table(
            {
                "Layer": [layer.kind for layer in layers],
                "Output": [" × ".join(map(str, layer.output_shape)) for layer in layers],
                "Weights": [f"{layer.weights:,}" for layer in layers],
            },
            alt="The layers of the network with their output shapes and weights",
        )
        st.caption(
            f"{outline.title}: {images:,} images to train on, {held_back:,} held back for "
            f"validation, {outline.test_images:,} for the test; {outline.classes} classes."
        )
        st.caption(
            "The time is judged by the newest runs on this machine."
            if seconds
            else "How long an epoch takes here is not known before the first run."
        )


def duration(seconds: float) -> str:
    """Rounded for reading: ``"0.4 s"``, ``"12 s"``, ``"3 min 20 s"``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


# --- The run ---


def start(config: TrainingConfig) -> None:
    run = _shared.store().create(config)
    _shared.pool().submit(run)
    _shared.choose_run(run.id)


def watch(run: Run) -> None:
    """The chosen run, redrawn in place while it is live."""
    history = run.history()
    live = run.state(history).live
    epochs = run.config.epochs

    @st.fragment(run_every=REFRESH_SECONDS if live else None)
    def part() -> None:
        history.update()
        state = run.state(history)
        if live and not state.live:
            st.rerun()  # the timer ends with the run
        st.subheader(_shared.run_label(run))
        status(run, history, state)
        with st.container(horizontal=True, vertical_alignment="center", height=56, border=False):
            actions(run, history, state)
        figures_so_far(run, history)
        accuracy, loss = figures.training_curves(history, epochs)
        left, right = st.columns(2)
        with left:
            live_chart(accuracy, f"accuracy_{run.id}", "Training and validation accuracy by epoch")
        with right:
            live_chart(loss, f"loss_{run.id}", "Training and validation loss by epoch")

    part()


def actions(run: Run, history: History, state: State) -> None:
    """What can be done with the run now."""
    if state.live:
        stopping = run.control().stop
        st.button(
            "Stopping" if stopping else "Stop",
            icon=":material/stop:",
            on_click=run.request_stop,
            disabled=stopping,
            help="Ends after the current steps; what was learned is kept and evaluated.",
        )
    elif history.evaluated:
        for page, label, icon in (
            ("pages/evaluate.py", "Evaluate it", ":material/fact_check:"),
            ("pages/draw.py", _shared.draw_label(run), ":material/draw:"),
        ):
            st.page_link(page, label=label, icon=icon, query_params={"run": run.id})


def status(run: Run, history: History, state: State) -> None:
    """One line on where the run stands."""
    reason = history.ended.message if history.ended else ""
    match state:
        case State.QUEUED:
            st.progress(0.0, text=waiting_for(run))
        case State.RUNNING if history.fitting is None:
            st.progress(0.0, text="Loading the images and building the network")
        case State.RUNNING:
            st.progress(*progress(run, history))
        case State.FINISHED:
            st.success(reason or "Trained to the end.", icon=":material/check:")
        case State.STOPPED:
            st.info(reason or "Stopped. What was learned is kept.", icon=":material/stop:")
        case State.FAILED:
            st.error(reason, title="The run failed", icon=":material/error:")
        case State.INTERRUPTED:
            st.warning(
                "The server that trained it ended first. Press Train to start anew.",
                title="The run was interrupted",
                icon=":material/power_off:",
            )


def waiting_for(run: Run) -> str:
    place = _shared.pool().place(run)
    if place is None:
        return "Waiting for its turn"
    if place > 0:
        return f"Waiting: {place} {'run' if place == 1 else 'runs'} before this one"
    if _shared.pool().starting:
        return "Loading TensorFlow, about ten seconds; the next runs start at once"
    return "Waiting for the run before this one to end"


def progress(run: Run, history: History) -> tuple[float, str]:
    """How much of the training is done, in [0, 1], and the same in words."""
    assert history.fitting
    epochs, steps = run.config.epochs, history.fitting.steps_per_epoch
    done = len(history.epochs) * steps + (history.batches[-1].step if history.batches else 0)
    share = min(1.0, done / (epochs * steps))
    if share == 1.0:
        return share, "Evaluating on the test images"
    latest = (history.batches or history.epochs or [history.fitting])[-1].time
    left = (latest - history.fitting.time) * (1 - share) / share if share else None
    words = f"Epoch {min(epochs, len(history.epochs) + 1)} of {epochs}"
    if history.batches:
        words += f", step {history.batches[-1].step:,} of {steps:,}"
    return share, words + (f" · {duration(left)} left" if left else "")


def figures_so_far(run: Run, history: History) -> None:
    if history.evaluated:
        shown = {"Test accuracy": percent(history.evaluated.test_accuracy)}
        if run.config.dataset == "mnist":
            shown["Seen by the article"] = percent(ARTICLE_ACCURACY)
        shown["Test loss"] = number(history.evaluated.test_loss)
        shown["Time in training"] = duration(history.evaluated.train_seconds)
    else:
        epoch = history.epochs[-1] if history.epochs else None
        newest = history.batches[-1] if history.batches else epoch
        shown = {
            "Training accuracy": percent(newest.accuracy if newest else None),
            "Validation accuracy": percent(epoch.val_accuracy if epoch else None),
            "Training loss": number(newest.loss if newest else None),
            "Images per second": images_per_second(history),
        }
    with st.grid(4, min_column_width=140, gap="small"):
        for label, value in shown.items():
            st.metric(label, value, border=True)


def images_per_second(history: History) -> str:
    if history.batches:
        return f"{history.batches[-1].images_per_second:,.0f}"
    if history.epochs and history.fitting:
        return f"{history.fitting.train_images / history.epochs[-1].seconds:,.0f}"
    return "–"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.2%}"


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


# --- The page ---

_shared.title("Train")
st.caption("Choose a network, press Train, and watch it learn to tell pictures apart.")
left, right = st.columns([2, 3], gap="large")
with left:
    form()
with right:
    run = _shared.chosen_run()
    if run:
        load_plotly()
        try:
            watch(run)
        except RunError as error:
            st.error(str(error), title="This run can't be read", icon=":material/error:")
    else:
        st.info("Press Train and watch the network learn here.", icon=":material/show_chart:")

_shared.pool()  # has a worker load TensorFlow while the reader chooses
