"""The figures: plotly takes them, and they show the numbers that they were given."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from mnist_core import figures
from mnist_core.config import FIELDS
from mnist_core.curves import smooth
from mnist_core.fields import bounds
from mnist_core.figures import Figure, View
from mnist_core.runs.events import (
    Batch,
    Continued,
    Epoch,
    Fitting,
    LearningRate,
    Paused,
    Resumed,
)
from mnist_core.runs.history import History
from tests import builders

NAMES = ("cat", "dog", "emu")
CONFUSION = np.array([[8, 2, 0], [1, 999, 0], [0, 0, 0]])
MANY = tuple(f"class number {number}" for number in range(100))
IMAGE = np.array([[0, 51, 255], [255, 0, 0]], dtype=np.uint8)


def history(epochs: int, batches: int = 0) -> History:
    """Four steps an epoch; training accuracy 0.5, 0.6, …, validation accuracy 0.1 less."""
    past = History(Path("nowhere"))
    past.add(
        Fitting(time=0, weights=9, train_images=8, validation_images=2, steps_per_epoch=4),
    )
    for number in range(1, epochs + 1):
        past.add(
            Epoch(
                epoch=number,
                loss=None if number == 2 else 1 / number,
                accuracy=min(0.4 + number / 10, 1),
                val_loss=2 / number,
                val_accuracy=min(0.3 + number / 10, 1),
                learning_rate=0.001,
                seconds=2.5,
            )
        )
    for step in range(1, batches + 1):
        past.add(
            Batch(
                epoch=epochs + 1,
                step=step,
                loss=0.25,
                accuracy=0.9,
                images_per_second=1,
                learning_rate=0.002,
            )
        )
    return past


def long(epochs: int) -> History:
    """A thousand batches an epoch, whose figures rise and fall at random."""
    past = History(Path("nowhere"))
    past.add(Fitting(weights=9, train_images=1000, validation_images=9, steps_per_epoch=1000))
    drawn = np.random.default_rng(0).uniform(0.5, 0.9, (epochs, 1000))
    for number, values in enumerate(drawn, 1):
        for step, mean in enumerate(values.cumsum() / np.arange(1, 1001), 1):
            past.add(
                Batch(
                    epoch=number,
                    step=step,
                    loss=mean,
                    accuracy=mean,
                    images_per_second=1,
                    learning_rate=0.001,
                )
            )
        past.add(builders.epoch(number))
    return past


def steered() -> History:
    past = history(epochs=3)
    past.continued.append(Continued(run="20261124-120000-abcd", epochs=2, asked=2))
    for rate in (0.002, 0.0005):  # the first only on the way to the second, in a pause
        past.learning_rates.append(LearningRate(epoch=3, step=1, learning_rate=rate))
    return past


def trace(figure: Figure, name: str) -> Figure:
    (found,) = [trace for trace in figure["data"] if trace["name"] == name]
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "figure",
    [
        *figures.training_curves(history(epochs=2, batches=3), epochs=5),
        *figures.training_curves(steered(), epochs=5),
        *figures.overlaid_curves({"a": history(epochs=2), "b": history(epochs=1)}),
        figures.confusion_matrix(CONFUSION, NAMES),
        figures.confusion_difference(CONFUSION, CONFUSION[::-1], NAMES),
        figures.class_balance(np.array([0, 0, 1], np.uint8), np.array([2], np.uint8), NAMES),
        figures.pixels(IMAGE),
        figures.pixels(np.zeros((4, 5, 3), np.uint8)),
        figures.confusion_matrix(np.eye(100, dtype=np.int64), MANY),
        figures.input_strip(np.array([0, 0.2, 1], np.float32)),
    ],
)
def test_plotly_knows_every_property_and_nothing_moves_on_a_redraw(figure: Figure) -> None:
    built = go.Figure(figure)  # raises ValueError on what it does not know

    assert built.layout.uirevision
    assert built.layout.height
    assert None not in (built.layout.margin[side] for side in "lrtb")


PLAIN = View(smoothing=0)


def test_curves_show_training_and_validation_by_epoch() -> None:
    accuracy, loss = figures.training_curves(history(epochs=3), epochs=5, view=PLAIN)

    assert trace(accuracy, "Training")["x"] == trace(accuracy, "Validation")["x"] == [1, 2, 3]
    assert trace(accuracy, "Training")["y"] == pytest.approx([0.5, 0.6, 0.7])
    assert trace(accuracy, "Validation")["y"] == pytest.approx([0.4, 0.5, 0.6])
    assert trace(loss, "Training")["x"] == [1, 3]  # the second was not finite
    assert trace(loss, "Training")["y"] == pytest.approx([1, 1 / 3])
    assert trace(loss, "Validation")["y"] == pytest.approx([2, 1, 2 / 3])


def hover(trace: Figure, point: int) -> str:
    """What is said under the pointer of the point's own figures, unrounded."""
    return re.sub(
        r"%\{customdata\[(\d+)\][^}]*\}",
        lambda match: str(trace["customdata"][point][int(match[1])]),
        trace["hovertemplate"],
    )


