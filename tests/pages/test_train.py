"""The Train page: its form gives the configuration, its live part shows the run's state."""

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mnist_core.config import TrainingConfig
from mnist_core.data.own import import_file
from mnist_core.link import link_parameters
from mnist_core.presets import PRESETS, apply_preset, measured, presets_for
from mnist_core.runs.events import (
    Ended,
    Evaluated,
    Event,
    LearningRate,
    Paused,
    Started,
    State,
    append_event,
)
from mnist_core.runs.files import write_npz
from mnist_core.runs.folder import Control, Labels, Run
from mnist_core.runs.store import BUILT_IN_RUN, RunStore
from mnist_core.training.pool import WorkerPool
from pages import _cached, _live_run
from tests.builders import batch, epoch, fitting
from tests.conftest import LONG, SMALL, wait_for_end, wait_until
from tests.data.test_own import pets, zipped

APP = str(Path(__file__).parents[2] / "app.py")
FITTING = fitting()
BATCH = batch(loss=0.8, accuracy=0.75, images_per_second=12_345, elapsed=0.6)
EPOCH = epoch(loss=0.6, accuracy=0.8123, val_loss=0.4, val_accuracy=0.8765)


@pytest.fixture
def app(store: RunStore) -> AppTest:
    return checked(AppTest.from_file(APP, default_timeout=30).run())


def labelled(widgets: Iterable[Any], label: str) -> Any:
    """The one widget with that label; for those that have no key, or not always the same."""
    (found,) = (widget for widget in widgets if widget.label == label)
    return found


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def set_up(app: AppTest) -> TrainingConfig:
    """Press Train and return what was asked for, which waits for workers that there are none of."""
    with WorkerPool(0) as waiting, pytest.MonkeyPatch.context() as patch:
        patch.setattr(_cached, "pool", lambda: waiting)
        checked(app.button(key="train").click().run())
    (run,) = _cached.store().list()
    return run.config


FIRST_SCREEN = ["Draw a digit", "See where it errs"]


def test_the_first_screen_has_a_network_to_play_with_until_there_is_a_run(app: AppTest) -> None:
    assert app.header[0].value == "Digit Lab"
    assert app.info[0].value == "Press Train and watch the network learn here."
    assert [link.value for link in app.page_link] == FIRST_SCREEN

    _cached.store().create(SMALL)

    assert "Digit Lab" not in [header.value for header in checked(app.run()).header]
    assert not {*FIRST_SCREEN} & {link.value for link in app.page_link}


def test_the_built_in_run_is_shown_but_can_not_be_trained_on(app: AppTest) -> None:
    app.query_params["run"] = BUILT_IN_RUN.id
    checked(app.run())

    assert "Comes with Digit Lab" in app.header[0].value
    assert not [button for button in app.button if button.label == "Train more"]


def test_the_form_begins_with_the_articles_recipe_on_what_is_here(app: AppTest) -> None:
    assert set_up(app) == TrainingConfig(dataset="mnist-sample")


@pytest.mark.parametrize("preset", presets_for("mnist-sample"))
def test_a_preset_fills_the_form(app: AppTest, preset: str) -> None:
    app.number_input(key="epochs").set_value(50).run()
    labelled(app.segmented_control, "Preset").set_value(preset).run()

    assert set_up(app) == apply_preset(preset, TrainingConfig(dataset="mnist-sample"))


def test_the_preset_shown_is_the_one_that_the_form_holds(app: AppTest) -> None:
    assert labelled(app.segmented_control, "Preset").value == "article"

    checked(app.slider(key="dropout").set_value(0.5).run())

    assert labelled(app.segmented_control, "Preset").value is None


def test_the_chosen_preset_is_described_with_what_was_measured_on_the_dataset(app: AppTest) -> None:
    description = PRESETS["tiny"].description
    assert description not in captions(app)

    checked(labelled(app.segmented_control, "Preset").set_value("tiny").run())
    assert description in [caption.value for caption in app.caption]

    checked(app.segmented_control(key="dataset").set_value("mnist").run())
    accuracy = measured()["tiny"].accuracy
    assert f"{description} Measured: {accuracy:.2%} of the test images right" in captions(app)


def test_every_move_of_a_slider_counts(app: AppTest) -> None:
    for value in (0.4, 0.5, 0.6):
        app.slider(key="dropout").set_value(value).run()
        assert app.slider(key="dropout").value == value

    assert set_up(app).dropout == 0.6


CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"width_1": 96.0}, {"widths": (96, 256)}),
    ({"epochs": 3.0, "dropout": 0.5}, {"epochs": 3, "dropout": 0.5}),
    ({"layers": 3.0}, {"widths": (512, 256, 128)}),
    ({"layers": 1.0, "width_1": 8.0}, {"widths": (8,)}),
    ({"early_stopping": True}, {"patience": 3}),
    ({"optimizer": "sgd"}, {"optimizer": "sgd"}),
]


def changed(app: AppTest, change: dict[str, Any]) -> AppTest:
    """What somebody has just changed is sent together with the press that follows."""
    for key, value in change.items():
        (widget,) = [
            widget
            for kind in (app.number_input, app.slider, app.toggle, app.segmented_control)
            for widget in kind
            if widget.key == key
        ]
        widget.set_value(value)
    return app


