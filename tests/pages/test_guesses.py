"""Which page is meant by an address that none has."""

import pytest

from pages._guesses import page_meant


@pytest.mark.parametrize(
    ("guess", "page"),
    [
        *((name, "") for name in ("train", "Train", "TRAINING", "train/", "home", "index.html")),
        *((name, "evaluate") for name in ("evaluate", "Evaluation", "results", "Confusion_matrix")),
        *((name, "draw") for name in ("draw", "Drawing", "canvas", "predict")),
        *((name, "runs") for name in ("runs", "run", "History", "compare", "leaderboard")),
        *((name, "data") for name in ("data", "dataset", "Datasets", "pages/data.py", "images")),
        *((name, None) for name in ("xyz", "", "/")),
    ],
)
def test_a_guess_leads_to_its_page(guess: str, page: str | None) -> None:
    assert page_meant(guess) == page
