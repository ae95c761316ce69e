"""The Draw page: what it says to a drawing, a picture and a test image, and where it can't."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from streamlit.testing.v1 import AppTest

from mnist_core.config import TrainingConfig
from mnist_core.data import dataset, loading, own
from mnist_core.data.own import import_file
from mnist_core.drawing.strokes import MOST_POINTS, image_from_strokes
from mnist_core.inference import Predictor
from mnist_core.runs.events import Ended, Started, State, append_event
from mnist_core.runs.folder import Run, Trial
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool
from tests.builders import fitting
from tests.conftest import SMALL, wait_for_end
from tests.data.test_own import BLUE, RED, pets, zipped
from tests.data.test_own import picture as pet

APP = str(Path(__file__).parents[2] / "app.py")
INVITATION = "Draw a digit from 0 to 9. The network answers after every stroke."


SEVEN = [[[70, 60], [200, 60], [120, 230]]]
FOUR = [[[90, 60], [80, 140], [190, 140]], [[180, 50], [170, 240]]]


@pytest.fixture(scope="module")
def smaller(pool: WorkerPool, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with another network, newer than the other one."""
    run = RunStore(tmp_path_factory.mktemp("runs")).create(SMALL)
    pool.submit(run)
    wait_for_end(run)
    return run


@pytest.fixture
def unsure(run: Run) -> int:
    """The number of a test image that the network gives less than 90%."""
    probabilities, _ = run.test_results()
    return int(probabilities.max(axis=1).argmin())


