"""The commands for the runs that are there: runs, compare, export, import and delete."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnist_core import comparison
from mnist_core.config import FIELDS
from mnist_core.evaluation import Evaluation
from mnist_core.export import formats
from mnist_core.fields import shown
from mnist_core.runs import archive, seeds, trash
from mnist_core.runs.catalog import Catalog, Damaged, Summary, summarize
from mnist_core.runs.files import RunError, write_whole
from mnist_core.runs.folder import Run
from mnist_core.runs.judging import judge
from mnist_core.runs.store import BUILT_IN_RUN, RunStore
from mnist_core.settings import Settings

MOST_COMPARED = 8
BUILT_IN_NAME = "built-in"
_HINT = f"{BUILT_IN_NAME} names the one that comes with Digit Lab"


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Their names and flags."""
    runs = commands.add_parser("runs", help="list the runs, newest first")
    runs.add_argument("--json", action="store_true", help="a line of JSON for each run")
    runs.add_argument("--trials", action="store_true", help="those, too, that a search only tries")
    runs.add_argument("--folder", action="store_true", help="only say where they are")
    runs.set_defaults(run=_runs)

    compare = commands.add_parser("compare", help="runs side by side, and which one is better")
    compare.add_argument(
        "run_ids", nargs="+", metavar="RUN", help="two to eight runs, or: latest, built-in"
    )
    compare.add_argument("--json", action="store_true", help="as one line of JSON")
    compare.set_defaults(run=_compare)

    export = commands.add_parser("export", help="write a run as a file that other programs read")
    add_run_argument(export)
    export.add_argument(
        "--format",
        required=True,
        choices=formats.FORMATS,
        help="; ".join(f"{name}: {f.title}" for name, f in formats.FORMATS.items()),
    )
    export.add_argument(
        "--output",
        type=Path,
        metavar="PATH",
        help="the file, or its folder (here, by the run's id)",
    )
    export.add_argument("--force", action="store_true", help="replace a file that is there")
    export.add_argument("--json", action="store_true", help="end with one line of JSON")
    export.set_defaults(run=_export)

    take_in = commands.add_parser("import", help="take in a run that was exported as zip")
    take_in.add_argument("file", type=Path, metavar="FILE", help="the zip file's path")
    take_in.add_argument("--json", action="store_true", help="end with one line of JSON")
    take_in.set_defaults(run=_import)

    delete = commands.add_parser("delete", help="delete runs for good")
    delete.add_argument("run_ids", nargs="+", metavar="RUN", help="runs' ids, as `runs` lists them")
    delete.add_argument("--yes", action="store_true", help="don't ask")
    delete.set_defaults(run=_delete)


def add_run_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run_id", metavar="RUN", help="a run's id, as `runs` lists it, or: latest, built-in"
    )


def find_run(run_id: str) -> Run:
    """The run of that id; the newest for ``latest``, that of Digit Lab itself for ``built-in``."""
    if run_id == BUILT_IN_NAME:
        return BUILT_IN_RUN
    store = RunStore(Settings.from_environment().runs)
    if run_id != "latest":
        return store.get(run_id)
    runs = store.list(1)
    if not runs:
        raise RunError(f"there is no run yet in {store.folder}; {_HINT}")
    return runs[0]


# --- runs -----------------------------------------------------------------------------------------


def _runs(options: argparse.Namespace) -> int:
    store = RunStore(Settings.from_environment().runs)
    if options.folder:
        print(store.folder)
        return 0
    entries = Catalog(store).list(trials=options.trials)
    for entry in entries:
        run = entry.run
        if isinstance(entry, Damaged):
            print(f"{run.id}: {entry.reason}", file=sys.stderr)
            continue
        state, config = entry.state, entry.config
        accuracy = entry.evaluated.test_accuracy if entry.evaluated else None
        if options.json:
            line = {"run": run.id, "state": state, "test_accuracy": accuracy}
            print(json.dumps(line | config.model_dump(mode="json")))
        else:
            shown = "" if accuracy is None else f"{accuracy:.2%}"
            where = f"  on {entry.elsewhere}" if entry.elsewhere else ""
            role = f"  {entry.trial.role}" if entry.trial else ""
            what = f"{config.network}{role}{where}"
            print(f"{run.id}  {state:11}  {config.dataset:12}  {shown:>7}  {what}")
    if not entries:
        print(f"No runs yet in {store.folder}; {_HINT}", file=sys.stderr)
    return 0


# --- compare --------------------------------------------------------------------------------------


def _compare(options: argparse.Namespace) -> int:
    runs = list(dict.fromkeys(map(find_run, options.run_ids)))
    if not 2 <= len(runs) <= MOST_COMPARED:
        raise RunError(f"{len(runs)} different runs are named; allowed: 2 to {MOST_COMPARED}")
    summaries = [_summary(run) for run in runs]
    differences = comparison.differing([summary.config for summary in summaries])
    tested = [summary for summary in summaries if summary.evaluated and summary.run.has_model]
    judged = {summary.run.id: judge(summary.run) for summary in tested}
    groups = seeds.groups(Catalog(RunStore(Settings.from_environment().runs)).list())
    pairs = [_Pair(one, other, judged, groups) for one, other in itertools.combinations(judged, 2)]
    if options.json:
        line = {
            "runs": [_figures(summary) for summary in summaries],
            "settings": {
                name: {run.id: value for run, value in zip(runs, values, strict=True)}
                for name, values in differences.items()
            },
            "pairs": [pair.as_json() for pair in pairs],
        }
        print(json.dumps(line))
        return 0
    rows = [_figures(summary) for summary in summaries]
    _print_rows({title: [_shown(row[key]) for row in rows] for key, title in _FIGURES.items()})
    print()
    print("Settings that differ:" if differences else "The settings are the same, seed included.")
    fields = {name: FIELDS[name] for name in differences}
    _print_rows(
        {
            str(field.title): [shown(field, value) for value in differences[name]]
            for name, field in fields.items()
        }
    )
    for pair in pairs:
        print(f"\n{pair.in_words()}")
    return 0