@pytest.mark.parametrize(("change", "asked"), CHANGES)
def test_what_was_changed_just_before_train_is_pressed_is_trained(
    app: AppTest, change: dict[str, Any], asked: dict[str, Any]
) -> None:
    assert set_up(changed(app, change)) == TrainingConfig(dataset="mnist-sample", **asked)


@pytest.mark.usefixtures("store")
def test_what_is_left_as_it_is_stays_so_whatever_the_form_holds() -> None:
    config = TrainingConfig(
        dataset="mnist-sample",
        architecture="convolutional",
        filters=(8, 16, 24),
        widths=(),
        optimizer="sgd",
        nesterov=True,
        batch_size=32,
        patience=4,
        rotation=10,
    )
    app = AppTest.from_file(APP, default_timeout=30)
    for name, text in link_parameters(config).items():
        app.query_params[name] = text
    asked = set_up(changed(checked(app.run()), {"epochs": 2.0}))

    assert asked == config.model_copy(update={"epochs": 2})


def test_what_does_not_fit_is_named_though_train_is_pressed_at_once(app: AppTest) -> None:
    checked(changed(app, {"epochs": 0.0}).button(key="train").click().run())

    assert _cached.store().list() == []
    assert any("Epochs" in error.value for error in app.error)


def test_every_hidden_layer_has_its_own_width(app: AppTest) -> None:
    app.number_input(key="layers").set_value(3).run()
    app.number_input(key="width_1").set_value(300).run()
    app.number_input(key="width_3").set_value(30).run()

    assert set_up(app).widths == (300, 256, 30)


@pytest.mark.parametrize(
    ("key", "typed", "said"),
    [
        ("epochs", 12.5, "Epochs: 12.5 is refused; allowed: a whole number from 1 to 200"),
        ("width_2", 12.5, "number 2: 12.5 is refused; allowed: a whole number from 1 to 4,096"),
        ("layers", 1.5, "Hidden layers: 1.5 is refused"),
        ("seed", 1e300, "Seed: 1e+300 is refused"),
        ("seed", float(2**53 + 2), "Seed: 9007199254740994 is refused"),
    ],
)
def test_what_is_no_whole_number_is_named_as_it_was_typed(
    app: AppTest, key: str, typed: float, said: str
) -> None:
    checked(app.number_input(key=key).set_value(typed).run())

    assert said in app.error[0].value
    assert buttons(app) == REFUSED


def test_one_press_trains_with_three_seeds_one_after_the_other(app: AppTest) -> None:
    app.number_input(key="seed").set_value(7).run()
    app.number_input(key="epochs").set_value(200).run()
    checked(app.button(key="train_seeds").click().run())
    by_seed = {run.config.seed: run for run in _cached.store().list()}
    links = [(link.value, link.proto.query_string) for link in app.page_link]

    assert sorted(by_seed) == [7, 8, 9]
    assert len({run.config.model_copy(update={"seed": 7}) for run in by_seed.values()}) == 1
    assert app.query_params["run"] == by_seed[7].id
    expected = [
        (f"Waiting, too: Dense 512-256, 200 epochs, seed {seed}", f"run={by_seed[seed].id}")
        for seed in (8, 9)
    ]
    assert [link for link in links if "Waiting" in link[0]] == expected

    for seed in (9, 8, 7):  # each by itself
        app.query_params["run"] = by_seed[seed].id
        checked(app.run())
        checked(app.button(key="stop").click().run())
        ended = wait_for_end(by_seed[seed]).ended
        assert ended
        assert ended.state == State.STOPPED


def test_seeds_beyond_the_greatest_are_named_and_nothing_is_trained(app: AppTest) -> None:
    app.number_input(key="seed").set_value(2**31 - 1).run()
    checked(app.button(key="train_seeds").click().run())

    assert "seed is 2147483648; allowed: a whole number from 0 to 2" in app.error[0].value
    assert _cached.store().list() == []


def test_settings_are_still_there_after_another_page(app: AppTest) -> None:
    app.number_input(key="epochs").set_value(7).run()
    app.switch_page("pages/data.py").run()
    app.switch_page("pages/train.py").run()

    assert set_up(app).epochs == 7


def buttons(app: AppTest) -> list[tuple[str, bool]]:
    """Those of the form: their labels, and whether they can be pressed."""
    return [(button.label, not button.disabled) for button in app.button]


REFUSED = [("Train", False), ("3 seeds", False)]


def test_settings_that_do_not_go_together_are_named_and_cannot_be_trained(app: AppTest) -> None:
    app.toggle(key="early_stopping").set_value(True).run()
    checked(app.slider(key="validation_share").set_value(0.0).run())

    assert "it needs a validation share above 0" in app.error[0].value
    assert buttons(app) == REFUSED


HIDDEN_LAYERS = (
    "Hidden layers: 9999 is refused; allowed: 1 to 8 layers of 1 to 4,096 units each, or none "
    "after convolutional blocks"
)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("epochs", "Epochs: 9999 is refused; allowed: a whole number from 1 to 200"),
        (
            "width_2",
            "Hidden layers, number 2: 9999 is refused; allowed: a whole number from 1 to 4,096",
        ),
        ("layers", HIDDEN_LAYERS),
    ],
)
def test_a_number_out_of_bounds_is_named_and_cannot_be_trained(
    app: AppTest, key: str, words: str
) -> None:
    checked(app.number_input(key=key).set_value(9999).run())

    assert app.error[0].value == words
    assert buttons(app) == REFUSED


