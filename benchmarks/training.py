"""How long training takes, and how good the network gets, against the loop that most people write.

In turn, in one process, so that whatever else the machine does slows all of them:

    plain      the article's recipe as a plain Keras script: float32 arrays, stock Adam, model.fit
    article    the same recipe by Digit Lab
    fast       the preset "Fast"
    plain cnn  blocks of 16, 48 and 96 filters and 128 units as a plain Keras script, 2 epochs
    cnn        the same network by Digit Lab

Repeat n takes n as its seed. Seconds are those in fit alone; "of plain" is the median of the
repeats' ratios, to the plain script of the same kind. At last, how long one image takes to be
recognised: by LiteRT, as in the dashboard, and by ``model.predict``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import keras
import numpy as np

from mnist_core.config import TrainingConfig
from mnist_core.data import loading, places
from mnist_core.data.dataset import Dataset
from mnist_core.inference import Predictor
from mnist_core.presets import apply_preset
from mnist_core.runs.events import Batch, Event
from mnist_core.training import fit, save


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


CNN = TrainingConfig(
    architecture="convolutional",
    filters=(16, 48, 96),
    learning_rate=0.001,
    batch_size=128,
    epochs=2,
)


def train_plain_cnn(dataset: Dataset, seed: int) -> Result:
    """What :data:`CNN` asks for, in stock Keras."""
    keras.utils.set_random_seed(seed)
    x_train = dataset.x_train[..., np.newaxis].astype("float32") / 255
    x_test = dataset.x_test[..., np.newaxis].astype("float32") / 255
    model = keras.Sequential([keras.Input(x_train.shape[1:])])
    for filters in CNN.filters:
        model.add(keras.layers.Conv2D(filters, 3, padding="same", use_bias=False))
        model.add(keras.layers.MaxPooling2D())
        model.add(keras.layers.BatchNormalization())
        model.add(keras.layers.ReLU())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(128, activation="relu"))
    model.add(keras.layers.Dropout(CNN.dropout))
    model.add(keras.layers.Dense(dataset.classes, activation="softmax"))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    began = time.perf_counter()
    model.fit(
        x_train,
        dataset.y_train,
        batch_size=CNN.batch_size,
        epochs=CNN.epochs,
        validation_split=0.1,
        verbose=0,
    )
    seconds = time.perf_counter() - began
    _, accuracy = model.evaluate(x_test, dataset.y_test, verbose=0)
    return Result(seconds, None, accuracy)


def prediction_times(dataset: Dataset, repeats: int = 50) -> dict[str, float]:
    """Median seconds for one image, by a network of the article's layers."""
    result = fit.fit(TrainingConfig(dataset=dataset.name, epochs=1), dataset, lambda event: None)
    image = np.divide(dataset.x_test[:1], 255, dtype=np.float32)
    with TemporaryDirectory() as folder:
        save.save_tflite(result.model, Path(folder, "model.tflite"))
        ways: dict[str, Callable[[], object]] = {
            "LiteRT": partial(Predictor(folder).probabilities, image),
            "model.predict": partial(result.model.predict, image, verbose=0),
        }
        times: dict[str, float] = {}
        for name, ask in ways.items():
            ask()
            taken = []
            for _ in range(repeats):
                began = time.perf_counter()
                ask()
                taken.append(time.perf_counter() - began)
            times[name] = median(taken)
    return times


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
    parser.add_argument("--dataset", choices=places.names(), default=places.default_name())
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    arguments = parser.parse_args()

    threads = os.cpu_count() or 1
    fit.warm_up(threads)
    dataset = loading.load(arguments.dataset)

    def config(preset: str, seed: int) -> TrainingConfig:
        return apply_preset(preset, TrainingConfig(dataset=arguments.dataset, seed=seed))

    contenders: dict[str, Callable[[int], Result]] = {
        "plain": lambda seed: train_plain(dataset, arguments.epochs, seed),
        "article": lambda seed: train_ours(
            dataset, config("article", seed).model_copy(update={"epochs": arguments.epochs})
        ),
        "fast": lambda seed: train_ours(dataset, config("fast", seed)),
        "plain cnn": lambda seed: train_plain_cnn(dataset, seed),
        "cnn": lambda seed: train_ours(
            dataset, CNN.model_copy(update={"dataset": dataset.name, "seed": seed})
        ),
    }
    results: dict[str, list[Result]] = {name: [] for name in contenders}
    for seed in range(1, arguments.repeats + 1):
        for name, train in contenders.items():
            results[name].append(train(seed))

    about: dict[str, Any] = {
        "dataset": arguments.dataset,
        "epochs": arguments.epochs,
        "cnn_epochs": CNN.epochs,
        "repeats": arguments.repeats,
        "threads": threads,
        "tensorflow": version("tensorflow"),
        "keras": version("keras"),
    }
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    print(f"{'':9}  {'seconds (range)':>22}  {'of plain':>8}  {'first point':>11}  test accuracy")
    for name, runs in results.items():
        seconds = [run.seconds for run in runs]
        accuracy = [100 * run.accuracy for run in runs]
        plain_runs = results["plain cnn" if "cnn" in name else "plain"]
        ratio = median(
            run.seconds / plain.seconds for run, plain in zip(runs, plain_runs, strict=True)
        )
        first = [run.first_point for run in runs if run.first_point is not None]
        print(
            f"{name:9}  {_spread(seconds):>22}  {ratio:8.3f}  "
            f"{f'{median(first):.2f} s' if first else '':>11}  {_spread(accuracy)} %"
        )
    predictions = prediction_times(dataset)
    for name, taken in predictions.items():
        print(f"one image by {name}: {1000 * taken:.3f} ms")
    if arguments.json:
        about |= {"prediction_seconds": predictions}
        figures = {name: [run._asdict() for run in runs] for name, runs in results.items()}
        arguments.json.write_text(json.dumps(about | {"results": figures}, indent=2) + "\n")


def _spread(values: list[float]) -> str:
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
