"""The parse tree made into the frozen nodes of :mod:`recform.syntax.nodes`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, TypeAlias

from recform.blocks.identifiers import is_plain, nearest_label
from recform.diagnostics import Diagnostics, beyond
from recform.source import Source, Span
from recform.syntax import nodes as n
from recform.syntax.lalr import Node, Token, Tree

#: Numbers with more digits than this are out of all reason.
_MAX_DIGITS = 40
#: A part of a label that is a number: "features.0".
_DIGITS = re.compile("[0-9]+")
#: What follows a dash: "block1-0".
_WORD = re.compile("[A-Za-z0-9_]+")
#: Most repetitions that a route writes out.
MAX_REPEAT = 32

#: What a part of a rule has become: a token, a node, a list of nodes, or None where it was
#: left out. The grammar says which, and mypy can't read it.
Built: TypeAlias = Any


def statement(
    tree: Tree, source: Source, offset: int, report: Diagnostics
) -> n.Statement:
    """The statement of a parse tree whose text starts at an offset of the source."""
    made: n.Statement = _ToNodes(source, offset, report).build(tree)
    return made


class _ToNodes:
    """A method for each grammar rule that is not among :data:`_RULES`.

    Each takes the built children and the rule's span.
    """

    def __init__(self, source: Source, offset: int, report: Diagnostics) -> None:
        self._source = source
        self._offset = offset
        self._report = report

    def build(self, item: Node) -> Built:
        if not isinstance(item, Tree):
            return item
        children = [self.build(child) for child in item.children]
        rule = _RULES.get(item.data) or getattr(self, item.data)
        return rule(self._span(item), children)

    def _span(self, tree: Tree) -> Span:
        start, end = tree.span or (0, 0)
        return Span(self._source, self._offset + start, self._offset + end)

    def _at(self, token: Token) -> Span:
        return Span(
            self._source, self._offset + token.start_pos, self._offset + token.end_pos
        )

    # -- statements

    def input(self, span: Span, children: list[Built]) -> n.Input:
        name, _, *sizes, kinds = children
        named = "" if name is None else _name(name)
        return n.Input(span, tuple(_nodes(sizes)), kinds, named)

    def stage(self, span: Span, children: list[Built]) -> n.Stage:
        width, blocks, *stride = _nodes(children)
        return n.Stage(span, width, blocks, stride[0] if stride else None)

    def relation(self, span: Span, children: list[Built]) -> n.Relation:
        sides = [child for child in children if not isinstance(child, list)]
        where = [
            item for child in children if isinstance(child, list) for item in child
        ]
        *left, right = _nodes(sides)
        return n.Relation(span, tuple(left), right, tuple(where))

    local = relation

    # -- paths

    def exactly(self, span: Span, children: list[Built]) -> n.Repeat:
        times = self._times(children[1])
        return n.Repeat(span, children[0], times, times)

    def between(self, span: Span, children: list[Built]) -> n.Repeat:
        least = self._times(children[1])
        most = None if children[2] is None else self._times(children[2])
        if most is not None and most < least:
            self._report.error("RF101", "this repeats at most less than at least", span)
        return n.Repeat(span, children[0], least, most)

    def _times(self, token: Token) -> int:
        text = str(token)
        if not text.isdecimal() or len(text) > 2 or int(text) > MAX_REPEAT:
            self._report.error(
                "RF106" if text.isdecimal() else "RF101",
                f"a path repeats a whole number of times, up to {MAX_REPEAT}",
                self._at(token),
            )
            return 1
        return int(text)

    # -- flows

    def flow(self, span: Span, children: list[Built]) -> n.Flow:
        parts = [
            child if isinstance(child, n.Part) else n.Part(child.span, child)
            for child in children
        ]
        return n.Flow(span, tuple(parts))

    def row(self, span: Span, children: list[Built]) -> n.Flow:
        return n.Flow(span, (self.labelled(span, children),))

    def labelled(self, span: Span, children: list[Built]) -> n.Part:
        label = _name(children[0]).strip('"')
        if not all(map(_is_label, label.split("."))):
            self._report.error(
                "RF212",
                "a label is a name of letters, digits and underscores, with dashes "
                "between, or a number, or several of them with dots between",
                self._at(children[0]),
                hint=f"write {nearest_label(label, 'part')}: ...",
            )
        return n.Part(span, children[1], label)

    # -- expressions

    def sum(self, span: Span, children: list[Built]) -> n.Sum:
        terms = []
        sign = 1
        for child in children:
            if isinstance(child, Token):
                sign = 1 if child.type == "PLUS" else -1
            else:
                terms.append((sign, child))
                sign = 1
        return n.Sum(span, tuple(terms))

    def product(self, span: Span, children: list[Built]) -> n.Product:
        factors = []
        power = 1
        for child in children:
            if isinstance(child, Token):
                power = -1 if child.type == "DIVIDE" else 1
            else:
                factors.append((power, child))
        return n.Product(span, tuple(factors))

    #: A fraction before a factor, without the `*` that LaTeX leaves out.
    beside = product

    def fraction(self, span: Span, children: list[Built]) -> n.Product:
        above, below = (
            item
            if isinstance(item, n.Number | n.Reference)
            else n.Group(item.span, item)
            for item in _nodes(children)
        )
        return n.Product(span, ((1, above), (-1, below)))

    def number(self, span: Span, children: list[Built]) -> n.Number:
        text = str(children[0])
        digits = sum(char.isdigit() for char in text)
        exponent = text.lower().partition("e")[2]
        if digits > _MAX_DIGITS or abs(int(exponent or 0)) > _MAX_DIGITS:
            shown = text if len(text) <= _MAX_DIGITS else text[:20] + "..."
            self._report.error(
                "RF106", beyond(f"the number {shown}", f"{_MAX_DIGITS} digits"), span
            )
            return n.Number(span, Fraction(1))
        return n.Number(span, Fraction(text))

    def reference(self, span: Span, children: list[Built]) -> n.Reference:
        name, indices = children[0], children[1] if len(children) > 1 else ()
        return n.Reference(span, _name(name), tuple(indices or ()))

    def subscript(self, span: Span, children: list[Built]) -> list[Built]:
        if len(children) == 1 and isinstance(children[0], Token):
            token = children[0]
            text = str(token)[1:]
            place = self._at(token)
            place = Span(place.source, place.start + 1, place.end)
            if not text.isdecimal():
                return [n.Reference(place, text)]
            if len(text) > _MAX_DIGITS:
                text = beyond("this index", f"{_MAX_DIGITS} digits")
                self._report.error("RF106", text, place)
                text = "0"
            return [n.Number(place, Fraction(int(text)))]
        return list(children)


def _nodes(children: list[Built]) -> list[Built]:
    """The children without operators and without what was left out."""
    return [c for c in children if c is not None and not isinstance(c, Token)]


def _name(token: object) -> str:
    return str(token).removeprefix("\\")


def _is_label(part: str) -> bool:
    """Whether a module may have this name; one with a dash, in a container."""
    first, *more = part.split("-")
    if not more and _DIGITS.fullmatch(first):
        return True
    return is_plain(first) and all(map(_WORD.fullmatch, more))


def _text(token: Token | None) -> str | None:
    return None if token is None else str(token)


def _up(role: str, up: Token | None) -> str:
    return role if up is None else f"{role} up"


#: What is made of the rules of which nothing can be wrong, by their names in the grammar.
_RULES: Mapping[str, Callable[[Span, list[Built]], Built]] = {
    "start": lambda span, parts: parts[0],
    "network": lambda span, parts: n.Network(span, _name(parts[0])),
    "use": lambda span, parts: n.Use(span, str(parts[0])[1:-1]),
    "param": lambda span, parts: n.Param(span, _name(parts[0]), parts[2]),
    "const": lambda span, parts: n.Const(span, parts[0], parts[2], _text(parts[3])),
    "scalar": lambda span, parts: n.Scalar(span, parts[0], parts[2], _text(parts[3])),
    "local_scalar": lambda span, parts: n.Scalar(
        span, parts[0], parts[2], _text(parts[3])
    ),
    "vector": lambda span, parts: n.Scalar(span, parts[0], parts[2], "feature"),
    "local_vector": lambda span, parts: n.Scalar(span, parts[0], parts[2], "feature"),
    "stages": lambda span, parts: n.Stages(span, tuple(parts)),
    "scope": lambda span, parts: n.Scope(span, str(parts[0])),
    "memory": lambda span, parts: n.Memory(span, str(parts[0])),
    "times": lambda span, parts: n.Times(span, parts[-1]),
    "stem": lambda span, parts: n.Pipeline(span, "stem", parts[0]),
    "head": lambda span, parts: n.Pipeline(span, "head", parts[0]),
    "adapter": lambda span, parts: n.Pipeline(span, _up("adapter", parts[0]), parts[1]),
    "transition": lambda span, parts: n.Pipeline(
        span, _up("transition", parts[0]), parts[1]
    ),
    "names": lambda span, parts: n.Settings(span, "names", tuple(parts)),
    "init": lambda span, parts: n.Settings(span, "init", tuple(parts)),
    "setting": lambda span, parts: n.Setting(span, _name(parts[0]), parts[2]),
    "output": lambda span, parts: n.Output(span, parts[0]),
    "where": lambda span, parts: _nodes(parts),
    # Paths; what is left out of several is a run of no moves.
    "paths": lambda span, parts: n.Paths(span, parts[0]),
    "either": lambda span, parts: n.Either(
        span, tuple(child or n.Run(span, ()) for child in parts)
    ),
    "run": lambda span, parts: (
        n.Run(span, tuple(parts)) if len(parts) > 1 else parts[0]
    ),
    "move": lambda span, parts: n.Move(span, _name(parts[0])),
    "weighted": lambda span, parts: n.Weighted(span, parts[0], parts[1]),
    "route_group": lambda span, parts: parts[0],
    "any_times": lambda span, parts: n.Repeat(span, parts[0], 0, None),
    "once_or_more": lambda span, parts: n.Repeat(span, parts[0], 1, None),
    "perhaps": lambda span, parts: n.Repeat(span, parts[0], 0, 1),
    # Expressions.
    "negation": lambda span, parts: n.Sum(span, ((-1, parts[-1]),)),
    "power": lambda span, parts: n.Power(span, *_nodes(parts)),
    "string": lambda span, parts: n.String(span, str(parts[0])[1:-1]),
    "true": lambda span, parts: n.Boolean(span, True),
    "false": lambda span, parts: n.Boolean(span, False),
    "ellipsis": lambda span, parts: n.Ellipsis(span),
    "group": lambda span, parts: n.Group(span, parts[0]),
    "tuple": lambda span, parts: n.Tuple(span, tuple(parts)),
    "call": lambda span, parts: n.Call(span, parts[0], tuple(_nodes(parts[1:]))),
    "keyword": lambda span, parts: n.Keyword(span, _name(parts[0]), parts[2]),
    "range": lambda span, parts: n.Range(span, parts[0], parts[1]),
}
