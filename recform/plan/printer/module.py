"""The head of a generated file: what it says of itself, and what it imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from pathlib import PurePath

from recform.blocks.identifiers import STANDARD
from recform.plan.printer.lines import Lines, docstring
from recform.seal import OPEN
from recform.source import Source

#: What a module returns is Any in torch's own types, and some of its methods have none.
_TYPES = '# mypy: disable-error-code="no-any-return, no-untyped-call"'


def reads(tree: ast.AST) -> frozenset[str]:
    """The names that code reads from around it, and the attributes of ``self``."""
    found: set[str] = set()
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.FunctionDef):
            found |= _of_function(node)
            continue
        if isinstance(node, ast.Name):
            found.add(node.id)
        nodes += ast.iter_child_nodes(node)
    return frozenset(found)


def _of_function(function: ast.FunctionDef) -> set[str]:
    read: set[str] = set()
    own: set[str] = set()
    for node in ast.walk(function):
        match node:
            case ast.arg():
                own.add(node.arg)
            case ast.Name(ctx=ast.Load()):
                read.add(node.id)
            case ast.Name():
                own.add(node.id)
            case ast.Attribute(value=ast.Name(id="self")):
                read.add(f"self.{node.attr}")
    return read - own


def header(
    source: Source, options: str, classes: list[str], said: Sequence[str] = ()
) -> str:
    """The docstring of a file, whose seal is open.

    Args:
        source: the formula.
        options: of the command.
        classes: of the networks.
        said: further lines.
    """
    from recform.version import __version__

    file = PurePath(source.name).name
    stem = PurePath(file).stem or "network"
    lines = Lines()
    lines.extend(
        docstring(
            "\n".join(
                [
                    f"{', '.join(classes)}, from {file}. Generated code: change the formula,",
                    "not this file. A comment `rf:N` marks what line N of the formula says.",
                    "",
                    f"source:  {file}",
                    f"sha256:  {source.digest}",
                    f"recform: {__version__}",
                    f"command: recform compile {file} -o {stem}.py{options}",
                    *said,
                    OPEN,
                ]
            )
        )
    )
    return str(lines)


def imports(used: frozenset[str], classes: list[str]) -> str:
    """The imports of a file, and what it offers.

    Args:
        used: the names that its code reads.
        classes: of the networks.
    """
    lines = Lines()
    lines.add(_TYPES)
    lines.blank()
    standard = ["import math"] if "math" in used else []
    for module, names in STANDARD.items():
        if asked := [name for name in names if name in used]:
            standard.append(f"from {module} import {', '.join(asked)}")
    if standard:
        lines.extend(standard)
        lines.blank()
    if "torch" in used:
        lines.add("import torch")
    if "F" in used:
        lines.add("import torch.nn.functional as F")
    lines.add("from torch import Tensor, nn")
    if "TorchDispatchMode" in used:
        lines.add("from torch.utils._python_dispatch import TorchDispatchMode")
    if "checkpoint" in used:
        lines.add("from torch.utils.checkpoint import checkpoint")
    lines.blank()
    quoted = ", ".join(f'"{name}"' for name in sorted(classes, key=_sorting))
    lines.add(f"__all__ = [{quoted}]")
    return str(lines)


def _sorting(name: str) -> tuple[bool, list[tuple[int, str]]]:
    """Where a name stands in `__all__`: those in capitals first, numbers by their value."""
    parts = re.findall(r"\d+|\D+", name)
    return not name.isupper(), [
        (int(part), "") if part.isdigit() else (-1, part) for part in parts
    ]
