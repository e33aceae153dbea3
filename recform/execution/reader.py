"""Reads the Python of a generated file: what its expressions make of names.

Constructors make parts, with numbers as they are; forward passes make forms. What a
library makes or computes is a node with its name and its arguments.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeGuard

from recform.execution.calls import Calls
from recform.execution.forms import (
    WHOLE,
    Changed,
    Drawn,
    Form,
    Unreadable,
    add,
    kind_of,
)
from recform.execution.library import COMPARED, CONSTANTS, check_whole, is_plain
from recform.execution.numbers import row
from recform.execution.parts import (
    Asked,
    Each,
    Instance,
    Leaf,
    Name,
    Options,
    Part,
    Pieces,
    Row,
    Value,
    tensor,
)
from recform.execution.rows import MEMBER, Items, grows_steadily, joined

if TYPE_CHECKING:
    from recform.execution.file import File

#: Stands for the argument in the code of an operator or a function.
INPUT = "input_x"

#: What a module can be asked for that the proof does not look at.
UNSEEN = ("modules", "named_modules", "parameters", "named_parameters")


#: Methods that add to a tensor in place, and the sign of what they add.
CHANGES = {"add_": 1, "sub_": -1}


def _is_change(node: ast.expr) -> TypeGuard[Any]:
    """Whether it is a tensor to which something was added in place."""
    match node:
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in CHANGES
    return False


def _is_python(node: ast.AST) -> bool:
    """Whether it is an expression that does not call parts of the file."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Call | ast.Lambda)
    return not isinstance(node, ast.Name | ast.Constant | ast.Attribute)


