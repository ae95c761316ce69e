"""The figures of a run, against numbers worked by hand or published."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import confusion_matrix

from mnist_core.evaluation import (
    Evaluation,
    classification_report,
    evaluate,
    mistakes,
    right_answers,
    row_shares,
    wilson_interval,
)

NAMES = ("cat", "dog", "emu")
PROBABILITIES = np.array(
    [
        [0.7, 0.2, 0.1],  # cat: right
        [0.6, 0.3, 0.1],  # cat: right
        [0.2, 0.8, 0.0],  # cat, taken for dog
        [0.1, 0.9, 0.0],  # dog: right
        [0.5, 0.4, 0.1],  # dog, taken for cat
        [0.3, 0.6, 0.1],  # cat, taken for dog
    ],
    dtype=np.float32,
)
LABELS = np.array([0, 0, 0, 1, 1, 0], dtype=np.uint8)


@pytest.fixture
def result() -> Evaluation:
    return evaluate(PROBABILITIES, LABELS, NAMES)


def test_predictions_are_the_likeliest_classes(result: Evaluation) -> None:
    assert result.predicted.tolist() == [0, 0, 1, 1, 0, 1]
    assert result.confidence == pytest.approx([0.7, 0.6, 0.8, 0.9, 0.5, 0.6])


def test_accuracy_and_loss(result: Evaluation) -> None:
    assert result.accuracy == 3 / 6
    right_class = [0.7, 0.6, 0.2, 0.9, 0.4, 0.3]
    assert result.loss == pytest.approx(-sum(map(math.log, right_class)) / 6, rel=1e-6)


def test_a_certain_mistake_leaves_the_loss_finite() -> None:
    certain = np.array([[1, 0]], dtype=np.float32)
    assert 80 < evaluate(certain, np.array([1], np.uint8), ("a", "b")).loss < 90


def test_the_confusion_matrix_has_true_classes_in_rows(result: Evaluation) -> None:
    assert result.confusion.tolist() == [[2, 2, 0], [1, 1, 0], [0, 0, 0]]


def test_the_shares_of_a_row_sum_to_one_unless_it_is_empty(result: Evaluation) -> None:
    assert row_shares(result.confusion).tolist() == [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 0]]


def test_the_report_by_class(result: Evaluation) -> None:
    report = result.report
    assert list(report.columns) == ["precision", "recall", "f1-score", "support"]
    assert list(report.index) == [*NAMES, "accuracy", "macro avg", "weighted avg"]
    assert list(report.loc["cat"]) == pytest.approx([2 / 3, 1 / 2, 4 / 7, 4])
    assert list(report.loc["dog"]) == pytest.approx([1 / 3, 1 / 2, 2 / 5, 2])
    assert list(report.loc["emu"]) == [0, 0, 0, 0]


def test_the_report_over_all_classes(result: Evaluation) -> None:
    report = result.report
    assert list(report.loc["accuracy"].isna()) == [True, True, False, False]
    assert list(report.loc["accuracy", ["f1-score", "support"]]) == [0.5, 6]
    assert list(report.loc["macro avg"]) == pytest.approx([1 / 3, 1 / 3, (4 / 7 + 2 / 5) / 3, 6])
    assert list(report.loc["weighted avg"]) == pytest.approx(
        [5 / 9, 1 / 2, (4 * 4 / 7 + 2 * 2 / 5) / 6, 6]
    )


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, table I
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_wilsons(right: int, total: int, low: float, high: float) -> None:
    assert wilson_interval(right, total) == pytest.approx((low, high), abs=5e-5)
    mirrored = wilson_interval(total - right, total)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=5e-5)


@pytest.mark.parametrize("total", [1, 7, 10, 50, 10_000])
def test_it_begins_at_0_where_none_is_right_and_ends_at_1_where_all_are(total: int) -> None:
    assert wilson_interval(0, total)[0] == 0
    assert wilson_interval(total, total)[1] == 1


def test_the_interval_of_an_evaluation_is_that_of_its_right_answers(result: Evaluation) -> None:
    assert result.interval == wilson_interval(3, 6)


def test_mistakes_come_most_confident_first(result: Evaluation) -> None:
    assert mistakes(result).tolist() == [2, 5, 4]


def test_mistakes_of_a_class_or_for_a_class(result: Evaluation) -> None:
    assert mistakes(result, true=0).tolist() == [2, 5]
    assert mistakes(result, predicted=0).tolist() == [4]
    assert mistakes(result, true=1, predicted=0).tolist() == [4]
    assert mistakes(result, true=2).tolist() == []


def test_right_answers_come_least_confident_first(result: Evaluation) -> None:
    assert right_answers(result, 0).tolist() == [1, 0]
    assert right_answers(result, 2).tolist() == []


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (PROBABILITIES[:, :2], LABELS, r"shape \(6, 2\); allowed: \(images, 3\)"),
        (PROBABILITIES[0], LABELS[0], r"shape \(3,\)"),
        (PROBABILITIES[:0], LABELS[:0], r"shape \(0, 3\)"),
        (PROBABILITIES, LABELS[:5], r"labels have the shape \(5,\); allowed: \(6,\)"),
        (PROBABILITIES, LABELS + np.uint8(2), "from 2 to 3; allowed: 0 to 2"),
        (PROBABILITIES, LABELS.astype(int) - 1, "from -1 to 0; allowed: 0 to 2"),
        (PROBABILITIES, LABELS.astype(float), "labels float64"),
        (PROBABILITIES.astype(str), LABELS, "probabilities are <U"),
        (PROBABILITIES + 1, LABELS, "not numbers from 0 to 1"),
        (PROBABILITIES * np.float32("nan"), LABELS, "not numbers from 0 to 1"),
    ],
)
def test_what_is_no_test_result_is_refused(
    probabilities: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(probabilities, labels, NAMES)


def test_a_report_that_was_kept_gives_the_same_evaluation(result: Evaluation) -> None:
    kept = json.loads(json.dumps(classification_report(result.predicted, LABELS, NAMES)))

    pd.testing.assert_frame_equal(
        evaluate(PROBABILITIES, LABELS, NAMES, kept).report, result.report
    )


def test_a_report_on_other_classes_is_refused(result: Evaluation) -> None:
    other = classification_report(result.predicted, LABELS, ("ant", "bee", "cow"))

    with pytest.raises(ValueError, match="the report has the rows"):
        evaluate(PROBABILITIES, LABELS, NAMES, other)


def test_the_confusion_matrix_is_scikit_learns(result: Evaluation) -> None:
    labels = np.random.default_rng(1).integers(0, 200, 5_000).astype(np.uint8)
    answers = np.random.default_rng(2).dirichlet(np.ones(200), 5_000).astype(np.float32)
    names = tuple(map(str, range(200)))

    np.testing.assert_array_equal(
        evaluate(answers, labels, names).confusion,
        confusion_matrix(labels, answers.argmax(axis=1), labels=range(200)),
    )
