"""The commands that train: train and continue."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from typing import Any, NoReturn

from pydantic.fields import FieldInfo
from tqdm import tqdm

from mnist_core.cli.runs import add_run_argument, find_run
from mnist_core.config import FIELDS, TrainingConfig, read_config
from mnist_core.data import known, loading, places
from mnist_core.fields import allowed, list_bounds, setting
from mnist_core.network import describe
from mnist_core.presets import PRESETS, preset_settings, tuned_on
from mnist_core.runs.catalog import summarize
from mnist_core.runs.events import Epoch, State
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.history import History, Progress
from mnist_core.runs.seeds import SEVERAL, Group, groups, with_seeds
from mnist_core.runs.store import RunStore
from mnist_core.settings import Settings
from mnist_core.training.pool import WorkerPool


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Their names and flags; the flags of ``train`` are the fields of TrainingConfig."""
    train = commands.add_parser("train", help="train a network and evaluate it on the test set")
    add_settings(train)
    train.add_argument(
        "--seeds",
        metavar="N",
        help=f"train with so many seeds, that of --seed and the next: {SEVERAL} (1)",
    )
    train.add_argument("--json", action="store_true", help="end with one line of JSON")
    train.set_defaults(run=_train)

    go_on = commands.add_parser("continue", help="train a run's network for more epochs")
    add_run_argument(go_on)
    go_on.add_argument("--epochs", type=int, required=True, metavar="N", help="how many more")
    go_on.add_argument("--json", action="store_true", help="end with one line of JSON")
    go_on.set_defaults(run=_continue)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """A flag for the preset to start from, and one for each setting; see :func:`config_of`."""
    parser.add_argument(
        "--preset", default="article", choices=PRESETS, help="what to start from (article)"
    )
    for name, field in FIELDS.items():
        default = "the whole set if it is here" if name == "dataset" else "the preset's"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            nargs=_how_many(field),
            metavar=name.upper(),
            help=f"{field.title}: {allowed(field, typed=True)} ({default})",
        )


def _how_many(field: FieldInfo) -> str | None:
    """The words that a flag takes, as argparse has it; None for one."""
    if not setting(field).parts:
        return None
    (fewest, _), _ = list_bounds(field)
    return "+" if fewest else "*"


def _train(options: argparse.Namespace) -> int:
    configs = with_seeds(config_of(options), 1 if options.seeds is None else options.seeds)
    # Missing, damaged or too small for the network: said now, not by a failed run.
    dataset = loading.load(configs[0].dataset)
    describe(configs[0], dataset.image_shape, dataset.classes)
    store = RunStore(Settings.from_environment().runs)
    return _see_through([store.create(config) for config in configs], options.json)


def _continue(options: argparse.Namespace) -> int:
    parent = find_run(options.run_id)
    loading.load(parent.config.dataset)
    store = RunStore(parent.folder.parent)
    return _see_through([store.create_continuation(parent, options.epochs)], options.json)


def _see_through(runs: Sequence[Run], as_json: bool) -> int:
    """Train the runs, show how it goes, and tell what came of them.

    Raises:
        RunError: of some that have failed, that can't be written into them.
    """
    settings = Settings.from_environment()
    histories = [run.history() for run in runs]
    unwritten = []
    with WorkerPool(settings.workers) as pool:
        for run in runs:
            pool.submit(run)
        for run, history in zip(runs, histories, strict=True):
            try:
                _follow(run, history, pool, runs)
            except RunError as error:
                unwritten.append(str(error))
    for run, history in zip(runs, histories, strict=True):
        if history.ended and history.ended.message:
            print(_named(run, runs) + history.ended.message, file=sys.stderr)
    results = list(map(_result, runs, histories))
    if as_json:
        _print_json(runs, results)
    else:
        _print(runs, results)
    if unwritten:
        raise RunError("; ".join(unwritten))
    return 0 if all(history.evaluated for history in histories) else 1


def _named(run: Run, runs: Sequence[Run]) -> str:
    """Which of the runs it is, to stand before what is said of it; nothing where it is alone."""
    return f"Seed {run.config.seed}: " if len(runs) > 1 else ""


def _result(run: Run, history: History) -> dict[str, Any]:
    tested = history.evaluated
    return {
        "run": run.id,
        "folder": str(run.folder),
        "state": history.ended.state if history.ended else State.FAILED,
        "test_accuracy": tested and tested.test_accuracy,
        "test_loss": tested and tested.test_loss,
        "epochs": len(history.epochs),
        "train_seconds": tested and tested.train_seconds,
    }