class Reader:
    """Reads expressions of one function.

    Args:
        file: where it stands.
        names: what variables are; it grows with what is assigned.
        kind: the class that the function is a method of, if it is one.
    """

    def __init__(
        self, file: File, names: dict[str, Value], kind: ast.ClassDef | None = None
    ) -> None:
        self._file, self._table, self._kind = file, file.table, kind
        self._calls = Calls(file)
        self._names = names

    def _assign(self, target: ast.AST, value: Value) -> None:
        match target:
            case ast.Name():
                self._names[target.id] = self._noted(value)
            case ast.Attribute(value=ast.Name(id="self")):
                self._file.set(self._names["self"], target.attr, value)
            case ast.Attribute(attr="weight", value=ast.expr() as module):
                self._file.ties.append((self.value(module), value))
            case ast.Tuple():
                pieces = self._calls.each(value, len(target.elts))
                if len(pieces) != len(target.elts):
                    raise Unreadable(f"{ast.unparse(target)} is {len(pieces)} values")
                for name, piece in zip(target.elts, pieces, strict=True):
                    self._assign(name, piece)
            case _:
                raise Unreadable(ast.unparse(target))

    def _noted(self, value: Value) -> Value:
        """A value that is kept; a name that nothing has given a value is asked for."""
        if isinstance(value, Name):
            self._file.asked.add(value.text)
        return value

    def _holds(self, test: ast.expr) -> bool:
        value = self.value(test)
        if isinstance(value, dict | Part | Drawn):
            raise Unreadable(f"if {ast.unparse(test)}")
        return bool(value)

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
        except (LookupError, TypeError, Unreadable) as error:
            if isinstance(error, Changed) or not _is_python(node):
                raise
            # All that is in it is read again, and runs once.
            self._file.forget(before)
            return self._other(node)

    def _value(self, node: ast.AST) -> Value:
        match node:
            case ast.Constant():
                return node.value
            case ast.Name(id=name):
                value = self._names[name] if name in self._names else Name(name)
                self._file.overwritten.check(value)
                return value
            case ast.Attribute(attr="weight", value=ast.expr() as module) if isinstance(
                held := self.value(module), Leaf
            ):
                return held
            case ast.Attribute():
                value = self._attribute(self.value(node.value), node.attr)
                self._file.overwritten.check(value)
                return value
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
                return joined([self._calls.each(before), self._elements(more)])
            case ast.List():
                return self._elements(node.elts)
            case ast.ListComp() | ast.GeneratorExp():
                return self._comprehension(node, list(node.generators))
            case ast.JoinedStr():
                return "".join(map(self._word, node.values))
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
                elif isinstance(item, ast.arguments | ast.comprehension | ast.keyword):
                    parts += (name, self._file.stands(self._other(item)))
                elif isinstance(item, ast.AST):
                    parts += (name, ast.dump(item))
                else:
                    parts += (name, item)
        return self._table.atom(*parts)

    def _number(self, node: ast.AST) -> Value:
        """A form or a number; a parameter is a form."""
        value = self.value(node)
        return tensor(self._file, value) if isinstance(value, Leaf) else value

    def _word(self, node: ast.expr) -> str:
        """A part of a text with values in it; what these are as words is known of few."""
        value = self.value(node.value if isinstance(node, ast.FormattedValue) else node)
        if not is_plain(value):
            raise Unreadable(ast.unparse(node))
        return str(value)

    def _elements(self, nodes: Sequence[ast.expr]) -> Sequence[Value]:
        found: list[Sequence[Value]] = [[]]
        for node in nodes:
            if isinstance(node, ast.Starred):
                found += [self._calls.each(self.value(node.value)), []]
            else:
                found[-1].append(self._noted(self.value(node)))  # type: ignore[attr-defined]
        return joined(found) if found[1:] else found[0]

    def _run_over(self, over: ast.expr) -> Value:
        """What a loop runs over; any member, where it is a list or several side by side.

        All is read once: what makes modules makes others each time.
        """
        match over:
            case ast.Call(
                func=ast.Name(id="zip"),
                args=[_, _, *_] as lists,
                keywords=[ast.keyword(arg="strict", value=ast.Constant(value=True))],
            ):
                values = list(map(self.value, lists))
                if all(map(_has_members, values)):
                    return Each(tuple(map(self._member, values)))
                return list(zip(*map(self._calls.each, values), strict=False))
        whole = self.value(over)
        return Each(self._member(whole)) if _has_members(whole) else whole

    def _member(self, whole: Any) -> Form:
        """Any member of a list, or of what is made of the members of one."""
        is_list = isinstance(whole, list) or kind_of(whole) in ("slot", "listed")
        return self._table.member(self._table.stacked(whole) if is_list else whole)

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
            # What is made of any member is made of each of them.
            inner._assign(loop.target, whole.form)
            return Each(inner.value(node.elt))
        if not rest and (blocks := self._blocks(node.elt, loop.target, whole)):
            return blocks
        found: list[Value] = []
        for item in self._calls.each(whole):
            inner._assign(loop.target, item)
            found += inner._comprehension(node, rest)
            if not rest and len(found) == 1:
                at = (loop.target, whole, self._names, self._file.definitions)
                if numbers := row(node.elt, *at):
                    return numbers
        return found

    def _blocks(self, made: ast.expr, letter: ast.expr, whole: Value) -> Items | None:
        """Blocks that differ in numbers that grow steadily; None if it is not so."""
        blocks = self._file.blocks
        names = frozenset() if blocks is None else blocks.names - self._names.keys()
        match made, letter, whole:
            case ast.Call(func=ast.Name(id=kind)), ast.Name(id=name), range() if (
                kind in names and grows_steadily(made)
            ):
                member = self._table.node(MEMBER)
                inner = Reader(self._file, {**self._names, name: {member: 1.0}})
                return self._file.row(kind, *inner._given(made), member, whole)
        return None

    def _either(self, node: ast.BoolOp) -> bool:
        wanted = isinstance(node.op, ast.Or)
        return (
            wanted if any(self._holds(n) is wanted for n in node.values) else not wanted
        )

    def _compared(self, node: ast.Compare, how: ast.cmpop, a: Value, b: Value) -> Value:
        if b is None and isinstance(how, ast.Is | ast.IsNot):
            return (a is None) == isinstance(how, ast.Is)
        if is_plain((a, b)) and type(how) in COMPARED:
            return COMPARED[type(how)](a, b)
        return self._other(node)

    def _attribute(self, held: Value, name: str) -> Value:
        match held:
            case Instance():
                value = self._file.attribute(held, name)
                # What the file does not have is torch's, and may change the module.
                if value == Name(f"self.{name}") and name != "training":
                    raise Changed(f"{held.kind.name} asks itself for {name}")
                return value
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
        if not numbers:
            check_whole(left, right)
        match how:
            case ast.Add() if isinstance(left, tuple | list | str):
                return left + right
            case ast.Add():
                return self._file.overwritten.computed(add(left, right))
            case ast.Sub():
                return self._file.overwritten.computed(add(left, right, -1))
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
            case int() | float():
                raise Unreadable(f"{ast.unparse(place)} is taken of a number")
        items = place.elts if isinstance(place, ast.Tuple) else [place]
        found = tuple(map(self._axis, items))
        if isinstance(place, ast.Tuple) and set(found) <= {WHOLE, None}:
            held = tensor(self._file, held) if isinstance(held, Leaf) else held
            return self._table.spread(held, tuple(axis is None for axis in found))
        return self._table.atom("item", self._file.stands(held), found)

    def _place(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Slice):
            ends = [
                None if e is None else self.value(e)
                for e in (node.lower, node.upper, node.step)
            ]
            return slice(*ends)
        return self.value(node)

    def _axis(self, node: ast.expr) -> Any:
        """What is taken of an axis: WHOLE for all of it, and None for a new one."""
        if not isinstance(node, ast.Slice):
            value = self.value(node)
            return None if value is None else self._file.stands(value)
        ends = tuple(
            None if end is None else self._file.stands(self.value(end))
            for end in (node.lower, node.upper, node.step)
        )
        return (
            WHOLE
            if ends in ((None, None, None), (None, None, 1.0))
            else ("slice", *ends)
        )

    # -- calls

    def _call(self, node: ast.Call) -> Value:
        match node.func:
            case ast.Attribute(
                value=ast.Call(func=ast.Name(id="super"), args=[], keywords=[]),
                attr=name,
            ):
                above = self._file.above(self._names["self"], self._kind, name)
                if above is None and not node.args and not node.keywords:
                    return None
                function: Value = above
            case ast.Attribute():
                held = self.value(node.func.value)
                if (sign := CHANGES.get(node.func.attr)) is not None:
                    return self._changed(node, node.func.value, held, sign)
                if not isinstance(held, Name) and node.func.attr.endswith("_"):
                    raise Changed(ast.unparse(node))
                if not isinstance(held, Instance | Row | Name):
                    return self._calls.method(held, node.func.attr, *self._given(node))
                function = self._attribute(held, node.func.attr)
            case _:
                function = self.value(node.func)
        return self._calls.made(function, *self._given(node))

    def _changed(
        self, node: ast.Call, target: ast.expr, held: Value, sign: int
    ) -> Value:
        """A tensor to which another one is added in place."""
        if not _is_change(target):
            self._file.overwritten.add(held)
        match self._given(node):
            case [other], {**options} if not options:
                made = self._file.overwritten.computed(add(held, other, sign))
            case _:
                raise Unreadable(ast.unparse(node))
        while _is_change(target):
            target = target.func.value
        if isinstance(target, ast.Name):
            self._names[target.id] = made
        return made

    def _given(self, node: ast.Call) -> tuple[Sequence[Value], Options]:
        """What a call gives, and what it gives by name."""
        arguments = self._elements(node.args)
        # Of what the file defines it is an argument like others; torch writes into it.
        own = isinstance(node.func, ast.Name) and node.func.id in self._file.definitions
        if not own and any(word.arg == "out" for word in node.keywords):
            raise Changed(ast.unparse(node))
        return arguments, {k.arg: self.value(k.value) for k in node.keywords if k.arg}


def _has_members(value: Value) -> bool:
    """Whether a value is a list of forms, or a form that may be one for each member."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) for item in value)
    return isinstance(value, dict)
