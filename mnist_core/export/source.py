"""Definitions out of our own modules, as text: those that are needed, as far as they apply.

The modules are read, never imported, for most of them would load TensorFlow. What is cut out of
them does without types, with the first paragraph of each docstring, and without what this
configuration has no use for: where a statement or an expression depends on the configuration alone
(``if config.flip:``, ``a if config.ema else b``), what holds for it remains; of a table
(``OPTIMIZERS[config.optimizer]``), the one entry.
"""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mnist_core.config import TrainingConfig

MODULES = (
    "validation",
    "augmentation",
    "training/augment",
    "training/fit",
    "training/callbacks",
    "training/optimizer",
    "training/model",
)
"""Where definitions are looked for, and the order in which they follow each other."""

_PACKAGE = Path(__file__).parents[1]
_BLANK_LINES = re.compile(r"\n{3,}")
_CONFIG = re.compile(r"\b_?config\.(\w+)")
_FOR_MYPY = re.compile(r"  # type: ignore.*")


class Needed(NamedTuple):
    """What a program needs to run."""

    definitions: Sequence[str] = ()
    imports: Sequence[Sequence[str]] = ()
    """Lines: of the standard library, and of others."""
    settings: frozenset[str] = frozenset()
    """The fields of the configuration that are read."""


def needed(program: str, config: TrainingConfig, imports: Sequence[str]) -> Needed:
    """All that ``program`` reaches by name, for this configuration.

    Args:
        imports: lines that it may need besides those of our modules.
    """
    texts = _reached(_names(program), config)
    used = _names(program).union(*map(_names, texts))
    lines = [line for line in {*_imports(), *imports} if line.split()[-1] in used]
    standard: list[str] = []
    others: list[str] = []
    for line in sorted(lines, key=lambda line: (line.startswith("from"), line)):
        (standard if line.split()[1] in sys.stdlib_module_names else others).append(line)
    return Needed(texts, (standard, others), settings_read(program, *texts))


def entry(table: str, key: object) -> str:
    """What a table of our modules has for a key."""
    match ast.parse(_definitions()[table]).body[0]:
        case ast.Assign(value=ast.Dict() as made) | ast.AnnAssign(value=ast.Dict() as made):
            keys = [ast.literal_eval(name) for name in made.keys if name]
            return ast.unparse(made.values[keys.index(key)])
    raise TypeError(f"{table} is not a dictionary")


def settings_read(*texts: str) -> frozenset[str]:
    """The fields of the configuration that are read anywhere in these texts."""
    read = (name for text in texts for name in _CONFIG.findall(text))
    return frozenset(read) & TrainingConfig.model_fields.keys()


def settings_covered(template: str) -> frozenset[str]:
    """The fields that programs can depend on which are made from ``template``.

    It reads them itself, or a definition does that its words can reach, or the network.
    """
    words = set(re.findall(r"(?<![\w.])\w+", template))  # not the fit of network.fit
    return settings_read(template, _text("network"), *_reached(words, None))


def _reached(names: set[str], config: TrainingConfig | None) -> list[str]:
    """The definitions that are reached from these names on, as far as they apply, in order."""
    found: dict[str, str] = {}
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        if name in _definitions() and name not in found:
            text = _applied(_definitions()[name], config)
            found[name] = _BLANK_LINES.sub("\n\n", text).rstrip()
            waiting |= _names(text)
    return [found[name] for name in _definitions() if name in found]


@functools.cache
def _text(module: str) -> str:
    return (_PACKAGE / f"{module}.py").read_text()


@functools.cache
def _definitions() -> dict[str, str]:
    """Those of all modules, by name."""
    return {name: text for module in MODULES for name, text in definitions_in(module)}


def definitions_in(module: str) -> Iterator[tuple[str, str]]:
    """Name and text of each function, class and constant, with the comments above them."""
    text = _FOR_MYPY.sub("", _text(module))
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                first = min(n.lineno for n in (node, *node.decorator_list))
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                first = node.lineno
            case _:
                continue
        while lines[first - 2].startswith("#"):
            first -= 1
        yield name, "".join(lines[first - 1 : node.end_lineno])


@functools.cache
def _imports() -> frozenset[str]:
    """The imports of all modules but those from each other, a line for each name."""
    found = set()
    for module in MODULES:
        for node in ast.parse(_text(module)).body:
            match node:
                case ast.Import(names=names):
                    found |= {f"import {ast.unparse(name)}" for name in names}
                case ast.ImportFrom(module=str(other), names=names) if "mnist_core" not in other:
                    found |= {f"from {other} import {ast.unparse(name)}" for name in names}
    return frozenset(found)


def _names(text: str) -> set[str]:
    """The names that a text uses and does not bind itself."""
    nodes = list(ast.walk(ast.parse(text)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return {node.id for node in names} - bound


def _applied(text: str, config: TrainingConfig | None) -> str:
    """Without types, and as far as it applies to the configuration."""
    while edit := next(_edits(text, config), None):
        start, end, new = edit
        source = text.encode()  # for ast counts bytes
        text = (source[:start] + new.encode() + source[end:]).decode()
    return text


def _edits(text: str, config: TrainingConfig | None) -> Iterator[tuple[int, int, str]]:
    """Where something else is to stand, in bytes from the start."""
    lines = text.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line.encode()))

    def place(node: ast.expr) -> tuple[int, int]:
        first, last = node.lineno, node.end_lineno or 0
        return starts[first - 1] + node.col_offset, starts[last - 1] + (node.end_col_offset or 0)

    def source(node: ast.expr) -> str:
        return ast.get_source_segment(text, node) or ""

    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.FunctionDef(args=args, body=body) if node.returns or any(
                arg.annotation for arg in args.args
            ):
                for arg in args.args:
                    arg.annotation = None
                first = body[0].lineno - 1
                while lines[first - 1].lstrip().startswith("#"):
                    first -= 1
                head = f"{' ' * node.col_offset}def {node.name}({ast.unparse(args)}):\n"
                yield starts[node.lineno - 1], starts[first], head
            case ast.Expr(value=ast.Constant(value=str(said)) as value) if "\n\n" in said:
                yield *place(value), source(value).partition("\n\n")[0] + '"""'
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield place(target)[1], place(value)[0], " = "
            case ast.Subscript(value=ast.Name(id=table), slice=key) if (
                table in _definitions() and _holds(key, config)
            ):
                yield *place(node), entry(table, _value(key, config))
            case ast.IfExp(test=test) if _holds(test, config):
                yield *place(node), source(node.body if _value(test, config) else node.orelse)
            case ast.If(test=test) if _holds(test, config):
                if_so = lines[node.lineno : node.body[-1].end_lineno]
                if_not = lines[node.lineno + len(if_so) : node.end_lineno]
                if if_not:  # without what stands before it
                    if_not = if_not[[line.lstrip()[:5] for line in if_not].index("else:") + 1 :]
                kept = "".join(if_so if _value(test, config) else if_not)
                outdented = re.sub("^    ", "", kept, flags=re.MULTILINE)
                yield starts[node.lineno - 1], starts[node.end_lineno or 0], outdented


def _holds(test: ast.expr, config: TrainingConfig | None) -> bool:
    """Whether an expression is of the configuration alone, and that is known."""
    return config is not None and _names(_plain(test)) <= {"config"}


def _value(test: ast.expr, config: TrainingConfig | None) -> Any:
    return eval(_plain(test), {"config": config})


def _plain(test: ast.expr) -> str:
    return ast.unparse(test).replace("self._config.", "config.")
