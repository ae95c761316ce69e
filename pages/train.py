"""Choose a network, press Train, watch it learn, stop it."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mnist_core import datasets, estimate, figures
from mnist_core.catalog import Summary
from mnist_core.config import (
    ARTICLE_ACCURACY,
    AUGMENTATIONS,
    DEFAULT_WIDTHS,
    OWN,
    PRESETS,
    ConfigError,
    TrainingConfig,
    apply_preset,
    bounds,
    choices,
    list_bounds,
    measured,
    presets_for,
    read_config,
)
from mnist_core.datasets import DatasetError, Outline
from mnist_core.estimate import Work
from mnist_core.network import Layer, describe
from mnist_core.runs import Batch, Epoch, History, Run, RunError, State
from mnist_core.sharing import LISTS, form_values, link_parameters
from mnist_core.takeaways import no_better_than_guessing
from pages import _augmentation, _link, _network, _shared
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
    "cosine": "Cosine",
    "dense": "Dense",
    "convolutional": "Convolutional",
} | {name: spec.title for name, spec in datasets.SPECS.items()}
REFRESH_SECONDS = 0.4
RUN_ANCHOR = "run"
STEP = 32  # batches; the longest that a worker trains without a look at what is wanted
RATES = [float(f"{m}e{e}") for e in range(-5, 0) for m in (1, 1.5, 2, 3, 5, 7)] + [1.0]


# --- The form: every setting lives in the URL, so that a reload or a link brings it back ---


def put_in_form(config: TrainingConfig) -> None:
    """Set every widget to ``config``'s values."""
    texts = link_parameters(config, LABELS)
    for key, value in form_values(config).items():
        if key not in st.session_state:
            # Streamlit puts a widget's value into the address when it changes, not when it comes.
            st.query_params[key] = texts[key]
        st.session_state[key] = value


def bring_back() -> None:
    """On arrival, make the form what it was when the page was left.

    That is in the address, but for one case: Streamlit takes the settings out of it before it
    changes the page, and the browser's Back leads there.
    """
    left = st.session_state.get("form_left")
    if "form_shown" in st.session_state or left is None or set(st.query_params) - {"run"}:
        return
    texts = link_parameters(left, LABELS)
    start = TrainingConfig(dataset=datasets.default_name(), architecture=left.architecture)
    by_default = form_values(start) | {"architecture": FIELDS["architecture"].default}
    changed = [k for k, value in form_values(left).items() if value != by_default.get(k)]
    if changed:
        st.query_params.update({key: texts[key] for key in changed})
        st.rerun()  # the widgets take their values from the address of a run's beginning


def take_preset() -> None:
    preset = st.session_state["preset"]
    if preset:
        kept = {name: st.session_state[name] for name in OWN}
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
        # A field for numbers would refuse one out of bounds without a word, show it all the same,
        # and go on with the one before. Without bounds it is passed on, and named by the form.
        if widget == st.slider:
            options["min_value"], options["max_value"] = bounds(name)
    return widget(field.title, key=name, help=field.description, bind="query-params", **options)


def list_widgets(
    name: str, default: tuple[int, ...], count_label: str, item_label: str, fewest: int = 1
) -> tuple[int, ...] | int:
    """The widgets of a field of several values: how many, and each of them.

    Returns:
        The values; their number where it is out of bounds, which no configuration accepts.
    """
    count_key, item_key = LISTS[name]
    (_, most), _ = list_bounds(name)
    with st.grid(4, min_column_width=100, gap="small"):
        count = st.number_input(
            count_label,
            value=len(default),
            key=count_key,
            help=FIELDS[name].description,
            bind="query-params",
        )
        items = tuple(
            st.number_input(
                f"{item_label} {number}",
                value=default[number - 1] if number <= len(default) else 128,
                key=f"{item_key}_{number}",
                bind="query-params",
            )
            for number in range(1, min(count, most) + 1)
        )
    return items if fewest <= count <= most else count


