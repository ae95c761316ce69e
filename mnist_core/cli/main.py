"""``digit-lab COMMAND``, or ``python -m mnist_core COMMAND``; ``--help`` lists the commands."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from mnist_core.cli import app, data, evaluate, runs, search, train
from mnist_core.config import ConfigError
from mnist_core.words import reason

EXPECTED_ERRORS = (ValueError, OSError)
"""What a user can cause and mend, told in one line; anything else is ours, and shows as it is."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and ends with exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def build_parser(program: str) -> argparse.ArgumentParser:
    """The commands and their flags."""
    parser = _Parser(prog=program, description="Train, evaluate and ask digit classifiers.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for group in (train, search, evaluate, data, runs, app):
        group.add_to(commands)
    return parser


def main(arguments: Sequence[str] | None = None, program: str = "digit-lab") -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 wrong arguments."""
    parser = build_parser(program)
    options, further = parser.parse_known_args(arguments)
    if further and options.command != "app":  # which passes them on
        parser.error(f"unrecognized arguments: {' '.join(further)}")
    options.further = further
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except ConfigError as error:
        parser.error("; ".join(str(error).splitlines()))
    except EXPECTED_ERRORS as error:
        print(f"{parser.prog}: {reason(error)}", file=sys.stderr)
        return 1
