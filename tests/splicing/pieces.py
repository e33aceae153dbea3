"""Pieces of one file in the places of another: what the names in them become."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from recform.syntax import nodes as n
from tests.rewriting.places import is_equation, nodes
from tests.splicing.corpus import Piece

#: How many definitions come along, one because of the other.
DEEPEST = 4
#: What stands for a name of a definition in a file that has nothing of the sort.
OTHERWISE = {"number": "0.5", "operator": "W_i"}
EXPRESSIONS = (
    *(n.Number, n.Reference, n.Call, n.Sum, n.Product, n.Power, n.Group, n.Tuple),
    *(n.Boolean, n.String),
)

_Kind = TypeVar("_Kind")


@dataclass
class Splice:
    """One change of a file.

    Attributes:
        host: the file that is changed.
        donor: that from which pieces come.
        draw: chooses.
        names: what the donor's names have become.
        lines: statements that come along.
    """

    host: Piece
    donor: Piece
    draw: random.Random
    names: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def some(self, share: float = 0.5) -> bool:
        return self.draw.random() < share

    def one(self, found: Sequence[_Kind]) -> _Kind:
        """One of several.

        Raises:
            IndexError: if there is none.
        """
        if not found:
            raise IndexError
        return self.draw.choice(found)

    def put(self, place: n.Node, item: n.Node) -> None:
        """A piece of the donor in a place of the host."""
        text = self.brought(item, place)
        several = isinstance(item, n.Sum | n.Product) and self.some(0.8)
        self.host.put(place, f"({text})" if several else text)

    def brought(
        self,
        node: n.Node,
        place: n.Node | None = None,
        hole: tuple[n.Node, str] | None = None,
        depth: int = 0,
    ) -> str:
        """The text of a piece of the donor, with names that the host has.

        Args:
            node: the piece.
            place: where it comes; a definition has names of its own.
            hole: a part of it, and what stands there instead.
            depth: how many definitions it comes along with.
        """
        edits = [] if hole is None else [(hole[0], hole[1])]
        theirs = {} if isinstance(node, n.Statement) else self.donor.inside(node)
        mine = {} if place is None else self.host.inside(place)
        for part in nodes(node):
            name = part.name if isinstance(part, n.Reference | n.Param) else ""
            sort = self.donor.sorts.get(name)
            if name in theirs or (mine and sort == "unknown"):
                edits.append((part, self._local(theirs.get(name, "tensor"), mine)))
            elif sort is not None:
                shown, made = self.donor.shown(part), self._named(name, depth)
                edits.append((part, shown.replace(name, made, 1)))
        return "".join(self._edited(node, edits))

    def _edited(self, node: n.Node, edits: list[tuple[n.Node, str]]) -> Iterator[str]:
        """The outermost edits, with what stands between them."""
        text, at = self.donor.text, node.span.start
        for part, made in sorted(
            edits, key=lambda x: (x[0].span.start, -x[0].span.end)
        ):
            if part.span.start >= at:
                yield text[at : part.span.start]
                yield made
                at = part.span.end
        yield text[at : node.span.end]

    def _local(self, sort: str, mine: dict[str, str]) -> str:
        """What a name of a definition becomes."""
        here = [name for name, other in mine.items() if other == sort]
        if here:
            return self.one(here)
        known = self._known("unknown" if sort == "tensor" else sort)
        if not known:
            return OTHERWISE.get(sort, "X_<i-1>")
        name = self.one(known)
        if sort in ("tensor", "unknown"):
            return f"{name}_<i-1>"
        return f"{name}_i" if sort == "operator" and not mine else name

    def _named(self, name: str, depth: int) -> str:
        """What another name of the donor becomes; what it is may come along."""
        if name not in self.names:
            sort = self.donor.sorts[name]
            known = self._known(sort)
            share = 0.9 if sort == "unknown" else 0.4
            if name in known and self.some(0.7):
                self.names[name] = name
            elif known and (self.some(share) or depth >= DEEPEST):
                self.names[name] = self.one(known)
            else:
                self._define(name, depth)
        return self.names[name]

    def _define(self, name: str, depth: int) -> None:
        taken = {*self.host.named, *self.names.values()}
        choices = (name, *(f"{name}{number}" for number in range(2, 99)))
        self.names[name] = next(x for x in choices if x not in taken)
        for item in self.donor.defined[name]:
            self.lines.append(self.brought(item, depth=depth + 1))

    def _known(self, sort: str) -> list[str]:
        """The host's names of a sort."""
        return [name for name, other in self.host.sorts.items() if other == sort]


def all_of(text: Piece, kind: type[_Kind]) -> list[_Kind]:
    """All nodes of a kind in a file."""
    return [x for item in text.statements for x in nodes(item) if isinstance(x, kind)]


def expressions(text: Piece) -> list[n.Node]:
    """All expressions of a file; those of equations three times as often."""
    found: list[n.Node] = []
    for item in text.statements:
        often = 3 if isinstance(item, n.Relation | n.Output) else 1
        found += often * [x for x in nodes(item) if isinstance(x, EXPRESSIONS)]
    return found


def alike(text: Piece, choices: Sequence[n.Node], sort: str) -> Sequence[n.Node]:
    """Those expressions that are of a sort; all, if none is."""
    return [x for x in choices if kind_of(text, x) == sort] or choices


def kind_of(text: Piece, expr: n.Node) -> str:
    """What an expression is, by the names in it."""
    named = {x.name for x in nodes(expr) if isinstance(x, n.Reference)}
    found = {text.sorts.get(name, "") for name in named}
    if "unknown" in found or "input" in named:
        return "tensor"
    return "operator" if "operator" in found else "number"


def pipelines(text: Piece) -> list[n.Flow]:
    """The pipelines of a file: rows of operators, and definitions of one."""
    return [
        x
        for item in text.statements
        for x in nodes(item)
        if isinstance(x, n.Flow)
        if len(x.parts) > 1 or isinstance(item, n.Pipeline) or is_definition(item)
    ]


def indices(text: Piece) -> list[n.Node]:
    """All indices of a file."""
    return [index for x in all_of(text, n.Reference) for index in x.indices]


def equations(text: Piece) -> list[n.Relation]:
    return [item for item in text.of(n.Relation) if is_equation(item)]


def is_definition(item: n.Node) -> bool:
    """Whether a statement says what an operator is."""
    return isinstance(item, n.Relation) and not is_equation(item)


def is_alike(one: n.Statement, two: n.Statement) -> bool:
    """Whether one statement may stand in the place of another."""
    if isinstance(one, n.Pipeline) and isinstance(two, n.Pipeline):
        return one.role == two.role
    numbers = n.Const | n.Scalar
    if isinstance(one, numbers) and isinstance(two, numbers):
        return True
    return type(one) is type(two) and is_definition(one) == is_definition(two)
