"""What every preset reaches, and in which time, beside the article's recipe as a plain Keras loop.

    python benchmarks/presets.py [--seeds 3] [--presets fast cnn ...] [--json FILE]

Each preset is trained on the dataset that it was tuned on, with seeds 1 and up, after the plain
loop, in the same process. The networks for MNIST are then shown the drawings of strangers, those of
seed 1 also as pictures (see strokes.py). readme.py puts the figures where they are read.
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

import keras
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))  # the project is not installed

from benchmarks.strokes import STROKES, images_by_way, read
from benchmarks.training import train_plain
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
    drawings, digits = _drawings()
    plain = train_plain(known["mnist"], epochs=10, seed=1)
    print(f"plain Keras loop: {plain.seconds:.1f} s, {plain.accuracy:.2%}\n")
    print(
        f"{'preset':14}{'seed':>5}{'weights':>9}{'seconds':>9}{'of plain':>9}{'test':>8}"
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
                ways = drawings if seed == 1 else {STROKES: drawings[STROKES]} if drawings else {}
                drawn.append(_recognised(result.model, ways, digits))
            print(
                f"{preset:14}{seed:5}{result.model.count_params():9,}{seconds[-1]:9.1f}"
                f"{seconds[-1] / plain.seconds:9.2f}{accuracies[-1]:8.2%}"
                + "".join(f"{share:22.2%}" for share in (drawn[-1].values() if drawn else ())),
                flush=True,
            )
        strokes = [shares[STROKES] for shares in drawn if shares]
        pictures = [share for way, share in (drawn or [{}])[0].items() if way != STROKES]
        found[preset] = Measured(
            accuracy=round(median(accuracies), 6),
            seeds=len(accuracies),
            seconds=round(median(seconds), 1),
            of_plain=round(median(seconds) / plain.seconds, 3),
            weights=result.model.count_params(),
            train_images=len(dataset.x_train),
            test_images=len(dataset.x_test),
            strokes=round(median(strokes), 6) if strokes else None,
            pictures=round(min(pictures), 6) if pictures else None,
        )
    if options.json:
        figures = {
            "plain": plain._asdict(),
            "presets": {preset: figures.model_dump() for preset, figures in found.items()},
        }
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def _accuracy(model: keras.Model, dataset: Dataset) -> float:
    guesses = fit.probabilities(model, dataset.x_test).argmax(axis=1)
    return float(np.mean(guesses == dataset.y_test))


def _drawings() -> tuple[dict[str, NDArray[np.float32]], NDArray[np.int64]]:
    """Strangers' digits as a network gets them, by the way they are handed over; and the digits."""
    path = Settings.from_environment().data / "pen_strokes.jsonl.gz"
    if not path.is_file():
        print(f"{path} does not exist: without drawings")
        return {}, np.array([], np.int64)
    drawings = read(path)
    return dict(images_by_way(drawings, pictures=True)), np.array([one.label for one in drawings])


def _recognised(
    model: keras.Model, drawings: Mapping[str, NDArray[np.float32]], digits: NDArray[np.int64]
) -> dict[str, float]:
    """The share of the digits that the exported network recognises."""
    with TemporaryDirectory() as folder:
        export.save_tflite(model, Path(folder, "model.tflite"))
        predictor = Predictor(folder)
        return {
            way: float(np.mean(predictor.probabilities(images).argmax(axis=1) == digits))
            for way, images in drawings.items()
        }


if __name__ == "__main__":
    main()
