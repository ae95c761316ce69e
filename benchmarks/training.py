"""How long training takes, and how good the network gets, against the loop that most people write.

In turn, in one process, so that whatever else the machine does slows all of them:

    plain    the article's recipe as a plain Keras script: float32 arrays, stock Adam, model.fit
    article  the same recipe by Digit Lab
    fast     the preset "Fast"

Repeat n takes n as its seed. Seconds are those in fit alone; "of plain" is the median of the
repeats' ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import NamedTuple

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # the project is not installed

from mnist_core import datasets
from mnist_core.config import TrainingConfig, apply_preset
from mnist_core.datasets import Dataset
from mnist_core.runs import Batch, Event
from mnist_core.training import fit


class Result(NamedTuple):
    """One training. ``first_point``: seconds until the first batch could be shown."""

    seconds: float
    first_point: float | None
    accuracy: float


def train_plain(dataset: Dataset, epochs: int, seed: int) -> Result:
    keras.utils.set_random_seed(seed)
    x_train = dataset.x_train.reshape(len(dataset.x_train), -1).astype("float32") / 255
    x_test = dataset.x_test.reshape(len(dataset.x_test), -1).astype("float32") / 255
    model = keras.Sequential(
        [
            keras.Input((x_train.shape[1],)),
            keras.layers.Dense(512, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dropout(0.2),
            keras.layers.Dense(dataset.classes, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    began = time.perf_counter()
    model.fit(
        x_train, dataset.y_train, batch_size=64, epochs=epochs, validation_split=0.1, verbose=0
    )
    seconds = time.perf_counter() - began
    _, accuracy = model.evaluate(x_test, dataset.y_test, verbose=0)
    return Result(seconds, None, accuracy)


def train_ours(dataset: Dataset, config: TrainingConfig) -> Result:
    first: list[float] = []

    def emit(event: Event) -> None:
        if isinstance(event, Batch) and not first:
            first.append(time.perf_counter() - began)

    began = time.perf_counter()
    result = fit.fit(config, dataset, emit)
    guesses = fit.probabilities(result.model, dataset.x_test).argmax(axis=1)
    return Result(result.train_seconds, first[0], float(np.mean(guesses == dataset.y_test)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3, help="of each (default: 3)")
    parser.add_argument("--epochs", type=int, default=10, help="of plain and article (default: 10)")
    parser.add_argument("--dataset", choices=datasets.names(), default=datasets.default_name())
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    arguments = parser.parse_args()

    threads = os.cpu_count() or 1
    fit.warm_up(threads)
    dataset = datasets.load(arguments.dataset)

    def config(preset: str, seed: int) -> TrainingConfig:
        return apply_preset(preset, TrainingConfig(dataset=arguments.dataset, seed=seed))

    contenders: dict[str, Callable[[int], Result]] = {
        "plain": lambda seed: train_plain(dataset, arguments.epochs, seed),
        "article": lambda seed: train_ours(
            dataset, config("article", seed).model_copy(update={"epochs": arguments.epochs})
        ),
        "fast": lambda seed: train_ours(dataset, config("fast", seed)),
    }
    results: dict[str, list[Result]] = {name: [] for name in contenders}
    for seed in range(1, arguments.repeats + 1):
        for name, train in contenders.items():
            results[name].append(train(seed))

    about = {
        "dataset": arguments.dataset,
        "epochs": arguments.epochs,
        "repeats": arguments.repeats,
        "threads": threads,
        "tensorflow": version("tensorflow"),
        "keras": version("keras"),
    }
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    print(f"{'':8}  {'seconds (range)':>22}  {'of plain':>8}  {'first point':>11}  test accuracy")
    for name, runs in results.items():
        seconds = [run.seconds for run in runs]
        accuracy = [100 * run.accuracy for run in runs]
        ratio = median(
            run.seconds / plain.seconds for run, plain in zip(runs, results["plain"], strict=True)
        )
        first = [run.first_point for run in runs if run.first_point is not None]
        print(
            f"{name:8}  {_spread(seconds):>22}  {ratio:8.3f}  "
            f"{f'{median(first):.2f} s' if first else '':>11}  {_spread(accuracy)} %"
        )
    if arguments.json:
        figures = {name: [run._asdict() for run in runs] for name, runs in results.items()}
        arguments.json.write_text(json.dumps(about | {"results": figures}, indent=2) + "\n")


def _spread(values: list[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