def page(**state: Any) -> AppTest:
    """The page, after things have happened that left this session state."""
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in state.items():
        app.session_state[name] = value
    return checked(app.switch_page("pages/draw.py").run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def about_test_image(number: int) -> AppTest:
    return page(ask_about="Test image", test_image=number)


def about_picture(name: str, content: bytes) -> AppTest:
    app = page(ask_about="Picture")
    return checked(app.file_uploader[0].upload(name, content).run())


def answer(app: AppTest) -> str | None:
    """What the network says, in large type."""
    return said(app)["heading"] or None


def said(app: AppTest) -> dict[str, Any]:
    """All that is said of what is asked about; empty texts where that is nothing."""
    try:
        return component(app, "answer")
    except KeyError:
        return {"heading": "", "words": "", "verdict": None, "since": "", "bars": []}


def component(app: AppTest, key: str) -> dict[str, Any]:
    """What the page hands to the canvas, or to the answer."""
    data: dict[str, Any] = json.loads(app.get_by_key(key).proto.json)
    return data


def tell(app: AppTest, strokes: list[Any]) -> None:
    """What the canvas does at each stroke, and when Undo or Clear is pressed."""
    states = app._tree.get_widget_states()  # AppTest has no way of its own to touch a component
    told = json.dumps({"strokes": strokes})
    states.widgets.add(id=app.get_by_key("canvas").proto.id, json_value=told)
    app._run(states)


def probabilities(app: AppTest) -> list[float]:
    return [share for _, share, _, _ in said(app)["bars"]]


def words(app: AppTest) -> str:
    """How sure the network is, or what can be asked."""
    return str(said(app)["words"])


def photo(digit: NDArray[np.uint8], kind: str = "PNG", mode: str = "L", **options: Any) -> bytes:
    """A digit as one would photograph it: large, and dark on white paper."""
    paper = Image.new("L", (600, 600), 255)
    paper.paste(Image.fromarray(255 - digit).resize((400, 400), Image.Resampling.BICUBIC), (90, 60))
    if mode == "I;16":  # which Pillow itself does not convert to
        picture = Image.fromarray(257 * np.asarray(paper, np.uint16))
    else:
        picture = paper.convert(mode)
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def known(digit: int) -> NDArray[np.uint8]:
    """A test image of this digit."""
    images = loading.load("mnist-sample")
    image: NDArray[np.uint8] = images.x_test[images.y_test == digit][0]
    return image


# --- Where nothing can be asked ---


def test_without_runs_the_built_in_network_answers_and_the_way_to_train_is_shown(
    store: RunStore,
) -> None:
    app = page(drawn=SEVEN)

    assert answer(app) == "7"
    assert app.selectbox(key="picked_run").options[0].startswith("Comes with Digit Lab · 9")
    assert "run" not in app.query_params  # so that the first one that is trained takes its place
    (train,) = (link for link in app.page_link if link.value == "Train your own")
    assert train.proto.page == ""  # Train has the address of the dashboard itself


@pytest.mark.parametrize(
    ("live", "told"),
    [
        (True, "The network of its newest epoch answers."),
        (False, "This run has no network to ask."),
    ],
)
def test_a_run_without_a_network_leads_to_one_that_has_one(
    store: RunStore, run: Run, live: bool, told: str
) -> None:
    newer = store.create(SMALL)
    if not live:
        (newer.folder / "owner.json").unlink()
    app = page()
    assert app.query_params["run"] == newer.id
    assert app.info[0].value == told
    assert [link.value for link in app.page_link] == (["Watch it learn"] if live else [])

    (newest,) = (
        button for button in app.button if button.label == "Use the newest finished network"
    )
    newest.click().run()

    assert app.query_params["run"] == run.id
    assert words(app) == INVITATION


def test_a_damaged_network_is_named(run: Run) -> None:
    (run.folder / "model.tflite").write_bytes(b"no network")
    app = page()

    assert "model.tflite" in app.error[0].value


# --- A drawing ---


def test_a_blank_canvas_gets_an_invitation_and_no_answer(run: Run) -> None:
    app = page()

    assert words(app) == INVITATION
    assert answer(app) is None
    assert {(share, text) for _, share, text, _ in said(app)["bars"]} == {(0, "")}
    assert all(button.disabled for button in app.button)


def test_a_drawing_is_answered(run: Run) -> None:
    app = page(drawn=SEVEN)

    assert answer(app) == "7"
    assert "sure." in words(app)
    shown = probabilities(app)
    assert len(shown) == 10
    assert sum(shown) == pytest.approx(1, abs=1e-5)
    assert not app.info


def test_undo_takes_the_last_stroke_back_and_clear_all(run: Run) -> None:
    app = page(drawn=FOUR)
    assert answer(app) == "4"

    tell(app, FOUR[:1])
    assert probabilities(checked(app)) == probabilities(page(drawn=FOUR[:1]))

    tell(app, [])
    assert answer(checked(app)) is None


def test_a_new_canvas_begins_with_what_was_drawn_on_the_one_before(run: Run) -> None:
    app = page(drawn=FOUR[:1])
    tell(app, FOUR)
    assert answer(checked(app)) == "4"

    app.segmented_control(key="ask_about").set_value("Test image").run()
    app.segmented_control(key="ask_about").set_value("Drawing").run()

    assert component(checked(app), "canvas")["strokes"] == FOUR
    assert answer(app) == "4"


def test_what_no_canvas_tells_is_refused_and_not_kept(run: Run) -> None:
    app = page(drawn=SEVEN)

    tell(app, [[[0, 0]] * (MOST_POINTS + 1)])

    assert "20,001 points" in app.exception[0].message
    assert app.session_state["drawn"] == SEVEN


def test_another_run_gives_its_own_opinion_of_the_same_drawing(
    run: Run, smaller: Run, store: RunStore
) -> None:
    shutil.copytree(smaller.folder, store.folder / smaller.id)
    app = page(drawn=SEVEN)
    opinion = probabilities(app)

    app.selectbox(key="picked_run").set_value(run.id).run()

    assert probabilities(checked(app)) != opinion
    assert answer(app) == "7"


def test_a_network_that_has_been_replaced_is_loaded_anew(run: Run, smaller: Run) -> None:
    app = page(drawn=SEVEN)
    opinion = probabilities(app)

    shutil.copy(smaller.folder / "model.tflite", run.folder)

    assert probabilities(checked(app.run())) != opinion


# --- A test image ---


def test_a_test_image_is_judged_by_its_label(run: Run) -> None:
    given, labels = run.test_results()
    right = given.argmax(axis=1) == labels

    number = int(np.flatnonzero(right)[3])
    app = about_test_image(number)
    assert answer(app) == str(labels[number])
    assert probabilities(app) == pytest.approx(given[number].tolist(), abs=1e-5)
    assert said(app)["verdict"] == [True, f"Right: it is labelled {labels[number]}."]

    number = int(np.flatnonzero(~right)[3])
    app = about_test_image(number)
    assert said(app)["verdict"] == [False, f"Wrong: it is labelled {labels[number]}."]


def linked(number: str, run: Run) -> AppTest:
    """The page, as a link to a test image opens it."""
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["run"], app.query_params["test_image"] = run.id, number
    return checked(app.switch_page("pages/draw.py").run())


def test_a_link_asks_about_its_test_image_until_another_is_chosen(run: Run) -> None:
    app = linked("12", run)

    assert app.number_input(key="test_image").value == 12
    assert probabilities(app) == probabilities(about_test_image(12))
    checked(app.number_input(key="test_image").set_value(13).run())
    assert checked(app.run()).number_input(key="test_image").value == 13


def test_a_link_to_no_test_image_is_refused(run: Run) -> None:
    (error,) = linked("-1", run).error
    assert error.value == "There is no test image -1; allowed: 0 to 999."

    app = linked("abc", run)
    assert "the test image abc; allowed: a whole number from 0" in app.warning[0].value
    assert words(app) == INVITATION


def test_where_the_network_is_unsure_it_names_both_candidates(run: Run, unsure: int) -> None:
    given, _ = run.test_results()
    second, first = given[unsure].argsort()[-2:]
    app = about_test_image(unsure)

    assert answer(app) == f"{first} or {second}?"
    assert f"Unsure: {given[unsure, first]:.1%} and {given[unsure, second]:.1%}." in words(app)


# --- A network that is still learning ---


def still_learning(store: RunStore, of: Run, epochs: int) -> Run:
    """A run in training, which has the checkpoint of another one that was asked for less."""
    run = store.create(of.config.model_copy(update={"epochs": epochs}))
    for event in (Started(), fitting()):
        append_event(run.folder, event)
    shutil.copy(of.checkpoint, run.folder)
    return run


def test_why_is_told_once_somebody_asks(run: Run) -> None:
    app = about_test_image(18)
    assert "Where it looks" not in [heading.value for heading in app.subheader]

    app.session_state["why_part"] = True
    checked(app.run())
    answered = answer(app)
    assert {"Where it looks", "What it is reminded of", "What its layers answer"} <= {
        heading.value for heading in app.subheader
    }
    (against,) = [menu for menu in app.selectbox if menu.label == f"Why {answered}, and not"]
    probabilities, _ = run.test_results()
    order = [str(digit) for digit in probabilities[18].argsort()[::-1]]
    assert [answered, *against.options] == order
    assert against.value == order[1]
    said = " ".join(caption.value for caption in app.caption)
    assert f"Teal speaks for {order[0]}, orange for {order[1]}" in said
    assert "Dense, relu: 512 units" in said

    checked(against.select(order[5]).run())
    said = " ".join(caption.value for caption in app.caption)
    assert f"Teal speaks for {order[0]}, orange for {order[5]}" in said


def test_while_it_learns_the_network_of_its_newest_epoch_answers(
    store: RunStore, trained: Run, smaller: Run
) -> None:
    run = still_learning(store, trained, epochs=9)
    app = page(drawn=SEVEN)
    ink = image_from_strokes(SEVEN)[np.newaxis]

    assert answer(app) == "7"
    finished = Predictor(trained.folder).probabilities(ink)[0]
    assert probabilities(app) == pytest.approx(finished.tolist(), abs=1e-5)
    assert said(app)["since"] == "As of epoch 4 of 9; it answers anew after each."

    run.checkpoint.unlink()
    assert "as soon as its first epoch is over" in words(checked(app.run()))

    append_event(run.folder, Ended(state=State.FAILED))
    assert checked(app.run()).info[0].value == "This run has no network to ask."


def test_a_trial_that_can_not_be_drawn_for_says_why(store: RunStore, run: Run) -> None:
    tried = store.create(SMALL, Trial(study="20260101-000000-aaaa", number=1))
    append_event(tried.folder, Ended(state=State.FINISHED))
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params["run"] = tried.id
    checked(app.switch_page("pages/draw.py").run())

    assert "none of them is tested, or asked what it makes of a drawing" in app.info[0].value
    assert "Use its settings" in [link.value for link in app.page_link]


def test_a_damaged_checkpoint_is_named(store: RunStore, trained: Run) -> None:
    run = still_learning(store, trained, epochs=9)
    run.checkpoint.write_bytes(b"no checkpoint")

    assert "checkpoint.npz is damaged" in page().error[0].value


@pytest.mark.parametrize("number", [-1, 1_000, 9_999])
def test_a_number_that_this_dataset_does_not_have_is_refused(run: Run, number: int) -> None:
    app = about_test_image(number)

    (error,) = app.error
    assert error.value == f"There is no test image {number:,}; allowed: 0 to 999."
    assert answer(app) is None
    app.button(key="at_random").click().run()
    assert answer(checked(app))
    assert not app.error


def test_any_test_image_can_be_drawn_by_lot(run: Run) -> None:
    app = about_test_image(0)
    seen = set()
    for _ in range(5):
        app.button(key="at_random").click().run()
        seen.add(app.session_state["test_image"])

    assert len(seen) > 1
    assert seen <= set(range(1_000))
    assert answer(checked(app))


def test_missing_images_lead_to_the_data(run: Run) -> None:
    config = json.loads((run.folder / "config.json").read_bytes()) | {"dataset": "mnist"}
    (run.folder / "config.json").write_text(json.dumps(config))
    app = about_test_image(0)

    assert "mnist.npz" in app.warning[0].value
    assert app.page_link[0].value == "Go to the data"
    assert answer(app) is None


# --- A picture ---


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("PNG", "1"),
        ("PNG", "L"),
        ("PNG", "P"),
        ("PNG", "RGBA"),
        ("PNG", "I;16"),
        ("JPEG", "RGB"),
        ("JPEG", "CMYK"),
        ("WEBP", "RGB"),
    ],
)
def test_a_picture_is_shown_and_answered(run: Run, kind: str, mode: str) -> None:
    app = about_picture(f"digit.{kind.lower()}", photo(known(7), kind, mode))

    assert answer(app) == "7"
    assert [image.proto.imgs[0].alt for image in app.get("image")] == [
        f"The picture digit.{kind.lower()}",
        "The 28 x 28 pixels that the network is given",
    ]


