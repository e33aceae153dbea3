"""The syntax tree: what the file says, in the order it says it, with every place kept.

The nodes are frozen; no later stage changes one. Names are as written, with the leading
backslash of LaTeX taken off.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from recform.blocks import Library
from recform.source import Source, Span


@dataclass(frozen=True)
class Node:
    """Anything that stands somewhere in a file."""

    span: Span = field(compare=False, repr=False)


# ---------------------------------------------------------------------------- expressions


@dataclass(frozen=True)
class Number(Node):
    """A number, kept exactly: ``0.9`` is 9/10."""

    value: Fraction


@dataclass(frozen=True)
class String(Node):
    """A quoted string, without its quotes."""

    value: str


@dataclass(frozen=True)
class Boolean(Node):
    """``true`` or ``false``."""

    value: bool


@dataclass(frozen=True)
class Range(Node):
    """``first..last``, both included; stands only in a subscript."""

    first: Expr
    last: Expr


@dataclass(frozen=True)
class Reference(Node):
    """A name with or without indices: ``relu``, ``X_i``, ``X_<0..i-1>``, ``W_<i,t>``."""

    name: str
    indices: tuple[Expr | Range, ...] = ()


@dataclass(frozen=True)
class Keyword(Node):
    """``name=value`` among the arguments of a call."""

    name: str
    value: Expr


@dataclass(frozen=True)
class Call(Node):
    """``relu(X_i)``, ``F_i(X_<i-1>, theta_i)``, ``conv(3, c, stride=s)``."""

    function: Reference
    arguments: tuple[Expr | Keyword, ...]


@dataclass(frozen=True)
class Sum(Node):
    """Two or more terms, or one with a sign, in the author's order.

    Attributes:
        terms: pairs of a sign (+1 or -1) and the term.
    """

    terms: tuple[tuple[int, Expr], ...]


@dataclass(frozen=True)
class Product(Node):
    """Two or more factors in the author's order.

    Attributes:
        factors: pairs of +1 (multiplied) or -1 (divided by) and the factor.
    """

    factors: tuple[tuple[int, Expr], ...]


@dataclass(frozen=True)
class Power(Node):
    """``base ^ exponent``."""

    base: Expr
    exponent: Expr


@dataclass(frozen=True)
class Group(Node):
    """An expression in brackets: the author says that it is one thing."""

    inner: Expr


@dataclass(frozen=True)
class Tuple(Node):
    """``(2, 2, 2, 2)``."""

    items: tuple[Expr, ...]


@dataclass(frozen=True)
class Ellipsis(Node):
    """``...`` among the terms or factors of a general formula."""


Expr = (
    Number
    | String
    | Boolean
    | Reference
    | Call
    | Sum
    | Product
    | Power
    | Group
    | Tuple
    | Ellipsis
)


def inner(expr: Expr) -> list[Expr]:
    """The expressions that one is made of: terms, factors, arguments; and no indices."""
    match expr:
        case Sum():
            return [term for _, term in expr.terms]
        case Product():
            return [factor for _, factor in expr.factors]
        case Power():
            return [expr.base, expr.exponent]
        case Group():
            return [expr.inner]
        case Tuple():
            return list(expr.items)
        case Call():
            return [a.value if isinstance(a, Keyword) else a for a in expr.arguments]
    return []


def bare(expr: Expr | Range) -> Expr | Range:
    """An expression without the brackets around it."""
    while isinstance(expr, Group):
        expr = expr.inner
    return expr


@dataclass(frozen=True)
class Part(Node):
    """One operator of a flow, with the name that its parameters get, if any.

    Operators in brackets are one part: ``(conv(3, c) > bn > relu)``.
    """

    expr: Expr | Flow
    label: str | None = None


@dataclass(frozen=True)
class Flow(Node):
    """``conv(3, c) > bn > relu``; an expression is a flow of one part."""

    parts: tuple[Part, ...]

    @property
    def expression(self) -> Expr | None:
        """The expression that is all of it; None for operators in a row."""
        (first, *more) = self.parts
        if more or first.label or isinstance(first.expr, Flow):
            return None
        return first.expr


# ---------------------------------------------------------------------------------- paths


@dataclass(frozen=True)
class Move(Node):
    """``skip``, ``pass`` or an operator: what a path does at one block."""

    name: str


@dataclass(frozen=True)
class Weighted(Node):
    """``[1/2] pass``: a weight for the paths behind it."""

    weight: Expr
    route: Route


@dataclass(frozen=True)
class Either(Node):
    """``skip | pass``."""

    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Run(Node):
    """``skip pass``: one after the other, the oldest block first."""

    routes: tuple[Route, ...]


@dataclass(frozen=True)
class Repeat(Node):
    """``pass*``, ``pass+``, ``pass?``, ``pass{2}``, ``pass{1,3}``, ``pass{2,}``.

    Attributes:
        route: what is repeated.
        least: how often at least.
        most: how often at most; None for any number.
    """

    route: Route
    least: int
    most: int | None


Route = Move | Weighted | Either | Run | Repeat


# ----------------------------------------------------------------------------- statements


@dataclass(frozen=True)
class Network(Node):
    """``network NAME``."""

    name: str


@dataclass(frozen=True)
class Use(Node):
    """``use "other.rf"``."""

    path: str


@dataclass(frozen=True)
class Param(Node):
    """``param NAME = value``."""

    name: str
    value: Expr


@dataclass(frozen=True)
class Const(Node):
    """``const gamma = 0.9``, ``const a_i = sqrt(i/L)``, ``const k = (3, 5) per stage``."""

    target: Reference
    value: Expr
    per: str | None = None


@dataclass(frozen=True)
class Scalar(Node):
    """``scalar k_i = 0.5 per channel``, ``vector q_i = 0``; learned from this start."""

    target: Reference
    value: Expr
    per: str | None = None


@dataclass(frozen=True)
class Input(Node):
    """``input 3 x 32 x 32``, or ``input 64 of 256``: so many ids, of so many tokens.

    ``input context = 77 x 16`` is a further one, which has a name.
    """

    sizes: tuple[Expr, ...]
    kinds: Expr | None = None
    name: str = ""


@dataclass(frozen=True)
class Stage(Node):
    """``width x blocks / stride``."""

    width: Expr
    blocks: Expr
    stride: Expr | None


@dataclass(frozen=True)
class Stages(Node):
    """``stages 64 x 2, 128 x 2 / 2``."""

    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class Scope(Node):
    """``scope stage`` or ``scope network``."""

    where: str


@dataclass(frozen=True)
class Memory(Node):
    """``memory lean``: what is kept for the backward pass."""

    keeps: str


@dataclass(frozen=True)
class Times(Node):
    """``times 4``: how far a second index runs."""

    count: Expr


@dataclass(frozen=True)
class Pipeline(Node):
    """``stem``, ``head``, ``adapter`` or ``transition``, each perhaps ``up``, with a flow."""

    role: str
    flow: Flow


@dataclass(frozen=True)
class Setting(Node):
    """``name = value`` in a ``names`` or ``init`` statement."""

    name: str
    value: Expr


@dataclass(frozen=True)
class Settings(Node):
    """``names W = "."`` or ``init conv = kaiming_normal``."""

    about: str
    settings: tuple[Setting, ...]


@dataclass(frozen=True)
class Output(Node):
    """``output concat(A_L, B_L)``."""

    expr: Expr


@dataclass(frozen=True)
class Relation(Node):
    """``left = flow``: a definition, an equation or a boundary equation.

    Attributes:
        left: one expression, or several for the parts of a split.
        right: a flow; of one part for an equation.
        where: the local equations and declarations of a definition, in their order.
    """

    left: tuple[Expr, ...]
    right: Flow
    where: tuple[Relation | Scalar, ...] = ()


@dataclass(frozen=True)
class Paths(Node):
    """``paths skip* pass*``: a general formula as a regular expression."""

    route: Route


Statement = (
    Network
    | Use
    | Param
    | Const
    | Scalar
    | Input
    | Stages
    | Scope
    | Times
    | Pipeline
    | Settings
    | Output
    | Paths
    | Relation
)


@dataclass(frozen=True)
class File:
    """All statements of a file, those of the files that it uses in front.

    Attributes:
        name: of the file.
        statements: in order.
        used: the other files.
        library: the operators that it may name.
    """

    name: str
    statements: tuple[Statement, ...]
    used: tuple[Source, ...]
    library: Library
