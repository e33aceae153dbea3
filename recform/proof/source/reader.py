"""Reads the Python of a generated file: what it makes of names, by running it on them.

Constructors make parts, with numbers as they are; forward passes make forms. What a
library makes or computes is a node with its name and its arguments.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from recform.proof.source.forms import Form, Made, Unreadable, add, kind_of
from recform.proof.source.library import NUMBERS, is_made, plain
from recform.proof.source.parts import (
    Asked,
    Each,
    Hole,
    Instance,
    Leaf,
    Method,
    Name,
    Options,
    Part,
    Pieces,
    Row,
    Value,
    call,
    tensor,
)

if TYPE_CHECKING:
    from recform.proof.source.file import File

#: Stands for the argument in the code of an operator or a function.
INPUT = "input_x"
#: How sums of members with weights are written, and where the axis of the weights is.
WEIGHED = {"...k,k...c->...c": -1, "bk...,kbc...->bc...": 1}
CONSTANTS = {"math.pi": math.pi, "math.e": math.e}
_CONTAINERS = ("nn.Sequential", "nn.ModuleList", "nn.ModuleDict")


class _Returned(Exception):
    """A function returns."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value


#: What a module can be asked for that the proof does not look at.
UNSEEN = ("modules", "named_modules", "parameters", "named_parameters")


