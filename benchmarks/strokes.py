"""How many digits drawn by strangers a run's network recognises, from their strokes.

    python benchmarks/strokes.py [RUN_FOLDER...] [--pictures] [--json FILE]

Without a run, the presets "dense-best" and "cnn" are trained first, with seed 1.

The digits are those in ``pen_strokes.jsonl.gz`` of the data folder (DIGIT_LAB_DATA): UCI's
Pen-Based Recognition of Handwritten Digits, 7,494 digits by 30 writers, for measuring and never for
training. ``--pictures`` draws the same digits as pictures first: pens of 2 to 10 % of the picture's
size, anywhere in it, white on black, black on white, and on grey paper with a gradient.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnist_core.drawing.digit import image_from_picture
from mnist_core.drawing.strokes import image_from_strokes
from mnist_core.evaluation import wilson_interval
from mnist_core.inference import Predictor
from mnist_core.settings import Settings

SIDE = 280  # of a drawn picture, in pixels
STROKES = "strokes"
PAPERS = (  # grey values of paper and ink, and how much the paper's changes from end to end
    ("white on black", 0, 255, 0),
    ("black on white", 255, 0, 0),
    ("grey paper, gradient", 170, 60, 60),
)


class Drawing(NamedTuple):
    """A digit and the strokes it was drawn with, each ``(n, 2)``."""

    label: int
    strokes: list[NDArray[np.float64]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN_FOLDER")
    parser.add_argument("--pictures", action="store_true", help="also as pictures")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    path = Settings.from_environment().data / "pen_strokes.jsonl.gz"
    if not path.is_file():
        sys.exit(f"{path} does not exist: DIGIT_LAB_DATA names the folder that holds it")
    drawings = read(path)
    with tempfile.TemporaryDirectory() as folder:
        runs = options.runs or [train(preset, folder) for preset in ("dense-best", "cnn")]
        figures = measure(drawings, runs, options.pictures)
    if options.json:
        options.json.write_text(json.dumps(figures))


def train(preset: str, folder: str) -> Path:
    """Train as anyone would, and return the run's folder, which is named after the preset."""
    options = f"--dataset mnist --preset {preset} --seed 1 --json"
    done = subprocess.run(
        [sys.executable, "-m", "mnist_core", "train", *options.split()],
        env=os.environ | {"DIGIT_LAB_RUNS": folder},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return Path(json.loads(done.stdout)["folder"]).rename(Path(folder, preset))


def measure(
    drawings: list[Drawing], runs: list[Path], pictures: bool
) -> dict[str, dict[str, float]]:
    """Print and return the share recognised, by run and by the way the digit was handed over."""
    labels = np.array([drawn.label for drawn in drawings])
    figures: dict[str, dict[str, float]] = {run.name: {} for run in runs}
    ways = [(STROKES, as_strokes(drawings)), *(as_pictures(drawings) if pictures else ())]
    for way, images in ways:
        for run in runs:
            right = Predictor(run).probabilities(images).argmax(axis=1) == labels
            low, high = wilson_interval(int(right.sum()), len(right))
            by_class = " ".join(f"{right[labels == digit].mean():6.1%}" for digit in range(10))
            print(
                f"{run.name}  {way:20}  {right.mean():.2%} ({low:.2%} to {high:.2%})  by class: "
                f"{by_class}"
            )
            figures[run.name][way] = float(right.mean())
    return figures


def as_strokes(drawings: list[Drawing]) -> NDArray[np.float32]:
    """What a network gets of digits drawn on the canvas, ``(n, 28, 28)``."""
    return np.stack([image_from_strokes(drawn.strokes) for drawn in drawings])


def as_pictures(drawings: list[Drawing]) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The kinds of paper, and what a network gets of the digits drawn on it, ``(n, 28, 28)``."""
    for way, paper, ink, gradient in PAPERS:
        chance = np.random.default_rng(1)
        yield (
            way,
            np.stack([from_picture(drawn, chance, paper, ink, gradient) for drawn in drawings]),
        )


def read(path: Path) -> list[Drawing]:
    """The drawings in a file of JSON lines."""
    with gzip.open(path, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Drawing(row["label"], [np.array(stroke, dtype=np.float64) for stroke in row["strokes"]])
        for row in rows
    ]


def from_picture(
    drawn: Drawing, chance: np.random.Generator, paper: int, ink: int, gradient: int = 0
) -> NDArray[np.float32]:
    """Draw the digit somewhere on a picture, with a pen of 2 to 10 % of its size, and read it."""
    points = np.concatenate(drawn.strokes)
    low, extent = points.min(axis=0), np.ptp(points, axis=0).max()
    size = SIDE * chance.uniform(0.35, 0.75)
    pen = max(1, round(SIDE * chance.uniform(0.02, 0.10)))
    # The digit's box, not its corner alone, must lie on the picture.
    room = np.maximum(SIDE - 2 * pen - np.ptp(points, axis=0) / max(extent, 1) * size, 0)
    corner = pen + chance.uniform(0, 1, 2) * room
    mask = Image.new("L", (SIDE, SIDE), 0)
    pencil = ImageDraw.Draw(mask)
    for stroke in drawn.strokes:
        path = [tuple(p) for p in (stroke - low) / max(extent, 1) * size + corner]
        pencil.line(path, fill=255, width=pen, joint="curve")
        for x, y in (path[0], path[-1]):
            pencil.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    inked = np.asarray(mask, dtype=np.float32) / 255
    slope = np.linspace(-gradient / 2, gradient / 2, SIDE, dtype=np.float32)
    background = paper + slope[:, np.newaxis] * chance.choice([-1, 1])
    picture = background + (ink - background) * inked
    if gradient:
        picture += chance.normal(0, 4, picture.shape)
    return image_from_picture(picture.clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    main()