@pytest.mark.parametrize("count", [-1, 0])
def test_a_dense_network_without_hidden_layers_is_refused(app: AppTest, count: int) -> None:
    checked(app.number_input(key="layers").set_value(count).run())

    assert app.error[0].value.startswith(f"Hidden layers: {count} is refused; allowed: 1 to 8")
    assert buttons(app) == REFUSED


def test_a_dataset_that_is_not_here_is_offered_for_download(app: AppTest) -> None:
    checked(app.segmented_control(key="dataset").set_value("mnist").run())

    assert "MNIST is not on this machine" in app.info[0].value
    assert [link.value for link in app.page_link] == [*FIRST_SCREEN, "Download it"]
    assert buttons(app) == []


def test_every_setting_explains_itself(app: AppTest) -> None:
    app.segmented_control(key="architecture").set_value("convolutional").run()
    app.segmented_control(key="optimizer").set_value("sgd").run()
    checked(app.toggle(key="early_stopping").set_value(True).run())
    settings = set(TrainingConfig.model_fields) - {"widths", "filters", "patience"}
    widgets = {
        widget.key: widget
        for kind in (app.slider, app.number_input, app.segmented_control, app.toggle)
        for widget in kind
    }

    assert settings <= set(widgets)
    for key in (settings, {"layers", "blocks", "early_stopping"}):
        assert all(widgets[name].help for name in key)


def test_the_summary_counts_the_weights(app: AppTest) -> None:
    assert "535,818 weights" in labels(app)
    assert "Convolutions" not in labels(app)

    app.segmented_control(key="architecture").set_value("convolutional").run()
    weights = 32 * 9 + 4 * 32 + 64 * 9 * 32 + 4 * 64 + (49 * 64 + 1) * 128 + 129 * 10
    assert f"{weights:,} weights" in labels(app)


def drawings(block: Any) -> list[str]:
    return [html.proto.body for html in block.get("html") if 'class="network"' in html.proto.body]


def test_the_drawing_follows_the_form(app: AppTest) -> None:
    (before,) = drawings(app)
    assert "<b>512</b>" in before
    assert "A test image: 0" in before  # the sample's first

    checked(app.number_input(key="width_1").set_value(40).run())
    (narrow,) = drawings(app)
    assert "<b>40</b>" in narrow
    assert "<b>512</b>" not in narrow
    checked(app.number_input(key="learning_rate").set_value(0.5).run())
    assert drawings(app) == [narrow]

    checked(app.segmented_control(key="architecture").set_value("convolutional").run())
    (blocks,) = drawings(app)
    assert "<b>14 × 14 × 64</b>" in blocks

    checked(app.number_input(key="filters_1").set_value(9999).run())
    assert not drawings(app)
    assert not app.subheader


def test_the_drawing_makes_room_for_a_run(app: AppTest) -> None:
    part = next(expander for expander in app.expander if "weights" in expander.label)
    assert not drawings(part)

    _cached.store().create(SMALL)
    checked(app.run())

    part = next(expander for expander in app.expander if "weights" in expander.label)
    assert drawings(part) == drawings(app)
    assert len(drawings(app)) == 1


def test_without_its_images_a_network_is_drawn_all_the_same(app: AppTest) -> None:
    checked(app.segmented_control(key="dataset").set_value("cifar10").run())

    (drawing,) = drawings(app)
    assert "<b>32 × 32 × 3</b>" in drawing
    assert "No image of this dataset can be read on this machine" in drawing


@pytest.mark.parametrize(("width", "asked"), [(512, True), (4096, False)])
def test_a_network_that_would_take_long_is_not_asked(app: AppTest, width: int, asked: bool) -> None:
    for number in (1, 2):
        app.number_input(key=f"width_{number}").set_value(width)
    checked(app.run())

    (drawing,) = drawings(app)
    assert ("Its answer, untrained" in drawing) == asked
    assert ("too large to be asked" in drawing) != asked


def labels(app: AppTest) -> set[str]:
    return {expander.label for expander in app.expander}


def test_a_convolutional_network_is_asked_for_by_its_blocks(app: AppTest) -> None:
    app.segmented_control(key="architecture").set_value("convolutional").run()
    app.number_input(key="blocks").set_value(3).run()
    app.number_input(key="filters_1").set_value(8).run()
    app.number_input(key="layers").set_value(0).run()
    app.toggle(key="batch_normalization").set_value(False).run()

    assert set_up(app) == TrainingConfig(
        dataset="mnist-sample",
        architecture="convolutional",
        filters=(8, 64, 128),
        widths=(),
        batch_normalization=False,
    )


def test_what_only_blocks_have_does_not_follow_into_a_dense_network(app: AppTest) -> None:
    app.segmented_control(key="architecture").set_value("convolutional").run()
    app.number_input(key="kernel_size").set_value(5).run()
    app.segmented_control(key="architecture").set_value("dense").run()

    assert labelled(app.segmented_control, "Preset").value == "article"
    assert set_up(app) == TrainingConfig(dataset="mnist-sample")


