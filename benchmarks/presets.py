"""What every preset reaches, and in which time, beside the article's recipe as a plain Keras loop.

    python benchmarks/presets.py [--seeds 3] [--presets fast cnn ...] [--write]

Each preset is trained on the dataset that it was tuned on, with seeds 1 and up; those that take
more than five times as long as the plain loop with seed 1 alone, unless --all-seeds is given. The
networks for MNIST are then shown the drawings of strangers (see strokes.py). --write keeps the
figures where the dashboard reads them, and in the README's table.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from statistics import median

import keras
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # the project is not installed

from benchmarks.strokes import read
from benchmarks.training import train_plain
from mnist_core import datasets, drawing
from mnist_core.config import PRESETS, Measured, TrainingConfig, apply_preset, measured
from mnist_core.datasets import Dataset
from mnist_core.settings import Settings
from mnist_core.training import fit

PROJECT = Path(__file__).parents[1]
SLOW = 5
BEGIN, END = "<!-- presets: make bench -->\n", "<!-- end -->\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: 3)")
    parser.add_argument("--all-seeds", action="store_true", help="for the slow presets, too")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS))
    parser.add_argument("--write", action="store_true", help="for dashboard and README")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    options = parser.parse_args()

    fit.warm_up(os.cpu_count() or 1)
    drawings = _drawings()
    plain = train_plain(datasets.load("mnist"), epochs=10, seed=1)
    print(f"plain Keras loop: {plain.seconds:.1f} s, {plain.accuracy:.2%}\n")
    print(
        f"{'preset':14}{'seed':>5}{'weights':>9}{'seconds':>9}{'of plain':>9}{'test':>8}"
        f"{'drawings':>10}"
    )
    found: dict[str, Measured] = {}
    trainings = []
    for preset in options.presets:
        dataset = datasets.load(PRESETS[preset].dataset)
        seconds: list[float] = []
        accuracies: list[float] = []
        strokes: float | None = None
        for seed in range(1, options.seeds + 1):
            if seed > 1 and seconds[0] > SLOW * plain.seconds and not options.all_seeds:
                break
            config = apply_preset(preset, TrainingConfig(dataset=dataset.name, seed=seed))
            result = fit.fit(config, dataset, lambda event: None)
            accuracy = _accuracy(result.model, dataset)
            drawn = _share_of_drawings(result.model, drawings) if dataset.name == "mnist" else None
            strokes = drawn if seed == 1 else strokes
            seconds.append(result.train_seconds)
            accuracies.append(accuracy)
            weights = result.model.count_params()
            print(
                f"{preset:14}{seed:5}{weights:9,}{seconds[-1]:9.1f}"
                f"{seconds[-1] / plain.seconds:9.2f}{accuracy:8.2%}"
                + (f"{drawn:10.2%}" if drawn is not None else ""),
                flush=True,
            )
            trainings.append(
                {
                    "preset": preset,
                    "seed": seed,
                    "seconds": seconds[-1],
                    "accuracy": accuracy,
                    "drawings": drawn,
                }
            )
        found[preset] = Measured(
            accuracy=round(median(accuracies), 6),
            seeds=len(accuracies),
            seconds=round(median(seconds), 1),
            of_plain=round(median(seconds) / plain.seconds, 3),
            weights=weights,
            train_images=len(dataset.x_train),
            test_images=len(dataset.x_test),
            strokes=strokes,
        )
    if options.json:
        everything = {"plain": plain._asdict(), "trainings": trainings, "time": time.time()}
        options.json.write_text(json.dumps(everything, indent=2) + "\n")
    if options.write:
        write(measured() | found)


def write(figures: dict[str, Measured]) -> None:
    """Put the figures where the dashboard reads them, and into the README."""
    values = {name: figures[name].model_dump() for name in PRESETS if name in figures}
    file = PROJECT / "mnist_core" / "measured.json"
    file.write_text(json.dumps(values, indent=2) + "\n")
    readme = PROJECT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(before + BEGIN + table(figures) + END + after)


def table(figures: dict[str, Measured]) -> str:
    """The presets as a table in Markdown."""
    lines = [
        "| dataset | images | preset | weights | of plain | test accuracy | strangers' digits |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, preset in PRESETS.items():
        if name in figures:
            row = figures[name]
            seeds = "one seed" if row.seeds == 1 else f"median of {row.seeds}"
            drawings = "" if row.strokes is None else f"{row.strokes:.1%}"
            lines.append(
                f"| {datasets.title(preset.dataset)} | {row.train_images:,} | {preset.title} "
                f"| {row.weights:,} | {row.of_plain:.2f} "
                f"| {row.accuracy:.2%} ({seeds}) | {drawings} |"
            )
    return "\n".join(lines) + "\n"


def _accuracy(model: keras.Model, dataset: Dataset) -> float:
    guesses = fit.probabilities(model, dataset.x_test).argmax(axis=1)
    return float(np.mean(guesses == dataset.y_test))


def _drawings() -> tuple[np.ndarray, np.ndarray] | None:
    """Strangers' digits as the network gets them, ``(n, 28, 28)`` uint8, and their labels."""
    path = Settings.from_environment().data / "pen_strokes.jsonl.gz"
    if not path.is_file():
        print(f"{path} does not exist: without drawings")
        return None
    drawn = read(path)
    images = np.stack([drawing.image_from_strokes(one.strokes) for one in drawn])
    return (255 * images).round().astype(np.uint8), np.array([one.label for one in drawn])


def _share_of_drawings(
    model: keras.Model, drawings: tuple[np.ndarray, np.ndarray] | None
) -> float | None:
    if drawings is None:
        return None
    images, labels = drawings
    return float(np.mean(fit.probabilities(model, images).argmax(axis=1) == labels))


if __name__ == "__main__":
    main()