def test_a_picture_that_was_taken_sideways_is_turned_upright(run: Run) -> None:
    upright = about_picture("digit.png", photo(known(7)))
    turned = Image.Exif()
    turned[0x0112] = 6  # the orientation tag: to be shown turned by a quarter, clockwise
    file = io.BytesIO()
    sideways = Image.open(io.BytesIO(photo(known(7)))).rotate(90, expand=True)
    sideways.save(file, "PNG", exif=turned)
    app = about_picture("sideways.png", file.getvalue())

    assert probabilities(app) == pytest.approx(probabilities(upright), abs=1e-3)
    assert app.get("image")[0].proto.imgs[0].url == upright.get("image")[0].proto.imgs[0].url


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"Dear diary", "damaged, huge, or no picture"),
        (photo(known(7))[:300], "the picture is damaged"),
        (photo(known(7), "JPEG").replace(b"\x02\x58", b"\xff\xff"), "damaged, huge, or no picture"),
    ],
    ids=["no picture", "torn", "claims to be huge"],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(
    run: Run, content: bytes, reason: str
) -> None:
    app = about_picture("holiday.png", content)

    assert reason in app.error[0].value
    assert "Allowed: PNG, JPEG and WebP pictures of up to 10 MB." in app.error[0].value
    assert "holiday.png" in app.error[0].title
    assert answer(app) is None


