"""The Runs page: what it lists, how runs are named, deleted and compared, and who is best."""

import base64
import io
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from mnist_core.config import TrainingConfig
from mnist_core.data import loading
from mnist_core.runs.events import (
    Batch,
    Ended,
    Epoch,
    Evaluated,
    Event,
    LearningRate,
    Started,
    State,
    append_event,
)
from mnist_core.runs.files import write_npz
from mnist_core.runs.folder import Labels, Run
from mnist_core.runs.store import RunStore
from mnist_core.runs.trash import TRASH
from tests import builders
from tests.builders import fitting

APP = str(Path(__file__).parents[2] / "app.py")
SAMPLE = TrainingConfig(dataset="mnist-sample", widths=(16,), epochs=2)
FITTING = fitting()
FINISHED = Ended(state=State.FINISHED)


def epoch(number: int) -> Epoch:
    return builders.epoch(number, time=FITTING.time + 2 * number, loss=0.5 / number, seconds=2)


def asked(store: RunStore, *events: Event, name: str = "", config: TrainingConfig = SAMPLE) -> Run:
    """A run of that name to which this has happened; without events, it is queued."""
    run = store.create(config)
    for event in events:
        append_event(run.folder, event)
    if name:
        run.set_labels(Labels(name=name))
    return run


def trained(
    store: RunStore,
    name: str,
    wrong: range = range(0),
    config: TrainingConfig = SAMPLE,
    labels: np.ndarray[tuple[int], np.dtype[np.uint8]] | None = None,
    loss: float = 0.2,
) -> Run:
    """A finished run that is wrong, by one digit, on these of the sample's test images."""
    labels = loading.load("mnist-sample").y_test if labels is None else labels
    answers = labels.copy()
    answers[wrong] = (labels[wrong] + 1) % 10
    probabilities = np.full((len(labels), 10), 0.05 / 9, np.float32)
    probabilities[np.arange(len(labels)), answers] = 0.95
    accuracy = 1 - len(wrong) / len(labels)
    tested = Evaluated(
        test_accuracy=accuracy, test_loss=loss, test_images=len(labels), train_seconds=4.2
    )
    events = (Started(), FITTING, epoch(1), epoch(2), tested, FINISHED)
    run = asked(store, *events, name=name, config=config)
    write_npz(run.folder / "test.npz", probabilities=probabilities, labels=labels)
    return run