def test_the_pointer_is_told_the_learning_rate_and_the_time_of_its_epoch() -> None:
    past = history(epochs=2)
    past.epochs[1] = past.epochs[1].model_copy(update={"learning_rate": 0.003, "seconds": 7.5})

    for figure in figures.training_curves(past, epochs=5):
        validation = trace(figure, "Validation")
        assert "learning rate 0.001, epoch took 2.5 s" in hover(validation, 0)
        assert "learning rate 0.003, epoch took 7.5 s" in hover(validation, 1)


def test_the_pointer_is_told_the_step_the_figure_and_the_rate_of_a_batch() -> None:
    accuracy, _ = figures.training_curves(history(epochs=1, batches=2), epochs=5)

    said = hover(trace(accuracy, "Training"), 2)
    assert said.startswith(f"{trace(accuracy, 'Training')['y'][2]}<br>step 2.0, batch 0.9")
    assert said.endswith("<br>learning rate 0.002")
    assert accuracy["layout"]["xaxis"]["unifiedhovertitle"]["text"] == "Epoch %{x:.2f}"


def test_a_rate_that_nobody_wrote_down_is_not_told() -> None:
    past = history(epochs=0)
    past.add(builders.batch(1, 1))

    for figure in figures.training_curves(past, epochs=5):
        assert "learning rate" not in trace(figure, "Training")["hovertemplate"]


def test_the_batches_of_all_epochs_stay_with_the_smoothed_line_over_them() -> None:
    for figure in figures.training_curves(history(epochs=1, batches=2), epochs=5):
        assert trace(figure, "Batches")["x"] == trace(figure, "Training")["x"] == [1, 1.25, 1.5]
    accuracy, loss = figures.training_curves(history(epochs=1, batches=2), epochs=5)
    assert trace(accuracy, "Batches")["y"] == pytest.approx([0.5, 0.9, 0.9])
    assert trace(loss, "Batches")["y"] == pytest.approx([1, 0.25, 0.25])
    past = history(epochs=30)
    accuracy, _ = figures.training_curves(past, epochs=30)
    assert trace(accuracy, "Training")["y"] == pytest.approx(
        smooth(past.all_batches.accuracy, View().smoothing, past.all_batches.images)
    )


def test_a_line_through_few_points_does_not_lag_behind_them() -> None:
    accuracy, _ = figures.training_curves(history(epochs=3), epochs=5)
    assert trace(accuracy, "Training")["y"] == pytest.approx([0.5, 0.6, 0.7])


def test_without_smoothing_the_batches_are_drawn_once() -> None:
    accuracy, _ = figures.training_curves(history(epochs=1, batches=2), epochs=5, view=PLAIN)

    assert trace(accuracy, "Batches")["x"] == []
    assert trace(accuracy, "Training")["y"] == pytest.approx([0.5, 0.9, 0.9])


def test_the_first_epoch_runs_from_its_first_batch() -> None:
    accuracy, _ = figures.training_curves(history(epochs=0, batches=2), epochs=5)

    assert trace(accuracy, "Batches")["x"] == [0.25, 0.5]


@pytest.mark.parametrize("earlier", [None, ("Earlier", history(epochs=1))])
@pytest.mark.parametrize(("epochs", "batches"), [(0, 0), (0, 3), (2, 0), (2, 3)])
def test_curves_always_have_the_same_traces_and_the_same_width(
    epochs: int, batches: int, earlier: tuple[str, History] | None
) -> None:
    for figure in figures.training_curves(history(epochs, batches), 5, earlier=earlier):
        names = [trace["name"] for trace in figure["data"]]
        behind = ["Earlier", "Earlier, validation"] if earlier else ["", ""]
        assert names == ["Batches", "Training", "Validation", *behind, "By hand", "Reach"]
        left, right = figure["layout"]["xaxis"]["range"]
        assert left == 0
        assert 5 <= right < 5.5


