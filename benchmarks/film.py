"""What the film of a run costs its training, and its folder: the same recipe, in turns, without it,
with it, and with it while somebody looks at every moment, as the page Train does when opened.

python benchmarks/film.py [--repeats 3] [--epochs 10] [--preset article] [--dataset mnist]
"""

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from mnist_core import scenes
from mnist_core.config import TrainingConfig
from mnist_core.data import loading, places
from mnist_core.inside import scaled
from mnist_core.presets import PRESETS, apply_preset
from mnist_core.runs.events import State
from mnist_core.runs.film import Film
from mnist_core.runs.folder import Run, Trial
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool
from mnist_core.validation import split
from mnist_core.words import megabytes

KINDS = ("without", "with", "looked at")
LOOK_SECONDS = 0.5


def training_seconds(run: Run, images: NDArray[np.uint8] | None) -> float:
    """Wait for a run; the seconds of its epochs.

    Args:
        images: those that each of its moments is asked about meanwhile, if somebody looks.
    """
    seen, history = 0, run.history()
    while not history.ended:
        if images is not None and history.fitting:
            shown = Film(run)
            if len(shown.moments()) > seen:
                seen = len(shown.moments())
                some = images[: scenes.affordable(shown.layers)]
                scenes.scene(scenes.network(shown, seen - 1), scaled(some))
        time.sleep(LOOK_SECONDS)
        history.update()
    assert history.ended.state == State.FINISHED, history.ended
    return sum(epoch.seconds for epoch in history.epochs)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3, help="of each (default: 3)")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--preset", choices=PRESETS, default="article")
    parser.add_argument("--dataset", choices=places.names(), default=places.default_name())
    arguments = parser.parse_args()

    start = TrainingConfig(dataset=arguments.dataset)
    config = apply_preset(arguments.preset, start).model_copy(update={"epochs": arguments.epochs})
    images = loading.load(config.dataset).x_train
    held_back = images[split(config, len(images))[1]]
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with TemporaryDirectory() as folder, WorkerPool(1) as pool:
        for repeat in range(arguments.repeats):
            for kind in KINDS[repeat % 3 :] + KINDS[: repeat % 3]:
                # A search keeps no films of what it tries; else, it is trained in the same way.
                trial = Trial(study="none", number=1) if kind == "without" else None
                run = RunStore(Path(folder)).create(config, trial)
                pool.submit(run)
                seconds[kind].append(
                    training_seconds(run, held_back if kind == "looked at" else None)
                )
                if kind == "with":
                    size, moments = run.film.stat().st_size, len(Film(run).moments())
    print(f"{'film':12}{'median s':>10}{'ratio':>8}")
    for kind, found in seconds.items():
        ratio = median(found) / median(seconds["without"])
        print(f"{kind:12}{median(found):10.2f}{ratio:8.3f}")
    print(f"{moments} moments take {megabytes(size)}")


if __name__ == "__main__":
    main()
