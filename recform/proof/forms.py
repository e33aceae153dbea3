"""What an expression computes, in a form in which equal expressions are equal.

A form is a linear combination of atoms; an atom is a slot, what a module makes of a form,
a product of forms, or anything else with forms in it. Numbers are numbers: learned scalars
and what depends on the block have a value that is drawn by their name, the same on both
sides.
"""

from __future__ import annotations

import ast
import math
import zlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

#: A part of a form: its kind, and what tells it from others of its kind.
Atom: TypeAlias = tuple[Any, ...]
#: Atoms with their factors.
Form: TypeAlias = dict[Atom, float]
#: A form or a number: what is computed with.
Term: TypeAlias = Form | float

_ONE = ("one",)

#: Functions of numbers, by their name without ``torch.`` or ``math.``.
NUMBERS: dict[str, Callable[..., float]] = {
    "sqrt": math.sqrt,
    "exp": math.exp,
    "log": math.log,
    "abs": abs,
    "fabs": abs,
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "floor": math.floor,
    "ceil": math.ceil,
    "min": min,
    "max": max,
    "minimum": min,
    "maximum": max,
    "float": float,
}


CONSTANTS = {"math.pi": math.pi, "math.e": math.e}


@dataclass(frozen=True)
class Module:
    """Something that can be called, by its name."""

    name: str


@dataclass(frozen=True)
class Each:
    """A list of what is made of each member of another one, as made of all at once."""

    value: Hashable
    form: Any = field(compare=False)


@dataclass(frozen=True)
class Pieces:
    """What `chunk` makes: equal parts of a form."""

    whole: Hashable
    number: int


#: What an expression is.
Value: TypeAlias = "Term | str | Module | Pieces | Each | tuple[Value, ...] | None"


def drawn(name: str) -> float:
    """The number that stands for a learned scalar: the same each time."""
    return 0.5 + (zlib.crc32(name.encode()) % 99_991) / 99_991


def atom(*parts: object) -> Form:
    """A form of one atom."""
    return {tuple(parts): 1.0}


def frozen(value: Value) -> Hashable:
    """A value that can stand in an atom; factors to nine digits."""
    if isinstance(value, dict):
        return frozenset((key, _rounded(factor)) for key, factor in value.items())
    if isinstance(value, float | int) and not isinstance(value, bool):
        return _rounded(value)
    if isinstance(value, tuple | list):
        return tuple(map(frozen, value))
    return value


def _rounded(number: float) -> float:
    return float(f"{number:.9g}")


def add(a: Value, b: Value, sign: float = 1.0) -> Term:
    """A sum of forms and numbers."""
    if isinstance(a, float | int) and isinstance(b, float | int):
        return a + sign * b
    result = dict(_form(a))
    for key, factor in _form(b).items():
        before = result.get(key, 0.0)
        result[key] = before + sign * factor
        # What cancels is gone; a small number that does not is one, exp(-32) say.
        if abs(result[key]) <= 1e-12 * abs(before):
            del result[key]
    return result


def multiply(a: Value, b: Value) -> Term:
    """A product of forms and numbers; the factors are collected in front of it."""
    if isinstance(a, float | int) and isinstance(b, float | int):
        return a * b
    if isinstance(a, float | int):
        return {key: a * factor for key, factor in _form(b).items()} if a else {}
    if isinstance(b, float | int):
        return multiply(b, a)
    factor = 1.0
    members: list[Hashable] = []
    for form in (_form(a), _form(b)):
        if len(form) == 1:
            ((key, number),) = form.items()
            factor *= number
            members += key[1] if key[0] == "product" else [frozen({key: 1.0})]
        else:
            scale = max(map(abs, form.values()), default=1.0)
            # Of a sum and its negative, one stands for both.
            if form and form[min(form, key=hash)] < 0:
                scale = -scale
            factor *= scale
            members.append(frozen({key: n / scale for key, n in form.items()}))
    return {("product", tuple(members)): factor}


def _form(value: Value) -> Form:
    if isinstance(value, dict):
        return value
    if isinstance(value, float | int):
        return {_ONE: float(value)} if value else {}
    if isinstance(value, Module):
        return atom("name", value.name)
    raise Unreadable(f"{value} is no tensor")


def _whole(value: Value) -> int:
    if isinstance(value, float | int):
        return int(value)
    raise Unreadable(f"{value} is no number")


