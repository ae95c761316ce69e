"""The command line, as an engineer would call it."""

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def command(runs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mnist_core", *arguments],
        cwd=PROJECT,
        env=os.environ | {"DIGIT_LAB_RUNS": str(runs)},
        capture_output=True,
        text=True,
    )