def page(*compared: Run) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=30)
    if compared:
        app.query_params["compare"] = ",".join(run.id for run in compared)
    return checked(app.switch_page("pages/runs.py").run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def table(app: AppTest) -> pd.DataFrame:
    """The table of runs by name."""
    frame: pd.DataFrame = app.dataframe[0].value
    return frame.set_index("name")


def words(app: AppTest) -> str:
    kinds = (
        app.markdown,
        app.caption,
        app.subheader,
        app.error,
        app.warning,
        app.info,
        app.success,
    )
    return "\n".join(element.value for kind in kinds for element in kind)


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [button for button in app.button if button.label == label]
    return checked(button.click().run())


# --- The table ---


def test_without_runs_the_way_to_train_is_shown(store: RunStore) -> None:
    app = page()

    assert "No network has been trained" in app.info[0].value
    assert not app.dataframe
    assert [(link.value, link.proto.page) for link in app.page_link] == [
        ("Train one", ""),  # Train has the address of the dashboard itself
        ("Draw for the one that comes with Digit Lab", "draw"),
    ]


def test_a_run_is_a_row_of_settings_and_figures(store: RunStore) -> None:
    run = trained(store, "Small", wrong=range(48))
    run.set_labels(Labels(name="Small", tags=("week 3",), note="A first try"))
    row = table(page()).loc["Small"]

    assert (row["state"], row["dataset"], row["network"]) == ("finished", "MNIST sample", "16")
    assert (row["weights"], row["epochs"]) == (12_730, 2)
    assert row["accuracy"] == pytest.approx(95.2)
    assert row["interval"] == "93.69% to 96.36%"
    assert (row["seconds"], row["epoch_seconds"]) == (4.2, 2.1)
    assert (list(row["tags"]), row["note"]) == (["week 3"], "A first try")


def test_a_continuation_names_its_parent(store: RunStore) -> None:
    parent = trained(store, "Small")
    write_npz(parent.checkpoint, epoch=np.array(epoch(2).model_dump_json()))
    child = store.create_continuation(parent, epochs=1)
    child.set_labels(Labels(name="Small, longer"))

    assert table(page()).loc["Small, longer", "continues"] == "Small"


def test_a_damaged_run_is_listed_with_the_reason(store: RunStore) -> None:
    run = trained(store, "Small")
    (run.folder / "config.json").write_text('{"dropout": 7}')
    app = page(run)
    (row,) = app.dataframe[0].value.to_dict("records")

    assert row["state"] == "damaged"
    assert "dropout is 7" in row["note"]
    assert "dropout is 7" in app.error[0].value


def test_a_run_of_a_newer_version_is_named_as_such(store: RunStore) -> None:
    trained(store, "Small")
    newer = trained(store, "Newer")
    (newer.folder / "format.json").write_text('{"version": 99}')
    (newer.folder / "config.json").write_text('{"layers": 7}')
    app = page(newer)
    rows = {row["state"]: row for row in app.dataframe[0].value.to_dict("records")}

    assert rows.keys() == {"finished", "newer version"}
    assert "made by a newer version of Digit Lab" in rows["newer version"]["note"]
    assert "made by a newer version of Digit Lab" in app.error[0].value
    assert "layers" not in app.error[0].value


def three_runs(store: RunStore) -> None:
    trained(store, "Small").set_labels(Labels(name="Small", tags=("week 3",)))
    trained(store, "Whole", config=TrainingConfig()).set_labels(Labels(name="Whole", tags=("b",)))
    asked(store, Started(), FITTING, Ended(state=State.FAILED, message="No memory"), name="Broken")
    damaged = store.create(SAMPLE)
    (damaged.folder / "config.json").write_text("{")


def test_all_runs_are_shown_at_first(store: RunStore) -> None:
    three_runs(store)

    assert set(table(page())["state"]) == {"finished", "failed", "damaged"}


@pytest.mark.parametrize(
    ("key", "value", "names"),
    [
        ("runs_search", "no memory", ["Broken"]),
        ("runs_datasets", ["mnist"], ["Whole"]),
        ("runs_states", ["failed"], ["Broken"]),
        ("runs_tags", ["week 3", "b"], ["Small", "Whole"]),
    ],
)
def test_runs_can_be_searched_and_filtered(
    store: RunStore, key: str, value: str | list[str], names: list[str]
) -> None:
    three_runs(store)
    app = page()
    checked(app.get_by_key(key).set_value(value).run())  # type: ignore[union-attr]

    assert sorted(table(app).index) == names
    assert f"{len(names)} of 4 runs" in words(app)


def test_a_filter_that_leaves_nothing_says_so(store: RunStore) -> None:
    three_runs(store)
    app = page()
    checked(app.text_input(key="runs_search").set_value("unheard of").run())

    assert "0 of 4 runs" in words(app)


def test_filters_are_still_there_after_another_page(store: RunStore) -> None:
    three_runs(store)
    app = page()
    app.text_input(key="runs_search").set_value("small").run()
    app.switch_page("pages/data.py").run()
    checked(app.switch_page("pages/runs.py").run())

    assert list(table(app).index) == ["Small"]


def test_every_table_and_chart_has_a_name_for_those_who_cannot_see_it(store: RunStore) -> None:
    again = SAMPLE.model_copy(update={"seed": 2})
    app = page(trained(store, "One"), trained(store, "Other", range(9), again))
    elements = [*app.dataframe, *app.get("plotly_chart")]

    assert len(elements) == 3 + 3
    assert all(element.proto.alt for element in elements)
    assert [name for name, _ in boards(app)] == [
        f"{name} on MNIST sample"
        for name in ("Best accuracy", "Fewest weights at 94%", "Fastest to 94%")
    ]
    assert all(alt.startswith("Validation ") for alt, _ in curves(app))


# --- Live runs ---


def test_live_runs_show_how_far_they_are_and_the_table_leaves_open_what_moves(
    store: RunStore,
) -> None:
    batch = Batch(epoch=2, step=19, loss=0.5, accuracy=0.8, images_per_second=9_000)
    asked(store, Started(), FITTING, epoch(1), batch, name="Running")
    asked(store, name="Waiting")
    app = page()

    assert app.progress[0].value == int(100 * (1 + 19 / 57) / 2)
    assert "epoch 2 of 2" in app.progress[0].text
    assert "1 run waiting" in words(app)
    assert table(app).loc["Running", "state"] == "running"
    assert table(app)["epochs"].isna().all()


def test_a_second_dashboard_sees_the_same(store: RunStore) -> None:
    run = asked(store, Started(), FITTING, name="Run")
    one, other = page(), page()
    for event, state in ((epoch(1), "running"), (Ended(state=State.STOPPED), "stopped")):
        append_event(run.folder, event)
        assert table(checked(one.run())).loc["Run", "state"] == state
        assert table(checked(other.run())).loc["Run", "state"] == state


def test_a_run_that_was_stopped_is_called_after_what_it_did(store: RunStore) -> None:
    stopped = asked(store, Started(), FITTING, epoch(1), Ended(state=State.STOPPED))
    whole = asked(store, Started(), FITTING, epoch(1), epoch(2), FINISHED)
    app = page(stopped, whole)
    names = ["Dense 16, 1 of 2 epochs", "Dense 16, 2 epochs"]

    assert sorted(table(app).index) == names
    assert sorted(trace["name"] for trace in curves(app)[0][1]) == names
    app.text_input(key="runs_search").set_value("1 of 2 epochs").run()
    assert list(table(app).index) == names[:1]
    checked(app.switch_page("pages/evaluate.py").run())
    assert {option[:23] for option in app.selectbox[0].options} >= {names[0]}


# --- Choosing ---


def test_the_runs_in_the_address_are_chosen(store: RunStore) -> None:
    one, other = trained(store, "One"), trained(store, "Other")
    app = page(one, other)

    assert "2 runs chosen" in words(app)
    assert app.query_params["compare"] == f"{one.id},{other.id}"
    (key,) = (key for key in app.session_state if "runs_table" in key)
    rows = app.session_state[key]["selection"]["rows"]
    assert sorted(table(app).index[rows]) == ["One", "Other"]


def test_the_chosen_runs_are_still_chosen_after_another_page(store: RunStore) -> None:
    app = page(trained(store, "One"), trained(store, "Other"))
    app.switch_page("pages/data.py").run()
    app.query_params.clear()
    checked(app.switch_page("pages/runs.py").run())

    assert "2 runs chosen" in words(app)
    assert "compare" in app.query_params


def test_none_can_be_chosen(store: RunStore) -> None:
    app = press(page(trained(store, "One"), trained(store, "Other")), "Clear selection")

    assert "chosen" not in words(app)
    assert "compare" not in app.query_params


def test_runs_that_are_not_here_are_named(store: RunStore) -> None:
    gone = Run(store.folder / "20200101-000000-abcd")
    app = page(gone, trained(store, "One"))

    assert gone.id in app.warning[0].value
    assert "1 run chosen" in words(app)


def test_a_single_run_leads_to_the_pages_that_show_it(store: RunStore) -> None:
    run = trained(store, "One")
    links = page(run).page_link

    assert [link.value for link in links] == [
        "See how it learned",
        "Evaluate it",
        "Draw digits for it",
        "Take it home",
    ]
    assert all(f"run={run.id}" in link.proto.query_string for link in links)


def test_more_than_eight_runs_are_not_compared(store: RunStore) -> None:
    runs = [trained(store, f"Run {number}") for number in range(9)]

    assert "At most 8 runs can be compared" in words(page(*runs))
    assert "Comparison" in [header.value for header in page(*runs[:8]).header]


# --- Labels ---


def test_a_run_can_be_named_tagged_and_noted(store: RunStore) -> None:
    run = trained(store, "")
    app = page(run)
    app.text_input[1].set_value("Wide")
    app.multiselect[3].set_value(["week 3"])
    app.text_area[0].set_value("A first try")
    press(app, "Save")

    assert run.labels() == Labels(name="Wide", tags=("week 3",), note="A first try")
    assert table(app).index == ["Wide"]


# --- Deleting ---


def trash_of(store: RunStore) -> list[str]:
    return os.listdir(store.folder / TRASH) if (store.folder / TRASH).exists() else []


def test_deleting_asks_first(store: RunStore) -> None:
    run = trained(store, "One")
    app = press(page(run), "Delete")

    assert "Delete 1 run, with all files: **One**?" in words(app)
    assert store.list() == [run]

    press(app, "Keep")
    assert store.list() == [run]
    assert "Delete 1 run" not in words(app)


def test_what_was_deleted_can_be_brought_back_until_the_page_is_left(store: RunStore) -> None:
    one, other = trained(store, "One"), trained(store, "Other")
    app = press(press(page(one, other), "Delete"), "Yes, delete 2 runs")
    assert store.list() == []
    assert "2 runs deleted" in words(app)

    press(app, "Undo")
    assert set(store.list()) == {one, other}
    assert set(table(app).index) == {"One", "Other"}
    assert trash_of(store) == []


def test_what_was_deleted_is_gone_once_the_page_is_left(store: RunStore) -> None:
    one, other = trained(store, "One"), trained(store, "Other")
    press(press(page(one), "Delete"), "Yes, delete 1 run")
    assert trash_of(store) == [one.id]

    # AppTest leaves app.py out when it switches pages, but not where the app begins.
    checked(AppTest.from_file(APP, default_timeout=30).run())
    assert trash_of(store) == []
    assert "Undo" not in [button.label for button in page().button]
    assert store.list() == [other]


def test_what_an_ended_server_has_left_in_the_trash_is_purged(store: RunStore) -> None:
    run = trained(store, "One")
    (store.folder / TRASH).mkdir()
    run.folder.rename(store.folder / TRASH / run.id)
    page()

    assert trash_of(store) == []


def test_a_live_run_is_not_deleted_and_this_is_said(store: RunStore) -> None:
    live, over = asked(store, Started(), FITTING, name="Live"), trained(store, "Over")
    app = press(page(live, over), "Delete")
    assert "**Live**: stop it" in app.warning[0].value

    press(app, "Yes, delete 1 run")
    assert store.list() == [live]

    app = press(page(live), "Delete")
    assert not [button for button in app.button if button.label.startswith("Yes")]


def test_a_run_that_was_started_again_meanwhile_is_not_deleted(store: RunStore) -> None:
    run = asked(store, name="Queued")
    append_event(run.folder, FINISHED)
    app = press(page(run), "Delete")
    (run.folder / "events.jsonl").unlink()
    press(app, "Yes, delete 1 run")

    assert store.list() == [run]
    assert "queued; stop it" in app.error[0].value


# --- Comparison ---


def curves(app: AppTest) -> list[tuple[str, list[dict[str, Any]]]]:
    """What the two figures of curves say to those who can't see them, and their traces."""
    received = [json.loads(e.proto.json) for e in app.get("bidi_component") if e.proto.json]
    return [
        (data["alt"], [t for t in data["figure"]["data"] if t["name"] != "Reach"])
        for data in received
        if "figure" in data
    ]


def test_the_curves_of_the_compared_runs_are_overlaid(store: RunStore) -> None:
    app = page(trained(store, "One"), trained(store, "Other"))
    (_, accuracy), (_, loss) = curves(app)

    assert [trace["x"] for trace in accuracy] == [[1, 2], [1, 2]]
    assert [trace["y"] for trace in loss] == [[0.4, 0.4], [0.4, 0.4]]

    app.segmented_control(key="curves_along").set_value("images")
    assert app.slider(key="smoothing").disabled  # validation is drawn as it is
    checked(app.segmented_control(key="curves_images").set_value("Training").run())
    app.slider(key="smoothing").set_value(0.0)
    _, (alt, loss) = curves(checked(app.run()))

    assert alt == "Training loss of the compared runs along images seen"
    assert [trace["x"] for trace in loss] == [[3_600, 7_200]] * 2
    assert [trace["y"] for trace in loss] == [[0.5, 0.25]] * 2


def test_a_run_without_validation_images_is_named(store: RunStore) -> None:
    blind = SAMPLE.model_copy(update={"validation_share": 0.0})
    app = page(trained(store, "One"), trained(store, "Blind", config=blind))

    assert "Trained without validation images: Blind · 16." in words(app)


def test_only_the_settings_that_differ_are_compared(store: RunStore) -> None:
    wide = SAMPLE.model_copy(update={"widths": (64, 32), "patience": 3})
    app = page(trained(store, "One"), trained(store, "Wide", config=wide))
    settings = app.dataframe[1].value

    assert settings.to_dict("index") == {
        "One · 16": {"Hidden layers": "16", "Early stopping": "off"},
        "Wide · 64-32": {"Hidden layers": "64-32", "Early stopping": "3"},
    }


def test_what_was_done_by_hand_stands_with_the_settings_that_differ(store: RunStore) -> None:
    steered = trained(store, "*Steered*")
    append_event(steered.folder, LearningRate(epoch=1, step=32, learning_rate=0.01))
    app = page(trained(store, "One"), steered)

    assert "None: all settings are the same, seed included." in words(app)
    assert (
        r"What the settings of \*Steered\* · 16 do not say: learning rate set to 0.01 in epoch 1."
        in words(app)
    )


def test_the_figures_of_compared_runs_stand_beside_each_other(store: RunStore) -> None:
    good = trained(store, "Good", wrong=range(10), loss=0.25)
    bad = trained(
        store, "Bad", wrong=range(40), config=SAMPLE.model_copy(update={"seed": 2}), loss=0.75
    )
    app = page(good, bad)
    (figures,) = (table for table in app.dataframe if "figures of the compared" in table.proto.alt)
    titles = {name: column["label"] for name, column in json.loads(figures.proto.columns).items()}
    shown = figures.value[list(figures.proto.column_order)].rename(columns=titles)

    assert list(shown.columns) == [
        "State",
        "Test accuracy",
        "95% interval",
        "Mean of seeds",
        "Test loss",
        "Weights",
        "Epochs",
        "Time in training",
        "Seconds per epoch",
    ]
    assert list(shown.loc["Good · 16"]) == [
        "finished",
        pytest.approx(99),
        "98.17% to 99.46%",
        "97.50% ± 2.12% (2)",
        0.25,
        12_730,
        2,
        4.2,
        2.1,
    ]
    assert list(shown.loc["Bad · 16"]) == [
        "finished",
        pytest.approx(96),
        "94.60% to 97.05%",
        "97.50% ± 2.12% (2)",
        0.75,
        12_730,
        2,
        4.2,
        2.1,
    ]


def test_runs_of_the_same_settings_are_told_apart(store: RunStore) -> None:
    one, other = trained(store, "Same"), trained(store, "Same")
    app = page(one, other)

    assert "all settings are the same" in words(app)
    names = list(app.dataframe[1].value.index)
    assert names == [f"Same · 16 · {run.id[-4:]}" for run in (one, other)]


def test_a_difference_that_is_more_than_chance_is_called_so(store: RunStore) -> None:
    app = page(trained(store, "Good"), trained(store, "Bad", wrong=range(6)))

    assert app.success[0].proto.title == "More than chance"
    assert app.success[0].value == (
        "**Good · 16** gets 6 images right that **Bad · 16** gets wrong, and **Bad · 16** gets "
        "no image right that **Good · 16** gets wrong. By chance alone, a difference this "
        "large would arise about once in 32 times: **Good · 16** is better."
    )
    assert "McNemar's exact test: p = 0.031." in words(app)


def test_a_difference_that_may_be_chance_is_called_so(store: RunStore) -> None:
    app = page(trained(store, "Good"), trained(store, "Bad", wrong=range(5)))

    assert "about once in 16 times: this one may well be chance." in words(app)
    assert "p = 0.062" in words(app)
    assert not app.success


def test_the_images_that_one_alone_got_right_are_shown(store: RunStore) -> None:
    app = page(trained(store, "One", wrong=range(3)), trained(store, "Other", wrong=range(2, 12)))

    assert "Only One · 16 is right: 9" in words(app)
    assert "Only Other · 16 is right: 2" in words(app)
    alts = [image.alt for grid in app.get("image") for image in grid.proto.imgs]
    labels = loading.load("mnist-sample").y_test
    assert alts == [
        f"{labels[i]}, taken for {(labels[i] + 1) % 10} with 95.0%; test image {i}"
        for i in [*range(3, 11), 0, 1]
    ]


def test_two_networks_that_agree_are_said_to(store: RunStore) -> None:
    app = page(trained(store, "One", wrong=range(3)), trained(store, "Other", wrong=range(3)))

    assert "On each of the 1,000 test images, both networks are right or both wrong." in words(app)
    assert "McNemar" not in words(app)
    assert not app.get("image")


def test_runs_on_different_test_sets_are_not_compared_image_by_image(store: RunStore) -> None:
    labels = np.arange(10_000, dtype=np.uint8) % 10
    whole = trained(store, "Whole", config=TrainingConfig(), labels=labels)
    app = page(trained(store, "Sample"), whole)

    assert "can't be compared image by image" in app.warning[0].value
    assert "McNemar" not in words(app)
    assert len(app.get("plotly_chart")) == 2  # both matrices, but no difference


def test_any_two_of_the_compared_runs_can_be_looked_at(store: RunStore) -> None:
    app = page(
        *(trained(store, name, wrong=range(n)) for n, name in ((0, "A"), (5, "B"), (9, "C")))
    )
    assert "**A · 16** gets 5 images right" in words(app)

    _, other = app.selectbox
    checked(other.select_index(1).run())
    assert "**A · 16** gets 9 images right" in words(app)


def test_runs_without_answers_have_nothing_to_compare_image_by_image(store: RunStore) -> None:
    failed = asked(store, Started(), FITTING, epoch(1), Ended(state=State.FAILED), name="Failed")
    app = page(trained(store, "One"), failed)

    assert "no test results" in words(app)
    assert len(curves(app)) == 2
    assert not app.get("plotly_chart")


# --- A baseline ---


def test_others_are_told_from_the_baseline_until_there_is_none(store: RunStore) -> None:
    base, better = trained(store, "Base", range(20)), trained(store, "Better", range(5))
    trained(store, "Worse", range(30))
    trained(store, "Part", labels=np.arange(500, dtype=np.uint8) % 10)
    trained(store, "Whole", config=TrainingConfig())
    asked(store, Started(), FITTING, Ended(state=State.FAILED), name="Failed")
    app = press(page(base), "Take as baseline")
    leads = table(app)["lead"].dropna().to_dict()

    assert app.query_params["baseline"] == base.id
    assert ":material/flag: Baseline: **Base**, seed 1, 98.00%" in words(app)
    assert leads == {"Better": pytest.approx(1.5), "Worse": pytest.approx(-1)}
    assert "lead" in app.dataframe[0].proto.column_order

    app.query_params["compare"] = f"{base.id},{better.id}"
    (figures,) = (f for f in checked(app.run()).dataframe if "figures of the" in f.proto.alt)
    assert figures.value["lead"].to_list()[1] == pytest.approx(1.5)

    press(app, "Remove the baseline")
    assert "baseline" not in app.query_params
    assert "lead" not in app.dataframe[0].proto.column_order


def test_the_baseline_is_taken_once_and_kept_when_another_page_is_loaded_again(
    store: RunStore,
) -> None:
    base, other = trained(store, "Base"), trained(store, "Other", range(9))
    app = page(base)
    assert not take(app).disabled
    checked(take(app).click().run())
    assert take(app).disabled

    for name in ("data", "train", "draw"):
        checked(app.switch_page(f"pages/{name}.py").run())
        loaded = AppTest.from_file(APP, default_timeout=30)
        loaded.query_params |= app.query_params
        app = checked(loaded.switch_page(f"pages/{name}.py").run())
    app.query_params["compare"] = other.id
    checked(app.switch_page("pages/runs.py").run())
    assert "Baseline: **Base**" in words(app)
    assert not take(app).disabled


def take(app: AppTest) -> Any:
    (button,) = [button for button in app.button if button.label == "Take as baseline"]
    return button


def test_a_baseline_that_is_deleted_comes_back_with_the_run(store: RunStore) -> None:
    base, _ = trained(store, "Base"), trained(store, "Other")
    app = press(page(base), "Take as baseline")
    press(press(app, "Delete"), "Yes, delete 1 run")
    assert "The baseline is among the runs that were just deleted." in words(app)
    assert not app.warning

    press(app, "Undo")
    assert "Baseline: **Base**" in words(app)


def test_a_baseline_that_there_is_not_is_named_once(store: RunStore) -> None:
    base, other = trained(store, "Base"), trained(store, "Other")
    shutil.rmtree(base.folder)
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params["baseline"] = base.id
    checked(app.switch_page("pages/runs.py").run())
    assert f"{base.id} can't be the baseline" in words(app)

    assert "baseline" not in words(checked(app.run()))
    assert list(table(app).index) == ["Other"]
    assert store.list() == [other]


# --- Several seeds ---

WIDE = SAMPLE.model_copy(update={"widths": (64,)})


def seeds(store: RunStore, wrong: list[int], config: TrainingConfig = SAMPLE) -> list[Run]:
    """Runs of the same settings, with the seeds 1 and up, each wrong on so many images."""
    return [
        trained(store, "", range(many), config.model_copy(update={"seed": seed}))
        for seed, many in enumerate(wrong, 1)
    ]


def test_runs_of_several_seeds_are_rows_of_their_own_that_tell_the_mean(store: RunStore) -> None:
    seeds(store, [10, 20, 30])
    trained(store, "Alone", config=WIDE)
    app = page()
    rows = table(app)[["accuracy", "seed", "seeds"]].T.to_dict("list")

    assert set(rows) == {"Alone", *(f"Dense 16, 2 epochs · seed {n}" for n in (1, 2, 3))}
    assert rows["Dense 16, 2 epochs · seed 3"] == [pytest.approx(97), 3, "98.00% ± 1.00% (3)"]
    assert pd.isna(rows["Alone"][2])
    assert "seeds" in app.dataframe[0].proto.column_order


def test_a_damaged_run_may_be_called_like_others(store: RunStore) -> None:
    damaged = store.create(SAMPLE)
    (damaged.folder / "config.json").write_text("{")
    name = table(page()).index[0]
    for run in seeds(store, [10, 20]):
        run.set_labels(Labels(name=name))

    assert set(table(page()).index) == {name, f"{name} · seed 1", f"{name} · seed 2"}


def test_without_a_second_seed_nothing_is_said_of_any(store: RunStore) -> None:
    app = page(trained(store, "One"), trained(store, "Other"))

    assert all("seeds" not in frame.proto.column_order for frame in app.dataframe)
    assert "differ by their seed" not in words(app)


def test_several_seeds_have_one_place_on_the_leaderboard(store: RunStore) -> None:
    seeds(store, [0, 20, 40])
    trained(store, "Alone", range(10), config=WIDE)
    (best, smallest, _) = (
        [(name.replace("\xa0", " "), figure) for name, figure, *_ in rows]
        for _, rows in boards(page())
    )

    assert best == [
        ("Alone · 64", "99.00%"),
        ("Dense 16, 2 epochs · 3 seeds", "98.00% ± 2.00%"),
    ]
    assert len(smallest) == 2


def test_the_curves_of_several_seeds_have_their_mean_and_a_band(store: RunStore) -> None:
    one, other, _ = seeds(store, [10, 20, 30])
    app = page(one, other, *seeds(store, [5, 6], WIDE)[:1])
    (alt, accuracy), _ = curves(app)
    by_name = {trace["name"]: trace for trace in accuracy}  # of each mean, after its band

    assert list(by_name) == [
        "Dense 16, 2 epochs · mean of 3 seeds",
        "Dense 64, 2 epochs · mean of 2 seeds",
        "Dense 16, 2 epochs · seed 1",
        "Dense 16, 2 epochs · seed 2",
        "Dense 64, 2 epochs",
    ]
    assert [trace["meta"]["colour"] for trace in by_name.values()] == [0, 1, 0, 0, 1]
    assert sum(trace.get("fill") == "toself" for trace in accuracy) == 2
    assert alt.endswith("the mean and standard deviation of those that differ by their seed alone")

    app.session_state["compared_table"] = True
    (columns,) = (f.value for f in checked(app.run()).dataframe if "by epoch" in f.proto.alt)
    name = "Dense 16, 2 epochs · mean of 3 seeds"
    assert columns[f"{name}: accuracy"].to_list() == pytest.approx([0.9, 0.9])
    assert columns[f"{name}: deviation of accuracy"].to_list() == pytest.approx([0, 0])


def test_settings_with_several_seeds_each_are_judged_by_these(store: RunStore) -> None:
    (one, again, _), (other, _) = seeds(store, [10, 12, 14]), seeds(store, [40, 41], WIDE)
    app = page(one, again, other)
    assert "McNemar" not in words(app)  # of three, those of other settings stand first
    app = page(one, other)

    assert app.success[0].proto.title == "More than chance"
    assert app.success[0].value.startswith(
        "The settings of **Dense 16, 2 epochs** reach 98.80% ± 0.20% on average of 3 seeds, those "
        "of **Dense 64, 2 epochs** 95.95% ± 0.07% of 2."
    )
    assert "those of **Dense 16, 2 epochs** are better" in words(app)
    assert "Welch's t-test" in words(app)
    assert "McNemar" not in words(app)
    assert "Only Dense 16, 2 epochs is right: 30" in words(app)


def test_seeds_of_the_same_settings_are_judged_image_by_image(store: RunStore) -> None:
    one, other, _ = seeds(store, [0, 6, 30])
    wide = trained(store, "Wide", range(20), WIDE)

    assert "McNemar's exact test: p = 0.031." in words(page(one, other))
    app = page(one, other, wide)  # of a single seed
    assert "**Wide · 64** gets no image right" in words(app)
    assert "McNemar" in words(app)


def test_a_seed_that_can_not_be_read_is_named_and_the_rest_is_shown(store: RunStore) -> None:
    one, other, third = seeds(store, [10, 20, 30])
    events = third.folder / "events.jsonl"
    lines = events.read_text().splitlines(keepends=True)
    lines.insert(3, '{"kind": "epoch"}\n')  # a summary reads the first and the last alone
    events.write_text("".join(lines))
    app = page(one, other)

    assert str(events) in app.error[0].value.replace("\\", "")
    assert [t["name"] for t in curves(app)[0][1]] == [
        f"Dense 16, 2 epochs · seed {n}" for n in (1, 2)
    ]
    assert set(table(app)["seeds"]) == {"98.00% ± 1.00% (3)"}


# --- Leaderboards ---


def boards(app: AppTest) -> list[tuple[str, list[tuple[str, ...]]]]:
    """What each list is called, and of each place: name, figure, and where its bar is."""
    place = re.compile(
        '<span class="name">(.*?)</span><span class="figure">(.*?)</span>'
        '<span class="bar"><i style="margin-left:(.*?);width:(.*?)">'
    )
    lists = [html.proto.body for html in app.get("html") if "<ol" in html.proto.body]
    return [(re.findall('aria-label="(.*?)"', body)[0], place.findall(body)) for body in lists]


def test_what_the_bars_of_the_leaderboard_reach_from_and_to_stands_below_them(
    store: RunStore,
) -> None:
    trained(store, "Good", wrong=range(9))
    trained(store, "Poor", wrong=range(90))
    lists = [html.proto.body for html in page().get("html") if "<ol" in html.proto.body]

    ends = [re.findall("<span>(.*?)</span>", body.partition('class="scale"')[2]) for body in lists]
    assert ends == [["89.1%", "99.5%"], ["0", "12,730"], ["0", "4.2 s"]]


def test_the_best_are_on_the_leaderboard(store: RunStore) -> None:
    trained(store, "Good", wrong=range(9))
    trained(store, "Poor", wrong=range(90))
    app = page()
    best, smallest, fastest = (rows for _, rows in boards(app))

    assert [row[:2] for row in best] == [("Good · 16", "99.10%"), ("Poor · 16", "91.00%")]
    least, most = 0.8907, 0.9953  # the ends of the two 95% intervals
    starts = [float(start.rstrip("%")) for _, _, start, _ in best]
    assert starts == pytest.approx([100 * (0.9830 - least) / (most - least), 0], abs=0.2)
    assert smallest == [("Good · 16", "12,730", "0.00%", "100.00%")]
    assert fastest == [("Good · 16", "4.2 s", "0.00%", "100.00%")]


def test_the_best_are_shown_with_their_surest_mistake(store: RunStore) -> None:
    trained(store, "Perfect")
    run = trained(store, "Good", wrong=range(3, 4))
    run.set_labels(Labels(name="<b>Good</b>"))
    app = page()
    (body,) = [html.proto.body for html in app.get("html") if "Best accuracy" in html.proto.body]

    assert re.findall('alt="(.*?)"', body) == ["Its surest mistake: 3, taken for 4 with 95.0%"]
    image = base64.b64decode(re.findall('base64,(.*?)"', body)[0])
    shown = np.asarray(Image.open(io.BytesIO(image)))
    assert (shown == loading.load("mnist-sample").x_test[3]).all()
    assert "&lt;b&gt;Good&lt;/b&gt;" in body


def test_a_run_on_other_images_is_on_another_board(store: RunStore) -> None:
    labels = np.arange(500, dtype=np.uint8) % 10
    trained(store, "Whole", wrong=range(9))
    trained(store, "Part", labels=labels)
    app = page()

    firsts = [board[0][0] for name, board in boards(app) if name.startswith("Best accuracy")]
    assert firsts == ["Whole · 16", "Part · 16"]
    captions = [caption.value for caption in app.caption]
    assert "4,000 images to train on, 1,000 to test with." in captions
    assert "4,000 images to train on, 500 to test with." in captions


def test_a_bar_that_nobody_has_reached_is_named(store: RunStore) -> None:
    trained(store, "Poor", wrong=range(90))
    app = page()

    assert words(app).count("No run has reached 94%") == 2
