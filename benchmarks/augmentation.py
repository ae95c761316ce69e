"""What altering the training images costs: images a second, and seconds an epoch of training.

    python benchmarks/augmentation.py [--repeats 3] [--dataset mnist] [--json FILE]

The pipeline alone, then dense and convolutional training with and without, in turn in one process;
the best of the repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from mnist_core.config import TrainingConfig
from mnist_core.data import loading, places
from mnist_core.data.dataset import Dataset
from mnist_core.runs.events import Epoch, Event
from mnist_core.training import fit
from mnist_core.training.augment import Augmenter

ALTERATIONS: dict[str, dict[str, Any]] = {
    "none": {},
    "affine": {"shift": 2, "rotation": 15, "scale": 0.18, "shear": 0.25},
    "affine and elastic": {"shift": 2, "rotation": 15, "scale": 0.18, "shear": 0.25, "elastic": 1},
}
NETWORKS: dict[str, dict[str, Any]] = {
    "512-256": {"batch_size": 128},
    "conv 32-64, 128": {"batch_size": 128, "architecture": "convolutional"},
}


def pipeline(dataset: Dataset, config: TrainingConfig) -> float:
    """Seconds for the training images, altered, in batches, and nothing learned from them."""
    images, labels = tf.constant(dataset.x_train), tf.constant(dataset.y_train)
    order = tf.Variable(np.arange(len(images), dtype=np.int32))
    augmenter = None
    began = time.perf_counter()
    if config.augments:
        augmenter = Augmenter(config, dataset.image_shape, len(images))
    batches = fit.batches(images, labels, order, config.batch_size, augmenter)
    for _ in fit.without_threads(batches.prefetch(8) if augmenter else batches):
        pass
    return time.perf_counter() - began


def training(dataset: Dataset, config: TrainingConfig) -> float:
    """Seconds for the second of two epochs: the first one has to build the graph."""
    events: list[Event] = []
    fit.fit(config.model_copy(update={"epochs": 2}), dataset, events.append)
    return [event.seconds for event in events if isinstance(event, Epoch)][-1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3, help="of each (default: 3)")
    parser.add_argument("--dataset", choices=places.names(), default=places.default_name())
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args()
    fit.warm_up(os.cpu_count() or 1)
    dataset = loading.load(arguments.dataset)
    contenders = {
        name: [(pipeline, NETWORKS["512-256"]), *((training, n) for n in NETWORKS.values())]
        for name in ALTERATIONS
    }
    seconds: dict[tuple[str, int], float] = {}
    for _ in range(arguments.repeats):
        for name, columns in contenders.items():
            for column, (measure, network) in enumerate(columns):
                config = TrainingConfig(**network, **ALTERATIONS[name])
                taken = measure(dataset, config)
                seconds[name, column] = min(taken, seconds.get((name, column), taken))
    figures = {
        name: {"images_per_second": len(dataset.x_train) / seconds[name, 0]}
        | {network: seconds[name, column] for column, network in enumerate(NETWORKS, start=1)}
        for name in ALTERATIONS
    }
    heads = ["images/s", *(f"an epoch of {network}" for network in NETWORKS)]
    print(f"{dataset.title}\n{'':20}" + "".join(f"{head:>28}" for head in heads))
    for name, (rate, *epochs) in ((name, row.values()) for name, row in figures.items()):
        cells = [f"{rate:,.0f}", *(f"{epoch:.2f} s" for epoch in epochs)]
        print(f"{name:20}" + "".join(f"{cell:>28}" for cell in cells))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