def _print_json(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> None:
    if len(runs) > 1:
        group = _group(runs)
        line = {
            "runs": [
                result | {"seed": run.config.seed}
                for run, result in zip(runs, results, strict=True)
            ],
            "seeds": group.seeds if group else [],
            "test_accuracy": group and group.mean,
            "deviation": group and group.deviation,
        }
        print(json.dumps(line))
    elif results[0]["test_accuracy"] is not None:
        print(json.dumps(results[0]))


def _print(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> None:
    for run, result in zip(runs, results, strict=True):
        if result["test_accuracy"] is not None:
            which = f"seed {run.config.seed}, " if len(runs) > 1 else ""
            print(
                f"Run {run.id}: {which}test accuracy {result['test_accuracy']:.2%}, "
                f"loss {result['test_loss']:.4f}, "
                f"{result['train_seconds']:.1f} s in training\n{run.folder}"
            )
    if group := _group(runs):
        print(
            f"Seeds {', '.join(map(str, group.seeds))}: test accuracy {group.in_words()}, "
            "mean and standard deviation"
        )


def _group(runs: Sequence[Run]) -> Group | None:
    """Those that were trained to their end as asked, where that is more than one."""
    return next(iter(groups(map(summarize, runs)).values()), None)


def config_of(options: argparse.Namespace) -> TrainingConfig:
    """The configuration that the flags of ``train`` ask for.

    Raises:
        ConfigError: a value is not allowed.
    """
    given: dict[str, Any] = {
        name: value for name in FIELDS if (value := getattr(options, name)) is not None
    }
    if given.get("patience") == "none":
        given["patience"] = None
    start = preset_settings(options.preset, given.get("architecture"))
    dataset = tuned_on(options.preset)
    if dataset == known.DEFAULT:
        dataset = places.default_name()
    return read_config({"dataset": dataset} | start | given)


def _follow(run: Run, history: History, pool: WorkerPool, runs: Sequence[Run]) -> None:
    """Show the run's progress until it ends; Ctrl-C asks all to stop and keep what they have.

    Args:
        history: as it was before the run began; it is kept up to date.
        runs: those that are trained together.

    Raises:
        RunError: it has failed, and that can't be written into it.
    """
    told = len(history.epochs)  # those of the runs that it continues
    name = _named(run, runs)
    with tqdm(unit=" steps", desc=f"{name}Loading TensorFlow", dynamic_ncols=True) as bar:
        while not history.ended:
            try:
                time.sleep(0.2)
                history.update()
                failure = pool.failure(run)
                if failure and not history.ended:
                    raise RunError(f"run {run.id} failed: {failure}")
                if history.fitting and bar.total is None:
                    bar.reset(total=run.config.epochs * history.fitting.steps_per_epoch)
                for epoch in history.epochs[told:]:
                    bar.write(name + _line(epoch, run.config.epochs), file=sys.stderr)
                told = len(history.epochs)
                if history.fitting:
                    _advance(bar, name, history, history.progress(run.config.epochs))
            except KeyboardInterrupt:
                if run.control().stop:
                    raise
                for other in reversed(runs[runs.index(run) :]):  # so that none of them begins
                    with contextlib.suppress(RunError):  # it is gone, as is said in its turn
                        other.want(stop=True)
                dropped = "the run" if len(runs) == 1 else "those that are not over"
                bar.write(f"Stopping; Ctrl-C again to drop {dropped}.", file=sys.stderr)


def _advance(bar: tqdm[NoReturn], name: str, history: History, done: Progress) -> None:
    if history.batches:
        accuracy = history.batches[-1].accuracy
        bar.set_postfix_str(f"accuracy {accuracy:.2%}", refresh=False)
    epoch = done.epoch if done.step else done.epochs
    bar.set_description(f"{name}Epoch {epoch}", refresh=False)
    bar.update(done.steps - bar.n)


def _line(epoch: Epoch, epochs: int) -> str:
    figures = f"loss {_figure(epoch.loss)}  accuracy {epoch.accuracy:.2%}"
    if epoch.val_accuracy is not None:
        figures += f"  validation loss {_figure(epoch.val_loss)}  accuracy {epoch.val_accuracy:.2%}"
    return f"Epoch {epoch.epoch}/{epochs}  {figures}  {epoch.seconds:.1f} s"


def _figure(loss: float | None) -> str:
    return "not finite" if loss is None else f"{loss:.4f}"
