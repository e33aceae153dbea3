"""The parse tree made into the frozen nodes of :mod:`recform.syntax.nodes`."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, TypeAlias

from recform.blocks.identifiers import is_plain, nearest_label
from recform.diagnostics import Diagnostics
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
    """One method a grammar rule; each takes the built children and the rule's span."""

    def __init__(self, source: Source, offset: int, report: Diagnostics) -> None:
        self._source = source
        self._offset = offset
        self._report = report

    def build(self, item: Node) -> Built:
        if not isinstance(item, Tree):
            return item
        children = [self.build(child) for child in item.children]
        return getattr(self, item.data)(self._span(item), children)

    def _span(self, tree: Tree) -> Span:
        start, end = tree.span or (0, 0)
        return Span(self._source, self._offset + start, self._offset + end)

    def _at(self, token: Token) -> Span:
        return Span(
            self._source, self._offset + token.start_pos, self._offset + token.end_pos
        )

    # -- statements

    def start(self, span: Span, children: list[Built]) -> Built:
        return children[0]

    def network(self, span: Span, children: list[Built]) -> n.Network:
        return n.Network(span, _name(children[0]))

    def use(self, span: Span, children: list[Built]) -> n.Use:
        return n.Use(span, str(children[0])[1:-1])

    def param(self, span: Span, children: list[Built]) -> n.Param:
        return n.Param(span, _name(children[0]), children[2])

    def const(self, span: Span, children: list[Built]) -> n.Const:
        per = None if children[3] is None else str(children[3])
        return n.Const(span, children[0], children[2], per)

    def scalar(self, span: Span, children: list[Built]) -> n.Scalar:
        per = None if children[3] is None else str(children[3])
        return n.Scalar(span, children[0], children[2], per)

    def vector(self, span: Span, children: list[Built]) -> n.Scalar:
        return n.Scalar(span, children[0], children[2], "feature")

    def input(self, span: Span, children: list[Built]) -> n.Input:
        name, _, *sizes, kinds = children
        named = "" if name is None else _name(name)
        return n.Input(span, tuple(_nodes(sizes)), kinds, named)

    def stages(self, span: Span, children: list[Built]) -> n.Stages:
        return n.Stages(span, tuple(children))

    def stage(self, span: Span, children: list[Built]) -> n.Stage:
        width, blocks, *stride = _nodes(children)
        return n.Stage(span, width, blocks, stride[0] if stride else None)

    def scope(self, span: Span, children: list[Built]) -> n.Scope:
        return n.Scope(span, str(children[0]))

    def memory(self, span: Span, children: list[Built]) -> n.Memory:
        return n.Memory(span, str(children[0]))

    def times(self, span: Span, children: list[Built]) -> n.Times:
        return n.Times(span, children[-1])

    def stem(self, span: Span, children: list[Built]) -> n.Pipeline:
        return n.Pipeline(span, "stem", children[0])

    def head(self, span: Span, children: list[Built]) -> n.Pipeline:
        return n.Pipeline(span, "head", children[0])

    def adapter(self, span: Span, children: list[Built]) -> n.Pipeline:
        up, flow = children
        return n.Pipeline(span, "adapter" if up is None else "adapter up", flow)

    def transition(self, span: Span, children: list[Built]) -> n.Pipeline:
        up, flow = children
        return n.Pipeline(span, "transition" if up is None else "transition up", flow)

    def names(self, span: Span, children: list[Built]) -> n.Settings:
        return n.Settings(span, "names", tuple(children))

    def init(self, span: Span, children: list[Built]) -> n.Settings:
        return n.Settings(span, "init", tuple(children))

    def setting(self, span: Span, children: list[Built]) -> n.Setting:
        return n.Setting(span, _name(children[0]), children[2])

    def output(self, span: Span, children: list[Built]) -> n.Output:
        return n.Output(span, children[0])

    def relation(self, span: Span, children: list[Built]) -> n.Relation:
        sides = [child for child in children if not isinstance(child, list)]
        where = [
            item for child in children if isinstance(child, list) for item in child
        ]
        *left, right = _nodes(sides)
        return n.Relation(span, tuple(left), right, tuple(where))

    def where(self, span: Span, children: list[Built]) -> list[Built]:
        return _nodes(children)

    local = relation

    def local_scalar(self, span: Span, children: list[Built]) -> n.Scalar:
        return self.scalar(span, children)

    # -- paths

    def paths(self, span: Span, children: list[Built]) -> n.Paths:
        return n.Paths(span, children[0])

    def either(self, span: Span, children: list[Built]) -> n.Node:
        # What is left out is a run of no moves.
        return n.Either(span, tuple(child or n.Run(span, ()) for child in children))

    def run(self, span: Span, children: list[Built]) -> n.Node:
        return n.Run(span, tuple(children)) if len(children) > 1 else children[0]

    def move(self, span: Span, children: list[Built]) -> n.Move:
        return n.Move(span, _name(children[0]))

    def weighted(self, span: Span, children: list[Built]) -> n.Weighted:
        return n.Weighted(span, children[0], children[1])

    def route_group(self, span: Span, children: list[Built]) -> Built:
        return children[0]

    def any_times(self, span: Span, children: list[Built]) -> n.Repeat:
        return n.Repeat(span, children[0], 0, None)

    def once_or_more(self, span: Span, children: list[Built]) -> n.Repeat:
        return n.Repeat(span, children[0], 1, None)

    def perhaps(self, span: Span, children: list[Built]) -> n.Repeat:
        return n.Repeat(span, children[0], 0, 1)

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

    def negation(self, span: Span, children: list[Built]) -> n.Sum:
        return n.Sum(span, ((-1, children[-1]),))

    def product(self, span: Span, children: list[Built]) -> n.Product:
        factors = []
        power = 1
        for child in children:
            if isinstance(child, Token):
                power = -1 if child.type == "DIVIDE" else 1
            else:
                factors.append((power, child))
        return n.Product(span, tuple(factors))

    def beside(self, span: Span, children: list[Built]) -> n.Product:
        """A fraction before a factor, without the `*` that LaTeX leaves out."""
        return self.product(span, children)

    def fraction(self, span: Span, children: list[Built]) -> n.Product:
        above, below = (
            item
            if isinstance(item, n.Number | n.Reference)
            else n.Group(item.span, item)
            for item in _nodes(children)
        )
        return n.Product(span, ((1, above), (-1, below)))

    def power(self, span: Span, children: list[Built]) -> n.Power:
        base, exponent = _nodes(children)
        return n.Power(span, base, exponent)

    def number(self, span: Span, children: list[Built]) -> n.Number:
        text = str(children[0])
        digits = sum(char.isdigit() for char in text)
        exponent = text.lower().partition("e")[2]
        if digits > _MAX_DIGITS or abs(int(exponent or 0)) > _MAX_DIGITS:
            shown = text if len(text) <= _MAX_DIGITS else text[:20] + "..."
            self._report.error(
                "RF106", f"the number {shown} is out of all reason", span
            )
            return n.Number(span, Fraction(1))
        return n.Number(span, Fraction(text))

    def string(self, span: Span, children: list[Built]) -> n.String:
        return n.String(span, str(children[0])[1:-1])

    def true(self, span: Span, children: list[Built]) -> n.Boolean:
        return n.Boolean(span, True)

    def false(self, span: Span, children: list[Built]) -> n.Boolean:
        return n.Boolean(span, False)

    def ellipsis(self, span: Span, children: list[Built]) -> n.Ellipsis:
        return n.Ellipsis(span)

    def group(self, span: Span, children: list[Built]) -> n.Group:
        return n.Group(span, children[0])

    def tuple(self, span: Span, children: list[Built]) -> n.Tuple:
        return n.Tuple(span, tuple(children))

    def reference(self, span: Span, children: list[Built]) -> n.Reference:
        name, indices = children[0], children[1] if len(children) > 1 else ()
        return n.Reference(span, _name(name), tuple(indices or ()))

    def call(self, span: Span, children: list[Built]) -> n.Call:
        function, *arguments = children
        return n.Call(span, function, tuple(_nodes(arguments)))

    def keyword(self, span: Span, children: list[Built]) -> n.Keyword:
        return n.Keyword(span, _name(children[0]), children[2])

    def subscript(self, span: Span, children: list[Built]) -> list[Built]:
        if len(children) == 1 and isinstance(children[0], Token):
            token = children[0]
            text = str(token)[1:]
            place = self._at(token)
            place = Span(place.source, place.start + 1, place.end)
            if not text.isdecimal():
                return [n.Reference(place, text)]
            if len(text) > _MAX_DIGITS:
                self._report.error("RF106", "this index is out of all reason", place)
                text = "0"
            return [n.Number(place, Fraction(int(text)))]
        return list(children)

    def range(self, span: Span, children: list[Built]) -> n.Range:
        return n.Range(span, children[0], children[1])


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
