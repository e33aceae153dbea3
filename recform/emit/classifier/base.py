"""The class that networks with timm's interface derive from, as text."""

from __future__ import annotations

import ast
from functools import cache
from importlib.resources import files


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
    for name in ("_through", "_along"):
        start = text.index(f"    def {name}(")
        end = text.index("    def ", start + 1)
        if f"self.{name}" in used:
            break  # the first calls the second
        text = text[:start] + text[end:]
    return text