def test_what_only_sgd_has_is_asked_for_with_it_alone(app: AppTest) -> None:
    toggles = {toggle.key for toggle in app.toggle}
    app.segmented_control(key="optimizer").set_value("sgd").run()
    assert {toggle.key for toggle in app.toggle} - toggles == {"nesterov"}
    app.session_state["share_part"] = True
    app.toggle(key="nesterov").set_value(True).run()
    assert "--optimizer sgd --nesterov true" in app.code[0].value
    assert "optimizer=SGD+with+momentum&nesterov=true" in app.code[1].value

    app.segmented_control(key="optimizer").set_value("rmsprop").run()
    assert {toggle.key for toggle in app.toggle} == toggles
    assert set_up(app) == TrainingConfig(dataset="mnist-sample", optimizer="rmsprop")


def test_a_link_may_ask_for_what_only_sgd_has(store: RunStore) -> None:
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params.update({"optimizer": "sgd", "nesterov": "true"})
    app.run()

    assert set_up(checked(app)) == TrainingConfig(
        dataset="mnist-sample", optimizer="sgd", nesterov=True
    )


def test_more_blocks_than_the_picture_can_be_halved_are_named(app: AppTest) -> None:
    app.segmented_control(key="architecture").set_value("convolutional").run()
    checked(app.number_input(key="blocks").set_value(5).run())

    assert "block 5 can't halve 1 × 1" in app.error[0].value
    assert "at most 4 blocks" in app.error[0].value
    assert buttons(app) == REFUSED


def test_alterations_are_shown_as_they_are_chosen(app: AppTest) -> None:
    assert not app.get("image")  # nor is anything read for it

    app.session_state["augmentation"] = True
    plain = sheet(checked(app.run()))
    turned = sheet(checked(app.slider(key="rotation").set_value(30.0).run()))
    again = sheet(checked(app.button(key="draw_again").click().run()))

    assert len({plain, turned, again}) == 3
    assert set_up(app).rotation == 30


def sheet(app: AppTest) -> str:
    """The address of the picture with the altered images, which follows from what is in it."""
    (images,) = app.get("image")
    return str(images.proto.imgs[0].url)


def shown(store: RunStore, *events: Event, config: TrainingConfig | None = None) -> AppTest:
    """The page with a run to which this has happened."""
    run = store.create(config or TrainingConfig(dataset="mnist-sample"))
    for event in events:
        append_event(run.folder, event)
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params["run"] = run.id
    return checked(app.run())


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_a_running_run_shows_how_far_it_is(store: RunStore) -> None:
    app = shown(store, Started(), FITTING, BATCH)

    assert app.progress[0].text.startswith("Epoch 1 of 10, step 32 of 57 · estimating…")
    assert app.progress[0].value == 5
    assert metrics(app) == {
        "Training accuracy": "75.00%",
        "Validation accuracy": "–",
        "Training loss": "0.8000",
        "Images per second": "12,345",
    }
    assert app.button(key="stop").label == "Stop"


def test_the_form_says_how_the_run_stands_which_a_phone_shows_far_below(store: RunStore) -> None:
    over = captions(shown(store, Started(), Ended(state=State.FAILED, message="killed")))
    live = captions(shown(store, Started(), FITTING, BATCH))

    assert "Epoch 1 of 10, step 32 of 57 · estimating… · [See it](#run)" in live
    assert "The form is for the next network; [one is in training](#run)." in live
    when = r"\d+ \w{3} \d\d\\:\d\d"
    assert re.search(
        rf"Article, 0 of 10 epochs · failed · MNIST sample · {when} · \[See it\]\(#run\)", over
    )
    assert "Choose a network, press Train" in over


def captions(app: AppTest) -> str:
    return "\n".join(caption.value for caption in app.caption)


def test_a_run_on_other_images_than_the_form_asks_for_says_so(store: RunStore) -> None:
    """The form begins with the sample where MNIST is missing."""
    words = "This run is on MNIST; the form is set to MNIST sample."

    assert words in captions(shown(store, Started(), config=TrainingConfig()))
    assert words not in captions(shown(store, Started()))


def test_other_live_runs_are_named(store: RunStore) -> None:
    first = store.create(SMALL)
    append_event(first.folder, Started())
    app = shown(store, Started(), Ended(state=State.FAILED))
    links = [(link.value, link.proto.query_string) for link in app.page_link]

    assert ("In training: Dense 16, 2 epochs", f"run={first.id}") in links
    assert "another one is in training" in captions(app)
    app.query_params["run"] = first.id
    assert not [x for x in checked(app.run()).page_link if "In training" in x.value]
    app = shown(store, Started())
    names = [link.value for link in app.page_link if "In training" in link.value]
    assert names == ["In training, too: Dense 16, 2 epochs"]


def test_what_is_only_being_tested_can_not_be_steered(store: RunStore) -> None:
    app = shown(store, Started(), FITTING, EPOCH, config=SMALL.model_copy(update={"epochs": 1}))
    steering = [app.button(key=key) for key in ("pause", "stop")]

    assert "Testing it on images it has never seen" in app.progress[0].text
    assert all(button.disabled for button in steering)
    assert app.select_slider[0].disabled


