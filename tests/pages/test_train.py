"""The Train page: its form gives the configuration, its live part shows the run's state."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mnist_core.config import PRESETS, TrainingConfig, apply_preset
from mnist_core.own_data import import_file
from mnist_core.runs import (
    Batch,
    Ended,
    Epoch,
    Evaluated,
    Event,
    Fitting,
    RunStore,
    Started,
    State,
    append_event,
)
from mnist_core.workers import WorkerPool
from pages import _shared
from tests.conftest import wait_for_end
from tests.test_own_data import pets, zipped

APP = str(Path(__file__).parents[2] / "app.py")
FITTING = Fitting(weights=535_818, train_images=3_600, validation_images=400, steps_per_epoch=57)
BATCH = Batch(epoch=1, step=32, loss=0.8, accuracy=0.75, images_per_second=12_345)
EPOCH = Epoch(
    epoch=1,
    loss=0.6,
    accuracy=0.8123,
    val_loss=0.4,
    val_accuracy=0.8765,
    learning_rate=0.001,
    seconds=1,
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: WorkerPool) -> RunStore:
    monkeypatch.setenv("DIGIT_LAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DIGIT_LAB_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(_shared, "pool", lambda: pool)
    return RunStore(tmp_path / "runs")


@pytest.fixture
def app(store: RunStore) -> AppTest:
    return checked(AppTest.from_file(APP, default_timeout=30).run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def set_up(app: AppTest) -> TrainingConfig:
    """Press Train and return what was asked for."""
    checked(app.button[0].click().run())
    (run,) = _shared.store().list()
    run.request_stop()
    return run.config


def test_the_form_begins_with_the_articles_recipe_on_what_is_here(app: AppTest) -> None:
    assert set_up(app) == TrainingConfig(dataset="mnist-sample")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_fills_the_form(app: AppTest, preset: str) -> None:
    app.number_input(key="epochs").set_value(50).run()
    app.segmented_control(key="preset").set_value(preset).run()

    assert set_up(app) == apply_preset(preset, TrainingConfig(dataset="mnist-sample"))


def test_the_preset_shown_is_the_one_that_the_form_holds(app: AppTest) -> None:
    assert app.segmented_control(key="preset").value == "article"

    checked(app.slider(key="dropout").set_value(0.5).run())

    assert app.segmented_control(key="preset").value is None


def test_every_move_of_a_slider_counts(app: AppTest) -> None:
    for value in (0.4, 0.5, 0.6):
        app.slider(key="dropout").set_value(value).run()
        assert app.slider(key="dropout").value == value

    assert set_up(app).dropout == 0.6


def test_every_hidden_layer_has_its_own_width(app: AppTest) -> None:
    app.number_input(key="layers").set_value(3).run()
    app.number_input(key="width_1").set_value(300).run()
    app.number_input(key="width_3").set_value(30).run()

    assert set_up(app).widths == (300, 256, 30)


def test_settings_are_still_there_after_another_page(app: AppTest) -> None:
    app.number_input(key="epochs").set_value(7).run()
    app.switch_page("pages/data.py").run()
    app.switch_page("pages/train.py").run()

    assert set_up(app).epochs == 7


def test_settings_that_do_not_go_together_are_named_and_cannot_be_trained(app: AppTest) -> None:
    app.toggle(key="early_stopping").set_value(True).run()
    checked(app.slider(key="validation_share").set_value(0.0).run())

    assert "it needs a validation share above 0" in app.error[0].value
    assert [button.label for button in app.button] == []


def test_a_dataset_that_is_not_here_is_offered_for_download(app: AppTest) -> None:
    checked(app.segmented_control(key="dataset").set_value("mnist").run())

    assert "MNIST is not on this machine" in app.info[0].value
    assert app.page_link[0].value == "Download it"
    assert [button.label for button in app.button] == []


def test_every_setting_explains_itself(app: AppTest) -> None:
    checked(app.toggle(key="early_stopping").set_value(True).run())
    settings = set(TrainingConfig.model_fields) - {"widths", "patience"}
    widgets = {
        widget.key: widget
        for kind in (app.slider, app.number_input, app.segmented_control, app.toggle)
        for widget in kind
    }

    assert settings <= set(widgets)
    for key in (settings, {"layers", "early_stopping"}):
        assert all(widgets[name].help for name in key)


def test_the_summary_counts_the_weights(app: AppTest) -> None:
    assert app.expander[3].label == "535,818 weights"


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

    assert app.progress[0].text.startswith("Epoch 1 of 10, step 32 of 57 · ")
    assert app.progress[0].value == 5
    assert metrics(app) == {
        "Training accuracy": "75.00%",
        "Validation accuracy": "–",
        "Training loss": "0.8000",
        "Images per second": "12,345",
    }
    assert app.button[-1].label == "Stop"


def test_between_epochs_the_last_one_is_shown(store: RunStore) -> None:
    app = shown(store, Started(), FITTING, BATCH, EPOCH)

    assert metrics(app)["Training accuracy"] == "81.23%"
    assert metrics(app)["Validation accuracy"] == "87.65%"
    assert metrics(app)["Images per second"] == "3,600"


def test_stop_asks_the_run_to_stop(store: RunStore) -> None:
    app = shown(store, Started(), FITTING, BATCH)
    checked(app.button[-1].click().run())

    assert store.list()[0].control().stop
    assert app.button[-1].label == "Stopping"
    assert app.button[-1].disabled


@pytest.mark.parametrize(
    ("ended", "kind", "words"),
    [
        (Ended(state=State.FINISHED), "success", "Trained to the end."),
        (Ended(state=State.STOPPED), "info", "Stopped. What was learned is kept."),
        (Ended(state=State.FAILED, message="killed (SIGKILL)"), "error", "killed (SIGKILL)"),
        (Ended(state=State.INTERRUPTED), "warning", "The server that trained it ended first."),
    ],
)
def test_an_ended_run_says_how(store: RunStore, ended: Ended, kind: str, words: str) -> None:
    app = shown(store, Started(), FITTING, EPOCH, ended)

    (alert,) = getattr(app, kind)
    assert words in alert.value
    assert not app.progress


def test_the_articles_accuracy_stands_beside_ours_on_mnist_only(store: RunStore) -> None:
    evaluated = Evaluated(test_accuracy=0.981, test_loss=0.07, test_images=10_000, train_seconds=25)
    ended = Ended(state=State.FINISHED)
    mnist = shown(store, Started(), FITTING, EPOCH, evaluated, ended, config=TrainingConfig())
    sample = shown(store, Started(), FITTING, EPOCH, evaluated, ended)

    assert metrics(mnist)["Test accuracy"] == "98.10%"
    assert metrics(mnist)["Seen by the article"] == "98.03%"
    assert "Seen by the article" not in metrics(sample)
    assert [link.value for link in mnist.page_link] == ["Evaluate it", "Draw digits at it"]


def test_pressing_train_trains(app: AppTest) -> None:
    app.segmented_control(key="preset").set_value("tiny").run()
    app.number_input(key="epochs").set_value(1).run()
    checked(app.button[0].click().run())
    (run,) = _shared.store().list()
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
    assert app.button[0].label == "Train"


# --- Datasets ---


def test_ones_own_data_is_offered_and_described_by_its_file(store: RunStore) -> None:
    import_file("pets", zipped(pets(20, 30)), 16, colour=True)
    app = checked(AppTest.from_file(APP, default_timeout=30).run())
    options = ["MNIST", "MNIST sample", "Fashion-MNIST", "CIFAR-10", "pets"]
    assert app.segmented_control(key="dataset").options == options
    checked(app.segmented_control(key="dataset").set_value("pets").run())

    assert "525,570 weights" in " ".join(e.label for e in app.expander)
    assert any(
        caption.value == "pets: 36 images to train on, 4 held back for validation, 10 for the "
        "test; 2 classes."
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
