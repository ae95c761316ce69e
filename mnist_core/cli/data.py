"""The commands for datasets: download, import-data and remove-data."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mnist_core.data import downloading, known, limits, own, places


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Their names and flags."""
    download = commands.add_parser("download", help="fetch a dataset")
    download.add_argument("name", choices=[n for n, s in known.SPECS.items() if s.sources])
    download.set_defaults(run=_download)

    bring = commands.add_parser(
        "import-data",
        help="make a dataset of your own images",
        description="Make a dataset of an .npz file with x_train, y_train, x_test and y_test, or "
        "of a zip file of pictures: CLASS/picture, or train/CLASS/picture and test/CLASS/picture.",
    )
    bring.add_argument("name", metavar="NAME", help="what to call it; My Pets becomes my-pets")
    bring.add_argument("file", type=Path, metavar="FILE")
    low, high = limits.SIDES
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


def _download(options: argparse.Namespace) -> int:
    with tqdm(unit="B", unit_scale=True, unit_divisor=1024, desc=options.name) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        path = downloading.download(options.name, progress=progress)
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
            name = places.name_like(options.name) or options.name
            outline = own.import_file(name, file, options.side, options.colour, progress=progress)
        except own.ImportRefused as error:
            raise ValueError(f"{options.file} can't be used:\n{error}") from error
    print(
        f"{outline.name}: {outline.train_images:,} images to train on, {outline.test_images:,} to "
        f"test with, {' x '.join(map(str, outline.image_shape))}; classes: "
        f"{', '.join(outline.class_names)}"
    )
    return 0


def _remove_data(options: argparse.Namespace) -> int:
    own.remove(options.name)
    return 0
