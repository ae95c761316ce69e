"""The film on the page Train: each moment's network, asked anew."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mnist_core.config import TrainingConfig
from mnist_core.runs.events import Ended, Started, State, append_event
from mnist_core.runs.folder import Run, Trial
from mnist_core.runs.store import RunStore
from tests.builders import fitting

APP = str(Path(__file__).parents[2] / "app.py")
SEVEN = [[[70, 60], [200, 60], [120, 230]]]


def page(run: Run | None = None, opened: bool = True, **state: object) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in state.items():
        app.session_state[name] = value
    app.session_state["film_part"] = opened
    if run:
        app.query_params["run"] = run.id
    return checked(app.run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def said(app: AppTest) -> str:
    """All that is said in the part, one after the other."""
    (part,) = [part for part in app.expander if part.label.startswith("See inside")]
    texts = [*part.markdown, *part.caption, *part.info]
    return "\n".join(text.value for text in texts)


def right(app: AppTest) -> tuple[int, int, str]:
    """Of how many images, and which, the network of the moment reads how many."""
    found = re.search(r"(\d+) of (\d+) (\w+) images right", said(app))
    assert found
    return int(found[1]), int(found[2]), found[3]


def moment(app: AppTest) -> str:
    (slider,) = [slider for slider in app.select_slider if slider.label == "Moment"]
    assert isinstance(slider.value, int)
    return slider.options[slider.value]


def test_it_costs_nothing_until_it_is_opened(run: Run) -> None:
    app = page(opened=False)

    assert said(app) == ""
    assert not [slider for slider in app.select_slider if slider.label == "Moment"]


def test_it_ends_with_the_tested_network_and_begins_with_an_untrained_one(run: Run) -> None:
    app = page()
    probabilities, labels = run.test_results()
    assert moment(app) == "the finished network"
    expected = int((probabilities[:500].argmax(axis=1) == labels[:500]).sum())
    assert right(app) == (expected, 500, "test")

    (slider,) = [slider for slider in app.select_slider if slider.label == "Moment"]
    assert slider.options[:2] == ["untrained", "epoch 1, step 32 of 57"]
    checked(slider.set_value(0).run())
    assert right(app)[0] < 200
    checked(app.select_slider[0].set_value(1).run())
    assert 200 < right(app)[0] < expected


def test_each_network_reads_what_was_drawn(run: Run) -> None:
    assert "How it reads your drawing" in said(page())
    assert "### 7" in said(page(drawn=SEVEN))


def test_while_it_learns_validation_images_are_shown(store: RunStore, trained: Run) -> None:
    live = store.create(trained.config)
    for event in (Started(), fitting(steps_per_epoch=57)):
        append_event(live.folder, event)
    app = page()
    assert "It begins with the training" in said(app)

    shutil.copy(trained.film, live.film)
    checked(app.run())
    assert "The newest moment: epoch 4." in said(app)
    assert right(app)[1:] == (400, "validation")
    assert not [slider for slider in app.select_slider if slider.label == "Moment"]


@pytest.mark.parametrize(
    ("config", "trial", "words"),
    [
        (TrainingConfig(dataset="mnist-sample"), None, "made by an earlier version"),
        (TrainingConfig(dataset="mnist-sample"), Trial(study="s", number=1), "A search keeps no"),
        (TrainingConfig(dataset="mnist-sample", widths=(4096,)), None, "too many weights"),
    ],
)
def test_where_there_is_no_film_it_says_why(
    store: RunStore, config: TrainingConfig, trial: Trial | None, words: str
) -> None:
    run = store.create(config, trial)
    for event in (Started(), fitting(), Ended(state=State.STOPPED)):
        append_event(run.folder, event)

    assert words in said(page(run))


def test_a_damaged_film_is_named(run: Run) -> None:
    run.film.write_bytes(bytes(run.film.stat().st_size))

    assert "film.bin is damaged: its moments are in no order" in said(page())


def test_so_is_one_with_a_weight_that_is_no_number_wherever_it_is_looked_at(run: Run) -> None:
    film = bytearray(run.film.read_bytes())
    film[8:10] = np.array([np.inf], "<f2").tobytes()  # the first weight of the first moment
    run.film.write_bytes(film)

    app = page()
    assert right(app)[1] == 500
    checked(app.select_slider[0].set_value(0).run())
    assert "film.bin is damaged: a weight is not a number" in said(app)