def test_what_was_done_by_hand_stands_with_the_settings(store: RunStore) -> None:
    app = shown(
        store,
        *(Started(), FITTING, LearningRate(epoch=1, step=32, learning_rate=0.02), EPOCH),
        Ended(state=State.STOPPED),
    )

    assert (
        "What its settings do not say: learning rate set to 0.02 in epoch 1; "
        "stopped after epoch 1." in captions(app)
    )


def test_between_epochs_the_last_one_is_shown(store: RunStore) -> None:
    app = shown(store, Started(), FITTING, BATCH, EPOCH)

    assert metrics(app)["Training accuracy"] == "81.23%"
    assert metrics(app)["Validation accuracy"] == "87.65%"
    assert metrics(app)["Images per second"] == "3,600"


def curves(app: AppTest) -> dict[str, dict[str, Any]]:
    """What the two figures of curves show: by the first word of what is said of each."""
    received = [json.loads(e.proto.json) for e in app.get("bidi_component") if e.proto.json]
    return {chart["alt"].split()[0]: chart["figure"] for chart in received if "figure" in chart}


def points(figure: dict[str, Any], name: str) -> Any:
    (found,) = [trace["y"] for trace in figure["data"] if trace["name"] == name]
    return found


def test_the_reader_chooses_how_the_curves_are_drawn_and_finds_them_so_again(
    store: RunStore,
) -> None:
    losses = [batch(1, step, loss=0.4 + 0.4 / step, accuracy=0.8) for step in range(1, 31)]
    app = shown(store, Started(), FITTING, *losses)
    loss = curves(app)["Loss"]
    raw = points(loss, "Batches")
    assert raw[0] == 0.8
    # Each has as many images, and counts 0.6 times as much as the one after it.
    smoothed = [
        np.average(raw[: n + 1], weights=0.6 ** np.arange(n, -1, -1)) for n in range(len(raw))
    ]
    assert points(loss, "Training") == pytest.approx(smoothed)
    assert "type" not in loss["layout"]["yaxis"]

    app.slider(key="smoothing").set_value(0.0)
    checked(app.toggle(key="logarithmic").set_value(True).run())
    assert points(curves(app)["Loss"], "Training") == raw
    assert points(curves(app)["Loss"], "Batches") == []
    assert curves(app)["Loss"]["layout"]["yaxis"]["type"] == "log"

    app.switch_page("pages/data.py").run()
    checked(app.switch_page("pages/train.py").run())
    assert app.slider(key="smoothing").value == 0.0
    assert points(curves(app)["Loss"], "Batches") == []


def test_an_earlier_run_is_drawn_behind_and_may_be_deleted_meanwhile(store: RunStore) -> None:
    earlier = store.create(SMALL)
    for event in (Started(), FITTING, EPOCH, Ended(state=State.FINISHED)):
        append_event(earlier.folder, event)
    earlier.set_labels(Labels(name="The *first*"))
    app = shown(store, Started(), FITTING, BATCH)
    app.selectbox(key="behind").select(earlier.id)
    checked(app.run())

    assert points(curves(app)["Accuracy"], "The *first*") == [0.8123]
    assert points(curves(app)["Accuracy"], "The *first*, validation") == [0.8765]

    shutil.rmtree(earlier.folder)
    checked(app.run())
    assert points(curves(app)["Accuracy"], "Training") == [0.75]
    assert not any("first" in trace["name"] for trace in curves(app)["Accuracy"]["data"])


def test_the_first_run_has_none_of_ours_to_compare_it_with(store: RunStore) -> None:
    """But the built-in one, where it is on the same images."""
    (built_in,) = shown(store, Started(), FITTING, BATCH).selectbox(key="behind").options
    assert built_in.startswith("Comes with Digit Lab")

    app = shown(store, Started(), FITTING, BATCH, config=TrainingConfig())
    assert "behind" not in {box.key for box in app.selectbox}


def test_stop_asks_the_run_to_stop(store: RunStore) -> None:
    app = shown(store, Started(), FITTING, BATCH)
    checked(app.button(key="stop").click().run())

    assert store.list()[0].control().stop
    assert app.button(key="stop").label == "Stopping"
    assert app.button(key="stop").disabled
    assert app.button(key="pause").disabled


PAUSED = Paused(epoch=2, step=32, steps=57 + 32)


def test_a_running_run_can_be_paused(store: RunStore) -> None:
    app = shown(store, Started(), FITTING, BATCH)
    assert app.button(key="step").disabled
    assert app.button(key="epoch").disabled

    checked(app.button(key="pause").click().run())

    assert store.list()[0].control() == Control(pause_at=0)
    assert app.button(key="pause").disabled


def test_a_run_that_waits_between_two_epochs_says_which_one_is_over(store: RunStore) -> None:
    app = shown(store, Started(), FITTING, BATCH, EPOCH, Paused(epoch=1, step=57, steps=57))

    assert app.progress[0].text == "Paused · Epoch 1 of 10 is over"