def called(module: str, *arguments: Value) -> Form:
    """What a module makes of values."""
    return atom("call", module, *map(frozen, arguments))


def part(whole: Value, number: int, which: int) -> Form:
    """One of the equal parts of a value."""
    return atom("part", number, which, frozen(whole))


def listed(parts: Sequence[Value], grown: bool) -> Form:
    """A list of forms; if it has grown, the first of them is the list that there was."""
    if not grown:
        return atom("listed", *map(frozen, parts))
    before, *more = parts
    if isinstance(before, dict) and len(before) == 1:
        ((key, _),) = before.items()
        if key[0] == "listed":
            return atom(*key, *map(frozen, more))
    return atom("listed", ("*", frozen(before)), *map(frozen, more))


def stacked(value: Value) -> Form:
    """All members of a list, as one tensor."""
    return atom("stack", frozen(value))


def _is_list(value: Value) -> bool:
    """Whether a value is a list, and no tensor made of its members."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((key, _),) = value.items()
    return key[0] in ("slot", "listed")


def same(a: Value, b: Value) -> bool:
    """Whether two values are equal, up to rounding."""
    if not isinstance(a, dict) or not isinstance(b, dict):
        return bool(a == b)
    return a.keys() == b.keys() and all(
        math.isclose(factor, b[key], rel_tol=1e-7) for key, factor in a.items()
    )


class Unreadable(Exception):
    """Code that no generated file has."""


class Reader:
    """Reads expressions of generated code.

    Args:
        names: what variables are; it grows with what is assigned.
        attributes: what ``self.name`` is.

    Attributes:
        calls: modules that were called, with their arguments, as often as they were.
    """

    def __init__(
        self, names: dict[str, Value], attributes: Mapping[str, Value]
    ) -> None:
        self.names, self.attributes = names, attributes
        self.calls: list[Atom] = []

    def text(self, text: str, **names: Value) -> Value:
        """The value of an expression, with more variables."""
        reader = Reader({**self.names, **names}, self.attributes)
        made = reader.value(ast.parse(text, mode="eval").body)
        self.calls += reader.calls
        return made

    def value(self, node: ast.AST) -> Value:
        """The value of an expression."""
        match node:
            case ast.Constant(value=(bool() | str() | None) as said):
                return said
            case ast.Constant():
                return float(node.value)  # type: ignore[arg-type]
            case ast.Name():
                return self.names.get(node.id, Module(node.id))
            case ast.Attribute(value=ast.Name(id="self")):
                return self.attributes.get(node.attr, Module(f"self.{node.attr}"))
            case ast.Attribute(value=ast.Name(id=name)) if name in self.names:
                return atom("attribute", node.attr, frozen(self.names[name]))
            case ast.Attribute():
                name = ast.unparse(node)
                return CONSTANTS.get(name) or Module(name)
            case ast.UnaryOp(op=ast.USub()):
                return multiply(-1.0, self.value(node.operand))
            case ast.BinOp():
                return self._operation(node)
            case ast.Call():
                return self._call(node)
            case ast.Subscript():
                return self._item(node)
            case ast.List(elts=[ast.Starred(value=older), *more]):
                return listed([self.value(older), *map(self.value, more)], True)
            case ast.List() if node.elts:
                return self._row(node)
            case ast.ListComp(
                generators=[ast.comprehension(target=ast.Name(id=name), ifs=[]) as loop]
            ):
                return self._each(node.elt, name, self.value(loop.iter))
            case ast.Tuple() | ast.List():
                return tuple(map(self.value, node.elts))
        return atom(type(node).__name__, *map(frozen, self._children(node)))

    def _row(self, node: ast.List) -> Value:
        """A list: of tensors, or of numbers, which are arguments of something."""
        parts = tuple(map(self.value, node.elts))
        tensors = all(isinstance(part, dict) for part in parts)
        return listed(parts, False) if tensors else parts

    def _each(self, made: ast.expr, name: str, whole: Value) -> Value:
        """What is made of each member, as made of all members at once."""
        member = stacked(whole) if _is_list(whole) else whole
        reader = Reader({**self.names, name: member}, self.attributes)
        value = reader.value(made)
        self.calls += reader.calls
        return Each(frozen(value), value)

    def _children(self, node: ast.AST) -> list[Value]:
        return [
            self.value(child)
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.expr)
        ]

    def _operation(self, node: ast.BinOp) -> Value:
        """A row of operators, from its left end: a long sum nests as deep as it is long."""
        row = [node]
        while isinstance(row[-1].left, ast.BinOp):
            row.append(row[-1].left)
        made = self.value(row[-1].left)
        for item in reversed(row):
            made = self._operated(item, made, self.value(item.right))
        return made

    def _operated(self, node: ast.BinOp, left: Value, right: Value) -> Value:
        match node.op:
            case ast.Add():
                return add(left, right)
            case ast.Sub():
                return add(left, right, -1.0)
            case ast.Mult():
                return multiply(left, right)
            case ast.Div() if isinstance(right, float | int):
                return multiply(1.0 / right, left)
            case ast.Div():
                return multiply(left, atom("inverse", frozen(right)))
            case ast.Pow() if isinstance(left, float) and isinstance(right, float):
                power: float = left**right
                return power
        return atom(type(node.op).__name__, frozen(left), frozen(right))

    def _call(self, node: ast.Call) -> Value:
        arguments = [self.value(item) for item in node.args]
        options = [(item.arg, frozen(self.value(item.value))) for item in node.keywords]
        if isinstance(node.func, ast.Attribute) and not _is_plain(node.func.value):
            # A method of what an expression makes.
            arguments.insert(0, self.value(node.func.value))
            name = f".{node.func.attr}"
        elif isinstance(node.func, ast.Attribute) and isinstance(
            held := self.value(node.func.value), dict | Pieces
        ):
            arguments.insert(0, held)
            name = f".{node.func.attr}"
        elif (
            isinstance(node.func, ast.Attribute)
            and node.func.attr == "view"
            and isinstance(held, float)
        ):
            return held  # axes of size one: a number for each member
        else:
            function = self.value(node.func)
            if not isinstance(function, Module):
                parts = map(frozen, (function, *arguments))
                return atom("call", *parts, *options)
            name = function.name
        if name == ".chunk":
            return Pieces(frozen(arguments[0]), _whole(arguments[1]))
        short = name.removeprefix("torch.").removeprefix("math.")
        if short in NUMBERS and all(isinstance(a, float | int) for a in arguments):
            return float(NUMBERS[short](*arguments))
        over = _over(name, arguments, dict(options))
        if over is not None:
            return over
        if name == "torch.cat" and isinstance(arguments[0], tuple):
            return atom("cat", *map(frozen, arguments[0]))
        if not options:
            made = called(name, *arguments)
            if name.startswith(("self.", "slot ", "shared ")):
                self.calls += made
            return made
        return atom("call", name, *map(frozen, arguments), *options)

    def _item(self, node: ast.Subscript) -> Value:
        held = self.value(node.value)
        if isinstance(held, Pieces):
            which = self.value(node.slice)
            return atom("part", held.number, _whole(which), held.whole)
        if isinstance(node.slice, ast.Tuple):
            return held  # axes of size one: a gate spreads over a grid
        return atom("item", frozen(held), ast.unparse(node.slice))


def _over(
    name: str, arguments: Sequence[Value], options: Mapping[str | None, Hashable]
) -> Value:
    """What is made over the members of a list, or across features; None if it is neither."""
    first = arguments[0] if arguments else None
    kept = {key: value for key, value in options.items() if key != "dim"}
    match name, len(arguments):
        case "torch.stack", 1 if not options:
            return first.form if isinstance(first, Each) else stacked(first)
        case "torch.tensordot", 2 if options == {"dims": 1.0}:
            if isinstance(first, float | int):
                return atom("over", "sum", frozen(multiply(first, arguments[1])))
        case "torch.softmax", 1 if options == {"dim": 0.0}:
            return atom("over", "softmax", frozen(first))
        case ".sum", 1 if options == {"dim": 0.0}:
            return atom("over", "sum", frozen(first))
        case ".sum", 1 if kept == {"keepdim": True} and options["dim"] != 0.0:
            return atom("across", "sum", frozen(first))
        case "torch.linalg.vector_norm", 1 if kept == {"keepdim": True}:
            return atom("across", "norm", frozen(first))
    return None


def _is_plain(node: ast.AST) -> bool:
    """Whether an expression is a name with dots."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)