def take_architecture() -> None:
    """Begin with the hidden layers that suit it."""
    for key, value in form_values(
        TrainingConfig(architecture=st.session_state["architecture"])
    ).items():
        if key == "layers" or key.startswith("width_"):
            st.session_state[key] = value


def network_widgets() -> dict[str, Any]:
    """The architecture, and the fields that apply to it."""
    values: dict[str, Any] = {
        "architecture": field_widget(
            "architecture", st.segmented_control, required=True, on_change=take_architecture
        )
    }
    blocks = values["architecture"] == "convolutional"
    if blocks:
        values["filters"] = list_widgets(
            "filters", FIELDS["filters"].default, "Blocks", "Filters in"
        )
    widths = DEFAULT_WIDTHS[values["architecture"]]
    values["widths"] = list_widgets(
        "widths", widths, "Hidden layers", "Units in", fewest=0 if blocks else 1
    )
    return values


def block_widgets() -> dict[str, Any]:
    with st.expander("Convolutions", icon=":material/grid_view:", key="convolutions_part"):
        with st.grid(2, min_column_width=200):
            values = {
                "kernel_size": field_widget("kernel_size", st.number_input),
                "convolutions": field_widget("convolutions", st.number_input),
            }
        values["batch_normalization"] = field_widget("batch_normalization", st.toggle)
        values["block_dropout"] = field_widget("block_dropout", st.slider, step=0.05)
    return values


def augmentation_widgets() -> tuple[dict[str, Any], DeltaGenerator | None]:
    """The strengths, and the place of a preview where it can be seen."""
    steps = {"shift": 0.5, "rotation": 1.0, "elastic": 0.1}
    expander = st.expander(
        "Augmentation", icon=":material/auto_fix_high:", key="augmentation", on_change="rerun"
    )
    with expander:
        place = st.container()
        values = {}
        with st.grid(2, min_column_width=160):
            for name in AUGMENTATIONS:
                if FIELDS[name].annotation is bool:
                    values[name] = field_widget(name, st.toggle)
                else:
                    values[name] = field_widget(name, st.slider, step=steps.get(name, 0.05))
    return values, place if expander.open else None


def form() -> DeltaGenerator:
    """All settings, and the button that trains with them; the reason where they don't fit.

    Returns:
        The place below the button.
    """
    notice_place = st.container()
    values: dict[str, Any] = {
        "dataset": field_widget(
            "dataset", st.segmented_control, datasets.default_name(), required=True, wrap=True
        )
    }
    preset_place = st.container()
    values |= network_widgets()
    left, right = st.columns([1, 2])
    with left:
        values["epochs"] = field_widget("epochs", st.number_input)
    with right:
        values["dropout"] = field_widget("dropout", st.slider, step=0.05)
    train_place, below_place = st.container(), st.container()
    if values["architecture"] == "convolutional":
        values |= block_widgets()
    with st.expander(
        "Activation, optimizer and learning rate", icon=":material/tune:", key="optimizer_part"
    ):
        values["activation"] = field_widget("activation", st.segmented_control, required=True)
        values["optimizer"] = field_widget("optimizer", st.segmented_control, required=True)
        values["learning_rate"] = field_widget(
            "learning_rate", st.number_input, step=0.001, format="%.5f"
        )
        values["schedule"] = field_widget("schedule", st.segmented_control, required=True)
        values["batch_size"] = field_widget("batch_size", st.number_input)
        values["weight_decay"] = field_widget(
            "weight_decay", st.number_input, step=0.001, format="%.4f"
        )
        values["label_smoothing"] = field_widget("label_smoothing", st.slider, step=0.01)
        values["ema"] = field_widget("ema", st.number_input, step=0.01, format="%.4f")
    alterations, preview_place = augmentation_widgets()
    values |= alterations
    with st.expander(
        "Validation, early stopping, seed and files",
        icon=":material/science:",
        key="validation_part",
    ):
        values["validation_share"] = field_widget("validation_share", st.slider, step=0.05)
        early_stopping = st.toggle(
            "Early stopping",
            key="early_stopping",
            help=FIELDS["patience"].description,
            bind="query-params",
        )
        if early_stopping:
            values["patience"] = st.number_input(
                "Patience in epochs",
                value=3,
                key="patience",
                bind="query-params",
            )
        values["seed"] = field_widget("seed", st.number_input)
        values["tensorboard"] = field_widget("tensorboard", st.toggle)
    with st.expander("What is fixed, and why", icon=":material/help:", key="fixed_part"):
        st.markdown(FIXED_PARTS)
    try:
        config = read_config(values, by_title=True)
        outline = datasets.outline(config.dataset)
        layers = describe(config, outline.image_shape, outline.classes)
    except (ConfigError, DatasetError) as error:
        config = None
        with train_place:
            st.error(str(error).replace("\n", "\n\n"), icon=":material/error:")
            train_button(None)
    with notice_place:
        _link.notice(values)
    with preset_place:
        preset_widget(config, values["dataset"])
    if config:
        st.session_state["form_left"] = config
        with train_place:
            train_button(config)
        if preview_place:
            with preview_place:
                _augmentation.preview(config)
        summary(config, outline, layers)
        _link.share(config, LABELS)
    return below_place


