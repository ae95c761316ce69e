"""The commands that question a run's network: evaluate, predict, inspect and map."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_core import inside
from mnist_core.cli.runs import add_run_argument, find_run
from mnist_core.data import loading, pictures
from mnist_core.data.dataset import Outline
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

    inspect = commands.add_parser("inspect", help="why a run's network answers as it does")
    add_run_argument(inspect)
    inspect.add_argument(
        "image", metavar="IMAGE", help="a picture's path, or the number of a test image"
    )
    inspect.add_argument(
        "--against", metavar="CLASS", help="why not this one (the likeliest of the others)"
    )
    inspect.add_argument("--json", action="store_true", help="as one line of JSON")
    inspect.set_defaults(run=_inspect)

    map_ = commands.add_parser("map", help="where test images lie in the last hidden layer")
    add_run_argument(map_)
    map_.add_argument(
        "--images", type=int, default=inside.MAPPED, metavar="N", help="the first N of them"
    )
    map_.add_argument(
        "--method",
        choices=list(inside.PLANES),
        default=next(iter(inside.PLANES)),
        help="along the directions in which they differ most, or beside those alike (%(default)s)",
    )
    map_.add_argument("--json", action="store_true", help="as one line of JSON")
    map_.set_defaults(run=_map)


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
        image = _picture(path, outline)
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


def _picture(path: Path, outline: Outline) -> NDArray[np.float32]:
    """A picture's file, as a network of this dataset is given it.

    Raises:
        ValueError: names the file, and what is wrong with it.
    """
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
    return image


# --- inspect and map ------------------------------------------------------------------------------

STRONGEST = 8
"""Units of a layer, neighbours, and places on the map, that are told."""


def _inspect(options: argparse.Namespace) -> int:
    run = find_run(options.run_id)
    network = inside.InsidePredictor(run)
    outline, dataset = run.dataset(), loading.load(run.config.dataset)
    names = outline.class_names
    if options.image.isdecimal():
        number, last = int(options.image), len(dataset.x_test) - 1
        if number > last:
            raise ValueError(f"there is no test image {number:,}; allowed: 0 to {last:,}")
        image = inside.scaled(dataset.x_test[number])
    else:
        image = _picture(Path(options.image), outline)
    layers = network.activations(image)
    probabilities = layers[-1].values
    answer, other = (int(i) for i in probabilities.argsort(kind="stable")[::-1][:2])
    if options.against is not None:
        if options.against not in names or options.against == names[answer]:
            others = ", ".join(name for name in names if name != names[answer])
            raise ValueError(f"--against is {options.against!r}; allowed: {others}")
        other = names.index(options.against)
    map_ = inside.attribution(network, image, answer, other)
    known = network.last_hidden(inside.looked_at(dataset))
    hidden = network.last_hidden(image[np.newaxis])[0]
    near = inside.neighbours(hidden, known, dataset.y_train, STRONGEST)
    if options.json:
        line = {
            "run": run.id,
            "image": options.image,
            "answer": names[answer],
            "probability": float(probabilities[answer]),
            "against": names[other],
            "layers": [
                {
                    "name": told.layer.name,
                    "shape": list(told.values.shape),
                    "strongest": [
                        {"unit": unit, "activation": float(told.strengths[unit])}
                        for unit in told.strongest(STRONGEST)
                    ],
                }
                for told in layers
            ],
            "attribution": [[round(float(value), 4) for value in row] for row in map_],
            "neighbours": [
                {"index": n.index, "label": names[n.label], "distance": n.distance} for n in near
            ],
        }
        print(json.dumps(line))
        return 0
    print(f"{names[answer]} ({sureness(probabilities[answer])}), next {names[other]}")
    for told in layers:
        strongest = ", ".join(
            f"{unit} ({told.strengths[unit]:.3g})" for unit in told.strongest(STRONGEST)
        )
        shape = " × ".join(map(str, told.values.shape))
        print(f"{told.layer.words}, {shape}: strongest {strongest}")
    alike = ", ".join(f"{n.index} ({names[n.label]}, {n.distance:.3g})" for n in near)
    print(f"Nearest of {len(known):,} training images: {alike}")
    return 0


def _map(options: argparse.Namespace) -> int:
    run = find_run(options.run_id)
    network = inside.InsidePredictor(run)
    dataset = loading.load(run.config.dataset)
    most = len(dataset.x_test)
    if not options.images >= 2:
        raise ValueError(f"--images is {options.images}; allowed: a whole number from 2")
    images = inside.scaled(dataset.x_test[: options.images])
    places = inside.PLANES[options.method](network.last_hidden(images)).places
    answers = network.probabilities(images).argmax(axis=1)
    if options.json:
        line = {
            "run": run.id,
            "method": options.method,
            "points": [[round(float(x), 4), round(float(y), 4)] for x, y in places],
            "labels": [dataset.class_names[label] for label in dataset.y_test[: len(images)]],
            "answers": [dataset.class_names[answer] for answer in answers],
        }
        print(json.dumps(line))
        return 0
    wrong = int((answers != dataset.y_test[: len(images)]).sum())
    print(f"{len(images):,} of {most:,} test images, {wrong:,} of them mistaken; --json has where")
    for (x, y), label in zip(places[:STRONGEST], dataset.y_test, strict=False):
        print(f"{dataset.class_names[label]}: {x:.3f}, {y:.3f}")
    return 0
