"""Which datasets there are on this machine, and where: each is one .npz file.

One's own are ``own/NAME.npz`` in the data folder.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from mnist_core.data.known import BUILT_IN, DEFAULT, SPECS
from mnist_core.data.limits import NAME
from mnist_core.settings import Settings


def names(folder: Path | None = None) -> tuple[str, ...]:
    """The datasets that can be asked for here: those of :data:`SPECS`, then one's own by name."""
    try:
        with os.scandir(_data_folder(folder) / "own") as entries:
            found = sorted(
                entry.name.removesuffix(".npz")
                for entry in entries
                if re.fullmatch(rf"{NAME}\.npz", entry.name) and entry.is_file()
            )
    except OSError:
        found = []  # no folder yet, or none that may be read
    return (*SPECS, *(name for name in found if name not in SPECS))


def place(name: str, folder: Path | None = None) -> Path | None:
    """The dataset's file; None where it is not on this machine. Its content is not looked at."""
    return _find(possible_places(name, folder))


def available(name: str, folder: Path | None = None) -> bool:
    """Whether the dataset's file is on this machine; what is in it, ``loading.load`` tells."""
    return place(name, folder) is not None


def default_name(folder: Path | None = None) -> str:
    """The default where it is on this machine, else what comes with the program."""
    return DEFAULT if available(DEFAULT, folder) else BUILT_IN


def own_place(name: str, folder: Path | None = None) -> Path:
    """Where a dataset of one's own of that name is, or would be.

    Raises:
        ValueError: it can't be called that.
    """
    if name in SPECS:
        raise ValueError(
            f"the name is {name!r}; allowed: any but those of Digit Lab's own datasets, "
            f"{', '.join(SPECS)}"
        )
    if not re.fullmatch(NAME, name):
        raise ValueError(
            f"the name is {repr(name) if name else 'empty'}; allowed: 1 to 40 small letters from a "
            "to z, digits and hyphens, beginning with a letter or digit, such as my-pets-2"
        )
    return _data_folder(folder) / "own" / f"{name}.npz"


def name_like(title: str) -> str:
    """The allowed name that is nearest to what people write, e.g. ``"my-pets"`` of ``"My Pets!"``.

    Empty where nothing of it can be in a name.
    """
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].rstrip("-")


def possible_places(name: str, folder: Path | None) -> list[Path]:
    """Where the dataset's file may be, the first choice first."""
    if name not in SPECS:
        if not re.fullmatch(NAME, name):
            raise ValueError(f"dataset is {name!r}; allowed: {', '.join(names(folder))}")
        return [own_place(name, folder)]
    spec = SPECS[name]
    if not spec.sources:
        return [Path(__file__).parent / "samples" / spec.file]
    keras = Path(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"))
    return [_data_folder(folder) / spec.file, keras / "datasets" / spec.file]


def _find(places: list[Path]) -> Path | None:
    # Not Path.is_file, which raises where a folder on the way may not be entered.
    return next((place for place in places if os.path.isfile(place)), None)


def _data_folder(folder: Path | None) -> Path:
    return folder or Settings.from_environment().data