def preset_widget(config: TrainingConfig | None, dataset: str) -> None:
    """The presets for the dataset, and what the chosen one is and has been measured to reach."""
    offered = presets_for(dataset)
    matching = [name for name in offered if config and apply_preset(name, config) == config]
    st.session_state["preset"] = matching[0] if matching else None
    preset = st.segmented_control(
        "Preset",
        options=offered,
        format_func=lambda name: PRESETS[name].title,
        key="preset",
        on_change=take_preset,
        wrap=True,
        help="  \n".join(f"**{PRESETS[n].title}**: {PRESETS[n].description}" for n in offered),
    )
    if not preset:
        return
    words = PRESETS[preset].description
    figures = measured().get(preset)
    if figures and dataset == PRESETS[preset].dataset:
        words += (
            f" Measured: {figures.accuracy:.2%} of the test images right, after "
            f"{duration(figures.seconds)} on two cores with {figures.train_images:,} images."
        )
    st.caption(words)


def train_button(config: TrainingConfig | None) -> None:
    """It trains with ``config``; without one, it stands there and can't be pressed."""
    if config is None or datasets.available(config.dataset):
        st.button(
            "Train",
            key="train",
            type="primary",
            icon=":material/play_arrow:",
            width="stretch",
            on_click=start,
            args=(config,),
            disabled=config is None,
        )
    else:
        st.info(
            f"{datasets.title(config.dataset)} is not on this machine yet; the MNIST sample is.",
            icon=":material/cloud_download:",
        )
        st.page_link("pages/data.py", label="Download it", icon=":material/download:")


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


def summary(config: TrainingConfig, outline: Outline, layers: list[Layer]) -> None:
    """Layers, weights, and what an epoch will take."""
    weights = sum(layer.weights for layer in layers)
    held_back = round(outline.train_images * config.validation_share)
    work = Work(
        images=outline.train_images - held_back,
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        batch_size=config.batch_size,
        augmented=config.augments,
    )
    seconds = estimate.epoch_seconds(work, _shared.paces())
    pace = f", {about(seconds)} per epoch" if seconds else ""
    with st.expander(
        f"{weights:,} weights{pace}", icon=":material/table_rows:", key="summary_part"
    ):
        _network.diagram(layers, outline.image_shape)
        st.caption(
            f"{outline.title}: {work.images:,} images to train on, {held_back:,} held back for "
            f"validation, {outline.test_images:,} for testing; {outline.classes} classes."
        )
        st.caption(
            f"{work.multiply_adds:,} multiplications per image. "
            + (
                "The time is estimated from the latest runs on this machine."
                if seconds
                else "How long an epoch takes here is unknown until the first run."
            )
        )


