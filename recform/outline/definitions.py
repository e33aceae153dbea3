"""Definitions with arguments, as a file writes and calls them.

``MB(kernel=3, expand=6) = conv(1, expand*cin) > ...`` is a flow with arguments: its
operators take the place of the call. ``SE(x, ratio=16) = x*sigmoid(G*x)`` has a tensor
argument (the one without a default) and is an operator of its own, a :class:`Body`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from recform.algebra.scalars import ScalarReader
from recform.algebra.symbols import SYMBOLS
from recform.blocks import Library
from recform.blocks.symbolic import Symbolic
from recform.diagnostics import Diagnostics, meant
from recform.source import Span
from recform.syntax import nodes as n


@dataclass(frozen=True)
class Signature:
    """The left side of a definition.

    Attributes:
        name: the operator letter.
        tensors: the names of the tensor arguments; none for a flow.
        defaults: the other arguments, in their order, with their default values.
        relation: the whole.
    """

    name: str
    tensors: tuple[str, ...]
    defaults: Mapping[str, n.Expr]
    relation: n.Relation

    def usage(self) -> str:
        """How it is called."""
        given = [f"{name}={value.span.text}" for name, value in self.defaults.items()]
        return f"{self.name}({', '.join(given)})" if given else self.name


def signature(relation: n.Relation, report: Diagnostics) -> Signature | None:
    """The left side of a definition; None after a diagnostic.

    Args:
        relation: of which the left side is a name, or a call of one.
        report: gets RF203 and RF209.
    """
    left = relation.left[0]
    if isinstance(left, n.Reference):
        return Signature(left.name, (), {}, relation)
    assert isinstance(left, n.Call)
    tensors: list[str] = []
    values: dict[str, n.Expr] = {}
    for argument in left.arguments:
        name = argument.name if isinstance(argument, n.Keyword | n.Reference) else ""
        number = isinstance(argument, n.Keyword)
        own = name in SYMBOLS or (number and name == "input")
        if own or name in (*tensors, *values):
            report.error(
                "RF209",
                f"the name {name!r} has a meaning of its own"
                if own
                else f"{name!r} stands here twice",
                argument.span,
            )
            return None
        if isinstance(argument, n.Keyword):
            values[name] = argument.value
        else:
            tensors.append(name)
    return Signature(left.function.name, tuple(tensors), values, relation)


def is_definition(relation: n.Relation) -> bool:
    """Whether a relation defines an operator: ``W = ...``, ``SE(x, ratio=16) = ...``."""
    if len(relation.left) != 1:
        return False
    left = relation.left[0]
    if isinstance(left, n.Reference):
        return not left.indices
    return (
        isinstance(left, n.Call)
        and not left.function.indices
        and bool(left.arguments)
        and all(
            isinstance(argument, n.Keyword)
            or (isinstance(argument, n.Reference) and not argument.indices)
            for argument in left.arguments
        )
    )


def defined_name(relation: n.Relation) -> str:
    """The operator letter of a definition."""
    left = relation.left[0]
    assert isinstance(left, n.Reference | n.Call)
    return left.name if isinstance(left, n.Reference) else left.function.name


def given_values(
    definition: Signature,
    given: tuple[n.Expr | n.Keyword, ...],
    names: Mapping[str, Symbolic],
    outside: Mapping[str, Symbolic],
    report: Diagnostics,
) -> dict[str, tuple[Symbolic, Span]] | None:
    """The value of each argument of a call, and where it stands; None after a diagnostic.

    Args:
        definition: what is called.
        given: the arguments of the call.
        names: what names stand for where it is called.
        outside: what they stand for where it is defined, for defaults.
        report: gets RF203.
    """
    exprs: dict[str, n.Expr] = {}
    order = list(definition.defaults)
    for position, item in enumerate(given):
        if isinstance(item, n.Keyword):
            name = item.name
        else:
            name = order[position] if position < len(order) else ""
        if name not in definition.defaults:
            report.error(
                "RF203",
                f"{definition.name} has no argument {name!r}"
                if name
                else f"{definition.name} takes {len(order)} argument(s) at most",
                item.span,
                hint=meant(name, order, definition.usage()),
            )
            return None
        if name in exprs:
            report.error(
                "RF203", f"{definition.name} is given {name!r} twice", item.span
            )
            return None
        exprs[name] = item.value if isinstance(item, n.Keyword) else item
    values: dict[str, tuple[Symbolic, Span]] = {}
    for name, default in definition.defaults.items():
        expr = exprs.get(name, default)
        what = f"{definition.name}'s {name}"
        known = names if name in exprs else outside
        value = ScalarReader(known, report, what).read(expr)
        if value is None:
            return None
        values[name] = (value, expr.span)
    return values


# ------------------------------------------------------- which arguments shape the code


def fixed_names(
    relation: n.Relation,
    definitions: Mapping[str, n.Relation],
    library: Library,
    seen: tuple[str, ...] = (),
) -> set[str]:
    """Names whose values shape the code: in equations, indices, kernels, flags."""
    found: set[str] = set()
    for item in [relation, *relation.where]:
        if isinstance(item, n.Scalar):
            found |= set(every_name(item.value))
            continue
        for left in item.left if item is not relation else ():
            found |= set(every_name(left))
        for expr in _exprs(item.right):
            known = _is_operator(expr, definitions, relation, library)
            if not _is_equation(item) and known:
                found |= _fixed_in(expr, definitions, library, seen)
            else:
                found |= set(every_name(expr))
    return found


def _is_equation(item: n.Relation) -> bool:
    """Whether a right side computes a tensor, whatever functions it starts with."""
    return any(
        (isinstance(left, n.Reference) and left.indices)
        or (
            isinstance(left, n.Call)
            and any(isinstance(argument, n.Reference) for argument in left.arguments)
        )
        for left in item.left
    )


def _exprs(flow: n.Flow) -> Iterator[n.Expr]:
    """The operators of a flow, those in brackets too."""
    for part in flow.parts:
        if isinstance(part.expr, n.Flow):
            yield from _exprs(part.expr)
        else:
            yield part.expr


def _is_operator(
    expr: n.Expr,
    definitions: Mapping[str, n.Relation],
    relation: n.Relation,
    library: Library,
) -> bool:
    """Whether a part of a flow is an operator of the library or of the file."""
    name, left = called(expr)[0], relation.left[0]
    if isinstance(left, n.Call) and name in map(_argument_name, left.arguments):
        return False
    local = any(
        isinstance(item, n.Relation)
        and is_definition(item)
        and defined_name(item) == name
        for item in relation.where
    )
    known = name in definitions or local or library.lookup(name) is not None
    return bool(name) and known


def _argument_name(argument: n.Expr | n.Keyword) -> str:
    return argument.name if isinstance(argument, n.Keyword | n.Reference) else ""


def _fixed_in(
    expr: n.Expr,
    definitions: Mapping[str, n.Relation],
    library: Library,
    seen: tuple[str, ...],
) -> set[str]:
    name, given = called(expr)
    operator = library.lookup(name)
    fixed: set[str] = set()
    order: list[str] = []
    if name in definitions and name not in seen:
        inner = signature(definitions[name], Diagnostics())
        if inner is not None:
            order = list(inner.defaults)
            inside = (*seen, name)
            fixed = fixed_names(definitions[name], definitions, library, inside)
    elif operator is not None:
        order = [argument.name for argument in operator.arguments]
        fixed = {a.name for a in operator.arguments if a.kind.fixed}
    found: set[str] = set()
    for position, item in enumerate(given):
        key = order[position] if position < len(order) else ""
        key = item.name if isinstance(item, n.Keyword) else key
        value = item.value if isinstance(item, n.Keyword) else item
        # A pair is of operators of the library, which know what may differ in it.
        if key in fixed or (operator is None and isinstance(value, n.Tuple)):
            found |= set(every_name(value))
    return found


def called(expr: n.Expr) -> tuple[str, tuple[n.Expr | n.Keyword, ...]]:
    """The name and the arguments of a part of a flow; an empty name for other things."""
    if isinstance(expr, n.Reference) and not expr.indices:
        return expr.name, ()
    if isinstance(expr, n.Call) and not expr.function.indices:
        return expr.function.name, expr.arguments
    return "", ()


def every_name(node: object) -> Iterator[str]:
    """All names below a node, those in indices included."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, tuple):
            waiting += reversed(item)
        elif isinstance(item, n.Node):
            if isinstance(item, n.Reference):
                yield item.name
            waiting += reversed(vars(item).values())