def test_a_history_without_batches_or_fitting_makes_empty_curves() -> None:
    for figure in figures.training_curves(History(Path("nowhere")), epochs=1):
        assert all(trace.get("x", []) == [] for trace in figure["data"] if trace["name"] != "Reach")
        assert reach(figure) in ((0.9, 1), (0, 0.1))  # from which they can only grow
        assert not figure["layout"]["yaxis"]["showticklabels"]


def test_what_happens_while_it_learns_takes_no_room_from_the_curves() -> None:
    both = [figures.training_curves(past, epochs=5) for past in (history(epochs=1), steered())]

    for figure, marked in zip(*both, strict=True):
        assert trace(marked, "By hand")["x"]
        assert figure["layout"] == marked["layout"]
        assert figure["layout"]["yaxis"]["showticklabels"]


def test_every_epoch_that_there_may_be_is_compared() -> None:
    most = int(bounds(FIELDS["epochs"])[1])
    past = history(epochs=most)

    for figure in figures.overlaid_curves({"a": past}):
        assert len(drawn(figure, "a")) == most


def drawn(figure: Figure, name: str) -> Any:
    """Where a curve has points, as plotly unpacks it."""
    packed = trace(figure, name)["x"]
    return np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])


def test_another_run_lies_in_grey_behind() -> None:
    accuracy, _ = figures.training_curves(
        history(epochs=1), 5, PLAIN, earlier=("<b>", history(epochs=3))
    )
    training, validation = trace(accuracy, "&lt;b&gt;"), trace(accuracy, "&lt;b&gt;, validation")

    assert training["y"] == pytest.approx([0.5, 0.6, 0.7])
    assert validation["y"] == pytest.approx([0.4, 0.5, 0.6])
    assert training["line"]["color"] == validation["line"]["color"] == figures.NEUTRAL
    assert training["zorder"] < 0
    assert "meta" in trace(accuracy, "Training")  # the theme's own colour
    assert training["showlegend"]
    assert not validation["showlegend"]


def reach(figure: Figure) -> tuple[float, float]:
    """How far the vertical axis goes, at least."""
    assert "range" not in figure["layout"]["yaxis"]  # which would end the reader's zoom
    low, high = trace(figure, "Reach")["y"]
    return low, high


def test_the_axes_reach_over_all_there_is_and_only_grow() -> None:
    grown = long(epochs=1)
    before = [reach(figure) for figure in figures.training_curves(grown, 5)]
    grown.add(builders.batch(2, 500, loss=2.2, accuracy=0.31))
    after = [reach(figure) for figure in figures.training_curves(grown, 5)]

    assert before == [(0.5, 1), (0, 1)]
    assert after == [(0.3, 1), (0, 2.5)]
    (_, loss) = figures.training_curves(grown, 5, View(log=True))
    assert reach(loss) == (0.4, 2.5)
    assert loss["layout"]["yaxis"]["type"] == "log"


def test_thousands_of_batches_and_epochs_take_few_bytes() -> None:
    past = long(epochs=8)
    for number in range(9, 3000):
        past.add(builders.epoch(number))
    both = figures.training_curves(past, 3000, earlier=("The same", past))

    assert len(json.dumps(both)) < 24_000  # the rest of the page is sent, too
    for figure in both:
        go.Figure(figure)  # plotly unpacks what is packed


def test_what_is_packed_is_what_is_drawn() -> None:
    past = long(epochs=1)
    accuracy, _ = figures.training_curves(past, 1)
    batches = trace(accuracy, "Batches")
    x, y = (np.frombuffer(base64.b64decode(batches[axis]["bdata"]), "<f4") for axis in "xy")

    drawn = np.round(x * 1000).astype(int) - 1
    assert (np.diff(drawn) > 0).all()
    assert y == pytest.approx(past.all_batches.accuracy[drawn], abs=1e-6)
    assert y.max() == pytest.approx(past.all_batches.accuracy.max())
    customdata = trace(accuracy, "Training")["customdata"]
    points = len(base64.b64decode(customdata["bdata"])) // 16
    assert customdata["shape"] == f"{points}, 4"


