"""The commands that train: train and continue."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any, NoReturn

from pydantic.fields import FieldInfo
from tqdm import tqdm

from mnist_core.cli.runs import add_run_argument, find_run
from mnist_core.config import FIELDS, TrainingConfig, read_config
from mnist_core.data import known, loading, places
from mnist_core.fields import allowed, list_bounds, setting
from mnist_core.network import describe
from mnist_core.presets import PRESETS, preset_settings, tuned_on
from mnist_core.runs.events import Epoch
from mnist_core.runs.files import RunError
from mnist_core.runs.folder import Run
from mnist_core.runs.history import History, Progress
from mnist_core.runs.store import RunStore
from mnist_core.settings import Settings
from mnist_core.training.pool import WorkerPool


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Their names and flags; the flags of ``train`` are the fields of TrainingConfig."""
    train = commands.add_parser("train", help="train a network and evaluate it on the test set")
    add_settings(train)
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
    config = config_of(options)
    # Missing, damaged or too small for the network: said now, not by a failed run.
    dataset = loading.load(config.dataset)
    describe(config, dataset.image_shape, dataset.classes)
    return _see_through(RunStore(Settings.from_environment().runs).create(config), options.json)


def _continue(options: argparse.Namespace) -> int:
    parent = find_run(options.run_id)
    loading.load(parent.config.dataset)
    store = RunStore(parent.folder.parent)
    return _see_through(store.create_continuation(parent, options.epochs), options.json)


def _see_through(run: Run, as_json: bool) -> int:
    """Train the run, show how it goes, and tell what came of it."""
    settings = Settings.from_environment()
    with WorkerPool(settings.workers) as pool:
        pool.submit(run)
        history = _follow(run, pool)
    assert history.ended
    if history.ended.message:
        print(history.ended.message, file=sys.stderr)
    if not history.evaluated:
        return 1
    result = {
        "run": run.id,
        "folder": str(run.folder),
        "state": history.ended.state,
        "test_accuracy": history.evaluated.test_accuracy,
        "test_loss": history.evaluated.test_loss,
        "epochs": len(history.epochs),
        "train_seconds": history.evaluated.train_seconds,
    }
    if as_json:
        print(json.dumps(result))
    else:
        print(
            f"Run {run.id}: test accuracy {history.evaluated.test_accuracy:.2%}, "
            f"loss {history.evaluated.test_loss:.4f}, "
            f"{history.evaluated.train_seconds:.1f} s in training\n{run.folder}"
        )
    return 0


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


def _follow(run: Run, pool: WorkerPool) -> History:
    """Show the run's progress until it ends; Ctrl-C asks it to stop and keep what it has.

    Raises:
        RunError: it has failed, and that can't be written into it.
    """
    history = run.history()
    told = len(history.epochs)  # those of the runs that it continues
    with tqdm(unit=" steps", desc="Loading TensorFlow", dynamic_ncols=True) as bar:
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
                    bar.write(_line(epoch, run.config.epochs), file=sys.stderr)
                told = len(history.epochs)
                if history.fitting:
                    _advance(bar, history, history.progress(run.config.epochs))
            except KeyboardInterrupt:
                if run.control().stop:
                    raise
                run.want(stop=True)
                bar.write("Stopping; Ctrl-C again to drop the run.", file=sys.stderr)
    return history


def _advance(bar: tqdm[NoReturn], history: History, done: Progress) -> None:
    if history.batches:
        accuracy = history.batches[-1].accuracy
        bar.set_postfix_str(f"accuracy {accuracy:.2%}", refresh=False)
    bar.set_description(f"Epoch {done.epoch if done.step else done.epochs}", refresh=False)
    bar.update(done.steps - bar.n)


def _line(epoch: Epoch, epochs: int) -> str:
    figures = f"loss {_figure(epoch.loss)}  accuracy {epoch.accuracy:.2%}"
    if epoch.val_accuracy is not None:
        figures += f"  validation loss {_figure(epoch.val_loss)}  accuracy {epoch.val_accuracy:.2%}"
    return f"Epoch {epoch.epoch}/{epochs}  {figures}  {epoch.seconds:.1f} s"


def _figure(loss: float | None) -> str:
    return "not finite" if loss is None else f"{loss:.4f}"
