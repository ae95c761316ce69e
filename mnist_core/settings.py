"""Where things are on this machine, told by environment variables.

DIGIT_LAB_DATA     folder of the datasets      default: digit-lab/data in the user's cache folder
DIGIT_LAB_RUNS     folder of the runs          default: digit-lab/runs in the user's data folder
DIGIT_LAB_WORKERS  trainings at the same time  default: 1; at most the number of CPU cores
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

from mnist_core.storage import DATA, RUNS


@dataclass(frozen=True)
class Settings:
    """Folders as absolute paths, which need not exist yet, and the number of worker processes."""

    data: Path
    runs: Path
    workers: int

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables named above; one that is unset or empty gives its default.

        Raises:
            ValueError: a variable's value is not allowed; names the variable, the value and
                what is allowed.
        """
        # Data sets can be fetched again, so they may be lost with a cache; runs may not.
        # Without appauthor=False, Windows would get a folder digit-lab inside digit-lab.
        return cls(
            data=_folder(environ, DATA, user_cache_path, "data"),
            runs=_folder(environ, RUNS, user_data_path, "runs"),
            workers=_workers(environ),
        )


def _folder(
    environ: Mapping[str, str], name: str, default: Callable[..., Path], default_name: str
) -> Path:
    value = environ.get(name)
    try:
        if not value:
            # expanduser: as platformdirs gives it to somebody without a home, in some versions.
            return default("digit-lab", appauthor=False).expanduser() / default_name
        # Absolute, for the workers run in another folder.
        return Path(value).expanduser().absolute()
    except RuntimeError as error:  # a home folder that cannot be told, as in ~nobody-here/data
        given = repr(value) if value else "not set"
        raise ValueError(f"{name} is {given}: {error} Give the full path of a folder.") from error


def _workers(environ: Mapping[str, str]) -> int:
    # More trainings than cores only take the cores from each other.
    most = os.cpu_count() or 1
    value = environ.get("DIGIT_LAB_WORKERS") or "1"
    if not (value.isdecimal() and 1 <= int(value) <= most):
        raise ValueError(
            f"DIGIT_LAB_WORKERS is {value!r}. Allowed: a whole number from 1 to {most}, "
            "the number of CPU cores here."
        )
    return int(value)