def test_a_logarithmic_accuracy_is_drawn_by_what_it_lacks_and_told_as_it_is() -> None:
    past = history(epochs=2)
    past.add(builders.batch(3, 4, accuracy=1.0))
    accuracy, _ = figures.training_curves(past, 5, View(smoothing=0, log=True))
    training, axis = trace(accuracy, "Training"), accuracy["layout"]["yaxis"]

    assert training["y"] == pytest.approx([0.5, 0.4, 0.0005])
    assert [row[0] for row in training["customdata"]] == pytest.approx([0.5, 0.6, 1])
    assert (axis["type"], axis["autorange"]) == ("log", "reversed")
    ticks = dict(zip(axis["tickvals"], axis["ticktext"], strict=True))
    assert (ticks[0.1], ticks[0.005]) == ("90%", "99.5%")
    assert reach(accuracy) == pytest.approx((0.6, 0.0005))


def test_the_confusion_matrix_writes_counts_but_no_zeros() -> None:
    heatmap, _ = figures.confusion_matrix(CONFUSION, NAMES)["data"]

    assert heatmap["text"] == [["8", "2", ""], ["1", "999", ""], ["", "", ""]]


def test_the_confusion_matrix_writes_shares_of_the_row() -> None:
    heatmap, _ = figures.confusion_matrix(CONFUSION, NAMES, shares=True)["data"]

    assert heatmap["text"] == [["80.0", "20.0", ""], ["0.1", "99.9", ""], ["", "", ""]]


def test_a_single_mistake_among_a_thousand_answers_can_be_seen() -> None:
    heatmap, _ = figures.confusion_matrix(CONFUSION, NAMES)["data"]

    assert 0.03 < heatmap["z"][1][0] < heatmap["z"][0][1] < heatmap["z"][0][0] <= 1


def test_point_i_of_the_confusion_matrix_lies_on_its_cell() -> None:
    figure = figures.confusion_matrix(CONFUSION, NAMES)
    _, points = figure["data"]

    places = list(zip(points["x"], points["y"], strict=True))
    assert places == [(column, row) for row in range(3) for column in range(3)]
    assert points["hovertext"][1] == "cat taken for dog: 2 images, 20.0%"
    assert points["hovertext"][4] == "dog taken for dog: 999 images, 99.9%"
    top, bottom = figure["layout"]["yaxis"]["range"][::-1]
    assert top < bottom  # the first class is on top


@pytest.mark.parametrize(
    ("row", "column", "across", "down"),
    [(1, 2, (1.5, 2.5), (0.5, 1.5)), (1, None, (-0.5, 2.5), (0.5, 1.5))],
)
def test_a_frame_goes_around_the_cells_that_were_chosen(
    row: int, column: int | None, across: tuple[float, float], down: tuple[float, float]
) -> None:
    figure = figures.confusion_matrix(CONFUSION, NAMES, row=row, column=column)

    (frame,) = figure["layout"]["shapes"]
    assert (frame["x0"], frame["x1"]) == across
    assert (frame["y0"], frame["y1"]) == down
    assert figures.confusion_matrix(CONFUSION, NAMES)["layout"]["shapes"] == []


def test_class_balance_counts_the_classes_that_have_no_image_too() -> None:
    figure = figures.class_balance(
        np.array([0, 0, 1], np.uint8), np.array([1, 1, 1], np.uint8), NAMES
    )

    assert trace(figure, "Training")["y"] == [2, 1, 0]
    assert trace(figure, "Test")["y"] == [0, 3, 0]


def test_pixels_show_the_image_with_black_for_zero() -> None:
    (heatmap,) = figures.pixels(IMAGE)["data"]

    assert heatmap["z"] == IMAGE.tolist()
    assert heatmap["customdata"] == [[0, 0.2, 1], [1, 0, 0]]
    assert (heatmap["zmin"], heatmap["zmax"]) == (0, 255)


def test_the_strip_keeps_the_order_of_the_inputs() -> None:
    (bars,) = figures.input_strip(np.array([0, 0.25, 1], np.float32))["data"]

    assert bars["x"] == [0, 1, 2]
    assert bars["y"] == [0, 0.25, 1]


