"""A run's answers to the test images, judged."""

from __future__ import annotations

from mnist_core.evaluation import Evaluation, evaluate
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run


def judge(run: Run) -> Evaluation:
    """The run's answers to the test images, judged, with the report that it has kept.

    Raises:
        RunError: there are none (yet), or they are damaged.
    """
    class_names = run.dataset().class_names
    probabilities, labels = run.test_results()
    report = run.report()
    try:
        return evaluate(probabilities, labels, class_names, report)
    except ValueError as error:
        name = "report.json" if str(error).startswith("the report") else "test.npz"
        raise RunError(f"{run.folder / name} is damaged: {error}") from error
