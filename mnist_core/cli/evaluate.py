"""The commands that question a run's network: evaluate and predict."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from PIL import Image

from mnist_core.cli.runs import add_run_argument, find_run
from mnist_core.data import pictures
from mnist_core.drawing import network_input
from mnist_core.inference import Predictor
from mnist_core.lessons import lessons_of
from mnist_core.runs.judging import judge
from mnist_core.words import sureness


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Their names and flags."""
    evaluate = commands.add_parser("evaluate", help="a run's figures on the test set")
    add_run_argument(evaluate)
    evaluate.add_argument("--json", action="store_true", help="as one line of JSON")
    evaluate.set_defaults(run=_evaluate)

    predict = commands.add_parser("predict", help="what a run's network sees in pictures")
    add_run_argument(predict)
    predict.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="a picture's path")
    predict.add_argument("--json", action="store_true", help="a line of JSON for each picture")
    predict.set_defaults(run=_predict)


def _evaluate(options: argparse.Namespace) -> int:
    run = find_run(options.run_id)
    result = judge(run)
    lessons = lessons_of(result, run.history())
    low, high = result.interval
    if options.json:
        report = result.report.astype(object).where(result.report.notna(), None)
        figures = {
            "run": run.id,
            "test_accuracy": result.accuracy,
            "interval": [low, high],
            "test_loss": result.loss,
            "report": report.to_dict("index"),
            "confusion_matrix": result.confusion.tolist(),
            "lessons": lessons,
        }
        print(json.dumps(figures))
        return 0
    print(
        f"Run {run.id}: test accuracy {result.accuracy:.2%} "
        f"(95 % interval {low:.2%} to {high:.2%}), loss {result.loss:.4f}, "
        f"{len(result.labels):,} test images"
    )
    print(result.report.to_string(float_format="{:.4f}".format, na_rep=""))
    print("\n".join(["", *lessons]))
    return 0


def _predict(options: argparse.Namespace) -> int:
    run = find_run(options.run_id)
    predictor = Predictor(run.folder)
    outline = run.dataset()
    predictor.check(outline.image_shape, outline.classes)
    class_names = outline.class_names
    for path in options.images:
        try:
            with Image.open(path) as picture:
                image = network_input.as_input(picture, outline)
        except FileNotFoundError:
            raise ValueError(f"{path} does not exist") from None
        except pictures.UNREADABLE:
            raise ValueError(f"{path} is not a picture that can be read") from None
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if outline.is_drawn and not image.any():
            raise ValueError(f"{path}: nothing that is drawn was found in it")
        probabilities = predictor.probabilities(image[None])[0]
        answer = int(probabilities.argmax())
        if options.json:
            line = {
                "image": str(path),
                "answer": class_names[answer],
                "probabilities": [round(float(p), 6) for p in probabilities],
            }
            print(json.dumps(line))
        else:
            print(f"{path}: {class_names[answer]} ({sureness(probabilities[answer])})")
    return 0