def test_where_there_is_no_digit_in_a_picture_it_says_so(run: Run) -> None:
    app = about_picture("snow.png", photo(np.zeros((28, 28), np.uint8)))

    assert app.info[0].value == "No digit was found in it."
    assert answer(app) is None


def test_what_is_not_asked_about_is_not_on_the_page(run: Run) -> None:
    assert not page().file_uploader
    assert not about_test_image(0).file_uploader
    assert not page(ask_about="Picture").number_input


# --- Networks that learned something else than digits ---


@pytest.fixture(scope="module")
def pets_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine with red cats and blue dogs in colour, and a network that can tell them apart."""
    folder = tmp_path_factory.mktemp("pets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGIT_LAB_DATA", str(folder / "data"))
        import_file("pets", zipped(pets()), 8, colour=True)
        settings = {"widths": (8,), "epochs": 20, "batch_size": 4, "learning_rate": 0.02}
        run = RunStore(folder / "runs").create(TrainingConfig(dataset="pets", **settings))
        with WorkerPool(1) as pool:  # of its own, for a worker keeps the data folder it began with
            pool.submit(run)
            wait_for_end(run)
    return folder


@pytest.fixture
def pets_run(pets_folder: Path, empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The only run on a machine that has its dataset."""
    shutil.copytree(pets_folder, empty_machine, dirs_exist_ok=True)
    return RunStore(empty_machine / "runs").list()[0]