def test_overlaid_curves_show_each_run_on_the_images_asked_for() -> None:
    runs = {"a": history(epochs=2), "b": history(epochs=3)}
    accuracy, loss = figures.overlaid_curves(runs)
    trained, _ = figures.overlaid_curves(runs, training=True, view=PLAIN)
    past = history(epochs=30)
    smoothed, _ = figures.overlaid_curves({"b": past}, training=True)

    assert trace(accuracy, "a")["y"] == pytest.approx([0.4, 0.5])
    assert trace(loss, "b")["y"] == pytest.approx([2, 1, 2 / 3])
    assert trace(trained, "b")["y"] == pytest.approx([0.5, 0.6, 0.7])
    assert trace(smoothed, "b")["y"] == pytest.approx(
        smooth(past.all_batches.accuracy, View().smoothing, past.all_batches.images)
    )


@pytest.mark.parametrize(
    ("along", "places"), [("epochs", [1, 2]), ("seconds", [2.5, 5]), ("images", [8, 16])]
)
def test_overlaid_curves_go_along_what_is_asked_for(along: str, places: list[float]) -> None:
    for figure in figures.overlaid_curves({"a": history(epochs=2)}, along):
        assert trace(figure, "a")["x"] == places
        assert figure["layout"]["xaxis"]["title"]["text"] == figures.AXES[along]


def test_eight_overlaid_runs_can_be_told_apart_without_colours() -> None:
    runs = {str(number): history(epochs=1) for number in range(8)}
    accuracy, _ = figures.overlaid_curves(runs)

    assert len({trace(accuracy, name)["marker"]["symbol"] for name in runs}) == 8


@pytest.mark.parametrize("log", [False, True])
def test_seeds_have_their_mean_and_deviation_as_far_as_all_of_them_go(log: bool) -> None:
    runs = {"a": history(epochs=2), "b": history(epochs=3)}
    for past, reached in zip(runs.values(), (0.5, 0.7), strict=True):
        past.epochs[1] = past.epochs[1].model_copy(update={"val_accuracy": reached})
    together = figures.Seeds([*runs.values()], {"a"})
    accuracy, loss = figures.overlaid_curves(runs, view=View(log=log), groups={"both": together})
    band, mean, _, other, _ = accuracy["data"]

    assert mean["x"] == [1, 2]
    assert np.array(mean["customdata"]) == pytest.approx(np.array([[0.4, 0], [0.6, 0.1 * 2**0.5]]))
    height = [0.4, 0.6 - 0.1 * 2**0.5, 0.6 + 0.1 * 2**0.5, 0.4]
    assert band["x"] == [1, 2, 2, 1]
    assert band["y"] == pytest.approx([1 - y for y in height] if log else height)
    assert (band["fill"], band["hoverinfo"]) == ("toself", "skip")
    colours = {trace["name"]: trace.get("meta") for trace in accuracy["data"]}
    assert colours["both"] == colours["a"] != colours["b"] == other["meta"]
    go.Figure(accuracy)
    go.Figure(loss)


def test_means_can_be_told_apart_without_colours() -> None:
    runs = {"a": history(epochs=1), "b": history(epochs=1)}
    groups = {name: figures.Seeds([*runs.values()], {name}) for name in runs}
    accuracy, _ = figures.overlaid_curves({}, groups=groups)

    dashes = [trace["line"].get("dash") for trace in accuracy["data"] if "customdata" in trace]
    assert dashes == ["solid", "dash"]


@pytest.mark.parametrize("along", figures.AXES)
def test_the_mean_of_batches_is_taken_at_the_same_places(along: str) -> None:
    often, seldom = long(epochs=2), history(epochs=2)
    together = figures.Seeds([often, seldom], set())
    for figure in figures.overlaid_curves({}, along, True, PLAIN, {"both": together}):
        band, mean, _ = figure["data"]
        edge, line = (
            np.frombuffer(base64.b64decode(trace["x"]["bdata"]), "<f4") for trace in (band, mean)
        )
        assert 0 < len(line) <= 2 * figures.COMPARED_BUCKETS
        assert (edge == [*line, *line[::-1]]).all()


def test_where_a_seed_has_no_point_there_is_no_mean() -> None:
    together = figures.Seeds([history(epochs=2), history(epochs=0)], set())
    accuracy, _ = figures.overlaid_curves({}, groups={"both": together})

    assert [trace["name"] for trace in accuracy["data"]] == ["Reach"]


