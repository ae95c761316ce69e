"""The page Search: its form gives the plan, beside it a study is shown, whatever became of it."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import psutil
import pytest
from streamlit.testing.v1 import AppTest

from mnist_core.config import TrainingConfig
from mnist_core.runs.events import Started, append_event
from mnist_core.runs.folder import Owner
from mnist_core.runs.folder import Trial as TrialFile
from mnist_core.runs.store import RunStore
from mnist_core.search import study as studies
from mnist_core.search.study import Study, Wanted
from pages import _page
from tests.builders import epoch, fitting
from tests.conftest import wait_for_end, wait_until
from tests.search.builders import BASE, RESULT, TRIALS, plan, searched

APP = str(Path(__file__).parents[2] / "app.py")
PAGE = "pages/search.py"


@pytest.fixture
def store(empty_machine: Path) -> Iterator[RunStore]:
    store = RunStore(empty_machine / "runs")
    yield store
    for study in studies.every(store.folder):  # those that a test has had conducted
        if (owner := study.owner) and owner.pid != os.getpid() and owner.alive:
            conductor = psutil.Process(owner.pid)
            processes = [conductor, *conductor.children(recursive=True)]
            conductor.kill()
            psutil.wait_procs(processes, timeout=60)


def going_on(store: RunStore, **asked: Any) -> Study:
    study = searched(store.folder, result=None, **{"trials": 20} | asked)
    study.write("owner.json", Owner.this_process())
    return study


def opened(study: str | None = None) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=30)
    if study:
        app.query_params["study"] = study
    return checked(app.switch_page(PAGE).run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    kinds: Sequence[Iterable[Any]] = (
        *(app.markdown, app.caption, app.header, app.subheader),
        *(app.error, app.warning, app.info, app.success),
    )
    bars: Sequence[Any] = app.get("progress")
    texts = [*(element.value for kind in kinds for element in kind), *(bar.text for bar in bars)]
    return "\n".join(texts)


def links(app: AppTest) -> dict[str, str]:
    """Label to the parameters of the address that it leads to."""
    return {link.label: link.proto.query_string for link in app.page_link}


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [button for button in app.button if button.label == label]
    assert not button.disabled
    return checked(button.click().run())


def labels(app: AppTest) -> list[str]:
    """Of the buttons that can be pressed."""
    return [button.label for button in app.button if not button.disabled]


def assert_conducted(study: Study) -> None:
    """By a process of its own."""
    assert study.owner
    process = psutil.Process(study.owner.pid)
    wait_until(lambda: str(study.folder) in process.cmdline())  # not at once after its start


# --- The form ---


@pytest.mark.parametrize(
    ("kind", "key", "typed", "said"),
    [
        ("number_input", "trials", 0.0, "Trials: 0 is refused; allowed: a whole number from 1 to"),
        ("number_input", "trials", 12.5, "Trials: 12.5 is refused; allowed: a whole number from 1"),
        ("number_input", "workers", 999.0, "999 trials at a time are asked for; allowed: a whole"),
        ("number_input", "epochs", 0.0, "Epochs: 0 is refused; allowed: a whole number from 1"),
        ("number_input", "finalists", 50.0, "Best trials to confirm: 50 is refused; allowed: a wh"),
        ("number_input", "minutes", -1.0, "Minutes at most: -1.0 is refused; allowed: a number a"),
        ("number_input", "low_learning_rate", 5.0, "Learning rate is varied from 5 to 0.03; allow"),
        ("number_input", "high_batch_size", 99.5, "Batch size is varied from 16 to 99.5; allowed:"),
        ("number_input", "most_widths", 1.5, "Hidden layers is varied between 1 and 1.5 values; "),
        ("multiselect", "among_schedule", [], "Learning-rate schedule has nothing to choose from"),
        ("multiselect", "varied", [], "Nothing varies: choose at least one setting above."),
    ],
)
def test_what_can_not_be_searched_is_named_and_stays_until_it_is_mended(
    store: RunStore, kind: str, key: str, typed: Any, said: str
) -> None:
    app = opened()
    before = getattr(app, kind)(key=f"search_{key}").value
    app.number_input(key="search_high_dropout").set_value(0.25).run()

    checked(getattr(app, kind)(key=f"search_{key}").set_value(typed).run())
    assert said in app.error[0].value
    assert "Search" not in labels(app)
    assert getattr(app, kind)(key=f"search_{key}").value == typed

    checked(getattr(app, kind)(key=f"search_{key}").set_value(before).run())
    assert not app.error
    assert "Search" in labels(app)
    if key != "varied":
        assert app.number_input(key="search_high_dropout").value == 0.25


def test_what_was_filled_in_is_there_after_another_page(store: RunStore) -> None:
    app = opened()
    app.multiselect(key="search_varied").set_value(["dropout", "optimizer"]).run()
    app.number_input(key="search_high_dropout").set_value(0.25).run()
    app.segmented_control(key="search_against").set_value("weights").run()
    app.switch_page("pages/data.py").run()
    checked(app.switch_page(PAGE).run())

    assert app.multiselect(key="search_varied").value == ["dropout", "optimizer"]
    assert app.number_input(key="search_high_dropout").value == 0.25
    assert app.segmented_control(key="search_against").value == "weights"


def test_the_address_holds_what_is_filled_in(store: RunStore) -> None:
    app = AppTest.from_file(APP, default_timeout=30)
    app.query_params |= {
        "search_trials": "7",
        "search_varied": ["Dropout", "Optimizer"],
        "search_high_dropout": "0.25",
        "search_against": "Fewer weights",
        "search_base": "*gone*",
        "search_prune": "false",
        "search_minutes": "5",
    }
    checked(app.switch_page(PAGE).run())
    assert "There is no \\*gone\\* to start from here" in app.warning[0].value

    press(app, "Search")
    (study,) = studies.every(store.folder)
    asked = plan("dropout=0..0.25", "optimizer", trials=7, against="weights", prune=False)
    assert study.plan == asked.model_copy(update={"minutes": 5.0})
    assert not app.warning


def test_a_search_starts_from_a_preset_or_from_the_form_on_train(store: RunStore) -> None:
    app = checked(AppTest.from_file(APP, default_timeout=30).run())
    app.slider(key="dropout").set_value(0.7).run()
    checked(app.switch_page(PAGE).run())

    assert "Article" in app.selectbox(key="search_base").options
    (form,) = [o for o in app.selectbox(key="search_base").options if o.startswith("The form on")]
    app.selectbox(key="search_base").set_value("form")
    app.multiselect(key="search_varied").set_value(["widths"]).run()
    press(app, "Search")

    (study,) = studies.every(store.folder)
    assert form.startswith("The form on Train: ")
    assert study.plan.base == TrainingConfig(dataset="mnist-sample", dropout=0.7, epochs=3)


def test_the_button_has_a_process_conduct_what_the_form_says(store: RunStore) -> None:
    app = opened()
    assert "Choose what may vary" in app.info[0].value
    app.multiselect(key="search_varied").set_value(["learning_rate", "widths"])
    app.number_input(key="search_low_learning_rate").set_value(0.002)
    app.number_input(key="search_trials").set_value(7.0)
    app.toggle(key="search_prune").set_value(False).run()
    assert "7 trials of 3 epochs, then 9 runs to confirm the best" in words(app)

    press(app, "Search")

    (study,) = studies.every(store.folder)
    asked = plan("learning_rate=0.002..0.03", "widths", trials=7, prune=False)
    assert study.plan == asked.model_copy(update={"base": BASE})
    assert_conducted(study)
    assert app.query_params["study"] == study.id
    assert "0 of 7 trials" in words(app)
    assert {"Pause", "Stop", "Add trials"} <= {*labels(app)}
    assert "Delete this study" not in labels(app)


def test_what_was_typed_just_before_search_is_pressed_is_searched(store: RunStore) -> None:
    app = opened()
    app.multiselect(key="search_varied").set_value(["dropout"])
    app.number_input(key="search_epochs").set_value(2.0)
    app.number_input(key="search_trials").set_value(7.0)
    press(app, "Search")

    (study,) = studies.every(store.folder)
    base = BASE.model_copy(update={"epochs": 2})
    assert study.plan == plan("dropout", trials=7).model_copy(update={"base": base})


def test_what_can_not_be_searched_is_named_though_search_is_pressed_at_once(
    store: RunStore,
) -> None:
    app = opened()
    app.number_input(key="search_trials").set_value(0.0)
    press(app, "Search")

    assert "Trials: 0 is refused" in app.error[0].value
    assert studies.every(store.folder) == []


# --- A study ---


def test_before_there_is_one_the_page_waits_for_it(store: RunStore) -> None:
    app = opened()
    assert not app.header
    study = searched(store.folder)

    assert "4 of 5" not in words(app)
    checked(app.run())
    assert app.query_params["study"] == study.id


def test_a_finished_study_is_shown_and_its_best_was_partly_luck(store: RunStore) -> None:
    app = opened(searched(store.folder).id)

    assert "5 of 5 trials: 3 finished, 1 stopped early, 1 failed." in app.success[0].value
    (table,) = [frame.value for frame in app.dataframe]
    assert [*table["Trial"]] == [2, 5, 1, 4, 3]
    assert [*table["Outcome"]] == ["finished"] * 3 + ["failed", "stopped early"]
    assert table["Validation accuracy"][0] == pytest.approx(95)
    assert table["Hidden layers"][0] == "64-32"
    (row,) = app.table[0].value.reset_index().to_dict("records")
    assert row == {
        "Trial": 2,
        "In the search": "95.00%",
        "With other seeds": "93.00%",
        "Luck": "+2.00%",
        "Test accuracy": "93.50% ± 0.71%",
        "Seeds": "2, 3",
    }
    assert "Both aims" not in words(app)
    assert {"Pause", "Stop"}.isdisjoint(labels(app))


@pytest.mark.parametrize("asked", [{"against": "weights"}, {"against": "seconds", "aim": "loss"}])
def test_two_aims_have_a_front(store: RunStore, asked: dict[str, Any]) -> None:
    app = opened(searched(store.folder, **asked).id)

    assert "Both aims" in words(app)
    app.selectbox(key="study_one").set_value("dropout")
    checked(app.selectbox(key="study_other").set_value("widths").run())


def test_a_trial_is_picked_to_see_it_or_to_use_its_settings(store: RunStore) -> None:
    study = searched(store.folder)
    app = opened(study.id)
    assert "Tick a trial" in words(app)
    app.session_state["picked_trial"] = (study.id, 2)  # AppTest can't tick a row
    checked(app.run())

    assert parse_qs(links(app)["See how it learned"])["run"] == [TRIALS[1].run]
    settings = {name: one for name, (one,) in parse_qs(links(app)["Use its settings"]).items()}
    train = AppTest.from_file(APP, default_timeout=30)
    for name, value in settings.items():
        train.query_params[name] = value
    press(train.run(), "Train")
    (run,) = store.list()
    assert run.config == TRIALS[1].config
    run.want(stop=True)
    wait_for_end(run)  # else its worker would go on beside other tests


def test_settings_that_are_taken_are_named_on_train_beside_the_trial_they_are_of(
    store: RunStore,
) -> None:
    study = searched(store.folder)
    run = store.create(TRIALS[1].config, TrialFile(study=study.id, number=2))
    for event in (Started(), fitting(), epoch(), epoch(2, val_accuracy=0.95)):
        append_event(run.folder, event)
    run.folder.rename(store.folder / TRIALS[1].run)
    newest = store.create(BASE)
    train = AppTest.from_file(APP, default_timeout=30)
    for name, (value,) in parse_qs(links(opened(study.id))["Use the best settings"]).items():
        train.query_params[name] = value

    def said() -> str:
        return "\n".join(info.value for info in checked(train.run()).info)

    assert "the settings of trial 2 of the search of" in said()
    assert "95.00% in validation after 2 epochs. Trials are short: raise Epochs" in said()
    assert "trial 2 of a search" in train.header[0].value
    train.number_input(key="epochs").set_value(8.0)
    assert "in validation after 2 epochs. Epochs is 8 now" in said()
    train.slider(key="dropout").set_value(0.5)
    assert "the settings of trial" not in said()
    train.slider(key="dropout").set_value(0.3)
    assert "the settings of trial" in said()
    train.query_params["run"] = newest.id
    assert "the settings of trial" not in said()


def test_runs_that_confirm_a_trial_are_marked_wherever_they_are_seen(store: RunStore) -> None:
    study = searched(store.folder)
    store.create(BASE)
    role = TrialFile(study=study.id, number=2, confirms=True)
    run = store.create(BASE.model_copy(update={"seed": 2}), role)
    app = opened()

    checked(app.switch_page("pages/runs.py").run())
    app.text_input(key="runs_search").set_value("confirms").run()
    table = app.dataframe[0]
    began = datetime.strptime(study.id[:13], "%Y%m%d-%H%M").replace(tzinfo=UTC)
    assert [*table.value["search"]] == [f"{began.day} {began:%b %H:%M}: confirms trial 2"]
    assert "search" in table.proto.column_order

    checked(app.switch_page("pages/evaluate.py").run())
    (marked,) = [name for name in app.selectbox(key="picked_run").options if "search" in name]
    assert " · queued · confirms trial 2 of a search · MNIST sample" in marked

    app.query_params["run"] = run.id
    (search,) = marks(checked(app.switch_page("pages/train.py").run()))
    assert search.label.startswith("Confirms trial 2 of the search of ")
    assert search.proto.query_string == f"study={study.id}"
    studies.delete(study)
    assert not marks(checked(app.run()))
    assert "which is no longer here." in words(app)


def marks(app: AppTest) -> list[Any]:
    """The links to searches."""
    return [link for link in app.page_link if link.proto.page == "search"]


def test_the_table_is_filtered(store: RunStore) -> None:
    app = opened(searched(store.folder).id)

    def numbers() -> list[int]:
        return [*app.dataframe[0].value["Trial"]]

    app.select_slider(key="study_filter_dropout").set_value((0.5, 1.0)).run()
    assert numbers() == [2, 3]  # from a dropout of 0.25 on
    assert "2 of 5 trials" in words(app)
    app.select_slider(key="study_filter_dropout").set_value((0.0, 1.0))
    app.multiselect(key="study_filter_schedule").set_value(["cosine"]).run()
    assert numbers() == [4]
    app.select_slider(key="study_filter_widths").set_value((0.0, 0.05)).run()
    assert "No trial has all of that." in words(app)
    assert not app.dataframe


def test_while_it_goes_on_its_trials_in_training_are_shown(store: RunStore) -> None:
    study = going_on(store)
    run = store.create(BASE, TrialFile(study=study.id, number=6))
    for event in (Started(), fitting(), epoch()):
        append_event(run.folder, event)
    other = store.create(BASE, TrialFile(study="20261128-000000-ffff", number=77))
    append_event(other.folder, Started())

    app = opened(study.id)

    assert "5 of 20 trials · about 2 min 15 s left · 3 finished, 1 stopped early" in words(app)
    assert "Trial 6 · epoch 2 of 3" in words(app)
    assert "Trial 77" not in words(app)
    assert links(app)["Watch it"] == f"run={run.id}"


def test_before_the_first_trial_learns_the_page_says_what_happens(store: RunStore) -> None:
    study = studies.create(store.folder, plan(trials=6))
    study.write("owner.json", Owner.this_process())
    app = opened(study.id)
    assert "0 of 6 trials\nStarting: in about ten seconds, the first trial begins" in words(app)

    run = store.create(BASE, TrialFile(study=study.id, number=1))
    wait_until(lambda: "Trial 1 · its worker loads TensorFlow" in words(checked(app.run())))
    assert "Starting" not in words(app)

    append_event(run.folder, Started())
    wait_until(lambda: "Trial 1 · epoch 1 of 3" in words(checked(app.run())))


def test_a_study_is_paused_gone_on_with_stopped_and_given_more(store: RunStore) -> None:
    study = going_on(store)
    app = press(opened(study.id), "Pause")
    assert study.wanted() == Wanted(pause=True)
    assert "Paused · 5 of 20 trials" in words(app)

    press(app, "Go on")
    assert study.wanted() == Wanted()

    app.number_input(key="more_trials").set_value(30.0)
    press(app, "Add trials")
    assert study.wanted() == Wanted(trials=50)
    assert "5 of 50 trials" in words(app)
    assert study.owner == Owner.this_process()

    press(app, "Stop")
    assert study.wanted() == Wanted(trials=50, stop=True)
    assert "Stopping, then confirming the best · 5 of 50 trials" in words(app)
    assert [button.label for button in app.button if button.key == "study_stop"] == ["Stopping"]
    assert {"Pause", "Stop"}.isdisjoint(labels(app))


@pytest.mark.parametrize("more", [0.0, 12.5, -3.0, 1e9])
def test_no_more_trials_than_there_may_be(store: RunStore, more: float) -> None:
    study = going_on(store)
    app = opened(study.id)
    app.number_input(key="more_trials").set_value(more)
    press(app, "Add trials")

    assert f"More trials: {more:,g} is refused; allowed: a whole number from 1 to 9,980" in words(
        app
    )
    assert study.wanted() == Wanted()
    checked(app.run())
    assert not app.error


def test_a_trial_is_added_by_hand(store: RunStore) -> None:
    study = going_on(store)
    app = opened(study.id)
    app.session_state["picked_trial"] = (study.id, 2)
    checked(app.run())
    key = f"study_value_{study.id}_2"
    assert app.text_input(key=f"{key}_widths").value == "64 32"
    assert app.number_input(key=f"{key}_dropout").value == 0.3

    for text, said in (("64 x", "Hidden layers"), ("64 9999", "Hidden layers, number 2: 9999 is")):
        checked(app.text_input(key=f"{key}_widths").set_value(text).run())
        assert said in app.error[0].value
        assert "Add this trial" not in labels(app)
    app.text_input(key=f"{key}_widths").set_value("64, 48").run()
    press(app, "Add this trial")

    wanted = TRIALS[1].config.model_copy(update={"widths": (64, 48)})
    assert study.wanted() == Wanted(trials=21, added=(wanted,))


def test_a_trial_by_hand_that_can_not_be_added_is_said_to_be(store: RunStore) -> None:
    study = searched(store.folder)
    app = opened(study.id)
    (study.folder / "control.json").write_text("{")
    press(app, "Add this trial")

    assert [error.value for error in app.error if "control.json is damaged" in error.value]
    assert not study.conducted


def test_a_trial_by_hand_alone_wakes_a_study_that_is_over(store: RunStore) -> None:
    study = searched(store.folder, trials=40)  # it was stopped
    study.want(stop=True)
    press(opened(study.id), "Add this trial")

    assert study.wanted() == Wanted(trials=6, added=(BASE,))
    assert study.conducted


def test_an_interrupted_study_says_why_and_goes_on(store: RunStore) -> None:
    study = searched(store.folder, result=None, trials=9)
    (study.folder / "conductor.log").write_text("Traceback\nOSError: *no* room\n\n")
    app = opened(study.id)
    assert app.warning[0].value.startswith("5 of 9 trials.")
    assert _page.plain("OSError: *no* room") in app.warning[0].value

    app.number_input(key="more_trials").set_value(1.0)
    press(app, "Add trials")

    assert_conducted(study)
    assert study.wanted() == Wanted(trials=10)
    assert "The search was interrupted" not in words(app)
    assert "Pause" in labels(app)


def test_two_sessions_see_the_same(store: RunStore) -> None:
    study = going_on(store)
    here, there = opened(study.id), opened(study.id)
    press(here, "Pause")
    checked(there.run())
    assert "Go on" in labels(there)

    (study.folder / "owner.json").unlink()
    checked(there.run())
    for label in ("Delete this study", "Yes, delete it"):
        press(there, label)
    assert studies.every(store.folder) == []
    checked(here.run())
    assert f"There is no study {study.id} here" in words(here)
    assert not here.header


def test_a_link_to_a_study_that_is_not_there_says_so_and_shows_the_newest(store: RunStore) -> None:
    study = searched(store.folder)
    app = opened("20261128-000000-*b*")

    assert "There is no study 20261128-000000-\\*b\\* here" in app.warning[0].value
    assert app.query_params["study"] == study.id


def test_studies_are_chosen_from_a_menu(store: RunStore) -> None:
    one, other = searched(store.folder), searched(store.folder, TRIALS[0])
    app = opened(one.id)
    assert "5 of 5 trials" in words(app)
    (menu,) = [box for box in app.selectbox if box.label == "Study"]
    assert len(set(menu.options)) == 2
    checked(menu.set_value(other.id).run())

    assert app.query_params["study"] == other.id
    assert "1 of 5 trials" in words(app)


# --- What is odd ---


def without_date(study: Study) -> Study:
    return Study(study.folder.rename(study.folder.parent / "20269999-120000-abcd"))


def linked(study: Study) -> Study:
    place = study.folder.parent / "20260101-120000-abcd"
    place.symlink_to(study.folder.rename(study.folder.parents[2] / "elsewhere"))
    return Study(place)


def written(name: str, content: str | None) -> Callable[[Study], Study]:
    def write(study: Study) -> Study:
        path = study.folder / name
        path.unlink(missing_ok=True)
        if content is None:
            path.mkdir()
        else:
            path.write_text(content)
        return study

    return write


ODD: dict[str, tuple[Callable[[Study], Study], str]] = {
    "no date": (without_date, "5 of 5 trials"),
    "link": (linked, "is a link, and links are not followed"),
    "plan": (written("study.json", "{"), "study.json is damaged"),
    "plan folder": (written("study.json", None), "study.json can't be read: Is a directory"),
    "other plan": (written("study.json", '{"base": {"speed": 1}}'), "study.json is damaged: base"),
    "depth": (written("study.json", "[" * 100_000), "study.json is damaged"),
    "wishes": (written("control.json", "garbage"), "control.json is damaged"),
    "trials": (written("trials.jsonl", "{}\n"), "trials.jsonl, line 1 is damaged"),
    "trials folder": (written("trials.jsonl", None), "trials.jsonl can't be read: Is a directory"),
    "torn": (written("trials.jsonl", TRIALS[0].model_dump_json() + '\n{"num'), "1 of 5 trials"),
    "result": (written("result.json", "{}"), "result.json is damaged"),
    "other result": (
        written("result.json", RESULT.model_dump_json().replace('"number":2', '"number":9')),
        "5 of 5 trials",
    ),
    "owner": (written("owner.json", "{"), "5 of 5 trials"),
    "log": (written("conductor.log", None), "5 of 5 trials"),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_study_is_named_takes_no_other_down_and_can_be_deleted(
    store: RunStore, odd: str
) -> None:
    make, said = ODD[odd]
    good, study = searched(store.folder), make(searched(store.folder))
    app = opened(study.id)
    assert _page.plain(said) in words(app)
    (menu,) = [box for box in app.selectbox if box.label == "Study"]
    checked(menu.set_value(good.id).run())
    assert "5 of 5 trials: 3 finished" in app.success[0].value

    app = opened(study.id)
    for label in ("Delete this study", "Yes, delete it"):
        press(app, label)
    assert not os.path.lexists(study.folder)
    assert studies.every(store.folder) == [good]
    assert "5 of 5 trials: 3 finished" in app.success[0].value


def test_a_study_that_is_kept_is_not_deleted(store: RunStore) -> None:
    study = searched(store.folder)
    app = press(opened(study.id), "Delete this study")
    assert "Delete this study for good" in words(app)
    press(app, "Keep")

    assert studies.every(store.folder) == [study]
    assert "Delete this study" in labels(app)


def test_a_study_whose_folder_goes_meanwhile_takes_no_page_down(store: RunStore) -> None:
    study = searched(store.folder)
    app = opened(study.id)
    shutil.rmtree(study.folder)
    checked(app.run())
    assert f"There is no study {study.id} here" in words(app)


def test_where_studies_can_not_be_kept_the_page_says_so(store: RunStore) -> None:
    store.folder.mkdir(parents=True)
    place = store.folder / studies.FOLDER
    place.write_text("no folder")
    app = opened()
    place.unlink()
    assert _page.plain(str(store.folder)) in words(app)
    assert "can't be used" in words(app)
