"""The command line: ``python -m mnist_core COMMAND``; ``--help`` lists the commands."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from PIL import Image
from tqdm import tqdm

from mnist_core import datasets, drawing, evaluation, own_data, pictures
from mnist_core.commands import add_run_argument, add_to, find_run
from mnist_core.config import (
    PRESETS,
    ConfigError,
    TrainingConfig,
    allowed,
    preset_settings,
    read_config,
)
from mnist_core.inference import Predictor
from mnist_core.network import describe
from mnist_core.runs import Epoch, History, Run, RunError, RunStore
from mnist_core.settings import Settings
from mnist_core.workers import WorkerPool

EXPECTED_ERRORS = (ValueError, OSError)
"""What a user can cause and mend, told in one line; anything else is ours, and shows as it is."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and ends with exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def build_parser() -> argparse.ArgumentParser:
    """The commands and their flags; the flags of ``train`` are the fields of TrainingConfig."""
    parser = _Parser(prog="mnist_core", description="Train, evaluate and ask digit classifiers.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser("train", help="train a network and evaluate it on the test set")
    train.add_argument(
        "--preset", default="article", choices=PRESETS, help="what to start from (article)"
    )
    for name, field in TrainingConfig.model_fields.items():
        default = "the whole set if it is here" if name == "dataset" else "the preset's"
        train.add_argument(
            f"--{name.replace('_', '-')}",
            nargs={"widths": "*", "filters": "+"}.get(name),
            metavar=name.upper(),
            help=f"{field.title}: {allowed(name)} ({default})",
        )
    train.add_argument("--json", action="store_true", help="end with one line of JSON")
    train.set_defaults(run=_train)

    go_on = commands.add_parser("continue", help="train a run's network for more epochs")
    add_run_argument(go_on)
    go_on.add_argument("--epochs", type=int, required=True, metavar="N", help="how many more")
    go_on.add_argument("--json", action="store_true", help="end with one line of JSON")
    go_on.set_defaults(run=_continue)

    evaluate = commands.add_parser("evaluate", help="a run's figures on the test set")
    add_run_argument(evaluate)
    evaluate.add_argument("--json", action="store_true", help="as one line of JSON")
    evaluate.set_defaults(run=_evaluate)

    predict = commands.add_parser("predict", help="what a run's network sees in pictures")
    add_run_argument(predict)
    predict.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="a picture's path")
    predict.add_argument("--json", action="store_true", help="a line of JSON for each picture")
    predict.set_defaults(run=_predict)

    download = commands.add_parser("download", help="fetch a dataset")
    download.add_argument("name", choices=[n for n, s in datasets.SPECS.items() if s.sources])
    download.set_defaults(run=_download)

    bring = commands.add_parser(
        "import-data",
        help="make a dataset of your own images",
        description="Make a dataset of an .npz file with x_train, y_train, x_test and y_test, or "
        "of a zip file of pictures: CLASS/picture, or train/CLASS/picture and test/CLASS/picture.",
    )
    bring.add_argument("name", metavar="NAME", help="what to call it: a to z, 0 to 9 and -")
    bring.add_argument("file", type=Path, metavar="FILE")
    low, high = datasets.SIDES
    bring.add_argument(
        "--side",
        type=int,
        default=28,
        metavar="PIXELS",
        help=f"how wide and high pictures become: {low} to {high} (28)",
    )
    bring.add_argument("--colour", action="store_true", help="keep the colours of pictures")
    bring.set_defaults(run=_import_data)

    remove = commands.add_parser("remove-data", help="delete a dataset of your own; its runs stay")
    remove.add_argument("name", metavar="NAME")
    remove.set_defaults(run=_remove_data)

    runs = commands.add_parser("runs", help="list the runs, newest first")
    runs.add_argument("--json", action="store_true", help="a line of JSON for each run")
    runs.add_argument("--folder", action="store_true", help="only say where they are")
    runs.set_defaults(run=_runs)
    add_to(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 wrong arguments."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except ConfigError as error:
        parser.error("; ".join(str(error).splitlines()))
    except EXPECTED_ERRORS as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1


# --- train ----------------------------------------------------------------------------------------


def _train(options: argparse.Namespace) -> int:
    config = config_of(options)
    # Missing, damaged or too small for the network: said now, not by a failed run.
    dataset = datasets.load(config.dataset)
    describe(config, dataset.image_shape, dataset.classes)
    return _see_through(RunStore(Settings.from_environment().runs).create(config), options.json)


def _continue(options: argparse.Namespace) -> int:
    parent = find_run(options.run_id)
    datasets.load(parent.config.dataset)
    store = RunStore(parent.folder.parent)
    return _see_through(store.create_continuation(parent, options.epochs), options.json)


def _see_through(run: Run, as_json: bool) -> int:
    """Train the run, show how it goes, and tell what came of it."""
    settings = Settings.from_environment()
    with WorkerPool(settings.workers) as pool:
        pool.submit(run)
        history = _follow(run)
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
        name: value
        for name in TrainingConfig.model_fields
        if (value := getattr(options, name)) is not None
    }
    if given.get("patience") == "none":
        given["patience"] = None
    start = preset_settings(options.preset, given.get("architecture"))
    tuned_on = PRESETS[options.preset].dataset
    dataset = datasets.default_name() if tuned_on == "mnist" else tuned_on
    return read_config({"dataset": dataset} | start | given)


