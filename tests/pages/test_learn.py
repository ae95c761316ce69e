"""The page Learn: its numbers are those of a network that learns as one presses."""

import re
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mnist_core.data import loading
from mnist_core.inside import scaled
from mnist_core.lesson import Learned

APP = str(Path(__file__).parents[2] / "app.py")
DIGITS = loading.load("mnist-sample")


def page(until: str | None = None, **state: object) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=30)
    for name, value in state.items():
        app.session_state[name] = value
    if until:
        app.query_params["until"] = until
    return checked(app.switch_page("pages/learn.py").run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    return "\n".join(text.value for text in app.markdown)


def headings(app: AppTest) -> list[str]:
    return [heading.value for heading in app.header]


def learned(app: AppTest) -> Learned:
    found: Learned = app.session_state["lesson"]
    return found


def press(app: AppTest, label: str) -> AppTest:
    (button,) = [button for button in app.button if button.label == label]
    return checked(button.click().run())


def test_each_number_is_the_networks_own() -> None:
    app = page()
    inputs = scaled(DIGITS.x_test[:1]).reshape(1, -1)
    told = learned(app).network.answer(inputs)
    unit = int(told.hidden[0].argmax())
    share = told.probabilities[0, DIGITS.y_test[0]]

    assert len(headings(app)) == 8
    assert f"{np.count_nonzero(DIGITS.x_test[0])} are not 0" in words(app)
    assert f"ReLU makes **{told.hidden[0, unit]:.4f}** of it" in words(app)
    assert f"= **{-np.log(share):.3f}**" in words(app)
    added, softmax = (table.value for table in app.table)
    assert added["Number"].iloc[-1] == f"**{told.sums[0, unit]:+.4f}**"
    assert softmax["Probability"].tolist() == [f"{p:.1%}" for p in told.probabilities[0]]


def test_pressed_steps_are_taken_and_the_loss_falls() -> None:
    app = page()
    (before, _), *_ = learned(app).losses
    press(app, "Take one step")
    assert "After 1 step, " in words(app)
    press(app, "Take 400")
    assert learned(app).network.steps == 401
    after, held_back = learned(app).losses[-1]
    assert after < before / 3
    said = f"is **{after:.3f}** on images that it learns from, and **{held_back:.3f}**"
    assert said in words(app)

    moved = {metric.label: float(metric.value.rstrip("%")) for metric in app.metric}
    assert moved["The small dense network"] < 80 < moved["A convolutional one"]
    (slider,) = [slider for slider in app.slider if slider.label == "Pixels to the right"]
    checked(slider.set_value(0).run())
    assert app.metric[0].label == "The small dense network"
    assert float(app.metric[0].value.rstrip("%")) > 85

    press(app, "Start again")
    assert learned(app).network.steps == 0


def test_other_units_are_dropped_each_time() -> None:
    app = page()

    def dropped() -> str:
        (told,) = re.findall(r"Dropped: (.*)\.", words(app))
        return str(told)

    first = dropped()
    press(app, "Drop others")
    assert dropped() != first
    (share,) = [slider for slider in app.slider if slider.label == "Dropout"]
    checked(share.set_value(0.0).run())
    assert dropped() == "none"


def test_ones_own_drawing_can_be_looked_at() -> None:
    app = page(drawn=[[[140, 40], [130, 240]]])
    checked(app.button_group[0].set_value("My drawing").run())

    assert "Nobody has said which class a drawing is of" in words(app)
    assert "Test image" not in [field.label for field in app.number_input]


@pytest.mark.parametrize(("until", "parts"), [("3", 3), ("1", 1), ("8", 8)])
def test_a_link_to_a_lesson_shows_no_more_than_its_parts(until: str, parts: int) -> None:
    app = page(until)

    assert [heading.split(".")[0] for heading in headings(app)] == [
        str(number) for number in range(1, parts + 1)
    ]
