"""Probabilities on the test set -> accuracy, report, confusion matrix, mistakes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Report = dict[str, Any]
"""scikit-learn's classification report, class by class."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A network's answers to ``n`` test images, judged. Nobody changes the arrays and the table."""

    labels: NDArray[np.uint8]
    """``(n,)``: the right classes."""
    predicted: NDArray[np.int64]
    """``(n,)``: the class that the network finds likeliest."""
    confidence: NDArray[np.float32]
    """``(n,)``: the probability that it gives to that class."""
    accuracy: float
    """Share of right answers."""
    interval: tuple[float, float]
    """95 % confidence interval of the accuracy."""
    loss: float
    """Mean cross-entropy in nats: minus the logarithm of the right class's probability."""
    report: pd.DataFrame
    """A row for each class, then ``accuracy``, ``macro avg`` and ``weighted avg``; the columns are
    ``precision``, ``recall``, ``f1-score`` and ``support``, as in scikit-learn."""
    confusion: NDArray[np.int64]
    """``(classes, classes)``: how many images of class ``row`` were taken for class ``column``."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the report calls the classes."""
        return tuple(self.report.index[: len(self.confusion)])


def evaluate(
    probabilities: NDArray[np.float32],
    labels: NDArray[np.uint8],
    class_names: tuple[str, ...],
    report: Report | None = None,
) -> Evaluation:
    """Judge the answers to a test set.

    Args:
        probabilities: ``(n, classes)``, each row a distribution.
        labels: ``(n,)``, the right classes.
        class_names: what the report calls them.
        report: what :func:`classification_report` gave for the same answers, where it was kept.

    Raises:
        ValueError: no images, shapes or types that don't fit, a label that is no class, a value
            that is no probability, or a report on other classes.
    """
    classes = len(class_names)
    if probabilities.ndim != 2 or probabilities.shape[1] != classes or not len(probabilities):
        raise ValueError(
            f"probabilities have the shape {probabilities.shape}; allowed: (images, {classes})"
        )
    if labels.shape != probabilities.shape[:1]:
        raise ValueError(
            f"labels have the shape {labels.shape}; allowed: ({len(probabilities)},), "
            "one for each row of the probabilities"
        )
    if probabilities.dtype.kind != "f" or labels.dtype.kind not in "iu":
        raise ValueError(
            f"probabilities are {probabilities.dtype} and labels {labels.dtype}; allowed: floating "
            "point and whole numbers"
        )
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(
            f"labels go from {labels.min()} to {labels.max()}; allowed: 0 to {classes - 1}"
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():  # so that NaN is refused, too
        raise ValueError("some probabilities are not numbers from 0 to 1")

    predicted = probabilities.argmax(axis=1)
    if report is None:
        report = classification_report(predicted, labels, class_names)
    right = int((predicted == labels).sum())
    of_right_class = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return Evaluation(
        labels=labels,
        predicted=predicted,
        confidence=probabilities.max(axis=1),
        accuracy=right / len(labels),
        interval=wilson_interval(right, len(labels)),
        # A probability too small for float32 is 0 here, and must not make the mean infinite.
        loss=float(-np.log(of_right_class.clip(np.finfo(np.float32).tiny)).mean()),
        report=_table(report, class_names, len(labels)),
        confusion=np.bincount(
            labels.astype(np.int64) * classes + predicted, minlength=classes**2
        ).reshape(classes, classes),
    )


def classification_report(
    predicted: NDArray[np.int64], labels: NDArray[np.uint8], class_names: tuple[str, ...]
) -> Report:
    """scikit-learn's report as a dictionary, with every class, also one that the test set lacks."""
    # Not at the top: it takes 0.7 s and 75 MB, which the dashboard does without where the run
    # has kept its report.
    from sklearn import metrics

    report: Report = metrics.classification_report(
        labels,
        predicted,
        labels=list(range(len(class_names))),
        target_names=class_names,
        output_dict=True,
        zero_division=0.0,
    )
    return report


def _table(report: Report, class_names: tuple[str, ...], images: int) -> pd.DataFrame:
    import pandas as pd  # not at the top: 0.2 s that the first page is painted without

    rows = [*class_names, "accuracy", "macro avg", "weighted avg"]
    columns = ["precision", "recall", "f1-score", "support"]
    if list(report) != rows:
        raise ValueError(f"the report has the rows {list(report)}; allowed: {rows}")
    for name, figures in report.items():
        if name != "accuracy" and (not isinstance(figures, dict) or list(figures) != columns):
            raise ValueError(f"the report has {figures} for {name}; allowed: figures for {columns}")
    table = pd.DataFrame(report).T
    # Accuracy is one number; scikit-learn's own table shows it where F1 stands.
    table.loc["accuracy", ["precision", "recall"]] = np.nan
    table.loc["accuracy", "support"] = images
    return table.astype({"support": int})


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """Where the true share of right answers lies, with 95 % confidence.

    Wilson, "Probable inference, the law of succession, and statistical inference", 1927. Unlike
    the textbook's interval, it holds for few images and for shares close to 0 and 1.

    Args:
        right: how many answers were right.
        total: of how many, at least 1.
    """
    z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations
    share = right / total
    middle = share + z**2 / (2 * total)
    reach = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    # Where none is right, or all are, an end is just that; rounding would miss it by a little.
    low = (middle - reach) / scale if right else 0.0
    high = (middle + reach) / scale if right < total else 1.0
    return low, high


def row_shares(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """The confusion matrix as shares of its rows; zeros for a class without images."""
    shares: NDArray[np.float64] = confusion / confusion.sum(axis=1, keepdims=True).clip(1)
    return shares


def mistakes(
    evaluation: Evaluation, true: int | None = None, predicted: int | None = None
) -> NDArray[np.int64]:
    """Indices of the wrong answers, the most confident first.

    Args:
        true: only images of this class.
        predicted: only images taken for this class.
    """
    wrong = evaluation.predicted != evaluation.labels
    if true is not None:
        wrong &= evaluation.labels == true
    if predicted is not None:
        wrong &= evaluation.predicted == predicted
    return _by(-evaluation.confidence, wrong)


def right_answers(evaluation: Evaluation, true: int) -> NDArray[np.int64]:
    """Indices of the images of a class that were recognised, the least confident first."""
    recognised = (evaluation.labels == true) & (evaluation.predicted == true)
    return _by(evaluation.confidence, recognised)


def _by(key: NDArray[np.float32], wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices of the wanted images, the least key first."""
    indices = wanted.nonzero()[0]
    order: NDArray[np.int64] = indices[key[indices].argsort(kind="stable")]
    return order
