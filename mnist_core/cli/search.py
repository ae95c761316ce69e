"""The command that conducts a study: search."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from typing import Any, get_args

from tqdm import tqdm

from mnist_core.cli.train import add_settings, config_of
from mnist_core.config import FIELDS, ConfigError
from mnist_core.data import loading
from mnist_core.fields import shown
from mnist_core.search import study as studies
from mnist_core.search.conductor import Conductor
from mnist_core.search.space import VARIABLE, read_where
from mnist_core.search.study import Against, Aim, Method, Outcome, Study, Trial, best
from mnist_core.settings import Settings
from mnist_core.training.pool import WorkerPool
from mnist_core.words import with_deviation


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Its name and flags: those of ``train`` say what does not vary."""
    search = commands.add_parser(
        "search", help="look for better settings, by the validation images alone"
    )
    add_settings(search)
    search.add_argument(
        "--vary",
        nargs="+",
        metavar="SETTING",
        help="what varies: NAME, NAME=LOW..HIGH, NAME=ONE,OTHER or, of several values, "
        f"NAME=FEWEST..MOSTxLOW..HIGH; of {', '.join(VARIABLE)}",
    )
    search.add_argument("--trials", type=int, metavar="N", help="how many to try (40)")
    search.add_argument("--minutes", type=float, help="no trial begins after so many")
    search.add_argument("--method", choices=get_args(Method), help="what to try next (tpe)")
    search.add_argument("--aim", choices=get_args(Aim), help="on the validation images (accuracy)")
    search.add_argument("--against", choices=get_args(Against), help="a second aim: the fewer")
    search.add_argument("--no-pruning", action="store_true", help="train every trial to its end")
    search.add_argument("--workers", type=int, metavar="N", help="trials at a time (1)")
    search.add_argument("--resume", metavar="STUDY", help="go on with a study, or: latest")
    search.add_argument("--json", action="store_true", help="end with one line of JSON")
    search.set_defaults(run=_search)


def _search(options: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    began = time.monotonic()
    study = _resumed(options, settings) if options.resume else _new(options, settings)
    with WorkerPool(study.plan.workers) as pool, _Progress(study) as progress:
        result = Conductor(study, pool, progress.tell).work()
    trials = study.trials()
    top = best(trials, study.plan.aim)
    line: dict[str, Any] = {
        "study": study.id,
        "folder": str(study.folder),
        "trials": {o.value: sum(trial.outcome == o for trial in trials) for o in Outcome},
        "best": _best(study, top[0]) if top else None,
        "confirmed": None,
        "seconds": round(time.monotonic() - began, 2),
    }
    if result.confirmed:
        first = result.confirmed[0]
        line["confirmed"] = {
            "trial": first.number,
            "accuracy": first.accuracy,
            "deviation": first.deviation,
            "seeds": list(first.seeds),
            "runs": list(first.runs),
        }
    if options.json:
        print(json.dumps(line))
    else:
        _print(line, study)
    return 0 if top else 1


def _new(options: argparse.Namespace, settings: Settings) -> Study:
    if not options.vary:
        raise ConfigError(f"--vary names no setting; allowed: {', '.join(VARIABLE)}")
    base = config_of(options)
    loading.load(base.dataset)  # now: else every trial would fail where it is missing or damaged
    asked = {
        "trials": options.trials,
        "minutes": options.minutes,
        "method": options.method,
        "aim": options.aim,
        "against": options.against,
        "workers": options.workers,
        "seed": options.seed and int(options.seed),
    }
    plan = studies.read_plan(
        {name: value for name, value in asked.items() if value is not None}
        | {
            "base": base,
            "space": dict(map(read_where, options.vary)),
            "prune": not options.no_pruning,
        }
    )
    studies.check_here(plan)
    return studies.create(settings.runs, plan)


def _resumed(options: argparse.Namespace, settings: Settings) -> Study:
    study = studies.find(settings.runs, options.resume)
    studies.check_here(study.plan)
    more = {"trials": options.trials, "minutes": options.minutes}
    study.want(stop=False, pause=False, **{n: v for n, v in more.items() if v is not None})
    return study


class _Progress:
    """A bar of the trials, and a line for each that is over; Ctrl-C stops the study."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._best: float | None = None

    def __enter__(self) -> _Progress:
        self._bar = tqdm(unit=" trials", desc="Searching", dynamic_ncols=True)
        self._before = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)
        self._bar.close()

    def tell(self, trial: Trial, asked: int) -> None:
        value = trial.value(self._study.plan.aim)
        figure = "" if value is None else f"  {_figure(self._study, value)}"
        varied = ", ".join(
            f"{name} {shown(FIELDS[name], getattr(trial.config, name))}"
            for name in self._study.plan.space
            if trial.config.uses(name)
        )
        self._bar.write(f"Trial {trial.number}  {trial.outcome}{figure}  {varied}", file=sys.stderr)
        self._bar.total = max(asked, trial.number)
        self._bar.update()

    def _stop(self, *_: object) -> None:
        if self._study.wanted().stop:
            raise KeyboardInterrupt
        self._study.want(stop=True)
        self._bar.write(
            "No more trials; the best are confirmed. Ctrl-C again to leave: search --resume "
            f"{self._study.id} goes on.",
            file=sys.stderr,
        )


def _best(study: Study, trial: Trial) -> dict[str, Any]:
    settings = {
        name: getattr(trial.config, name) for name in study.plan.space if trial.config.uses(name)
    }
    return {
        "trial": trial.number,
        "run": trial.run,
        "validation_accuracy": trial.accuracies[-1],
        "validation_loss": trial.losses[-1],
        "settings": settings,
    }


def _figure(study: Study, value: float) -> str:
    return f"{value:.2%}" if study.plan.aim == "accuracy" else f"{value:.4f}"


def _print(line: dict[str, Any], study: Study) -> None:
    counts = ", ".join(f"{number} {outcome}" for outcome, number in line["trials"].items())
    print(f"Study {study.id}: {counts}\n{study.folder}")
    if best := line["best"]:
        varied = ", ".join(
            f"{name} {shown(FIELDS[name], value)}" for name, value in best["settings"].items()
        )
        value = best[f"validation_{study.plan.aim}"]
        print(f"Best: trial {best['trial']}, {_figure(study, value)} in validation: {varied}")
    if confirmed := line["confirmed"]:
        accuracy = with_deviation(confirmed["accuracy"], confirmed["deviation"])
        print(
            f"Confirmed: trial {confirmed['trial']}, test accuracy {accuracy} with "
            f"{len(confirmed['seeds'])} other seeds"
        )