def duration(seconds: float) -> str:
    """Rounded for reading: ``"0.4 s"``, ``"12 s"``, ``"3 min 20 s"``."""
    if seconds < 0.1:
        return "under 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"


def about(seconds: float) -> str:
    words = duration(seconds)
    return words if words.startswith("under") else f"about {words}"


# --- The run ---


def start(config: TrainingConfig) -> None:
    submit(_shared.store().create(config))


def start_continuation(run: Run) -> None:
    try:
        submit(_shared.store().create_continuation(run, st.session_state["more_epochs"]))
    except ValueError as error:
        st.session_state["problem"] = str(error)


def submit(run: Run) -> None:
    _shared.pool().submit(run)
    _shared.choose_run(run.id)


def watch(run: Run, below_form: DeltaGenerator) -> bool:
    """The chosen run, redrawn in place while it is live; returns whether it is.

    Args:
        below_form: gets a line on the run, for it lies out of sight on a narrow screen.
    """
    history = run.history()
    live = run.state(history).live
    epochs = run.config.epochs

    def part() -> None:
        history.update()
        state = run.state(history)
        if live and not state.live:
            st.rerun()  # the timer ends with the run
        label = _shared.run_label(run)
        with below_form:
            pointer(stage(run, history)[1] if state.live else label)
        st.subheader(label, anchor=RUN_ANCHOR)
        if history.continued:
            parent(history.continued[-1].run)
        status(run, history, state)
        with st.container(gap="small"):
            if state.live:
                steering(run, history, state)
            else:
                what_next(run, history)
        figures_so_far(run, history)
        accuracy, loss = figures.training_curves(history, epochs)
        left, right = st.columns(2)
        with left:
            live_chart(accuracy, f"accuracy_{run.id}", "Training and validation accuracy by epoch")
        with right:
            live_chart(loss, f"loss_{run.id}", "Training and validation loss by epoch")

    if live:
        st.fragment(part, run_every=REFRESH_SECONDS)()
    else:
        part()
    return live


def pointer(words: str) -> None:
    """Where the chosen run stands, with a link that scrolls to it."""
    st.caption(f":material/show_chart: {_shared.plain(words)} · [See it](#{RUN_ANCHOR})")


def parent(run_id: str) -> None:
    """Which run this one continues."""
    try:
        label = _shared.run_label(_shared.store().get(run_id))
    except RunError:
        st.caption(f"Continues run {run_id}, which is no longer here.")
    else:
        st.page_link(
            "pages/train.py",
            label=f"Continues {label}",
            icon=":material/history:",
            query_params={"run": run_id},
        )


# --- Steering: what is wanted of a live run is written into its folder, and heard by its worker ---


def steering(run: Run, history: History, state: State) -> None:
    """The buttons and the learning rate of a live run."""
    control = run.control()
    paused = history.paused
    with st.container(horizontal=True, gap="xsmall"):
        if paused:
            st.button(
                "Continue",
                key="continue",
                icon=":material/play_arrow:",
                type="primary",
                on_click=run.want,
                kwargs={"pause_at": None},
            )
        else:
            st.button(
                "Pause",
                key="pause",
                icon=":material/pause:",
                on_click=run.want,
                kwargs={"pause_at": 0},
                disabled=state == State.QUEUED or control.pause_at == 0,
                help="Training keeps its worker and waits until you continue or stop it.",
            )
        pauses = next_pauses(history)
        for key, label, icon in (
            ("step", f"{STEP} batches", ":material/skip_next:"),
            ("epoch", "To the epoch's end", ":material/fast_forward:"),
        ):
            st.button(
                label,
                key=key,
                icon=icon,
                on_click=run.want,
                kwargs={"pause_at": pauses.get(key)},
                disabled=key not in pauses,
                help="Then it waits again, at the epoch's end at the latest."
                if paused
                else "Pause training first.",
            )
        st.button(
            "Stopping" if control.stop else "Stop",
            key="stop",
            icon=":material/stop:",
            on_click=run.want,
            kwargs={"stop": True},
            disabled=control.stop,
            help="Ends training after the current steps; what was learned is kept and evaluated.",
        )
    rate_slider(run, history)


