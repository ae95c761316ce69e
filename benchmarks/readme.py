"""Put what the benchmarks measured where it is read: the tables of both READMEs, the dashboard.

    python benchmarks/readme.py [FOLDER]

FOLDER holds what `make bench` has written: presets.json, training.json and so on. A benchmark that
was not run leaves its table as it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from mnist_core.data import known
from mnist_core.presets import PRESETS, Measured, measured, tuned_on

PROJECT = Path(__file__).parents[1]
READMES = (PROJECT / "README.md", PROJECT / "benchmarks" / "README.md")
MEASURED = PROJECT / "mnist_core" / "measured.json"
RESULTS = PROJECT / "benchmarks" / "results"


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    tables: dict[str, list[str]] = {}
    for name, table in TABLES.items():
        file = folder / f"{name}.json"
        if file.is_file():
            tables[name] = table(json.loads(file.read_text()))
        else:
            print(f"{file} does not exist: its table stays as it is")
    for readme in READMES:
        text = readme.read_text()
        for name, lines in tables.items():
            text = put(text, name, lines)
        readme.write_text(text)


def put(text: str, name: str, lines: list[str]) -> str:
    """The text with these lines between the marks of a benchmark, if it has them."""
    begin, end = f"<!-- {name}: make bench -->\n", "<!-- end -->\n"
    before, mark, rest = text.partition(begin)
    return before + mark + "\n".join(lines) + "\n" + end + rest.partition(end)[2] if mark else text


def presets(found: dict[str, Any]) -> list[str]:
    """The table; the dashboard gets the figures, too."""
    newest = {name: Measured(**figures) for name, figures in found["presets"].items()}
    figures = {name: (measured() | newest)[name] for name in PRESETS if name in measured() | newest}
    values = {name: row.model_dump(exclude_none=True) for name, row in figures.items()}
    MEASURED.write_text(json.dumps(values, indent=2) + "\n")
    lines = [
        "| dataset | preset | weights | of plain | test accuracy | drawn digits | as pictures |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in figures.items():
        seeds = "one seed" if row.seeds == 1 else f"median of {row.seeds} seeds"
        lines.append(
            f"| {known.title(tuned_on(name))} | {PRESETS[name].title} | {row.weights:,} "
            f"| {row.of_plain:.2f} | {row.accuracy:.2%} ({seeds}) "
            f"| {share(row.strokes)} | {share(row.pictures)} |"
        )
    return lines


def share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def training(found: dict[str, Any]) -> list[str]:
    def seconds(name: str) -> float:
        return float(median(result["seconds"] for result in found["results"][name]))

    predictions = {way: 1000 * taken for way, taken in found["prediction_seconds"].items()}
    return [
        "| training and prediction (`benchmarks/training.py`) | Digit Lab | plain Keras |",
        "|---|---|---|",
        f"| the article's recipe, {found['epochs']} epochs | {seconds('article'):.1f} s "
        f"| {seconds('plain'):.1f} s |",
        f"| a convolutional network, {found['cnn_epochs']} epochs | {seconds('cnn'):.1f} s "
        f"| {seconds('plain cnn'):.1f} s |",
        f"| one image, recognised | {predictions['LiteRT']:.2f} ms "
        f"| {predictions['model.predict']:.0f} ms |",
    ]


def step(found: dict[str, dict[str, float]]) -> list[str]:
    kinds = sorted(
        {kind for taken in found.values() for kind in taken},
        key=lambda kind: -max(taken.get(kind, 0) for taken in found.values()),
    )
    names = [PRESETS[preset].title for preset in found]
    lines = [
        f"| a training step on one thread (`benchmarks/step.py`) | {' | '.join(names)} |",
        "|---" * (1 + len(names)) + "|",
    ]
    for kind in kinds:
        cells = [f"{taken[kind]:.2f} ms" if kind in taken else "" for taken in found.values()]
        if any(cell not in ("", "0.00 ms") for cell in cells):
            lines.append(f"| {kind} | {' | '.join(cells)} |")
    return lines


def augmentation(found: dict[str, dict[str, float]]) -> list[str]:
    _, *networks = next(iter(found.values()))
    heads = " | ".join(["images a second", *(f"an epoch of {network}" for network in networks)])
    return [
        f"| alterations of the training images (`benchmarks/augmentation.py`) | {heads} |",
        "|---" * (2 + len(networks)) + "|",
        *(
            f"| {name} | {row['images_per_second']:,.0f} | "
            + " | ".join(f"{row[network]:.1f} s" for network in networks)
            + " |"
            for name, row in found.items()
        ),
    ]


def dashboard(found: dict[str, float]) -> list[str]:
    return [
        "| the dashboard in Chromium (`benchmarks/dashboard.py --dataset mnist`) | |",
        "|---|---|",
        *(
            f"| {name} | {value:.0f} MB |"
            if name.startswith("Memory")
            else f"| {name} | {value:.1f} s |"
            for name, value in found.items()
        ),
    ]


def steering(found: dict[str, list[float]]) -> list[str]:
    return [
        f"| from a wish to the worker's answer (`benchmarks/steering.py`) | {' | '.join(found)} |",
        "|---" * (1 + len(found)) + "|",
        "| median | " + " | ".join(f"{median(taken):.2f} s" for taken in found.values()) + " |",
    ]


def runs(found: dict[str, Any]) -> list[str]:
    number = found["runs"]
    lines = [
        f"| page opened (`benchmarks/runs.py`) | with 1 run | with {number:,} runs |",
        "|---|---|---|",
    ]
    for name, page in found["pages"].items():
        cells = [f"{median(page[which]['opening']):.2f} s" for which in ("one", "many")]
        lines.append(f"| {name.capitalize()} | {' | '.join(cells)} |")
    return lines


def live_curve(found: dict[str, dict[str, float]]) -> list[str]:
    names = list(next(iter(found.values())))
    return [
        f"| live curves in Chromium (`benchmarks/live_curve.py`) | {' | '.join(names)} |",
        "|---" * (1 + len(names)) + "|",
        *(
            f"| a run with {int(number):,} batches so far | "
            + " | ".join(f"{value:.1f}" for value in row.values())
            + " |"
            for number, row in found.items()
        ),
    ]


TABLES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "presets": presets,
    "training": training,
    "step": step,
    "augmentation": augmentation,
    "dashboard": dashboard,
    "steering": steering,
    "runs": runs,
    "live_curve": live_curve,
}


if __name__ == "__main__":
    main()
