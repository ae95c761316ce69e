"""The command that opens the dashboard: app."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import mnist_core


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Its name; what follows it is for Streamlit."""
    app = commands.add_parser(
        "app",
        help="open the dashboard in a browser",
        usage="%(prog)s [-h] [OPTION ...]",
        description="Open the dashboard in a browser.",
        epilog="Options go to `streamlit run`, as in: --server.port 8502",
    )
    app.set_defaults(run=_app)


def _app(options: argparse.Namespace) -> int:
    # In the place of this process, so that a signal reaches the server. -P: a module that lies
    # where the command is called is not Streamlit's.
    command = [sys.executable, "-P", "-m", "streamlit", "run", str(script()), *options.further]
    os.execv(sys.executable, command)


def script() -> Path:
    """The dashboard's ``app.py``, with its pages and ``.streamlit`` beside it."""
    package = Path(mnist_core.__file__).parent
    installed = package / "dashboard" / "app.py"  # there in a wheel, see pyproject.toml
    return installed if installed.is_file() else package.parent / "app.py"
