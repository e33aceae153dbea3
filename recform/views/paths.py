"""The view of routes: which ways lead from one block to a later one, by length."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

import sympy

from recform.algebra.expr import I, L, State
from recform.algebra.formula import Formula
from recform.algebra.indices import time_of
from recform.algebra.typeset import plain, plain_scalar
from recform.algebra.written.decimals import Decimals
from recform.analysis.paths.routes import Route, Routes, TooMany
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import CompileError
from recform.diagram import text
from recform.diagram.model import Bar, Diagram, Direction, Edge, Kind, Node, View
from recform.graph.model import NetworkGraph
from recform.views import facts, reads
from recform.views.links import Base, Call, Link, links
from recform.views.opened import kind_of
from recform.views.parts import slug
from recform.views.step import (
    equations_of,
    general_caption,
    not_for,
    remarked,
)

#: Most blocks between the two ends.
MAX_BLOCKS = 12
#: About how many operators are written out for one length.
_SHOWN = 12
#: The longest label of an edge.
_LONG = 12


def usual(network: NetworkGraph) -> int:
    """How many blocks are drawn, if nobody says a number; one that runs through times."""
    equations = network.recurrence.formula.equations
    return 1 if any(time_of(e.unknown) is not None for e in equations) else 4


def of_formula(network: NetworkGraph, blocks: int, direction: Direction) -> Diagram:
    """Routes from block L - ``blocks`` to block L.

    Where there are none to count, what the first blocks read, and why.
    """
    formula = network.recurrence.formula
    try:
        routes = Routes(formula, blocks)
    except CompileError as error:
        said = [item.message for item in error.diagnostics]
        instead = reads.of_formula(network, blocks, direction)
        if instead is None:
            raise
        return remarked(instead, [f"No routes are counted: {said[0]}"])
    bars, exact = histogram(routes)
    writer = _Writer(routes, facts.Groups(network.recurrence), formula)
    start = ", ".join(writer.name((s, 0)) for s in routes.sources)
    end = plain(formula.output)
    if not bars:
        instead = reads.of_formula(network, blocks, direction)
        if instead is not None:
            none = f"by the equations for block i nothing of {start} reaches {end}"
            return remarked(instead, [f"No routes are counted: {none}"])
    unit = "Routes" if exact else "Ways"
    heading = f"{unit} from {start} to {end} by the number of operators that they pass"
    typeset = (
        *text.words(f"{unit} from "),
        *text.formula(start),
        *text.words(" to "),
        *text.formula(end),
        *text.words(", by the number of operators that they pass"),
    )
    lengths = "; ".join(f"{bar.count} of length {bar.length}" for bar in bars)
    other = not_for(formula)
    return Diagram(
        writer.prefix,
        View.paths,
        direction,
        f"{formula.name}: routes over {facts.count(blocks, 'block')}",
        f"{equations_of(formula)}. {heading}: {lengths}.{f' {other}.' if other else ''}",
        general_caption(formula),
        tuple(writer.nodes),
        tuple(writer.edges),
        groups=tuple(text.formula(plain(State(u, I))) for u in writer.unknowns),
        bars=bars,
        heading=typeset,
    )


def histogram(routes: Routes) -> tuple[tuple[Bar, ...], bool]:
    """Routes by length, and whether they are counted as words (or only as ways)."""
    try:
        words = routes.routes()
    except TooMany:
        counts = routes.counts()
        return tuple(Bar(n, counts[n], ()) for n in counts), False
    by_length: dict[int, list[tuple[Route, Symbolic]]] = {}
    for route, factor in words.items():
        by_length.setdefault(len(route.word), []).append((route, factor))
    return tuple(
        Bar(
            length,
            len(by_length[length]),
            _written(by_length[length], routes.blocks),
        )
        for length in sorted(by_length)
    ), True


def _written(words: list[tuple[Route, Symbolic]], blocks: int) -> text.Text:
    """The first routes of a length as a sum of products."""
    length = len(words[0][0].word)
    most = max(1, _SHOWN // max(1, length))
    shown = [
        "*".join(_letter(name, index, blocks) for name, index in route.word) or "1"
        for route, _ in words[:most]
    ]
    more = ", …" if len(words) > most else ""
    return text.formula(", ".join(shown) + more)


def _letter(name: str, index: int | None, blocks: int) -> str:
    where = sympy.nan if index is None else L - (blocks - index)
    return plain(State(name, where))


#: A node by what it stands for: an output; a call, of what all blocks share for an output.
_Key: TypeAlias = Base | Call | tuple[str, int | None, str, Base]


class _Writer:
    def __init__(self, routes: Routes, groups: facts.Groups, formula: Formula) -> None:
        self.routes = routes
        self.prefix = f"{slug(formula.name)}-paths"
        self._decimals = formula.decimals
        self.unknowns = [e.unknown for e in formula.equations]
        self.nodes: list[Node] = []
        self._formula = formula
        self._edges: dict[tuple[str, str], Edge] = {}
        # What the terms are multiplied by that end with an edge, each once.
        self._factors: dict[tuple[str, str], dict[Symbolic, None]] = {}
        self._ids: dict[_Key, str] = {}
        bases = dict.fromkeys((name, 0) for name in routes.sources)
        drawn = links(formula, routes)
        for link in drawn:
            bases.update(dict.fromkeys((link.tail, link.head)))
        for base in sorted(bases, key=lambda b: (b[1], self.unknowns.index(b[0]))):
            self._state(base)
        for link in drawn:
            self._link(link)
        self._straighten(drawn)

    def _straighten(self, drawn: Iterable[Link]) -> None:
        """Where no output leads to the next one by itself, its operators do so."""
        last = self.unknowns[-1]
        for link in drawn:
            (name, block), head = link.tail, link.head
            ends = (self._ids[link.tail], self._ids[head])
            if name == last and head == (last, block + 1) and ends not in self._edges:
                on = {self._ids[self._key(call, link)] for call in link.calls}
                self.nodes = [
                    replace(n, column=n.column or n.id in on) for n in self.nodes
                ]

    @property
    def edges(self) -> list[Edge]:
        return list(self._edges.values())

    def name(self, base: Base) -> str:
        """What an output of a block is called."""
        return plain(State(base[0], L - (self.routes.blocks - base[1])))

    def _state(self, base: Base) -> None:
        name = self.name(base)
        first = base[1] == 0
        self._ids[base] = f"{self.prefix}-{slug(name)}"
        group = self.unknowns.index(base[0]) + 1
        column = base[0] == self.unknowns[-1]
        self.nodes.append(
            Node(
                self._ids[base],
                Kind.unknown,
                (text.formula(name),),
                f"{name}: where the routes start" if first else name,
                name,
                group=group,
                column=column,
                end="source" if first else "",
            )
        )

    def _link(self, link: Link) -> None:
        """From an output through the operators of a term to a later output."""
        tail, block = self._ids[link.tail], link.tail[1]
        for call in reversed(link.calls):
            node = self._call(call, link)
            owner = link.head[1] if call[1] is None else call[1]
            self._edge(tail, node, link, optional=owner - block > 1)
            tail, block = node, owner
        direct = not link.calls
        late = link.head[1] - block > 0
        head = self._ids[link.head]
        self._edge(tail, head, link, optional=direct or late, last=True)

    def _key(self, call: Call, link: Link) -> _Key:
        """What all blocks share is called anew in each."""
        return (*call, link.head) if call[1] is None else call

    def _call(self, call: Call, link: Link) -> str:
        key = self._key(call, link)
        if key not in self._ids:
            name = _letter(call[0], call[1], self.routes.blocks)
            base = f"{self.prefix}-{slug(name)}"
            taken = set(self._ids.values())
            number, identifier = 1, base
            while identifier in taken:
                number += 1
                identifier = f"{base}-{number}"
            self._ids[key] = identifier
            pipeline = self._formula.operators[call[0]]
            kind = kind_of(pipeline)
            self.nodes.append(
                Node(
                    identifier,
                    kind,
                    (text.formula(name),),
                    f"{name}: {pipeline.text}",
                    name,
                    shared=call[1] is None and kind is Kind.operator,
                )
            )
        return self._ids[key]

    def _edge(
        self, tail: str, head: str, link: Link, *, optional: bool, last: bool = False
    ) -> None:
        factors = self._factors.setdefault((tail, head), {})
        if last:
            factors[sympy.sympify(link.factor)] = None
        if (tail, head) in self._edges:
            # Several terms go this way.
            before = self._edges[tail, head]
            sign, label = _multiplied(factors, self._decimals)
            self._edges[tail, head] = replace(before, sign=sign, label=label)
            return
        sign, label = _multiplied(factors, self._decimals)
        self._edges[tail, head] = Edge(
            f"{self.prefix}-edge-{len(self._edges) + 1}",
            tail,
            head,
            label,
            _said(link),
            sign=sign,
            optional=optional,
            spine=not optional,
        )


def _multiplied(
    factors: Iterable[Symbolic], decimals: Decimals
) -> tuple[str, text.Text]:
    """The sign at an edge, and what its terms are multiplied by: once, whatever they are."""
    known = [factor for factor in factors if not _is_gate(factor)]
    if len(known) == 1 and known[0].is_number:
        (factor,) = known
        shown = "" if abs(factor) == 1 else plain_scalar(abs(factor), decimals)
        return "−" if factor.is_negative else "", text.words(shown)
    if len(known) < 2:
        return "", ()
    label = text.formula(", ".join(plain_scalar(item, decimals) for item in known))
    return "", label if len(text.plain(label)) <= _LONG else ()


def _is_gate(factor: Symbolic) -> bool:
    """Whether it is a tensor: the other factors of a product."""
    return any(str(symbol).startswith("[") for symbol in factor.free_symbols)


def _said(link: Link) -> str:
    """What is counted along a link, in words."""
    passed = (
        "*".join(plain(State(name, sympy.nan)) for name in link.letters)
        or "no operator"
    )
    return f"passes {passed}"