def test_a_network_of_other_things_is_shown_pictures_but_no_drawings(pets_run: Run) -> None:
    app = page(ask_about="Drawing")  # as it was with the run before

    assert app.segmented_control(key="ask_about").options == ["Picture", "Test image"]
    assert words(app) == "This network can tell apart: cats, dogs."
    assert app.file_uploader[0].label == "Picture"


@pytest.mark.parametrize(("colour", "name"), [(RED, "cats"), (BLUE, "dogs")])
def test_a_picture_reaches_the_network_in_its_colours(
    pets_run: Run, colour: tuple[int, int, int], name: str
) -> None:
    app = about_picture("pet.jpg", pet(colour, "JPEG"))

    assert answer(app) == name
    seen = app.get("image")[1].proto.imgs[0]
    assert seen.alt == "The 8 x 8 pixels that the network is given"


def test_a_test_image_in_colour_is_labelled_with_its_classs_name(pets_run: Run) -> None:
    app = about_test_image(0)
    label = loading.load("pets").y_test[0]

    assert f"it is labelled {('cats', 'dogs')[label]}" in said(app)["verdict"][1]


def test_without_its_dataset_a_network_still_names_what_it_sees(pets_run: Run) -> None:
    own.remove("pets")

    assert answer(about_picture("pet.png", pet(RED))) == "cats"
    assert "pets.npz" in about_test_image(0).warning[0].value


@pytest.mark.parametrize("ground", ["dark", "light"])
def test_ones_own_small_grey_images_can_be_drawn_on_their_own_ground(
    run: Run, ground: dataset.Ground
) -> None:
    names = ("zero", *map(str, range(1, 10)))
    outline = run.dataset().model_copy(
        update={"name": "mine", "class_names": names, "ground": ground}
    )
    (run.folder / "dataset.json").write_text(outline.model_dump_json())
    assert words(page()).startswith("Draw one of zero, 1, 2, 3")
    app = page(drawn=SEVEN)

    ink = image_from_strokes(SEVEN)
    given = ink if ground == "dark" else 1 - ink
    expected = Predictor(run.folder).probabilities(given[np.newaxis])[0]
    assert probabilities(app) == pytest.approx(expected.tolist(), abs=1e-6)


def test_what_would_fool_a_network_is_looked_for_once_it_is_asked(store: RunStore) -> None:
    app = about_test_image(18)
    app.session_state["fool_part"] = True
    checked(app.run())
    before = answer(app)
    (wanted,) = [menu for menu in app.selectbox if menu.label == "Have it say"]
    (share,) = [slider for slider in app.slider if slider.label == "How much of the change"]

    def says() -> str:
        (caption,) = [
            image.caption
            for element in app.get("image")
            for image in element.proto.imgs
            if image.caption.startswith("Says")
        ]
        return str(caption)

    assert not says().startswith(f"Says **{before}**")
    checked(share.set_value(50).run())
    assert says().startswith(f"Says **{before}**")
    other = next(name for name in ("1", "7") if name != before)
    checked(wanted.set_value(other).run())
    checked(share.set_value(100).run())
    assert says().startswith(f"Says **{other}**")
    assert wanted.options == ["Whatever is nearest", *(d for d in "0123456789" if d != before)]
