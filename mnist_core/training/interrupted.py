"""What a worker becomes when its input ends amid a training: it marks the run, and tidies up.

Run as ``python -m mnist_core.training.interrupted RUN SCRATCH``, in the worker's place: by then
none of its threads is left that could write another file into what is being tidied.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from mnist_core.runs.events import Ended, State, append_event
from mnist_core.runs.files import delete_unfinished


def main(run: Path, scratch: Path) -> None:
    """Delete what is half written in the folder ``run``, say so there, and delete ``scratch``.

    Raises:
        OSError: nothing can be written into the run, whose folder may be gone.
    """
    try:
        delete_unfinished(run)
        message = "The program that had started it ended before the training did."
        append_event(run, Ended(state=State.INTERRUPTED, message=message))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
