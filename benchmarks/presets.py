"""What every preset reaches, and in which time, beside the article's recipe as a plain Keras loop.

    python benchmarks/presets.py [--seeds 3] [--presets fast cnn ...] [--json FILE]

Each preset is trained on the dataset that it was tuned on, with seeds 1 and up. With seed 1 it has
the machine to itself, in one process with the plain loop, which is run first and last: its time
counts, beside the faster of the two. The other seeds count for the accuracy alone, and are trained
side by side after that, each on one core. The networks for MNIST are then shown the drawings of
strangers, that of seed 1 every third of them as pictures, too (see strokes.py). readme.py puts the
figures where they are read.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from benchmarks.strokes import STROKES, as_pictures, as_strokes, read
from benchmarks.training import Result, train_plain
from mnist_core.config import TrainingConfig
from mnist_core.data import known, loading
from mnist_core.data.dataset import Dataset
from mnist_core.data.loading import DatasetError
from mnist_core.inference import Predictor
from mnist_core.presets import PRESETS, Measured, apply_preset, tuned_on
from mnist_core.settings import Settings
from mnist_core.training import fit, save


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: 3)")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    presets: list[str] = options.presets
    try:
        for name in {known.DEFAULT, *map(tuned_on, presets)}:
            _dataset(name)
    except DatasetError as error:
        sys.exit(str(error))
    cores = os.cpu_count() or 1
    fit.warm_up(cores)
    plain = _plain()
    ways = list(_drawings(as_pictures_too=True))
    print(
        f"{'preset':14}{'seed':>5}{'weights':>9}{'seconds':>9}{'test':>8}"
        + "".join(f"{way:>22}" for way in ways)
    )
    alone = {preset: _train(preset, seed=1) for preset in presets}
    plain = min(plain, _plain(), key=lambda result: result.seconds)
    longest_first = sorted(presets, key=lambda preset: -alone[preset].seconds)
    trained = {preset: [result] for preset, result in alone.items()}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, context, fit.warm_up, (1,)) as pool:
        others = [
            pool.submit(_train, preset, seed)
            for preset in longest_first
            for seed in range(2, options.seeds + 1)
        ]
        for other in others:
            result = other.result()
            trained[result.preset].append(result)
    found = {preset: _measured(trained[preset], plain) for preset in presets}
    for preset, figures in found.items():
        print(
            f"{preset:14} reaches {figures.accuracy:.2%} in {figures.of_plain:.2f} of the plain "
            "loop's time"
        )
    if options.json:
        everything = {
            "plain": plain._asdict(),
            "presets": {preset: figures.model_dump() for preset, figures in found.items()},
        }
        options.json.write_text(json.dumps(everything, indent=2) + "\n")


class Trained(NamedTuple):
    """What came of one training."""

    preset: str
    seconds: float
    weights: int
    accuracy: float
    drawn: dict[str, float]
    """The share of strangers' drawings that were recognised, by the way they are handed over."""


def _train(preset: str, seed: int) -> Trained:
    dataset = _dataset(tuned_on(preset))
    config = apply_preset(preset, TrainingConfig(dataset=dataset.name, seed=seed))
    result = fit.fit(config, dataset, lambda event: None)
    guesses = fit.probabilities(result.model, dataset.x_test).argmax(axis=1)
    trained = Trained(
        preset=preset,
        seconds=result.train_seconds,
        weights=result.model.count_params(),
        accuracy=float(np.mean(guesses == dataset.y_test)),
        drawn=_recognised(result.model, _drawings(as_pictures_too=seed == 1))
        if dataset.name == known.DEFAULT
        else {},
    )
    print(
        f"{preset:14}{seed:5}{trained.weights:9,}{trained.seconds:9.1f}{trained.accuracy:8.2%}"
        + "".join(f"{share:22.2%}" for share in trained.drawn.values()),
        flush=True,
    )
    return trained


def _measured(trained: list[Trained], plain: Result) -> Measured:
    """The figures of a preset; the first training is the one that had the machine to itself."""
    alone = trained[0]
    dataset = _dataset(tuned_on(alone.preset))
    strokes = [result.drawn[STROKES] for result in trained if result.drawn]
    pictures = [share for way, share in alone.drawn.items() if way != STROKES]
    return Measured(
        accuracy=round(median(result.accuracy for result in trained), 6),
        seeds=len(trained),
        seconds=round(alone.seconds, 1),
        of_plain=round(alone.seconds / plain.seconds, 3),
        weights=alone.weights,
        train_images=len(dataset.x_train),
        test_images=len(dataset.x_test),
        strokes=round(median(strokes), 6) if strokes else None,
        pictures=round(min(pictures), 6) if pictures else None,
    )


@functools.cache
def _dataset(name: str) -> Dataset:
    return loading.load(name)


def _plain() -> Result:
    result = train_plain(_dataset(known.DEFAULT), epochs=10, seed=1)
    print(f"plain Keras loop: {result.seconds:.1f} s, {result.accuracy:.2%}", flush=True)
    return result


class Shown(NamedTuple):
    """Drawings as a network gets them, ``(n, 28, 28)`` float32, and their digits."""

    images: NDArray[np.float32]
    digits: NDArray[np.int64]


@functools.cache
def _drawings(as_pictures_too: bool) -> dict[str, Shown]:
    """Strangers' drawings, by the way in which they are handed over."""
    path = Settings.from_environment().data / "pen_strokes.jsonl.gz"
    if not path.is_file():
        print(f"{path} does not exist: without drawings")
        return {}
    drawings = read(path)
    digits = np.array([drawing.label for drawing in drawings])
    shown = {STROKES: Shown(as_strokes(drawings), digits)}
    if as_pictures_too:
        for way, images in as_pictures(drawings[::3]):
            shown[way] = Shown(images, digits[::3])
    return shown


def _recognised(model: keras.Model, drawings: Mapping[str, Shown]) -> dict[str, float]:
    """The share of the digits that the exported network recognises."""
    with TemporaryDirectory() as folder:
        save.save_tflite(model, Path(folder, "model.tflite"))
        predictor = Predictor(folder)
        return {
            way: float(
                np.mean(predictor.probabilities(shown.images).argmax(axis=1) == shown.digits)
            )
            for way, shown in drawings.items()
        }


if __name__ == "__main__":
    main()
