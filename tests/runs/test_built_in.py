"""The run that comes with the program: what it is said to be, small, and not to be changed."""

import io

import numpy as np
import pytest

from mnist_core.data import loading
from mnist_core.inference import Predictor
from mnist_core.runs.archive import ImportRefused, pack, unpack
from mnist_core.runs.catalog import Summary, summarize
from mnist_core.runs.events import State
from mnist_core.runs.files import RunError
from mnist_core.runs.judging import judge
from mnist_core.runs.store import BUILT_IN_RUN, RunStore
from mnist_core.runs.trash import discard

README = (BUILT_IN_RUN.folder.parent / "README.md").read_text()


def test_its_figures_are_those_of_its_network_on_images_that_come_along() -> None:
    found = summarize(BUILT_IN_RUN)
    assert isinstance(found, Summary)
    assert (found.state, found.parent) == (State.FINISHED, None)
    images = loading.load(found.config.dataset)  # from no network, and no download
    answers, labels = BUILT_IN_RUN.test_results()

    given = Predictor(BUILT_IN_RUN.folder).probabilities((images.x_test / 255).astype(np.float32))

    assert np.array_equal(labels, images.y_test)
    np.testing.assert_allclose(given, answers, atol=1e-4)
    accuracy = judge(BUILT_IN_RUN).accuracy
    assert found.evaluated
    assert found.evaluated.test_accuracy == pytest.approx(accuracy)
    assert f"{accuracy:.1%} of the 1,000 test images" in README
    assert f"{found.weights:,} weights" in README


def test_it_is_small_and_names_no_machine() -> None:
    files = [*BUILT_IN_RUN.folder.iterdir()]

    assert (BUILT_IN_RUN.folder / "model.tflite").stat().st_size < 100_000
    assert sum(file.stat().st_size for file in files) < 600_000
    assert "owner.json" not in {file.name for file in files}
    assert "/" not in str(BUILT_IN_RUN.environment())


def test_every_store_has_it_and_none_lists_it(store: RunStore) -> None:
    assert store.get(BUILT_IN_RUN.id) == BUILT_IN_RUN
    assert store.list() == []


def test_it_is_neither_deleted_nor_continued_nor_imported(store: RunStore) -> None:
    before = {file: file.read_bytes() for file in BUILT_IN_RUN.folder.iterdir()}

    with pytest.raises(RunError, match="comes with Digit Lab and can't be deleted"):
        discard(BUILT_IN_RUN)
    with pytest.raises(RunError, match="comes with Digit Lab and can't be continued"):
        store.create_continuation(BUILT_IN_RUN, epochs=1)
    with pytest.raises(ImportRefused, match="is here already"):
        unpack(io.BytesIO(pack(BUILT_IN_RUN)), store)

    assert store.list() == []
    assert {file: file.read_bytes() for file in BUILT_IN_RUN.folder.iterdir()} == before
