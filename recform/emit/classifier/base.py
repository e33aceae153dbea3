"""The class that networks with timm's interface derive from, as text."""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.resources import files

from recform.execution.library import TOLD


@cache
def base_attributes() -> frozenset[str]:
    """What the base class and its methods call their own."""
    found = set()
    for node in ast.walk(ast.parse(base_class())):
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found |= {node.attr} if node.value.id == "self" else set()
    return frozenset(found)


@cache
def base_class() -> str:
    """The class that networks with the interface derive from."""
    text = (
        files("recform.emit.classifier")
        .joinpath("image_classifier.py")
        .read_text("utf-8")
    )
    return text[text.index("class ") :].rstrip() + "\n"


def without_unused(text: str, used: frozenset[str]) -> str:
    """The base class without what no network of the file calls."""
    if f"@{TOLD}" not in text:
        text = _without(text, "_forms")
        text = re.sub(r"(?m)^    _memory: .*\n", "", text)
    if "self._through" not in used:
        text = _without(text, "_through")
        if "self._along" not in used:
            text = _without(text, "_along")
    return text


def _without(text: str, name: str) -> str:
    """The class without a method."""
    start = text.index(f"    def {name}(")
    return text[:start] + text[text.index("    def ", start + 1) :]