def next_pauses(history: History) -> dict[str, int]:
    """After how many steps a paused run would wait again; {} for one that is not paused."""
    paused, fitting = history.paused, history.fitting
    if not (paused and fitting):
        return {}
    left = fitting.steps_per_epoch - paused.step or fitting.steps_per_epoch
    return {"step": paused.steps + min(STEP, left), "epoch": paused.steps + left}


def rate_slider(run: Run, history: History) -> None:
    changes = history.learning_rates
    rate = (
        run.control().learning_rate
        or (changes[-1].learning_rate if changes else None)
        or run.config.learning_rate
    )
    key = f"rate_of_{run.id}"
    st.session_state[key] = rate  # also when another tab has changed it
    st.select_slider(
        "Learning rate" if run.config.schedule == "constant" else "Peak learning rate",
        sorted({*RATES, rate}),
        format_func=lambda value: f"{value:g}",
        key=key,
        on_change=lambda: run.want(learning_rate=st.session_state[key]),
        help="Change it while the network learns: it takes effect after the current steps, and is "
        "marked in the curves and recorded with the run.",
    )


# --- A run that is over ---


def what_next(run: Run, history: History) -> None:
    """What can be done with it now."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if history.evaluated:
            for page, label, icon in (
                ("pages/evaluate.py", "Evaluate it", ":material/fact_check:"),
                ("pages/draw.py", _shared.draw_label(run), ":material/draw:"),
            ):
                st.page_link(page, label=label, icon=icon, query_params={"run": run.id})
        st.button(
            "Use its settings",
            key="use_settings",
            icon=":material/content_copy:",
            on_click=put_in_form,
            args=(run.config,),
            disabled=not datasets.available(run.config.dataset),
            help="Copies this run's settings into the form.",
        )
    last = run.checkpoint_epoch()
    most = bounds("epochs")[1] - last.epoch if last else 0
    if most > 0:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.number_input(
                "More epochs",  # without bounds, as in the form
                value=min(5, int(most)),
                key="more_epochs",
                width=140,
                help="Starts a new run with the network and the optimizer as the last epoch left "
                "them, as if this one had been given that many more epochs from the start.",
            )
            st.button(
                "Train more",
                key="train_more",
                icon=":material/resume:",
                on_click=start_continuation,
                args=(run,),
            )


def status(run: Run, history: History, state: State) -> None:
    """One line on where the run stands."""
    reason = history.ended.message if history.ended else ""
    match state:
        case State.QUEUED | State.RUNNING | State.PAUSED:
            st.progress(*stage(run, history))
        case State.FINISHED:
            words = reason or "Trained to the end."
            if guessing := guesses(run):
                st.warning(f"{words} {guessing}", icon=":material/casino:")
            else:
                st.success(words, icon=":material/check:")
        case State.STOPPED:
            st.info(reason or "Stopped. What was learned is kept.", icon=":material/stop:")
        case State.FAILED:
            st.error(reason, title="The run failed", icon=":material/error:")
        case State.INTERRUPTED:
            st.warning(
                "The server that was training it ended first. "
                + (
                    "Train more continues from its last complete epoch."
                    if run.checkpoint.exists()
                    else "Press Train to start again."
                ),
                title="The run was interrupted",
                icon=":material/power_off:",
            )


def guesses(run: Run) -> str | None:
    """What to say of a network that may as well guess."""
    try:
        return no_better_than_guessing(_shared.evaluation(run))
    except RunError:
        return None  # its answers are missing or damaged, as the page Evaluate says


def waiting_for(run: Run) -> str:
    place = _shared.pool().place(run)
    if place is None:
        return "Waiting for its turn"
    if place > 0:
        return f"Waiting: {place} {'run is' if place == 1 else 'runs are'} ahead of this one"
    if _shared.pool().starting:
        return "Loading TensorFlow, which takes about ten seconds; later runs start at once"
    for other in _shared.pool().running:
        if other.state(_shared.history(other)) == State.PAUSED:
            return "Waiting for a paused run to be continued or stopped: " + _shared.run_label(
                other
            )
    return "Waiting for the run ahead of this one to end"


def stage(run: Run, history: History) -> tuple[float, str]:
    """Of a live run: how much of the training is done, in [0, 1], and the same in words."""
    if not history.started:
        return 0.0, waiting_for(run)
    if not history.fitting:
        return 0.0, "Loading the images and building the network"
    epochs, steps = run.config.epochs, history.fitting.steps_per_epoch
    done = len(history.epochs) * steps + (history.batches[-1].step if history.batches else 0)
    share = min(1.0, done / (epochs * steps))
    if share == 1.0:
        return share, "Evaluating on the test images"
    words = f"Epoch {min(epochs, len(history.epochs) + 1)} of {epochs}"
    if history.paused and history.paused.step == steps:
        words = f"Epoch {history.paused.epoch} of {epochs} is over"
    elif history.batches:
        words += f", step {history.batches[-1].step:,} of {steps:,}"
    if history.paused:
        return share, f"Paused · {words}"
    latest: Sequence[Batch | Epoch] = history.batches or history.epochs
    left = latest[-1].elapsed * (1 - share) / share if latest else None
    if history.epochs and history.epochs[-1].seconds:  # the first one builds the graph, too
        left = history.epochs[-1].seconds * (1 - share) * epochs
    return share, words + (f" · {duration(left)} left" if left else "")


def figures_so_far(run: Run, history: History) -> None:
    if history.evaluated:
        shown = {"Test accuracy": percent(history.evaluated.test_accuracy)}
        if run.config.dataset == "mnist":
            shown["The article's accuracy"] = percent(ARTICLE_ACCURACY)
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
            st.metric(label, value, border=True, help=EXPLAINED.get(label))


EXPLAINED = {"The article's accuracy": _shared.ABOUT_THE_ARTICLE}


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


def look_after(run: Run) -> None:
    """See when a run that is over changes; one that is live is watched anyway."""
    entry = _shared.catalog().entry(run)
    if not (isinstance(entry, Summary) and entry.state.live):
        _shared.rerun_on_change(lambda: [_shared.catalog().entry(run)], [entry])


# --- The page ---

left, right = st.columns([2, 3], gap="large")
with left:
    _shared.title("Train")
    _link.check(LABELS)
    bring_back()
    st.session_state["form_shown"] = True
    introduction = st.container()
    below_form = form()
with right:
    if problem := st.session_state.pop("problem", None):
        st.error(problem, icon=":material/error:")
    run, live = _shared.chosen_run(), False
    if run:
        try:
            live = watch(run, below_form)
        except RunError as error:
            st.error(str(error), title="This run can't be read", icon=":material/error:")
        look_after(run)
        load_plotly()  # at the end: whatever is above the heading moves it down
    else:
        st.info("Press Train and watch the network learn here.", icon=":material/show_chart:")
        _shared.rerun_on_change(lambda: _shared.catalog().list(1), [])

with introduction:
    st.caption(
        f"The form is for the next network; [one is in training](#{RUN_ANCHOR})."
        if live
        else "Choose a network, press Train, and watch it learn to tell pictures apart."
    )

_shared.pool()  # has a worker load TensorFlow while the reader chooses
