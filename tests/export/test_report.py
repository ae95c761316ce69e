"""The report: one file that needs nothing else, with nothing in it that a reader typed as code."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mnist_core.export import report
from mnist_core.export.report import ticks
from mnist_core.runs.events import Ended, LearningRate, Started, State, append_event
from mnist_core.runs.folder import Labels, Run
from mnist_core.runs.store import RunStore
from tests.builders import epoch, fitting
from tests.conftest import SMALL


class Page(HTMLParser):
    """What is in a page: elements with their attributes, and the text between them."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._styled = False
        self.feed(report.write(run).decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._styled = tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._styled:
            self.text += data

    def handle_endtag(self, tag: str) -> None:
        self._styled = False


def test_it_needs_no_other_file(trained: Run) -> None:
    page = Page(trained)

    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.elements}
    for _, attributes in page.elements:
        for name in ("src", "href", "srcset"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert not re.search(r"url\(|@import", report.write(trained).decode())


def test_it_has_everything(trained: Run) -> None:
    page = Page(trained)
    evaluated = trained.history().evaluated
    assert evaluated

    for heading in (
        *("Curves", "How it was made", "Classification report", "Confusion matrix"),
        *("Mistakes", "Predictions", "Settings", "Environment", "What to take away"),
    ):
        assert heading in page.text
    assert f"{evaluated.test_accuracy:.2%}" in page.text
    assert "535,818" in page.text
    assert "tensorflow2.21" in page.text.replace("\n", "")
    images = [attributes for tag, attributes in page.elements if tag == "img"]
    wrong = round(1_000 * (1 - evaluated.test_accuracy))
    assert len(images) == min(wrong, report.MISTAKES) + report.PREDICTIONS
    curves = [attributes["points"] for tag, attributes in page.elements if tag == "polyline"]
    assert [len((points or "").split()) for points in curves] == [8, 8, 4] * 2
    confusion = trained.test_results()[0].argmax(1) == trained.test_results()[1]
    assert confusion.sum() == round(1_000 * evaluated.test_accuracy)


def test_it_says_what_was_done_by_hand(store: RunStore) -> None:
    run = store.create(SMALL)
    for event in (
        Started(),
        fitting(),
        LearningRate(epoch=1, step=32, learning_rate=0.02),
        epoch(step=40),
        Ended(state=State.STOPPED),
    ):
        append_event(run.folder, event)

    assert (
        "What its settings do not say: learning rate set to 0.02 in epoch 1; stopped in epoch 1."
        in Page(run).text
    )


def test_it_says_what_its_settings_reach_with_other_seeds(trained: Run, tmp_path: Path) -> None:
    evaluated = trained.history().evaluated
    assert evaluated
    copy, words = Run(tmp_path / trained.id), "on average of"
    shutil.copytree(trained.folder, copy.folder)
    assert words not in Page(copy).text

    store = RunStore(tmp_path)
    other = store.create(copy.config.model_copy(update={"seed": 2}))
    for event in (Started(), fitting(), epoch(4), evaluated, Ended(state=State.FINISHED)):
        append_event(other.folder, event)
    assert (
        f"Its settings reach {evaluated.test_accuracy:.2%} ± 0.00% on average of 2 seeds"
        in Page(copy).text
    )


def test_it_does_not_say_where_the_data_lay(trained: Run) -> None:
    path = trained.environment()["data"].partition("read from ")[2]
    assert Path(path).is_file()
    assert path not in Page(trained).text


def test_names_and_notes_are_text(store: RunStore) -> None:
    typed = '<script>alert("1")</script>'
    run = store.create(SMALL)
    run.set_labels(Labels(name=typed, tags=("<b>bold",), note=f"{typed}\n& more"))
    append_event(run.folder, Ended(state=State.FAILED, message="<img src=x>"))
    page = Page(run)

    assert not {"script", "img"} & {tag for tag, _ in page.elements}
    for text in (typed, "<b>bold", "& more", "<img src=x>"):
        assert text in page.text


def test_a_run_without_a_network_is_told_as_far_as_it_got(store: RunStore) -> None:
    page = Page(store.create(SMALL))

    assert "has no network that was tested" in page.text
    assert "Not recorded" in page.text
    assert "Curves" not in page.text


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.83, 0.97, [0.8, 0.85, 0.9, 0.95, 1]),
        (0, 2.31, [0, 0.5, 1, 1.5, 2, 2.5]),
        (0, 0.0031, [0, 0.001, 0.002, 0.003, 0.004]),
        (0.5, 0.5, [0.5, 0.6]),
        (0, 0, [0, 0.2]),
    ],
)
def test_axes_have_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)
