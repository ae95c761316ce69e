"""The figures of a study."""

import pytest

from mnist_core.search.figures import parallel
from mnist_core.search.space import usual
from mnist_core.search.study import Aim
from tests.search.builders import BASE, trial

SPACE = {"dropout": usual("dropout")}


@pytest.mark.parametrize(
    ("aim", "reached", "drawn", "end"),
    [
        ("accuracy", [0.1, 0.94, 0.96, 0.97, 0.98], [0.94, 0.94, 0.96, 0.97, 0.98], "94.00% or l"),
        (
            "accuracy",
            [0.1, 0.1, 0.95, 0.96, 0.98],
            [0.92, 0.92, 0.95, 0.96, 0.98],
            "92.00% or less",
        ),
        ("accuracy", [0.95, 0.96, 0.98], [0.95, 0.96, 0.98], "95.00%"),
        ("accuracy", [0.1, 0.98, 0.98], [0.1, 0.98, 0.98], "10.00%"),
        ("loss", [0.1, 0.2, 2.3], [0.1, 0.2, 0.3], "0.3000 or more"),
        ("loss", [0.1, 0.2, 0.25], [0.1, 0.2, 0.25], "0.2500"),
    ],
)
def test_an_outlier_does_not_make_all_others_look_alike(
    aim: Aim, reached: list[float], drawn: list[float], end: str
) -> None:
    trials = [
        trial(number, BASE, value, losses=(value,)) for number, value in enumerate(reached, start=1)
    ]
    (figure,) = parallel(trials, SPACE, aim)["data"]
    axis = figure["dimensions"][-1]

    assert figure["line"]["color"] == pytest.approx(drawn)
    assert axis["values"] == pytest.approx(drawn)
    assert axis["range"] == pytest.approx([min(drawn), max(drawn)])
    assert axis["ticktext"][0 if aim == "accuracy" else -1].startswith(end)


@pytest.mark.parametrize("reached", [[], [0.5]])
def test_few_trials_have_parallel_coordinates_all_the_same(reached: list[float]) -> None:
    trials = [trial(number, BASE, value) for number, value in enumerate(reached, start=1)]
    (figure,) = parallel(trials, SPACE, "accuracy")["data"]

    assert figure["dimensions"][-1]["values"] == reached
