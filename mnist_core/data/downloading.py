"""Fetches a dataset's published files, and makes the one .npz file of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mnist_core import storage
from mnist_core.data.known import SPECS
from mnist_core.data.places import possible_places


class DownloadError(OSError):
    """A download failed; the message names the address, the reason and what to do instead."""


def download(
    name: str, folder: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> Path:
    """Fetch a dataset's file into the data folder, in place of what is there under its name.

    The file appears when it is whole and its hash is right, not before; when anything fails, no
    part of it is left behind. Several downloads at once do not disturb each other. A connection
    that breaks is tried again, from the start, two times.

    Args:
        progress: called as ``progress(bytes done, bytes in all)``; the second is 0 if the
            server does not tell. What it raises ends the download and is raised from here, so that
            is how to cancel one (an OSError or a ValueError becomes a DownloadError).

    Returns:
        The file.

    Raises:
        DownloadError: it could not be fetched, or not be written.
        ValueError: there is no dataset of that name, or it ships with the program.
    """
    import pooch  # not at the top: it is seldom needed, and the first page is waiting

    spec = SPECS.get(name)
    if spec is None:
        downloadable = ", ".join(name for name, spec in SPECS.items() if spec.sources)
        raise ValueError(f"dataset is {name!r}; allowed: {downloadable}")
    if not spec.sources:
        raise ValueError(f"{name} ships with the program: there is nothing to download")
    target = possible_places(name, folder)[0]
    url = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Inside the data folder, for a rename within one file system is all or nothing.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as unfinished:
            fetched, before = [], 0
            for url, sha256, size in spec.sources:
                told = _telling(progress, before, spec.download_bytes - size)
                path = pooch.retrieve(
                    url,
                    known_hash=f"sha256:{sha256}",
                    fname=f"{url.rpartition('/')[2]}.part",
                    path=unfinished,
                    downloader=lambda url, output, _, told=told: _fetch(url, Path(output), told),
                )
                fetched.append(Path(path))
                before += fetched[-1].stat().st_size
            file = Path(unfinished, spec.file)
            if spec.unpack:
                np.savez(file, allow_pickle=False, **spec.unpack(fetched))
            else:
                # Copied, for pooch makes files that only their owner may read.
                shutil.copyfile(fetched[0], file)
            file.replace(target)
    except (
        OSError,
        ValueError,
    ) as error:  # requests' are OSErrors; pooch's, of a hash, ValueErrors
        if isinstance(error, OSError) and error.errno is not None:  # the disk's, not requests'
            refused = storage.explain(error, target.parent, storage.DATA)
            raise DownloadError(f"{spec.title} could not be saved: {refused}") from error
        by_hand = (
            "" if spec.unpack else f"You can fetch that file elsewhere and put it at {target}. "
        )
        raise DownloadError(
            f"{spec.title} could not be downloaded from {url}: {error}. {by_hand}"
            "The dataset mnist-sample needs no network."
        ) from error
    return target


def _telling(
    progress: Callable[[int, int], None] | None, before: int, others: int
) -> Callable[[int, int], None] | None:
    """Progress with one file of several, as progress with all of them."""
    if progress is None:
        return None
    return lambda done, total: progress(before + done, total and others + total)


def _fetch(url: str, file: Path, progress: Callable[[int, int], None] | None) -> None:
    """For pooch, whose own downloader does not try again, and leaves a failed connection open."""
    import requests

    for attempts_left in (2, 1, 0):
        try:
            with (
                requests.get(url, stream=True, timeout=15) as response,
                file.open("wb") as output,
            ):
                response.raise_for_status()
                total = int(response.headers.get("Content-Length", 0))
                for chunk in response.iter_content(1 << 16):
                    output.write(chunk)
                    if progress:
                        progress(output.tell(), total)
            return
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            if not attempts_left:
                raise