@pytest.mark.parametrize(
    ("key", "pause_at"),
    [("continue", None), ("step", 57 + 57), ("epoch", 57 + 57)],
)
def test_a_paused_run_goes_on_as_far_as_is_wanted(
    store: RunStore, key: str, pause_at: int | None
) -> None:
    app = shown(store, Started(), FITTING, BATCH, EPOCH, PAUSED)
    assert app.progress[0].text.startswith("Paused · Epoch 2 of 10")
    (run,) = store.list()
    run.want(pause_at=0)

    checked(app.button(key=key).click().run())

    assert run.control() == Control(pause_at=pause_at)


def test_32_batches_are_no_more_than_that(store: RunStore) -> None:
    """Nor fewer, but for the end of the epoch."""
    long = FITTING.model_copy(update={"steps_per_epoch": 422})
    app = shown(store, Started(), long, BATCH, Paused(epoch=1, step=32, steps=32))
    (run,) = store.list()

    checked(app.button(key="step").click().run())

    assert run.control() == Control(pause_at=64)


def test_one_epoch_from_the_end_of_one_is_the_whole_next_one(store: RunStore) -> None:
    end = Paused(epoch=1, step=57, steps=57)
    app = shown(store, Started(), FITTING, BATCH, EPOCH, end)
    checked(app.button(key="epoch").click().run())

    assert store.list()[0].control() == Control(pause_at=57 + 57)


def test_the_learning_rate_can_be_changed_and_shows_what_holds(store: RunStore) -> None:
    change = LearningRate(epoch=1, step=32, learning_rate=0.0042)
    app = shown(store, Started(), FITTING, BATCH, change)
    (run,) = store.list()
    slider = labelled(app.select_slider, "Learning rate")
    assert slider.value == 0.0042

    checked(slider.set_value(0.0005).run())

    assert run.control() == Control(learning_rate=0.0005)
    assert labelled(checked(app.run()).select_slider, "Learning rate").value == 0.0005
    run.want(learning_rate=0.02)  # in another tab
    assert labelled(checked(app.run()).select_slider, "Learning rate").value == 0.02


def test_a_rate_that_can_not_be_taken_is_not_shown_as_if_it_were(store: RunStore) -> None:
    app = shown(store, Started(), FITTING, BATCH)
    (run,) = store.list()
    (run.folder / "control.json").write_text("{")
    labelled(app.select_slider, "Learning rate").set_value(0.0005).run()

    assert "control.json is damaged" in app.error[0].value
    run.folder.joinpath("control.json").unlink()
    assert labelled(checked(app.run()).select_slider, "Learning rate").value == 0.001


def test_who_waits_for_a_paused_run_is_told(app: AppTest, pool: WorkerPool) -> None:
    first = _cached.store().create(LONG)
    first.want(pause_at=0)
    pool.submit(first)
    wait_until(lambda: first.history().paused)
    waiting = _cached.store().create(SMALL)
    pool.submit(waiting)
    wait_until(lambda: pool.place(waiting) == 0)
    app.query_params["run"] = waiting.id
    checked(app.run())
    first.want(stop=True)

    assert "Waiting for a paused run to be continued or stopped" in app.progress[0].text
    wait_for_end(waiting)


def test_a_run_that_is_over_can_be_trained_on(app: AppTest, pool: WorkerPool) -> None:
    parent = _cached.store().create(SMALL)
    pool.submit(parent)
    before = wait_for_end(parent)
    app.query_params["run"] = parent.id
    checked(app.run())
    app.number_input(key="more_epochs").set_value(1).run()
    checked(app.button(key="train_more").click().run())

    child, _ = _cached.store().list()
    after = wait_for_end(child)
    assert app.query_params["run"] == child.id
    assert child.history().continued[-1].run == parent.id
    assert after.epochs[:2] == before.epochs
    assert [epoch.epoch for epoch in after.epochs] == [1, 2, 3]
    checked(app.run())
    assert app.page_link[0].value.startswith("Continues ")


def test_more_epochs_than_a_run_can_have_are_refused(store: RunStore, pool: WorkerPool) -> None:
    parent = store.create(SMALL)
    pool.submit(parent)
    wait_for_end(parent)
    app = checked(AppTest.from_file(APP, default_timeout=30).run())
    app.number_input(key="more_epochs").set_value(9999).run()
    checked(app.button(key="train_more").click().run())

    assert app.error[0].value.startswith("9,999 more epochs after 2 make 10,001; allowed: ")
    assert store.list() == [parent]