def test_a_difference_is_the_second_matrix_less_the_first_coloured_by_worth() -> None:
    other = np.array([[10, 0, 0], [1, 990, 9], [0, 0, 0]])
    (heatmap,) = figures.confusion_difference(CONFUSION, other, NAMES)["data"]

    assert heatmap["text"] == [["+2", "-2", ""], ["", "-9", "+9"], ["", "", ""]]
    better = np.sqrt(2 / 9)  # more right answers, fewer mistakes
    assert heatmap["z"][0] == pytest.approx([better, better, None])
    assert heatmap["z"][1] == [None, -1, -1]  # fewer right answers, more mistakes
    assert heatmap["hovertext"][1][2] == "dog taken for emu: +9 images, from 0 to 9"


def test_equal_matrices_have_no_difference() -> None:
    (heatmap,) = figures.confusion_difference(CONFUSION, CONFUSION, NAMES)["data"]

    assert heatmap["z"] == [[None] * 3] * 3


LONG = ("cat", "<b>dog</b> & emu", "a class with a very long name")


def test_long_names_are_cut_off_beside_the_axes_and_whole_under_the_pointer() -> None:
    figure = figures.confusion_matrix(CONFUSION, LONG)
    layout = figure["layout"]

    for axis in (layout["xaxis"], layout["yaxis"]):
        assert axis["ticktext"] == ["cat", "&lt;b&gt;dog&lt;… &amp; emu", "a class…g name"]
    assert layout["xaxis"]["tickangle"] == -45
    assert layout["yaxis"]["tickangle"] == 0
    short = figures.confusion_matrix(CONFUSION, ("0", "1", "2"))["layout"]
    assert short["xaxis"]["tickangle"] == 0
    assert layout["margin"]["l"] > short["margin"]["l"]
    assert layout["margin"]["b"] > short["margin"]["b"]
    assert figure["data"][1]["hovertext"][5].startswith(
        "&lt;b&gt;dog&lt;/b&gt; &amp; emu taken for a class with a very long name: "
    )


def test_a_hundred_classes_keep_clear_of_each_other() -> None:
    figure = figures.confusion_matrix(np.eye(100, dtype=np.int64), MANY)
    heatmap, points = figure["data"]

    assert not heatmap["texttemplate"]  # no room for numbers
    assert points["marker"]["size"] <= 4  # so that a click meets the cell below it
    assert len(figure["layout"]["xaxis"]["tickvals"]) <= 16


def test_colour_pixels_are_shown_in_their_colours() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    (trace,) = figures.pixels(image)["data"]

    assert trace["type"] == "image"
    assert trace["z"] == image.tolist()


def test_what_the_user_did_is_marked_below_the_curves() -> None:
    past = steered()
    past.add(Paused(time=100, epoch=4, step=2, steps=14))
    for figure in figures.training_curves(past, epochs=5):
        marks = trace(figure, "By hand")
        assert marks["x"] == [2, 2.25, 3.5]
        assert marks["hovertext"] == [
            "continued from run 20261124-120000-abcd after epoch 2",
            "learning rate set to 0.0005 in epoch 3",
            "paused",
        ]
        assert "shapes" not in figure["layout"]
        below, above = (figure["layout"][axis]["domain"] for axis in ("yaxis2", "yaxis"))
        assert marks["yaxis"] == "y2"
        assert below[1] <= above[0]

    past.add(Resumed(time=112))
    accuracy, _ = figures.training_curves(past, epochs=5)
    assert trace(accuracy, "By hand")["hovertext"][2] == "paused for 12 s"


@pytest.mark.parametrize(
    ("places", "written"),
    [
        ((1,), {1: "right"}),
        ((4,), {4: "left"}),
        ((0.75, 4.5), {0.75: "right", 4.5: "left"}),
        ((1, 2, 3), {}),
        ((1, 2), {2: "right"}),
        ((2, 3.25), {}),
    ],
)
def test_marks_have_words_where_there_is_room(
    places: tuple[float, ...], written: dict[float, str]
) -> None:
    past = history(epochs=5)
    for number, at in enumerate(places, 1):
        epoch, step = int(at) + 1, round(at % 1 * 4) or 4
        past.learning_rates.append(
            LearningRate(epoch=epoch - (step == 4), step=step, learning_rate=number)
        )
    marks = trace(figures.training_curves(past, epochs=5)[0], "By hand")

    found = zip(marks["x"], marks["text"], marks["textposition"], strict=True)
    assert {at: side.removeprefix("middle ") for at, text, side in found if text.strip()} == written
