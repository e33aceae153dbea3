"""Breaks long statements as ruff format does.

A statement is parsed, made a tree of texts, groups and possible line breaks, and printed
in the manner of Oppen and Wadler: a group stays on its line if it fits there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass

_FLAT, _BROKEN = False, True


@dataclass(frozen=True)
class _Break:
    """A possible line break: ``flat`` if there is none, ``before`` it if there is one."""

    flat: str = ""
    before: str = ""


@dataclass(frozen=True)
class _Group:
    """What is broken together."""

    parts: tuple[_Doc, ...]


@dataclass(frozen=True)
class _Indent:
    """One level more, if its group is broken."""

    parts: tuple[_Doc, ...]


#: The comma behind the last of several arguments, where each has a line.
_Comma = _Break(before=", ")

_Doc = str | _Break | _Group | _Indent
_Item = tuple[int, bool, _Doc]


def wrap(text: str, width: int, comment: str = "") -> list[str]:
    """A statement as lines no longer than ``width``, where that can be done.

    A plugin may write any Python: what would not be the same statement stays on its line.
    """
    suffix = f"  # {comment}" if comment else ""
    if len(text) + len(suffix) > width:
        lines = _broken(text, width, suffix)
        if _means("\n".join(lines)) == _means(text):
            return lines
    return [text + suffix]


def _means(statement: str) -> str:
    """What Python reads; empty if it reads nothing."""
    try:
        return ast.dump(ast.parse(statement))
    except SyntaxError:
        return ""


def _broken(text: str, width: int, suffix: str) -> list[str]:
    head, value = _cut(text)
    tree = ast.parse(value, mode="eval").body
    doc = _Docs(value).value(tree)
    if not isinstance(tree, ast.BinOp):
        return _printed((head, doc, suffix), width)
    if _can_omit(tree):
        # The brackets of a call at one end are enough, if what is before them fits.
        lines = _printed((head, *_Docs(value).flat_sum(tree), suffix), width)
        if len(lines) > 1 and len(lines[0]) <= width:
            return lines
    return _printed((head, _bracketed("(", (doc,), ")"), suffix), width)


def _cut(text: str) -> tuple[str, str]:
    """A statement's target, and its value."""
    if text.startswith("return "):
        return "return ", text[len("return ") :]
    statement = ast.parse(text).body[0]
    value = statement.value  # type: ignore[attr-defined]
    return text[: value.col_offset], text[value.col_offset :]


def _bracketed(start: str, parts: Iterable[_Doc], end: str) -> _Group:
    return _Group((start, _Indent((_Break(), *parts)), _Break(), end))


class _Docs:
    """Documents of the expressions of a line."""

    def __init__(self, source: str) -> None:
        # A line, in which the parser counts bytes.
        self._source = source.encode()

    def value(self, node: ast.expr) -> _Doc:
        """An expression, without brackets around it."""
        match node:
            case ast.Call():
                return _Group((self._callee(node.func), *self._arguments(node)))
            case ast.List():
                return self._items("[", node.elts, "]")
            case ast.Dict():
                return self._entries(node)
            case ast.Tuple() if self._text(node).startswith("("):
                return self._items("(", node.elts, ")", comma=len(node.elts) == 1)
            case ast.ListComp():
                loop = self._text(node)[len("[" + self._text(node.elt)) + 1 : -1]
                return _bracketed("[", (self.value(node.elt), _Break(" "), loop), "]")
            case ast.Starred():
                return _Group(("*", self.value(node.value)))
            case ast.BinOp(op=ast.Pow()) if " ** " not in self._text(node):
                return self._text(node)  # a power of a name has no spaces
            case ast.BinOp():
                return _Group(tuple(self._operands(node)))
            case ast.Subscript() | ast.Attribute() if isinstance(
                node.value, ast.Call | ast.Subscript
            ):
                rest = self._text(node)[len(self._text(node.value)) :]
                return _Group((self.value(node.value), rest))
        return self._text(node)

    def flat_sum(self, node: ast.BinOp) -> list[_Doc]:
        """A sum whose own operators stay on their lines."""
        return [_flattened(part) for part in self._operands(node)]

    def _text(self, node: ast.expr) -> str:
        return self._source[node.col_offset : node.end_col_offset].decode()

    def _callee(self, node: ast.expr) -> _Doc:
        return self.value(node) if isinstance(node, ast.Attribute) else self._text(node)

    def _arguments(self, node: ast.Call) -> tuple[_Doc, ...]:
        arguments = [self.value(argument) for argument in node.args]
        for keyword in node.keywords:
            arguments.append(_Group((f"{keyword.arg}=", self.value(keyword.value))))
        if not arguments:
            return ("()",)
        # One argument has no comma after it; several share a line if they fit there.
        comma = "," if len(arguments) > 1 else ""
        return ("(", _Indent((_Break(), self._joined(arguments, comma))), _Break(), ")")

    def _items(
        self, start: str, nodes: list[ast.expr], end: str, *, comma: bool = False
    ) -> _Doc:
        parts: list[_Doc] = []
        for number, node in enumerate(nodes):
            parts += [",", _Break(" ")] if number else []
            parts.append(self.value(node))
        # A tuple of one has its comma on one line as well.
        close = _Break("," if comma else "", ",")
        return _Group((start, _Indent((_Break(), *parts)), close, end))

    def _entries(self, node: ast.Dict) -> _Doc:
        parts: list[_Doc] = []
        for number, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
            parts += [",", _Break(" ")] if number else []
            assert key is not None
            parts.append(_Group((f"{self._text(key)}: ", self.value(value))))
        return _Group(("{", _Indent((_Break(), *parts)), _Break(before=","), "}"))

    def _joined(self, items: list[_Doc], comma: str) -> _Doc:
        parts: list[_Doc] = []
        for number, item in enumerate(items):
            parts += [",", _Break(" ")] if number else []
            parts.append(item)
        return _Group((*parts, _Comma)) if comma else _Group(tuple(parts))

    def _operands(self, node: ast.BinOp) -> list[_Doc]:
        """Operands of one precedence, a break in front of each operator but the first."""
        left: list[_Doc]
        bracket = node.left.col_offset > node.col_offset
        if isinstance(node.left, ast.BinOp) and not bracket and _same(node.left, node):
            left = self._operands(node.left)
        else:
            left = [self._operand(node.left, bracket)]
        bracket = (node.right.end_col_offset or 0) < (node.end_col_offset or 0)
        sign = _SIGNS[type(node.op)]
        return [*left, _Break(" "), f"{sign} ", self._operand(node.right, bracket)]

    def _operand(self, node: ast.expr, bracket: bool) -> _Doc:
        return (
            _bracketed("(", (self.value(node),), ")") if bracket else self.value(node)
        )


