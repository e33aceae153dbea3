"""Other names for what a file names, among them those that others have already."""

from __future__ import annotations

from recform.syntax import nodes as n
from tests.rewriting.places import RUNNING, Text, nodes

#: Of Python, of torch, of generated code, of papers.
UNKNOWNS = (
    "x", "self", "Tensor", "nn", "torch", "F", "state", "forward", "block", "Step", "X'",
    "ξ", "class", "None", "print", "blocks", "Module", "super", "range", "x_prev", "scale",
    "math", "H", "Ξ", "lambda", "wx", "shortcut", "hidden", "stage1", "out", "x2",
    "args", "Mu", "float", "list", "tuple", "super'", "call", "training", "device", "dtype",
    "step",
)  # fmt: skip
OPERATORS = (
    "Linear", "Block", "F", "W'", "Ω", "Step", "Training", "Conv", "forward", "Shortcut",
    "WBlock", "None", "True", "blocks", "fc", "conv1", "Norm", "weight", "Module", "class",
    "Self", "self", "nn", "torch", "T", "parameters", "buffers", "modules", "to", "half",
    "eval", "train", "apply", "type", "children", "Adapter",
    "super", "x", "Tensor", "Γ'",
)  # fmt: skip
NUMBERS = (
    "weight", "bias", "self", "alpha", "λ", "lambda", "p'", "nn", "training", "torch", "x",
    "d", "scale", "math", "F", "forward", "float", "k_1x", "Tensor", "step", "range", "α'",
    "in_features", "features", "width", "stride", "dim", "T", "index", "class",
    "parameters", "half", "eps", "x_prev", "block",
)  # fmt: skip
RESERVED = {"i", "L", "c", "s", "cin", "input", "first", "in_channels"}


def kinds(text: Text) -> dict[str, tuple[str, ...]]:
    """The names of a file with those that they may be called."""
    found: dict[str, tuple[str, ...]] = {}
    for item in text.statements:
        match item:
            case n.Const() | n.Scalar():
                found[item.target.name] = NUMBERS
            case n.Relation():
                for left in item.left:
                    if isinstance(left, n.Call):
                        found[left.function.name] = OPERATORS
                    elif isinstance(left, n.Reference):
                        found[left.name] = UNKNOWNS if left.indices else OPERATORS
    whole = nodes(tuple(text.statements))
    labels = {x.label for x in whole if isinstance(x, n.Part) and x.label}
    # Parameters are arguments of the constructor, which Python has to know as free names.
    params = {item.name for item in text.of(n.Param)}
    for name in local(text) | labels | params | RESERVED:
        found.pop(name, None)
    return found


def local(text: Text) -> set[str]:
    """Names that mean something in a part of the file alone."""
    found: list[n.Node] = []
    for item in text.of(n.Relation):
        for left in item.left:
            if isinstance(left, n.Call):
                found += nodes(left.arguments)
        for inner in item.where:
            left_side = inner.target if isinstance(inner, n.Scalar) else inner.left
            found += nodes(left_side)
    for node in nodes(tuple(text.statements)):
        if isinstance(node, n.Call) and node.function.name in RUNNING:
            found += node.arguments[:1]
    return {x.name for x in found if isinstance(x, n.Reference | n.Keyword)}


def names(text: Text) -> None:
    """Other names for some of those that there are."""
    taken, table = text.named | local(text), {}
    if text.of(n.Use):
        return
    for name, choices in kinds(text).items():
        new = text.draw.choice(choices)
        if new not in taken and text.some(0.6):
            table[name] = new
            taken.add(new)
    for item in text.statements:
        for node in nodes(item):
            name = getattr(node, "name", "")
            if name in table and isinstance(node, n.Reference | n.Setting):
                start = node.span.start + text.shown(node).index(name)
                text.between(start, start + len(name), table[name])
