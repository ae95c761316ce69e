"""The Evaluate page: which run it shows, what it says of it, and of damaged runs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mnist_core.config import TrainingConfig
from mnist_core.data import loading
from mnist_core.runs.events import (
    Ended,
    Evaluated,
    LearningRate,
    Started,
    State,
    append_event,
)
from mnist_core.runs.files import write_json, write_npz
from mnist_core.runs.folder import Run, Trial
from mnist_core.runs.history import History
from mnist_core.runs.judging import judge
from mnist_core.runs.store import BUILT_IN_RUN, RunStore
from pages import _chosen, _tables
from tests.builders import epoch, fitting

APP = str(Path(__file__).parents[2] / "app.py")
SAMPLE = TrainingConfig(dataset="mnist-sample", widths=(16,), epochs=1)


def asked(store: RunStore, run_id: str, config: TrainingConfig = SAMPLE) -> Run:
    """A queued run with an id of the test's choice."""
    run = store.create(config)
    run.folder.rename(store.folder / run_id)
    return store.get(run_id)


def trained(store: RunStore, run_id: str, config: TrainingConfig = SAMPLE) -> Run:
    """A finished run that takes the first 3, 4 and 5 of the test images for the digit after.

    It is sure of its mistakes in that order, 0.9, 0.8 and 0.7, and of right answers with 0.95.
    """
    run = asked(store, run_id, config)
    labels = loading.load("mnist-sample").y_test
    probabilities = np.full((len(labels), 10), 0.05 / 9, np.float32)
    probabilities[np.arange(len(labels)), labels] = 0.95
    for digit, confidence in ((3, 0.9), (4, 0.8), (5, 0.7)):
        probabilities[digit] = (1 - confidence) / 9
        probabilities[digit, digit + 1] = confidence
    write_npz(run.folder / "test.npz", probabilities=probabilities, labels=labels)
    (run.folder / "model.tflite").touch()
    write_json(run.folder / "environment.json", {"keras": "3.15.1"})
    for event in (
        Started(),
        fitting(),
        epoch(),
        Evaluated(test_accuracy=0.997, test_loss=0.1, test_images=1_000, train_seconds=1),
        Ended(state=State.FINISHED),
    ):
        append_event(run.folder, event)
    return run