def _follow(run: Run) -> History:
    """Show the run's progress until it ends; Ctrl-C asks it to stop and keep what it has."""
    history = run.history()
    told = len(history.epochs)  # those of the runs that it continues
    with tqdm(unit=" steps", desc="Loading TensorFlow", dynamic_ncols=True) as bar:
        while not history.ended:
            try:
                time.sleep(0.2)
                history.update()
                if history.fitting and bar.total is None:
                    bar.reset(total=run.config.epochs * history.fitting.steps_per_epoch)
                for epoch in history.epochs[told:]:
                    bar.write(_line(epoch, run.config.epochs), file=sys.stderr)
                told = len(history.epochs)
                _advance(bar, history)
            except KeyboardInterrupt:
                if run.control().stop:
                    raise
                run.want(stop=True)
                bar.write("Stopping; Ctrl-C again to drop the run.", file=sys.stderr)
    return history


def _advance(bar: tqdm[NoReturn], history: History) -> None:
    if not history.fitting:
        return
    epoch = len(history.epochs)
    steps = epoch * history.fitting.steps_per_epoch
    if history.batches:
        last = history.batches[-1]
        steps += last.step
        bar.set_postfix_str(f"accuracy {last.accuracy:.2%}", refresh=False)
    bar.set_description(f"Epoch {epoch + 1 if history.batches else epoch}", refresh=False)
    bar.update(steps - bar.n)


def _line(epoch: Epoch, epochs: int) -> str:
    figures = f"loss {_figure(epoch.loss)}  accuracy {epoch.accuracy:.2%}"
    if epoch.val_accuracy is not None:
        figures += f"  validation loss {_figure(epoch.val_loss)}  accuracy {epoch.val_accuracy:.2%}"
    return f"Epoch {epoch.epoch}/{epochs}  {figures}  {epoch.seconds:.1f} s"


def _figure(loss: float | None) -> str:
    return "not finite" if loss is None else f"{loss:.4f}"


# --- The others -----------------------------------------------------------------------------------


def _evaluate(options: argparse.Namespace) -> int:
    run = find_run(options.run_id)
    result = evaluation.judge(run)
    low, high = result.interval
    if options.json:
        report = result.report.astype(object).where(result.report.notna(), None)
        figures = {
            "run": run.id,
            "test_accuracy": result.accuracy,
            "interval": [low, high],
            "test_loss": result.loss,
            "report": report.to_dict("index"),
            "confusion_matrix": result.confusion.tolist(),
        }
        print(json.dumps(figures))
        return 0
    print(
        f"Run {run.id}: test accuracy {result.accuracy:.2%} "
        f"(95 % interval {low:.2%} to {high:.2%}), loss {result.loss:.4f}, "
        f"{len(result.labels):,} test images"
    )
    print(result.report.to_string(float_format="{:.4f}".format, na_rep=""))
    return 0


def _predict(options: argparse.Namespace) -> int:
    run = find_run(options.run_id)
    predictor = Predictor(run.folder)
    outline = run.dataset()
    class_names = outline.class_names
    for path in options.images:
        try:
            with Image.open(path) as picture:
                image = pictures.as_input(picture, outline)
        except FileNotFoundError:
            raise ValueError(f"{path} does not exist") from None
        except drawing.UNREADABLE:
            raise ValueError(f"{path} is not a picture that can be read") from None
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        probabilities = predictor.probabilities(image[None])[0]
        answer = int(probabilities.argmax())
        if options.json:
            line = {
                "image": str(path),
                "answer": class_names[answer],
                "probabilities": [round(float(p), 6) for p in probabilities],
            }
            print(json.dumps(line))
        else:
            print(f"{path}: {class_names[answer]} ({probabilities[answer]:.1%})")
    return 0


def _download(options: argparse.Namespace) -> int:
    with tqdm(unit="B", unit_scale=True, unit_divisor=1024, desc=options.name) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = datasets.download(options.name, progress=progress)
    print(path)
    return 0


def _import_data(options: argparse.Namespace) -> int:
    with (
        options.file.open("rb") as file,
        tqdm(unit=" pictures", desc=options.name, disable=None, leave=False) as bar,
    ):

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        try:
            outline = own_data.import_file(
                options.name, file, options.side, options.colour, progress=progress
            )
        except own_data.ImportRefused as error:
            raise ValueError(f"{options.file} can't be used:\n{error}") from error
    print(
        f"{outline.name}: {outline.train_images:,} images to train on, {outline.test_images:,} to "
        f"test with, {' x '.join(map(str, outline.image_shape))}; classes: "
        f"{', '.join(outline.class_names)}"
    )
    return 0


def _remove_data(options: argparse.Namespace) -> int:
    own_data.remove(options.name)
    return 0


def _runs(options: argparse.Namespace) -> int:
    store = RunStore(Settings.from_environment().runs)
    if options.folder:
        print(store.folder)
        return 0
    for run in store.list():
        try:
            history = run.history()
            state = run.state(history)
            config = run.config
        except RunError as error:
            print(error, file=sys.stderr)
            continue
        accuracy = history.evaluated.test_accuracy if history.evaluated else None
        if options.json:
            line = {"run": run.id, "state": state, "test_accuracy": accuracy}
            print(json.dumps(line | config.model_dump(mode="json")))
        else:
            shown = "" if accuracy is None else f"{accuracy:.2%}"
            print(f"{run.id}  {state:11}  {config.dataset:12}  {shown:>7}  {config.network}")
    if not store.list():
        print(f"No runs yet in {store.folder}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
