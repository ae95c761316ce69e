"""Fetches a dataset's published files, and makes the one .npz file of them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlparse

import numpy as np

from mnist_core import storage
from mnist_core.data.known import SPECS
from mnist_core.data.places import possible_places

if TYPE_CHECKING:
    import requests

SECONDS = 15
"""How long a server may keep silent."""


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
                fetched.append(Path(unfinished, f"{url.rpartition('/')[2]}.part"))
                _fetch(url, sha256, fetched[-1], told)
                before += fetched[-1].stat().st_size
            file = fetched[0]
            if spec.unpack:
                file = Path(unfinished, spec.file)
                np.savez(file, allow_pickle=False, **spec.unpack(fetched))
            file.replace(target)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's, not the network's
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


def _fetch(url: str, sha256: str, file: Path, progress: Callable[[int, int], None] | None) -> None:
    """A published file.

    Raises:
        OSError: it did not come, or another one did; says why, and what to do.
    """
    import requests  # not at the top: it is seldom needed, and the first page is waiting

    for attempts_left in (2, 1, 0):
        try:
            with (
                requests.get(url, stream=True, timeout=SECONDS) as response,
                file.open("wb") as output,
            ):
                response.raise_for_status()
                total = int(response.headers.get("Content-Length", 0))
                for chunk in response.iter_content(1 << 16):
                    output.write(chunk)
                    if progress:
                        progress(output.tell(), total)
            break
        except requests.RequestException as error:
            broke_off = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
            if not (attempts_left and isinstance(error, broke_off)):
                raise OSError(_reason(error, urlparse(url).hostname)) from error
    with file.open("rb") as fetched:
        if hashlib.file_digest(fetched, "sha256").hexdigest() != sha256:
            raise OSError(
                "what came is not the published file. Something on the way, such as a page to log "
                "in to the network, may have answered instead: open the address in a browser"
            )


def _reason(error: requests.RequestException, host: str | None) -> str:
    """Why a file did not come, and what to do, for people who don't know the client's words."""
    from requests import HTTPError, Timeout, exceptions

    match error:
        case HTTPError(response=response) if response is not None:
            if response.status_code in (404, 410):
                return f"{host} does not have the file any more (error {response.status_code})"
            return f"{host} answers with the error {response.status_code}. Try again later"
        case exceptions.ProxyError():
            return (
                "the proxy between this machine and the network does not let it through. Check "
                "the variable HTTPS_PROXY"
            )
        case exceptions.SSLError():
            return (
                f"this machine does not trust the certificate that came for {host}. If a proxy "
                "answers for it, name the file with the proxy's certificate in the variable "
                "REQUESTS_CA_BUNDLE"
            )
        case Timeout():
            return f"{host} did not answer in {SECONDS} seconds. Try again later"
        case exceptions.ChunkedEncodingError():
            return "the connection broke off, three times. Try again later"
        case exceptions.ConnectionError():
            return (
                f"{host} can't be reached. Check that this machine is on the network, and try again"
            )
    return f"{host} gave no answer that can be used. Try again later"