def _flattened(doc: _Doc) -> _Doc:
    """A term without breaks around its operators; those inside of brackets stay."""
    if isinstance(doc, _Break):
        return doc.flat
    if isinstance(doc, _Group) and any(isinstance(p, _Indent) for p in doc.parts):
        return doc
    return _Group(tuple(map(_flattened, doc.parts))) if isinstance(doc, _Group) else doc


#: How operators are written, those that bind strongest first.
_RANKS: tuple[dict[type[ast.operator], str], ...] = (
    {ast.Pow: "**"},
    {ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.MatMult: "@"},
    {ast.Add: "+", ast.Sub: "-"},
    {ast.LShift: "<<", ast.RShift: ">>"},
    {ast.BitAnd: "&"},
    {ast.BitXor: "^"},
    {ast.BitOr: "|"},
)
_SIGNS = {kind: sign for rank in _RANKS for kind, sign in rank.items()}


def _rank(node: ast.BinOp) -> int:
    return next(n for n, rank in enumerate(_RANKS) if type(node.op) in rank)


def _same(a: ast.BinOp, b: ast.BinOp) -> bool:
    return _rank(a) == _rank(b)


def _can_omit(node: ast.BinOp) -> bool:
    """Whether ruff breaks inside of a sum's brackets rather than around it.

    It does so if there is one operator of the lowest rank, and a bracket at an end.
    """
    count = 0
    top = _rank(node)
    first: ast.expr = node
    while isinstance(first, ast.BinOp):
        count += _rank(first) == top
        if first.left.col_offset > first.col_offset:
            return count == 1
        first = first.left
    last: ast.expr = node
    bracketed = False
    while isinstance(last, ast.BinOp) and not bracketed:
        bracketed = (last.right.end_col_offset or 0) < (last.end_col_offset or 0)
        last = last.right
    ends = bracketed or (isinstance(last, ast.Call) and bool(last.args))
    return count == 1 and ends


# ---------------------------------------------------------------- printing


def _printed(parts: tuple[_Doc, ...], width: int) -> list[str]:
    """The lines of a document; the outermost level is broken."""
    lines: list[str] = []
    current = ""
    stack: list[_Item] = [(0, _BROKEN, part) for part in reversed(parts)]
    while stack:
        level, broken, doc = stack.pop()
        match doc:
            case str():
                current += doc
            case _Group():
                flat = _fits(doc, stack, width - len(current))
                stack += _pushed(doc.parts, level, not flat)
            case _Indent():
                stack += _pushed(doc.parts, level + broken, broken)
            case _Break():
                if not broken:
                    current += doc.flat
                elif doc is _Comma:
                    current += ","
                else:
                    lines.append(current + doc.before)
                    current = "    " * level
    return [*lines, current]


def _pushed(parts: tuple[_Doc, ...], level: int, broken: bool) -> list[_Item]:
    return [(level, broken, part) for part in reversed(parts)]


def _fits(group: _Group, rest: list[_Item], room: int) -> bool:
    """Whether a group fits flat, with what follows it up to the next possible break."""
    stack: list[_Item] = [(0, _FLAT, group)]
    following = reversed(rest)
    while room >= 0:
        item = stack.pop() if stack else next(following, None)
        if item is None:
            break
        _, broken, doc = item
        match doc:
            case str():
                room -= len(doc)
            case _Group() | _Indent():
                stack += _pushed(doc.parts, 0, broken)
            case _Break():
                if broken and doc is _Comma:
                    room -= 1
                elif broken:
                    return room >= len(doc.before)
                else:
                    room -= len(doc.flat)
    return room >= 0