def test_where_a_run_has_had_all_epochs_that_it_can_have_that_is_said(
    store: RunStore, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.create(SMALL)
    pool.submit(run)
    wait_for_end(run)
    monkeypatch.setattr(_live_run, "bounds", lambda field: (1, SMALL.epochs))
    app = checked(AppTest.from_file(APP, default_timeout=30).run())

    assert "It has been trained for 2 epochs, the most that a run can have." in captions(app)
    assert "Train more" not in [button.label for button in app.button]


def test_a_run_without_a_checkpoint_can_not_be_trained_on(store: RunStore) -> None:
    app = shown(store, Started(), FITTING, BATCH, Ended(state=State.FAILED, message="killed"))
    assert "Train more" not in [button.label for button in app.button]


def test_a_runs_settings_can_be_put_into_the_form(store: RunStore) -> None:
    config = apply_preset("tiny", TrainingConfig(dataset="mnist-sample", seed=7))
    app = shown(store, Started(), Ended(state=State.FAILED, message="killed"), config=config)
    checked(app.button(key="use_settings").click().run())

    assert labelled(app.segmented_control, "Preset").value == "tiny"
    assert app.number_input(key="seed").value == 7


def test_a_damaged_checkpoint_is_named(store: RunStore) -> None:
    run = store.create(TrainingConfig(dataset="mnist-sample"))
    append_event(run.folder, Ended(state=State.FAILED, message="killed"))
    run.checkpoint.write_bytes(b"nothing like it")
    app = checked(AppTest.from_file(APP, default_timeout=30).run())

    assert any("checkpoint.npz is damaged" in error.value for error in app.error)


@pytest.mark.parametrize(
    ("ended", "kind", "words"),
    [
        (Ended(state=State.FINISHED), "success", "Trained to the end."),
        (Ended(state=State.STOPPED), "info", "Stopped. What was learned is kept."),
        (Ended(state=State.FAILED, message="killed (SIGKILL)"), "error", "killed (SIGKILL)"),
        (Ended(state=State.INTERRUPTED), "warning", "The server that was training it ended first."),
    ],
)
def test_an_ended_run_says_how(store: RunStore, ended: Ended, kind: str, words: str) -> None:
    app = shown(store, Started(), FITTING, EPOCH, ended)

    (alert,) = getattr(app, kind)
    assert words in alert.value
    assert not app.progress


def test_a_network_that_guesses_is_not_praised_for_having_trained_to_the_end(
    store: RunStore,
) -> None:
    run = store.create(TrainingConfig(dataset="mnist-sample"))
    probabilities = np.full((20, 10), 0.05, np.float32)
    probabilities[:, 3] = 0.55
    write_npz(run.folder / "test.npz", probabilities=probabilities, labels=np.arange(20) % 10)
    evaluated = Evaluated(test_accuracy=0.1, test_loss=2.3, test_images=20, train_seconds=1)
    for event in (Started(), FITTING, EPOCH, evaluated, Ended(state=State.FINISHED)):
        append_event(run.folder, event)
    app = checked(AppTest.from_file(APP, default_timeout=30).run())

    (warning,) = app.warning
    assert "Trained to the end. It always answers 3, and is no better than guessing" in (
        warning.value
    )
    assert not app.success


def test_the_articles_accuracy_stands_beside_ours_on_mnist_only(store: RunStore) -> None:
    evaluated = Evaluated(test_accuracy=0.981, test_loss=0.07, test_images=10_000, train_seconds=25)
    ended = Ended(state=State.FINISHED)
    mnist = shown(store, Started(), FITTING, EPOCH, evaluated, ended, config=TrainingConfig())
    sample = shown(store, Started(), FITTING, EPOCH, evaluated, ended)

    assert metrics(mnist)["Test accuracy"] == "98.10%"
    assert mnist.metric[0].delta == "97.8% to 98.3%"
    assert metrics(mnist)["In the article"] == "98.03%"
    assert "In the article" not in metrics(sample)
    assert [link.value for link in mnist.page_link] == ["Evaluate it", "Draw digits for it"]


def test_a_run_of_several_seeds_says_what_all_of_them_reach(store: RunStore) -> None:
    runs = [store.create(SMALL.model_copy(update={"seed": seed})) for seed in (1, 2, 3)]

    def ends(run: Run, accuracy: float) -> None:
        tested = Evaluated(
            test_accuracy=accuracy, test_loss=0.2, test_images=1_000, train_seconds=1
        )
        for event in (Started(), FITTING, EPOCH, tested, Ended(state=State.FINISHED)):
            append_event(run.folder, event)

    ends(runs[0], 0.93)
    app = opened(store, run=runs[0].id)
    assert "1 of 3 seeds done" in [link.label for link in app.page_link]

    for run, accuracy in zip(runs[1:], (0.91, 0.92), strict=True):
        ends(run, accuracy)
    (link,) = (link for link in checked(app.run()).page_link if "seed" in link.label)
    assert link.label == "3 seeds: 92.00% ± 1.00%"
    assert dict(parse_qsl(link.proto.query_string)) == {"compare": ",".join(run.id for run in runs)}


def test_pressing_train_trains(app: AppTest) -> None:
    labelled(app.segmented_control, "Preset").set_value("tiny").run()
    app.number_input(key="epochs").set_value(1).run()
    checked(app.button(key="train").click().run())
    (run,) = _cached.store().list()
    history = wait_for_end(run)
    checked(app.run())

    assert history.evaluated
    assert app.query_params["run"] == run.id
    assert "Test accuracy" in metrics(app)


def test_an_unknown_run_in_the_address_is_named(store: RunStore) -> None:
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params["run"] = "20200101-000000-abcd"
    checked(app.run())

    assert "20200101-000000-abcd" in app.warning[0].value


@pytest.mark.parametrize("file", ["config.json", "events.jsonl"])
def test_a_damaged_run_is_named_and_the_form_still_works(store: RunStore, file: str) -> None:
    run = store.create(TrainingConfig())
    (run.folder / file).write_text('{"kind": "nonsense"}\n')
    app = checked(AppTest.from_file(APP, default_timeout=30).run())

    assert file in app.error[0].value
    assert app.button(key="train").label == "Train"


# --- Datasets ---


def test_ones_own_data_is_offered_and_described_by_its_file(store: RunStore) -> None:
    import_file("pets", zipped(pets(20, 30)), 16, colour=True)
    app = checked(AppTest.from_file(APP, default_timeout=30).run())
    options = ["MNIST", "MNIST sample", "Fashion-MNIST", "CIFAR-10", "pets"]
    assert app.segmented_control(key="dataset").options == options
    checked(app.segmented_control(key="dataset").set_value("pets").run())

    assert "525,570 weights" in " ".join(e.label for e in app.expander)
    assert any(
        caption.value == "pets: 36 images to train on, 4 held back for validation, 10 for "
        "testing; 2 classes."
        for caption in app.caption
    )
    assert set_up(app).dataset == "pets"


def test_a_damaged_file_of_ones_own_is_named(store: RunStore, tmp_path: Path) -> None:
    (tmp_path / "data" / "own").mkdir(parents=True)
    (tmp_path / "data" / "own" / "pets.npz").write_bytes(b"no archive")
    app = checked(AppTest.from_file(APP, default_timeout=30).run())
    checked(app.segmented_control(key="dataset").set_value("pets").run())

    assert "pets.npz can't be used as pets" in app.error[0].value
    checked(app.segmented_control(key="dataset").set_value("mnist-sample").run())
    assert not app.error


def opened(store: RunStore, **parameters: str) -> AppTest:
    """The page as a link with these parameters opens it."""
    app = AppTest.from_file(APP, default_timeout=30)
    for name, text in parameters.items():
        app.query_params[name] = text
    return checked(app.run())


def test_a_link_with_the_values_of_the_command_line_is_understood(store: RunStore) -> None:
    app = opened(store, optimizer="sgd", learning_rate="0.05", patience="4")

    config = set_up(app)
    assert (config.optimizer, config.learning_rate, config.patience) == ("sgd", 0.05, 4)


def test_what_is_wrong_in_a_link_is_named_and_the_rest_kept(store: RunStore) -> None:
    app = opened(store, epochs="9999", dropout="0.5", layers="3", width_3="no", colour="red")

    notice = app.warning[0].value.replace("\\", "")
    assert "epochs is '9999'; allowed: a whole number from 1 to 200" in notice
    assert "width_3 is 'no'; allowed: 1 to 8 layers of 1 to 4,096 units each" in notice
    assert "'colour' is not a setting; allowed: dataset" in notice
    assert app.query_params == {"dropout": "0.5", "layers": "3"}
    dismiss = labelled(app.button, "Dismiss")
    dismiss.click().run()
    config = set_up(app)
    assert (config.epochs, config.dropout, config.widths) == (10, 0.5, (512, 256, 128))


def test_a_whole_number_is_not_made_of_a_part_of_one(store: RunStore) -> None:
    app = opened(store, epochs="2.7")

    assert "epochs is '2.7'" in app.warning[0].value.replace("\\", "")
    assert app.number_input(key="epochs").value == 10


def test_the_notice_stays_until_it_is_dismissed(store: RunStore) -> None:
    app = opened(store, epochs="0")
    checked(app.run())
    assert app.warning

    dismiss = labelled(app.button, "Dismiss")
    checked(dismiss.click().run())
    assert not app.warning
    checked(app.run())
    assert not app.warning


def test_the_notice_goes_when_a_setting_changes(store: RunStore) -> None:
    app = opened(store, epochs="0")
    checked(app.number_input(key="epochs").set_value(3).run())
    assert not app.warning
    checked(app.number_input(key="epochs").set_value(10).run())
    assert not app.warning


def test_a_link_can_not_write_markdown_into_the_page(store: RunStore) -> None:
    app = opened(store, epochs="![](http://elsewhere/)")

    assert "!\\[\\](http:\u2060//elsewhere" in app.warning[0].value


def test_the_settings_can_be_passed_on_as_a_command_and_as_a_link(app: AppTest) -> None:
    assert not app.code
    app.session_state["share_part"] = True
    checked(labelled(app.segmented_control, "Preset").set_value("fast").run())
    line, link = (code.value for code in app.code)

    assert line == "digit-lab train --dataset mnist-sample --preset fast"
    parameters = dict(parse_qsl(urlsplit(link).query))
    again = opened(_cached.store(), **parameters)
    assert set_up(again) == apply_preset("fast", TrainingConfig(dataset="mnist-sample"))


def test_with_many_sets_of_ones_own_the_form_has_a_menu_that_a_link_and_a_preset_set(
    store: RunStore,
) -> None:
    names = [f"set-{number:02}-with-a-rather-long-name-of-its" for number in range(12)]
    for name in names:
        import_file(name, zipped(pets()))
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params["dataset"] = names[3]
    checked(app.run())
    menu = app.selectbox(key="dataset")
    assert menu.value == names[3]

    checked(menu.set_value(names[5]).run())
    checked(labelled(app.segmented_control, "Preset").set_value("tiny").run())
    assert app.selectbox(key="dataset").value == names[5]
    assert app.query_params["dataset"] == names[5]
    assert set_up(app).dataset == names[5]
