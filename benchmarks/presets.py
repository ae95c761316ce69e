"""What every preset reaches, and in which time, beside the article's recipe as a plain Keras loop.

    python benchmarks/presets.py [--seeds 3] [--presets fast cnn ...] [--json FILE]

Each preset is trained on the dataset that it was tuned on, with seeds 1 and up, in one process
with the plain loop, which is run first and last: the faster of the two counts. Those for MNIST are
then shown the drawings of strangers, that of seed 1 every third of them as pictures, too (see
strokes.py). readme.py puts the figures where they are read.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))  # the project is not installed

from benchmarks.strokes import STROKES, as_pictures, as_strokes, read
from benchmarks.training import Result, train_plain
from mnist_core import datasets
from mnist_core.config import PRESETS, Measured, TrainingConfig, apply_preset
from mnist_core.datasets import Dataset, DatasetError
from mnist_core.inference import Predictor
from mnist_core.settings import Settings
from mnist_core.training import export, fit


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: 3)")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()

    names = {"mnist", *(PRESETS[preset].dataset for preset in options.presets)}
    try:
        known = {name: datasets.load(name) for name in names}
    except DatasetError as error:
        sys.exit(str(error))
    fit.warm_up(os.cpu_count() or 1)
    drawings = _drawings()
    plain = _plain(known["mnist"])
    print(
        f"{'preset':14}{'seed':>5}{'weights':>9}{'seconds':>9}{'test':>8}"
        + "".join(f"{way:>22}" for way in drawings)
    )
    found: dict[str, Measured] = {}
    for preset in options.presets:
        dataset = known[PRESETS[preset].dataset]
        seconds: list[float] = []
        accuracies: list[float] = []
        drawn: list[dict[str, float]] = []
        for seed in range(1, options.seeds + 1):
            config = apply_preset(preset, TrainingConfig(dataset=dataset.name, seed=seed))
            result = fit.fit(config, dataset, lambda event: None)
            seconds.append(result.train_seconds)
            accuracies.append(_accuracy(result.model, dataset))
            if dataset.name == "mnist":
                ways = {w: d for w, d in drawings.items() if seed == 1 or w == STROKES}
                drawn.append(_recognised(result.model, ways))
            print(
                f"{preset:14}{seed:5}{result.model.count_params():9,}{seconds[-1]:9.1f}"
                f"{accuracies[-1]:8.2%}"
                + "".join(f"{share:22.2%}" for share in (drawn[-1].values() if drawn else ())),
                flush=True,
            )
        strokes = [shares[STROKES] for shares in drawn if shares]
        pictures = [share for way, share in (drawn or [{}])[0].items() if way != STROKES]
        found[preset] = Measured(
            accuracy=round(median(accuracies), 6),
            seeds=len(accuracies),
            seconds=round(median(seconds), 1),
            of_plain=0.0,  # until the plain loop has been run again
            weights=result.model.count_params(),
            train_images=len(dataset.x_train),
            test_images=len(dataset.x_test),
            strokes=round(median(strokes), 6) if strokes else None,
            pictures=round(min(pictures), 6) if pictures else None,
        )
    plain = min(plain, _plain(known["mnist"]), key=lambda result: result.seconds)
    for preset, figures in found.items():
        of_plain = round(figures.seconds / plain.seconds, 3)
        found[preset] = figures.model_copy(update={"of_plain": of_plain})
        print(f"{preset:14} takes {of_plain:.2f} of the plain loop's time")
    if options.json:
        everything = {
            "plain": plain._asdict(),
            "presets": {preset: figures.model_dump() for preset, figures in found.items()},
        }
        options.json.write_text(json.dumps(everything, indent=2) + "\n")


def _plain(dataset: Dataset) -> Result:
    result = train_plain(dataset, epochs=10, seed=1)
    print(f"plain Keras loop: {result.seconds:.1f} s, {result.accuracy:.2%}", flush=True)
    return result


def _accuracy(model: keras.Model, dataset: Dataset) -> float:
    guesses = fit.probabilities(model, dataset.x_test).argmax(axis=1)
    return float(np.mean(guesses == dataset.y_test))


class Shown(NamedTuple):
    """Drawings as a network gets them, ``(n, 28, 28)`` float32, and their digits."""

    images: NDArray[np.float32]
    digits: NDArray[np.int64]


def _drawings() -> dict[str, Shown]:
    """Strangers' drawings, by the way in which they are handed over."""
    path = Settings.from_environment().data / "pen_strokes.jsonl.gz"
    if not path.is_file():
        print(f"{path} does not exist: without drawings")
        return {}
    drawings = read(path)
    digits = np.array([drawing.label for drawing in drawings])
    shown = {STROKES: Shown(as_strokes(drawings), digits)}
    for way, images in as_pictures(drawings[::3]):
        shown[way] = Shown(images, digits[::3])
    return shown


def _recognised(model: keras.Model, drawings: Mapping[str, Shown]) -> dict[str, float]:
    """The share of the digits that the exported network recognises."""
    with TemporaryDirectory() as folder:
        export.save_tflite(model, Path(folder, "model.tflite"))
        predictor = Predictor(folder)
        return {
            way: float(
                np.mean(predictor.probabilities(shown.images).argmax(axis=1) == shown.digits)
            )
            for way, shown in drawings.items()
        }


if __name__ == "__main__":
    main()
