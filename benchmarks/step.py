"""What the time of a training step goes to, by the kind of operation.

    python benchmarks/step.py [--presets article cnn ...] [--json FILE]

Each preset is trained for two epochs in a process of its own, on one thread, so that nothing else
happens meanwhile. There oneDNN, TensorFlow's library for convolutions and matrices on the CPU, says
how long each of its calls takes. The figures are of the second epoch; "the rest" is everything else
in its steps: activations, dropout, the loss, the optimizer, altered images, and the time between
operations.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from mnist_core.config import TrainingConfig
from mnist_core.data import loading
from mnist_core.presets import PRESETS, apply_preset, tuned_on
from mnist_core.runs.events import Epoch, Event

FIRST_EPOCH_OVER = "first epoch over"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=["article", "cnn"])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--train", choices=PRESETS, help=argparse.SUPPRESS)  # in the own process
    options = parser.parse_args()
    if options.train:
        train(options.train)
        return
    figures = {preset: measure(preset) for preset in options.presets}
    for preset, milliseconds in figures.items():
        total = sum(milliseconds.values())
        print(f"{preset}: a step of {total:.1f} ms")
        for kind, taken in sorted(milliseconds.items(), key=lambda item: -item[1]):
            print(f"    {kind:40}{taken:7.2f} ms{taken / total:8.1%}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


def train(preset: str) -> None:
    """Say on the way when the first epoch was over, and at the end how long a step took."""
    from mnist_core.training import fit  # loads TensorFlow

    dataset = loading.load(tuned_on(preset))
    config = apply_preset(preset, TrainingConfig(dataset=dataset.name)).model_copy(
        update={"epochs": 2, "validation_share": 0.0}
    )
    epochs: list[Epoch] = []

    def emit(event: Event) -> None:
        if isinstance(event, Epoch):
            epochs.append(event)
            print(FIRST_EPOCH_OVER if len(epochs) == 1 else "", flush=True)

    fit.warm_up(1)
    fit.fit(config, dataset, emit)
    steps = -(-len(dataset.x_train) // config.batch_size)
    print(json.dumps({"steps": steps, "seconds": epochs[1].seconds}), flush=True)


def measure(preset: str) -> dict[str, float]:
    """Milliseconds of a step, by the kind of operation."""
    done = subprocess.run(
        [sys.executable, __file__, "--train", preset],
        env=os.environ | {"ONEDNN_VERBOSE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    taken: defaultdict[str, float] = defaultdict(float)
    for line in lines[lines.index(FIRST_EPOCH_OVER) :]:
        # onednn_verbose,v1,primitive,exec,cpu,convolution,brg:avx512,forward_training,...,0.25
        fields = line.split(",")
        if line.startswith("onednn_verbose") and "exec" in fields:
            kind = fields[fields.index("exec") + 2 :]
            taken[name(kind[0], kind[2])] += float(fields[-1])
    last = json.loads(lines[-1])
    taken["the rest"] = 1000 * last["seconds"] - sum(taken.values())
    return {kind: milliseconds / last["steps"] for kind, milliseconds in taken.items()}


def name(kind: str, direction: str) -> str:
    """What we call a kind of oneDNN's calls."""
    if kind == "convolution":
        return {
            "forward_training": "convolutions, forward",
            "backward_data": "convolutions, gradient of their input",
            "backward_weights": "convolutions, gradient of their filters",
        }[direction]
    if kind in ("inner_product", "matmul", "gemm_api"):
        return "dense layers"
    if kind == "reorder":
        return "changes of layout and number type"
    return kind.replace("_", " ")


if __name__ == "__main__":
    main()