def _is_python(node: ast.AST) -> bool:
    """Whether it is an expression that does not call parts of the file."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Call | ast.Lambda)
    return not isinstance(node, ast.Name | ast.Constant | ast.Attribute)


class Reader:
    """Reads the statements of one function.

    Args:
        file: where it stands.
        names: what variables are; it grows with what is assigned.
        kind: the class that the function is a method of, if it is one.

    Attributes:
        yielded: what it has shown so far, if it is a generator.
    """

    def __init__(
        self, file: File, names: dict[str, Value], kind: ast.ClassDef | None = None
    ) -> None:
        self._file, self._table, self._kind = file, file.table, kind
        self._names = names
        self.yielded: list[Value] | None = None

    # -- statements

    def run(self, statements: Sequence[ast.stmt]) -> Value:
        """Runs statements; returns what they return.

        Raises:
            Unreadable: if there is something that no generated file has.
        """
        try:
            for statement in statements:
                self._run(statement)
        except _Returned as returned:
            return returned.value
        return None

    def _run(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return
            case ast.Expr(value=ast.Yield(value=ast.expr() as made)):
                self.yielded = [*(self.yielded or []), self.value(made)]
            case ast.Expr():
                self.value(node.value)
            case ast.Assign(targets=[target]):
                self._assign(target, self.value(node.value))
            case ast.AnnAssign(value=ast.expr() as made):
                self._assign(node.target, self.value(made))
            case ast.AugAssign(target=ast.Name(id=name)):
                made = self._operated(
                    node, node.op, self._names[name], self.value(node.value)
                )
                self._names[name] = made
            case ast.Return():
                raise _Returned(None if node.value is None else self.value(node.value))
            case ast.If():
                for item in node.body if self._holds(node.test) else node.orelse:
                    self._run(item)
            case ast.For(orelse=[]):
                for item in self._each(self.value(node.iter)):
                    self._assign(node.target, item)
                    for inner in node.body:
                        self._run(inner)
            case _:
                raise Unreadable(ast.unparse(node))

    def _assign(self, target: ast.AST, value: Value) -> None:
        match target:
            case ast.Name():
                self._names[target.id] = value
            case ast.Attribute(value=ast.Name(id="self")):
                self._file.set(self._names["self"], target.attr, value)
            case ast.Attribute(attr="weight", value=ast.expr() as module):
                self._file.ties.append((self.value(module), value))
            case ast.Tuple():
                pieces = self._each(value, len(target.elts))
                if len(pieces) != len(target.elts):
                    raise Unreadable(f"{ast.unparse(target)} is {len(pieces)} values")
                for name, piece in zip(target.elts, pieces, strict=True):
                    self._assign(name, piece)
            case _:
                raise Unreadable(ast.unparse(target))

    def _each(self, value: Value, count: int = 0) -> Sequence[Value]:
        """What a loop runs through, or a tuple takes."""
        match value:
            case Row():
                return [item for _, item in value.items]
            case Pieces():
                return [value.part(self._table, k) for k in range(value.number)]
            case tuple() | list() | range():
                return value
            case dict() if count:  # a tensor along its first axis
                return [
                    self._table.atom("item", self._file.stands(value), k)
                    for k in range(count)
                ]
        raise Unreadable(f"a loop through {value}")

    def _holds(self, test: ast.expr) -> bool:
        value = self.value(test)
        if isinstance(value, dict | Part):
            raise Unreadable(f"if {ast.unparse(test)}")
        return bool(value)

    # -- expressions

    def value(self, node: ast.AST) -> Value:
        """The value of an expression.

        What Python makes of names alone is of its own kind, with all that is in it: an
        operator of a plugin may be any expression.

        Raises:
            Unreadable: if there is something that no generated file has.
        """
        before = self._file.count
        try:
            return self._value(node)
        except (LookupError, TypeError, Unreadable):
            if not _is_python(node):
                raise
            # All that is in it is read again, and runs once.
            self._file.forget(before)
            return self._other(node)

    def _value(self, node: ast.AST) -> Value:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name(id=name):
                return self._names[name] if name in self._names else Name(name)
            case ast.Attribute(attr="weight", value=ast.expr() as module) if isinstance(
                held := self.value(module), Leaf
            ):
                return held
            case ast.Attribute():
                return self._attribute(self.value(node.value), node.attr)
            case ast.Call():
                return self._call(node)
            case ast.BinOp():
                return self._operation(node)
            case ast.UnaryOp(op=ast.USub()):
                return self._table.multiply(-1, self._number(node.operand))
            case ast.UnaryOp(op=ast.Not()):
                return not self._holds(node.operand)
            case ast.NamedExpr(target=target):
                self._assign(target, value := self.value(node.value))
                return value
            case ast.Subscript():
                return self._item(self.value(node.value), node.slice)
            case ast.Tuple():
                return tuple(self._elements(node.elts))
            case ast.List(elts=[ast.Starred(value=older), *more]):
                before = self.value(older)
                if isinstance(before, Each):
                    before = self._table.each(before.form)
                if isinstance(before, dict | list):
                    members = [before, *self._elements(more)]
                    return self._table.listed(members, grown=True)
                return self._elements(node.elts)
            case ast.List():
                return self._elements(node.elts)
            case ast.ListComp() | ast.GeneratorExp():
                return self._comprehension(node, list(node.generators))
            case ast.JoinedStr():
                return "".join(
                    str(self.value(part.value))
                    if isinstance(part, ast.FormattedValue)
                    else str(self.value(part))
                    for part in node.values
                )
            case ast.IfExp():
                return self.value(node.body if self._holds(node.test) else node.orelse)
            case ast.BoolOp():
                return self._either(node)
            case ast.Compare(ops=[how], comparators=[other]):
                return self._compared(
                    node, how, self.value(node.left), self.value(other)
                )
            case ast.Dict():
                keys = (self.value(key) for key in node.keys if key is not None)
                return tuple(zip(keys, map(self.value, node.values), strict=True))
        return self._other(node)

    def _other(self, node: ast.AST) -> Form:
        """What is of its own kind, with all that is in it."""
        parts: list[Any] = [type(node).__name__]
        for name, field_ in ast.iter_fields(node):
            for item in field_ if isinstance(field_, list) else [field_]:
                if isinstance(item, ast.expr):
                    parts += (name, self._file.stands(self.value(item)))
                elif isinstance(item, ast.AST):
                    parts += (name, ast.dump(item))
                else:
                    parts += (name, item)
        return self._table.atom(*parts)

    def _number(self, node: ast.AST) -> Value:
        """A form or a number; a parameter is a form."""
        value = self.value(node)
        return tensor(self._file, value) if isinstance(value, Leaf) else value

    def _elements(self, nodes: Sequence[ast.expr]) -> list[Value]:
        found: list[Value] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                found += self._each(self.value(node.value))
            else:
                found.append(self.value(node))
        return found

    def _run_over(self, over: ast.expr) -> Value:
        """What a loop runs over; any member, where it is a list or several side by side.

        All is read once: what makes modules makes others each time.
        """
        match over:
            case ast.Call(func=ast.Name(id="zip"), args=[_, _, *_] as lists):
                values = list(map(self.value, lists))
                if all(map(_has_members, values)):
                    return Each(tuple(map(self._member, values)))
                return list(zip(*map(self._each, values), strict=False))
        whole = self.value(over)
        return Each(self._member(whole)) if _has_members(whole) else whole

    def _member(self, whole: Any) -> Form:
        """Any member of a list, or of what is made of the members of one."""
        is_list = isinstance(whole, list) or kind_of(whole) in ("slot", "listed")
        return self._table.stacked(whole) if is_list else whole

    def _comprehension(
        self, node: ast.ListComp | ast.GeneratorExp, loops: list[ast.comprehension]
    ) -> Any:
        if not loops:
            return [self.value(node.elt)]
        loop, rest = loops[0], loops[1:]
        if loop.ifs:
            raise Unreadable(ast.unparse(node))
        inner = Reader(self._file, dict(self._names))
        whole = self._run_over(loop.iter)
        if isinstance(whole, Each):
            # What is made of each member is made of all of them at once.
            inner._assign(loop.target, whole.form)
            return Each(inner.value(node.elt))
        found: list[Value] = []
        for item in self._each(whole):
            inner._assign(loop.target, item)
            found += inner._comprehension(node, rest)
        return found

    def _either(self, node: ast.BoolOp) -> bool:
        wanted = isinstance(node.op, ast.Or)
        return (
            wanted if any(self._holds(n) is wanted for n in node.values) else not wanted
        )

    def _compared(self, node: ast.Compare, how: ast.cmpop, a: Value, b: Value) -> Value:
        if b is None and isinstance(how, ast.Is | ast.IsNot):
            return (a is None) == isinstance(how, ast.Is)
        known = not any(isinstance(item, dict | Part) for item in (a, b))
        if known and type(how) in _COMPARED:
            return _COMPARED[type(how)](a, b)
        return self._other(node)

    def _attribute(self, held: Value, name: str) -> Value:
        match held:
            case Instance():
                return self._file.attribute(held, name)
            case Row() if name in ("children", "values", *UNSEEN):
                return Asked(name, held)
            case Name():
                text = f"{held.text}.{name}"
                return CONSTANTS.get(text) or Name(text)
        return self._table.atom("attribute", name, self._file.stands(held))

    def _operation(self, node: ast.BinOp) -> Value:
        """A row of operators, from its left end: a long sum nests as deep as it is long."""
        row = [node]
        while isinstance(row[-1].left, ast.BinOp):
            row.append(row[-1].left)
        made = self._number(row[-1].left)
        for item in reversed(row):
            made = self._operated(item, item.op, made, self._number(item.right))
        return made

    def _operated(
        self, node: ast.AST, how: ast.operator, left: Value, right: Value
    ) -> Value:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        match how:
            case ast.Add() if isinstance(left, tuple | list | str):
                return left + right
            case ast.Add():
                return add(left, right)
            case ast.Sub():
                return add(left, right, -1)
            case ast.Mult():
                return self._table.multiply(left, right)
            case ast.Div() if isinstance(right, float | int):
                return (
                    left / right if numbers else self._table.multiply(1 / right, left)
                )
            case ast.Div() if isinstance(right, dict):
                inverse = self._table.atom("inverse", self._file.stands(right))
                return self._table.multiply(left, inverse)
            case ast.FloorDiv() if numbers:
                return left // right
            case ast.Mod() if numbers:
                return left % right
            case ast.Pow() if numbers:
                return left**right
        stands = self._file.stands
        if isinstance(how, ast.Div):
            # A quotient of tensors is a product with one over the divisor.
            over = self._table.atom("Div", stands(1.0), stands(right))
            return self._table.multiply(left, over)
        return self._table.atom(type(how).__name__, stands(left), stands(right))

    def _item(self, held: Value, place: ast.expr) -> Value:
        match held:
            case Pieces():
                return held.part(self._table, int(self.value(place)))
            case Row():
                return held.at(self._place(place))
            case tuple() | list():
                return held[self._place(place)]
        items = place.elts if isinstance(place, ast.Tuple) else [place]
        found = tuple(map(self._axis, items))
        if isinstance(place, ast.Tuple) and all(axis is None for axis in found):
            return (
                held  # all of each axis, or one of size one: a gate spreads over a grid
            )
        return self._table.atom("item", self._file.stands(held), found)

    def _place(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Slice):
            ends = [
                None if e is None else self.value(e) for e in (node.lower, node.upper)
            ]
            return slice(*ends)
        return self.value(node)

    def _axis(self, node: ast.expr) -> Any:
        """What is taken of an axis; None for all of it, and for a new one."""
        if not isinstance(node, ast.Slice):
            return self._file.stands(self.value(node))
        ends = tuple(
            None if end is None else self._file.stands(self.value(end))
            for end in (node.lower, node.upper, node.step)
        )
        return (
            None
            if ends in ((None, None, None), (None, None, 1.0))
            else ("slice", *ends)
        )

    # -- calls

    def _call(self, node: ast.Call) -> Value:
        match node.func:
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr=name):
                above = self._file.above(self._names["self"], self._kind, name)
                if above is None:
                    return None
                function: Value = above
            case ast.Attribute():
                held = self.value(node.func.value)
                if isinstance(held, Instance | Row | Name):
                    function = self._attribute(held, node.func.attr)
                else:  # a method of what an expression makes
                    return self._method(node, held, node.func.attr)
            case _:
                function = self.value(node.func)
        arguments = self._elements(node.args)
        options = {k.arg: self.value(k.value) for k in node.keywords if k.arg}
        return self.called(function, arguments, options)

    def _method(self, node: ast.Call, held: Value, name: str) -> Value:
        arguments = self._elements(node.args)
        options = {k.arg: self.value(k.value) for k in node.keywords if k.arg}
        match held, name, arguments:
            case list(), "append", [value]:
                held.append(value)
                return None
            case list(), "pop", []:
                self._file.popped.append(held)
                return held.pop()
            case ((int() | float()), "view", _):
                return held  # axes of size one: a number for each member
            case Hole(), "last", values:
                return self._file.last(values)
            case Hole(), "keep", values:
                return self._file.keep(values)
            case _, "new_zeros", _:
                return 0.0
        if name == "chunk" and isinstance(arguments[0], int):
            axis = self._file.stands(options.get("dim", 0))
            return Pieces(self._file.stands(held), arguments[0], axis)
        return self._library(f".{name}", [held, *arguments], options)

    def called(
        self, function: Value, arguments: Sequence[Value], options: Options
    ) -> Value:
        """What a call makes."""
        match function:
            case Method():
                return self._file.body(function, arguments, options)
            case Asked():
                return self._asked(function, arguments)
            case Name():
                return self._named(function.text, arguments, options)
        if options:
            raise Unreadable(f"a module gets {', '.join(options)}")
        return call(self._file, function, arguments)

    def _asked(self, asked: Asked, arguments: Sequence[Value]) -> Value:
        match asked:
            case Asked(
                name="get_submodule" | "get_parameter", owner=Instance() as held
            ):
                value: Value = held
                for name in str(arguments[0]).removesuffix(".weight").split("."):
                    if isinstance(value, Row):
                        value = value.at(name)
                    else:
                        value = self._file.attribute(value, name)
                return value
            case Asked(name="children" | "values", owner=Row() as row):
                return tuple(item for _, item in row.items)
        return ()

    def _named(self, name: str, arguments: Sequence[Value], options: Options) -> Value:
        """What a name makes that is no variable: of the file, of Python, of a library."""
        defined = self._file.definitions.get(name)
        if isinstance(defined, ast.ClassDef):
            return self._file.instance(defined, arguments, options)
        if isinstance(defined, ast.FunctionDef):
            return self._file.body(Method(defined), arguments, options)
        match name, *arguments:
            case ["range", dict() as length] if _is_length(length):
                return range(self._file.said.positions)
            case ["range", *ends]:
                return range(*ends)
            case [
                "OrderedDict" | "tuple" | "list" as kind,
                (tuple() | list()) as items,
            ]:
                return Row(tuple(items)) if kind == "OrderedDict" else items
            case ["len", (tuple() | list() | Row()) as held]:
                return len(self._each(held))
            case ["enumerate", (tuple() | list() | Row()) as held]:
                return tuple(enumerate(self._each(held)))
            case ["torch.zeros_like", _]:
                return 0.0
            case ["zip", *rows]:
                return tuple(zip(*map(self._each, rows), strict=False))
        if name in _CONTAINERS:
            return _container(name, arguments)
        return self._library(name, arguments, options)

    def _over(self, name: str, arguments: Sequence[Value], options: Options) -> Value:
        """What is made over the members of a list, or across features; else None."""
        table, stands = self._table, self._file.stands
        match name, [*arguments], dict(options):
            case "torch.stack", [Each() as each], {**rest} if not rest:
                return each.form
            case "torch.stack", [value], {**rest} if not rest:
                return table.stacked(value)
            case "torch.tensordot", [(int() | float()) as number, whole], {"dims": 1}:
                return table.atom("over", "sum", stands(table.multiply(number, whole)))
            case "torch.einsum", [str() as how, weights, whole], {**rest} if not rest:
                if how in WEIGHED:
                    given = table.dealt(stands(weights), WEIGHED[how])
                    product = table.multiply(given, whole)
                    return table.atom("over", "sum", stands(product))
            case "torch.softmax", [value], {"dim": 0}:
                return table.atom("over", "softmax", stands(value))
            case ".sum", [value], {"dim": 0, **rest} if not rest:
                return table.atom("over", "sum", stands(value))
            case ".sum", [value], {"dim": int() as axis, "keepdim": True}:
                return table.atom("across", "sum", stands(axis), stands(value))
            case "torch.linalg.vector_norm", [value], {"dim": int() as axis, **rest}:
                if rest == {"keepdim": True}:
                    return table.atom("across", "norm", stands(axis), stands(value))
        return None

    def _library(
        self, name: str, arguments: Sequence[Value], options: Options
    ) -> Value:
        if name.startswith("nn.functional."):
            name = f"F.{name.removeprefix('nn.functional.')}"
        short = name.removeprefix("torch.").removeprefix("math.")
        if short in NUMBERS and all(isinstance(a, float | int) for a in arguments):
            return NUMBERS[short](*arguments)
        over = self._over(name, arguments, options)
        if over is not None:
            return over
        stands = self._file.stands
        if name == "F.dropout":
            return self._file.dropped(arguments[0], stands(arguments[1]))
        if name == "torch.cat" and isinstance(arguments[0], tuple):
            axis = stands(options.get("dim", 0))
            return self._table.atom("cat", axis, *map(stands, arguments[0]))
        if name == ".flatten" and (whole := _pooled(arguments)) is not None:
            return self._table.atom(*whole)
        parts, more = plain(
            name,
            [stands(item) for item in arguments],
            {key: stands(item) for key, item in options.items()},
            self._file.said.defaults.get(name, {}),
        )
        named = tuple(sorted(more.items()))
        if is_made(name) or name in self._file.said.makers:
            made = Made((name, *parts, *named))
            self._file.made.append(made)
            return Leaf(made)
        return self._table.atom("call", name, *parts, *named)


def _is_length(value: Form) -> bool:
    """Whether this is how many positions there are: ``x.shape[1]``."""
    if kind_of(value) != "item":
        return False
    (node,) = value
    _, held, place = node.parts
    (shape,) = held.parts[1] if held.parts[0] == "sum" else ((held, 1.0),)
    return bool(shape[0].parts[:2] == ("attribute", "shape") and place == (1.0,))


def _pooled(arguments: Sequence[Value]) -> tuple[Any, ...] | None:
    """A mean or a maximum over a grid that is kept and flattened, as one that is not."""
    match arguments:
        case [dict() as pooled, 1] if list(pooled.values()) == [1.0]:
            (node,) = pooled
            match node.parts:
                case ("call", ".mean" | ".amax", _, _, ("keepdim", True)):
                    return tuple(node.parts[:-1])
    return None


def _container(name: str, arguments: Sequence[Value]) -> Row:
    match arguments:
        case [Row() as row]:
            return row
        case [(tuple() | list()) as items] if name != "nn.Sequential":
            if name == "nn.ModuleDict":
                return Row(tuple(items))
            arguments = items
    return Row(tuple((str(number), item) for number, item in enumerate(arguments)))


_COMPARED: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


def _has_members(value: Value) -> bool:
    """Whether a value is a list of forms, or a form that may be one for each member."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict)