_FIGURES = {
    "run": "Run",
    "name": "Name",
    "state": "State",
    "dataset": "Dataset",
    "test_accuracy": "Test accuracy",
    "interval": "95 % interval",
    "test_loss": "Test loss",
    "weights": "Weights",
    "epochs": "Epochs",
    "train_seconds": "Seconds in training",
    "epoch_seconds": "Seconds an epoch",
}


def _figures(summary: Summary) -> dict[str, Any]:
    tested = summary.evaluated
    return {
        "run": summary.run.id,
        "name": summary.labels.name,
        "state": summary.state,
        "dataset": summary.config.dataset,
        "test_accuracy": tested and tested.test_accuracy,
        "interval": summary.interval,
        "test_loss": tested and tested.test_loss,
        "weights": summary.weights,
        "epochs": summary.progress.epochs,
        "train_seconds": summary.train_seconds,
        "epoch_seconds": summary.epoch_seconds,
    }


def _shown(value: Any) -> str:
    """For a cell of a table."""
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.4g}"
        case int():
            return f"{value:,}"
        case (float(), float()):
            return f"{value[0]:.4f} to {value[1]:.4f}"
    return str(value)


def _print_rows(rows: dict[str, list[str]]) -> None:
    first = max(map(len, rows), default=0)
    wide = max((len(cell) for row in rows.values() for cell in row), default=0)
    for title, row in rows.items():
        print("  ".join([f"{title:{first}}", *(f"{cell:>{wide}}" for cell in row)]))


def _summary(run: Run) -> Summary:
    found = summarize(run)
    if isinstance(found, Damaged):
        raise RunError(found.reason)
    return found


class _Pair:
    """Two runs' answers to the test images, compared where they are the same images."""

    def __init__(
        self,
        one: str,
        other: str,
        judged: Mapping[str, Evaluation],
        groups: Mapping[str, seeds.Group],
    ) -> None:
        self.one, self.other = one, other
        self.found: comparison.Comparison | None = None
        self.difference: seeds.Difference | None = None
        try:
            self.found = comparison.compare(judged[one], judged[other])
        except comparison.NotComparable as error:
            self.why_not = str(error)
        else:
            self.difference = seeds.difference_between(groups, one, other)

    def in_words(self) -> str:
        if not self.found:
            return f"{self.one} and {self.other} can't be compared: {self.why_not}."
        words = (
            comparison.settings_in_words(self.difference, self.one, self.other)
            if self.difference
            else comparison.in_words(self.found, self.one, self.other)
        )
        return " ".join(filter(None, (words.facts, words.judgement, words.method)))

    def as_json(self) -> dict[str, Any]:
        pair: dict[str, Any] = {"runs": [self.one, self.other], "words": self.in_words()}
        if self.found:
            alone = [len(self.found.only_first), len(self.found.only_second)]
            pair |= {"images": self.found.images, "only": alone, "p_value": self.found.p_value}
        if self.difference:
            groups = (self.difference.first, self.difference.second)
            pair["settings"] = {
                "test_accuracy": [group.mean for group in groups],
                "deviation": [group.deviation for group in groups],
                "seeds": [group.seeds for group in groups],
                "p_value": self.difference.p_value,
            }
        return pair


# --- export and import ----------------------------------------------------------------------------


def _export(options: argparse.Namespace) -> int:
    run = find_run(options.run_id)
    name = formats.file_name(run, options.format)
    path: Path = options.output or Path(name)
    if path.is_dir():
        path /= name
    if path.suffix != Path(name).suffix:
        raise formats.ExportError(
            f"--output is {path}, but {formats.FORMATS[options.format].title} of this run is a "
            f"{Path(name).suffix} file"
        )
    if path.exists() and not options.force:
        raise formats.ExportError(f"{path} is there already; --force replaces it")
    if not path.parent.is_dir():
        raise formats.ExportError(f"the folder {path.parent} does not exist")
    content = formats.export(run, options.format)
    write_whole(path, content)
    if options.json:
        print(json.dumps({"run": run.id, "file": str(path), "bytes": len(content)}))
    else:
        print(path)
    return 0


def _import(options: argparse.Namespace) -> int:
    store = RunStore(Settings.from_environment().runs)
    with options.file.open("rb") as file:
        run = archive.unpack(file, store)
    if options.json:
        print(json.dumps({"run": run.id, "folder": str(run.folder)}))
    else:
        print(f"Run {run.id} is among the runs now\n{run.folder}")
    return 0


# --- delete ---------------------------------------------------------------------------------------


def _delete(options: argparse.Namespace) -> int:
    runs = list(dict.fromkeys(map(find_run, options.run_ids)))
    for run in runs:
        found = summarize(run)
        if isinstance(found, Summary) and found.state.live:
            raise RunError(f"run {run.id} is {found.state}; stop it before you delete it")
    if not options.yes:
        print(f"Delete {', '.join(run.id for run in runs)} for good? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print("Nothing was deleted.", file=sys.stderr)
            return 1
    trash.purge([trash.discard(run) for run in runs])
    for run in runs:
        print(f"Deleted {run.id}")
    return 0
