"""How soon a live run does what is wanted: seconds from the wish to the worker's answer.

python benchmarks/steering.py [--repeats 10] [--preset article] [--dataset mnist] [--json FILE]
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from mnist_core.config import TrainingConfig
from mnist_core.data import places
from mnist_core.presets import PRESETS, apply_preset
from mnist_core.runs.folder import Run
from mnist_core.runs.history import History
from mnist_core.runs.store import RunStore
from mnist_core.training.pool import WorkerPool


def seconds_until(history: History, answered: Callable[[], object]) -> float:
    began = time.perf_counter()
    while not answered():
        time.sleep(0.002)
        history.update()
    return time.perf_counter() - began


def changed(history: History) -> Callable[[], object]:
    changes = len(history.learning_rates)
    return lambda: len(history.learning_rates) > changes


def paused_again(history: History) -> Callable[[], object]:
    paused = history.paused
    return lambda: history.paused not in (None, paused)


def measure(run: Run, repeats: int) -> dict[str, list[float]]:
    """Seconds for each kind of wish, on a run that is training."""
    history = run.history()
    seconds_until(history, lambda: history.batches)
    times: dict[str, list[float]] = {
        name: [] for name in ("pause", "learning rate", "32 batches", "continue", "stop")
    }
    for number in range(repeats):
        run.want(pause_at=0)
        times["pause"].append(seconds_until(history, lambda: history.paused))
        run.want(learning_rate=0.0005 + 1e-5 * number)
        times["learning rate"].append(seconds_until(history, changed(history)))
        assert history.paused
        run.want(pause_at=history.paused.steps + 32)
        times["32 batches"].append(seconds_until(history, paused_again(history)))
        run.want(pause_at=None)
        times["continue"].append(seconds_until(history, lambda: not history.paused))
    run.want(stop=True)
    epochs = len(history.epochs)
    times["stop"].append(seconds_until(history, lambda: len(history.epochs) > epochs))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=10, help="of each but stop (default: 10)")
    parser.add_argument("--preset", choices=PRESETS, default="article")
    parser.add_argument("--dataset", choices=places.names(), default=places.default_name())
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args()

    start = TrainingConfig(dataset=arguments.dataset)
    config = apply_preset(arguments.preset, start).model_copy(update={"epochs": 200})
    with TemporaryDirectory() as folder, WorkerPool(1) as pool:
        run = RunStore(Path(folder)).create(config)
        pool.submit(run)
        times = measure(run, arguments.repeats)
    print(f"{'wish':15}{'median s':>10}{'most s':>10}")
    for name, seconds in times.items():
        print(f"{name:15}{median(seconds):10.3f}{max(seconds):10.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(times, indent=2) + "\n")


if __name__ == "__main__":
    main()