def page(**query: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=30)
    app.session_state["made_part"] = True  # open
    for name, value in query.items():
        app.query_params[name] = value
    return checked(app.switch_page("pages/evaluate.py").run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def captions(app: AppTest) -> list[str]:
    """What is written under the images, a line each."""
    return [
        image.caption.replace("  \n", " ") for grid in app.get("image") for image in grid.proto.imgs
    ]


def words(app: AppTest) -> str:
    return "\n".join(text.value for text in app.markdown)


def test_without_runs_the_built_in_network_is_shown_and_the_way_to_train(store: RunStore) -> None:
    app = page()

    assert app.selectbox(key="picked_run").value == BUILT_IN_RUN.id
    assert app.metric[0].value == f"{judge(BUILT_IN_RUN).accuracy:.2%}"
    assert len(captions(app)) > 10  # the images are here, too
    (train,) = (link for link in app.page_link if link.value == "Train your own")
    assert train.proto.page == ""  # Train has the address of the dashboard itself


def test_a_run_in_numbers(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa")
    app = page()

    mistake = [0.1 / 9, 0.2 / 9, 0.3 / 9]  # what it gave to the right class
    loss = -(997 * np.log(0.95) + np.log(mistake).sum()) / 1000
    assert metrics(app) == {"Test accuracy": "99.70%", "Test loss": f"{loss:.4f}"}
    assert app.metric[0].delta == "99.12% to 99.90%"
    by_class, over_all = (table.value for table in app.dataframe)
    assert list(by_class.loc["3"]) == pytest.approx([1, 0.99, 0.99 / 0.995, 100])
    assert over_all.loc["Accuracy", "f1-score"] == 0.997


def test_the_articles_accuracy_stands_beside_runs_on_mnist_only(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa")
    trained(store, "20260101-120000-bbbb", TrainingConfig(widths=(16,)))

    assert "In the article" not in metrics(page(run="20260101-120000-aaaa"))
    app = page(run="20260101-120000-bbbb")
    assert metrics(app)["In the article"] == "98.03%"
    assert "this network is better" in words(app)


@pytest.mark.parametrize(
    ("wrong", "verdict"),
    [
        (0, "The article's figure lies below that: this network is better."),
        (11, "The article's figure lies below that: this network is better."),
        (12, "The article's figure lies in that range, too: the difference may be chance."),
        (28, "The article's figure lies in that range, too: the difference may be chance."),
        (29, "The article's figure lies above that: this network is worse."),
        (500, "The article's figure lies above that: this network is worse."),
    ],
)
def test_the_article_is_beaten_or_not_only_beyond_chance(
    store: RunStore, wrong: int, verdict: str
) -> None:
    run = trained(store, "20260101-120000-aaaa", TrainingConfig(widths=(16,)))
    _, labels = run.test_results()
    answers = labels.copy()
    answers[:wrong] = (labels[:wrong] + 1) % 10
    probabilities = (0.01 + 0.9 * np.eye(10)[answers]).astype(np.float32)
    write_npz(run.folder / "test.npz", probabilities=probabilities, labels=labels)

    assert [text for text in words(page()).splitlines() if "article's figure" in text] == [verdict]


# --- Which run ---


def test_the_newest_run_is_shown_and_named_in_the_url(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa")
    trained(store, "20260101-120001-bbbb")
    app = page()

    assert app.selectbox(key="picked_run").value == "20260101-120001-bbbb"
    assert app.query_params["run"] == "20260101-120001-bbbb"


def test_a_run_that_a_search_asked_for_is_shown_only_where_there_is_no_other(
    store: RunStore,
) -> None:
    of_search = trained(store, "20260102-120000-bbbb")
    confirms = Trial(study="20260101-000000-aaaa", number=1, confirms=True)
    write_json(of_search.folder / "trial.json", confirms.model_dump())
    assert page().query_params["run"] == of_search.id

    older = trained(store, "20260101-120000-aaaa")
    assert page().query_params["run"] == older.id


def test_a_trial_that_a_search_did_not_test_says_so_and_leads_on(store: RunStore) -> None:
    tried = trained(store, "20260102-120000-bbbb")
    (tried.folder / "test.npz").unlink()
    trial = Trial(study="20260101-000000-aaaa", number=1)
    write_json(tried.folder / "trial.json", trial.model_dump())
    app = page(run=tried.id)

    assert "none of them is tested" in app.info[0].value
    assert not app.error
    (way,) = (link for link in app.page_link if link.value == "Use its settings")
    assert f"run={tried.id}" in way.proto.query_string


def test_the_url_chooses_the_run(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa")
    trained(store, "20260101-120001-bbbb")

    app = page(run="20260101-120000-aaaa")
    assert app.selectbox(key="picked_run").value == "20260101-120000-aaaa"


def test_the_menu_chooses_the_run_again_and_again(store: RunStore) -> None:
    ids = [trained(store, f"20260101-12000{i}-aaaa").id for i in range(3)]
    app = page()

    for run_id in (ids[0], ids[1], ids[2], ids[0]):
        checked(app.selectbox(key="picked_run").set_value(run_id).run())
        assert app.selectbox(key="picked_run").value == run_id
        assert app.query_params["run"] == run_id


def test_the_chosen_run_stays_when_pages_change(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa")
    trained(store, "20260101-120001-bbbb")
    app = page(run="20260101-120000-aaaa")

    checked(app.switch_page("pages/data.py").run())
    app.query_params.clear()  # as the browser does
    checked(app.switch_page("pages/evaluate.py").run())
    assert app.selectbox(key="picked_run").value == "20260101-120000-aaaa"
    assert app.query_params["run"] == "20260101-120000-aaaa"


def test_a_choice_outlasts_an_older_address_once(store: RunStore) -> None:
    """A fragment's run that takes the choice is followed by a page's run with the address before.

    The second time, an older address is where the reader went back to.
    """

    def script() -> None:
        import streamlit as st

        from pages import _chosen, _state

        if st.session_state.pop("fragment_only", False):
            _state.RUN.choose(["20260101-120001-bbbb"])
        else:
            st.write(_chosen.chosen_run().id)  # type: ignore[union-attr]

    asked(store, "20260101-120000-aaaa")
    asked(store, "20260101-120001-bbbb")
    app = AppTest.from_function(script, default_timeout=30)
    app.session_state["fragment_only"] = True
    app.run()
    for shown in ("20260101-120001-bbbb", "20260101-120000-aaaa"):
        app.query_params["run"] = "20260101-120000-aaaa"
        app.run()
        assert app.markdown[0].value == shown


@pytest.mark.parametrize("unknown", ["20250101-120000-ffff", "../../etc", "%00"])
def test_an_unknown_run_is_named_and_the_newest_shown(store: RunStore, unknown: str) -> None:
    trained(store, "20260101-120000-aaaa")
    app = page(run=unknown)

    assert unknown in app.warning[0].value
    assert app.selectbox(key="picked_run").value == "20260101-120000-aaaa"
    assert not checked(app.run()).warning


def test_an_unknown_run_without_any_other_is_named(store: RunStore) -> None:
    app = page(run="20250101-120000-ffff")

    assert "20250101-120000-ffff" in app.warning[0].value
    assert app.selectbox(key="picked_run").value == BUILT_IN_RUN.id


def test_the_menu_holds_the_newest_runs_and_the_chosen_one(store: RunStore) -> None:
    total = _chosen.RUNS_IN_PICKER + 5
    for i in range(total):
        asked(store, f"20260101-12{i // 60:02}{i % 60:02}-aaaa")
    app = page(run="20260101-120000-aaaa")

    menu = app.selectbox(key="picked_run")
    assert len(menu.options) == _chosen.RUNS_IN_PICKER + 2  # and the built-in one
    assert menu.value == "20260101-120000-aaaa"


def test_runs_that_look_alike_can_be_told_apart(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa")
    trained(store, "20260101-120000-bbbb")
    app = page(run="20260101-120000-aaaa")

    assert len(set(app.selectbox(key="picked_run").options)) == 3  # with the built-in one
    assert app.selectbox(key="picked_run").value == "20260101-120000-aaaa"


def test_a_label_tells_what_it_is_images_time_and_accuracy(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa", TrainingConfig(widths=(16, 8)))
    app = AppTest.from_file(APP, default_timeout=30)
    app.context = {"timezone": "Asia/Kolkata", "timezone_offset": -330}
    checked(app.switch_page("pages/evaluate.py").run())

    label, _ = app.selectbox(key="picked_run").options  # the other one is the built-in run's
    assert label == "Dense 16-8, 10 epochs · 99.7% · MNIST · 1 Jan 17:30"


# --- Images ---


def test_the_first_ten_predictions(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa")
    app = page()

    assert captions(app)[-10:] == [
        ":green[:material/check: **0**] 95.0%",
        ":green[:material/check: **1**] 95.0%",
        ":green[:material/check: **2**] 95.0%",
        ":red[:material/close: Says **4**, is 3] 90.0%",
        ":red[:material/close: Says **5**, is 4] 80.0%",
        ":red[:material/close: Says **6**, is 5] 70.0%",
        *(f":green[:material/check: **{digit}**] 95.0%" for digit in "6789"),
    ]


def test_shuffle_shows_others_each_time(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa")
    app = page()
    seen = [captions(app)[-10:]]
    for _ in range(2):
        (shuffle,) = [button for button in app.button if button.label == "Shuffle"]
        checked(shuffle.click().run())
        seen.append(captions(app)[-10:])

    assert seen[0] != seen[1] != seen[2]


def test_mistakes_come_most_confident_first(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa")
    app = page()

    assert "**Mistakes: 3**" in words(app)
    assert captions(app)[:3] == [
        ":red[:material/close: Says **4**, is 3] 90.0%",
        ":red[:material/close: Says **5**, is 4] 80.0%",
        ":red[:material/close: Says **6**, is 5] 70.0%",
    ]


@pytest.mark.parametrize(
    ("true", "predicted", "heading", "first"),
    [
        (
            "4",
            "Any",
            "**4, taken for something else: 1**",
            ":red[:material/close: Says **5**, is 4]",
        ),
        (
            "Any",
            "6",
            "**Something else, taken for 6: 1**",
            ":red[:material/close: Says **6**, is 5]",
        ),
        ("3", "4", "**3, taken for 4: 1**", ":red[:material/close: Says **4**, is 3]"),
        ("3", "3", "**3, recognised: 99**", ":green[:material/check: **3**]"),
    ],
)
def test_the_images_behind_a_cell(
    store: RunStore, true: str, predicted: str, heading: str, first: str
) -> None:
    trained(store, "20260101-120000-aaaa")
    app = page()
    app.selectbox(key="true_class").set_value(true)
    checked(app.selectbox(key="predicted_class").set_value(predicted).run())

    assert heading in words(app)
    assert captions(app)[0].startswith(first)
    (frame,) = confusion_matrix(app)["layout"]["shapes"]
    for name, axis in ((predicted, "x"), (true, "y")):
        cell = (-0.5, 9.5) if name == "Any" else (int(name) - 0.5, int(name) + 0.5)
        assert (frame[f"{axis}0"], frame[f"{axis}1"]) == cell


def confusion_matrix(app: AppTest) -> Any:
    figures = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    (matrix,) = [figure for figure in figures if figure["data"][0]["type"] == "heatmap"]
    return matrix


def test_the_network_can_be_asked_more_about_the_first_mistake_shown_and_about_others(
    store: RunStore,
) -> None:
    run = trained(store, "20260101-120000-aaaa")
    app = page()

    def links() -> dict[str, str]:
        return {link.value: link.proto.query_string for link in app.page_link}

    more, other = "What else it took the first one for", "Draw digits for it"
    assert links() == {more: f"run={run.id}&test_image=3", other: f"run={run.id}"}

    checked(app.selectbox(key="true_class").set_value("5").run())
    assert links()[more] == f"run={run.id}&test_image=5"
    checked(app.selectbox(key="predicted_class").set_value("1").run())  # no such mistake
    assert links() == {other: f"run={run.id}"}


def test_what_to_take_away_is_of_this_run(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa")
    app = page()

    said = words(app)
    assert "- No class was harder than 3: 99 of its 100 test images" in said
    assert "on 80.0% of the training images, counted while it still learned, and on 90.0%" in said
    assert "of the 400 validation images" in said


def test_an_empty_cell_says_so(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa")
    app = page()
    app.selectbox(key="true_class").set_value("7")
    checked(app.selectbox(key="predicted_class").set_value("1").run())

    assert "**7, taken for 1: 0**" in words(app)
    assert len(captions(app)) == 10  # the predictions alone

    (show_all,) = [button for button in app.button if button.label == "Show all mistakes"]
    checked(show_all.click().run())
    assert len(captions(app)) == 13
    assert "Show all mistakes" not in [button.label for button in app.button]


def test_every_image_says_in_words_what_it_shows(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa")
    alts = [image.alt for grid in page().get("image") for image in grid.proto.imgs]

    assert alts[0] == "3, taken for 4 with 90.0%; test image 3"
    assert alts[-1] == "9, recognised with 95.0%; test image 9"


# --- Runs that are not simply finished ---


def test_a_queued_run_says_that_the_test_is_to_come(store: RunStore) -> None:
    asked(store, "20260101-120000-aaaa")
    app = page()

    assert "when training is over" in app.info[0].value
    assert not app.metric


def test_an_interrupted_run(store: RunStore) -> None:
    (asked(store, "20260101-120000-aaaa").folder / "owner.json").unlink()

    assert "ended first" in page().warning[0].value


def test_a_failed_run_says_why(store: RunStore) -> None:
    run = asked(store, "20260101-120000-aaaa")
    append_event(run.folder, Ended(state=State.FAILED, message="The worker ran out of memory."))
    app = page()

    assert "ran out of memory" in app.error[0].value
    assert len(app.error) == 1


def test_a_stopped_run_is_judged(store: RunStore) -> None:
    run = trained(store, "20260101-120000-aaaa")
    append_event(run.folder, Ended(state=State.STOPPED))
    app = page()

    assert app.info[0].proto.title == "Training was stopped by hand"
    assert metrics(app)["Test accuracy"] == "99.70%"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b"{"),
        ("config.json", b'{"dataset": "../tulips"}'),
        ("events.jsonl", b'{"kind": "never heard of"}\n'),
        ("test.npz", b"no archive"),
        ("test.npz", None),
        ("environment.json", b"[1]"),
        ("environment.json", b"{"),
    ],
)
def test_a_damaged_file_is_named(store: RunStore, file: str, content: bytes | None) -> None:
    path = trained(store, "20260101-120000-aaaa").folder / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    app = page()

    assert [file in error.value for error in app.error] == [True]


def test_test_results_of_another_shape_are_refused(store: RunStore) -> None:
    run = trained(store, "20260101-120000-aaaa")
    probabilities, labels = run.test_results()
    write_npz(run.folder / "test.npz", probabilities=probabilities[:, :9], labels=labels)

    assert "test.npz is damaged: probabilities have the shape (1000, 9)" in page().error[0].value


def test_test_results_of_other_images_are_judged_but_not_shown(store: RunStore) -> None:
    run = trained(store, "20260101-120000-aaaa")
    probabilities, labels = run.test_results()
    write_npz(run.folder / "test.npz", probabilities=probabilities[:500], labels=labels[:500])
    app = page()

    assert metrics(app)["Test accuracy"] == "99.40%"
    assert "other images" in app.error[0].value
    assert not captions(app)


def test_without_the_images_the_numbers_are_shown(store: RunStore) -> None:
    trained(store, "20260101-120000-aaaa", TrainingConfig(widths=(16,)))
    app = page()

    assert "MNIST was not found" in app.warning[0].value
    assert metrics(app)["Test accuracy"] == "99.70%"
    assert len(app.dataframe) == 2
    assert not captions(app)


def test_results_that_change_on_disk_are_read_anew(store: RunStore) -> None:
    run = trained(store, "20260101-120000-aaaa")
    app = page()
    probabilities, labels = run.test_results()
    probabilities[:100] = np.eye(10, dtype=np.float32)[0]
    write_npz(run.folder / "test.npz", probabilities=probabilities, labels=labels)

    assert metrics(checked(app.run()))["Test accuracy"] == "91.00%"


# --- Other datasets than digits ---


def on_shirts(store: RunStore, run_id: str = "20260101-120000-aaaa") -> Run:
    """A finished run on people's own data, which is not on this machine any more."""
    run = trained(store, run_id, SAMPLE.model_copy(update={"dataset": "shirts"}))
    names = ("T-shirt/top", "*trouser*", *"cdefghij")
    outline = loading.load("mnist-sample").outline.model_copy(
        update={"name": "shirts", "class_names": names, "image_shape": (8, 9, 3)}
    )
    write_json(run.folder / "dataset.json", outline.model_dump())
    return run


def test_a_run_whose_dataset_is_gone_keeps_its_classes_names(store: RunStore) -> None:
    on_shirts(store)
    app = page()

    assert list(app.dataframe[0].value.index[:3]) == ["T-shirt/top", "*trouser*", "c"]
    assert "shirts.npz" in app.warning[0].value
    assert "Flatten" in str(app.table[1].value)
    checked(app.selectbox(key="true_class").set_value("d").run())
    assert "**d, taken for something else: 1**" in words(app)
    checked(app.selectbox(key="predicted_class").set_value("*trouser*").run())
    assert r"**d, taken for \*trouser\*: 0**" in words(app)


def test_a_class_chosen_of_one_run_is_not_asked_of_another(store: RunStore) -> None:
    on_shirts(store)
    trained(store, "20260101-110000-bbbb")
    app = page(run="20260101-120000-aaaa")
    checked(app.selectbox(key="true_class").set_value("d").run())
    checked(app.selectbox(key="picked_run").set_value("20260101-110000-bbbb").run())

    assert app.selectbox(key="true_class").value == "Any"


def test_a_run_that_never_began_on_a_dataset_that_is_gone_is_shown(store: RunStore) -> None:
    run = asked(store, "20260101-120000-aaaa", SAMPLE.model_copy(update={"dataset": "shirts"}))
    append_event(run.folder, Ended(state=State.FAILED, message="shirts was not found"))
    app = page()

    assert "shirts was not found" in app.error[0].value
    assert "Not known without the dataset." in words(app)


def test_what_was_done_by_hand_stands_beside_the_command(store: RunStore) -> None:
    run = trained(store, "20260101-120000-aaaa")
    append_event(run.folder, LearningRate(epoch=1, step=32, learning_rate=0.002))

    assert "learning rate set to 0.002 in epoch 1" in words(page())


def test_the_command_that_trains_the_same_again_is_shown(store: RunStore) -> None:
    trained(store, "20260101-000000-aaaa", SAMPLE.model_copy(update={"seed": 3}))

    (line,) = page().code
    assert line.value == ("digit-lab train --dataset mnist-sample --widths 16 --epochs 1 --seed 3")


def test_what_the_charts_show_can_be_read_in_tables(store: RunStore) -> None:
    run = trained(store, "20260101-120000-aaaa")
    app = AppTest.from_file(APP, default_timeout=30)
    app.session_state["curves_table"] = app.session_state["matrix_table"] = True
    checked(app.switch_page("pages/evaluate.py").run())
    tables = {table.proto.alt: table.value for table in app.dataframe}

    (last,) = run.history().epochs
    (row,) = tables["Accuracy and loss by epoch"].reset_index().to_dict("records")
    assert row["Epoch"] == last.epoch
    assert row["Validation accuracy"] == last.val_accuracy
    matrix = tables["The confusion matrix"]
    assert matrix.loc["3", "4"] == 1
    assert matrix.to_numpy().sum() == 1_000

    past = History(Path("nowhere"))
    past.add(epoch(loss=0.9, val_loss=0.8, crossentropy=0.3, val_crossentropy=0.2))
    (row,) = _tables.epochs(past).to_dict("records")
    assert (row["Training loss"], row["Validation loss"]) == (0.3, 0.2)  # as they are drawn


def test_the_map_is_drawn_once_it_is_opened_and_shows_the_image_that_is_asked_for(
    store: RunStore,
) -> None:
    app = page()
    assert not [field for field in app.number_input if field.label.startswith("Test image")]
    app.session_state["map_part"] = True
    app.session_state["drawn"] = [[[140, 40], [130, 240]]]
    checked(app.run())

    result, digits = judge(BUILT_IN_RUN), loading.load("mnist-sample")
    (number,) = [field for field in app.number_input if field.label == "Test image, 0 to 999"]
    checked(number.set_value(18).run())
    assert f"**{digits.y_test[18]}, " in words(app)
    traces = {trace["name"]: trace for trace in the_map(app)["data"]}
    assert {"Test image 18", "Your drawing"} <= {*traces}
    of_ones = traces["1"]
    assert of_ones["customdata"] == np.flatnonzero(digits.y_test == 1).tolist()
    wrong = result.predicted[digits.y_test == 1] != 1
    assert [size == 14 for size in of_ones["marker"]["size"]] == wrong.tolist()
    assert "colour" in traces["7"]["meta"]

    (classes,) = [menu for menu in app.multiselect if menu.label == "In colour"]
    checked(classes.set_value(["1"]).run())
    traces = {trace["name"]: trace for trace in the_map(app)["data"]}
    assert "colour" in traces["1"]["meta"]
    assert "colour" not in traces["7"]["meta"]


def the_map(app: AppTest) -> Any:
    elements = [element.proto for element in app.get("bidi_component")]
    received = [json.loads(element.json) for element in elements if element.json]
    (found,) = [data["figure"] for data in received if data.get("clicks")]
    return found


@pytest.mark.parametrize("told", [1_000, -1, "7", None, 3.5, [1]])
def test_a_click_that_no_map_has_sent_chooses_nothing(told: object) -> None:
    def script(told: object) -> None:
        from pages import _map, _state

        _map.take(told, images=1_000)
        assert _state.MAP_IMAGE.get() is None

    checked(AppTest.from_function(script, args=(told,)).run())
