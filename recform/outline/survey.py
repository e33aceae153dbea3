"""A first look over the equations: which names are unknowns, which are operators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from recform.algebra.scalars import FUNCTIONS
from recform.blocks import Library
from recform.diagnostics import Diagnostics
from recform.outline.sections import Section
from recform.outline.twice import is_parameters, on_two_blocks
from recform.source import Span
from recform.syntax import nodes as n

#: What puts several tensors together, element by element.
COMBINE = ("max", "min", "mean")
#: Functions that no library has to know.
BUILT_IN = ("sum", "prod", "concat", "split", "dot", "norm", *COMBINE)


@dataclass
class Survey:
    """What the names of the equations are.

    Attributes:
        unknowns: names with an equation, and where.
        operators: operator letters in order of appearance, and where they first stand.
        shared: whether an operator stands without an index: one module for all blocks.
        called_twice: whether one module is applied to two different tensors.
        grows: whether tensors of all blocks are put side by side.
        timed: names with a second index, and where.
        letters: what these second indices are made of.
        at_times: names that have such a second index, or a number, on a right side.
    """

    unknowns: dict[str, Span] = field(default_factory=dict)
    operators: dict[str, Span] = field(default_factory=dict)
    shared: bool = False
    called_twice: bool = False
    grows: bool = False
    timed: dict[str, Span] = field(default_factory=dict)
    letters: set[str] = field(default_factory=set)
    at_times: frozenset[str] = frozenset()


def survey(section: Section, report: Diagnostics) -> Survey:
    """Finds unknowns and operators.

    An unknown has an equation; an operator is defined, called, or an upper-case name in
    front of another factor.
    """
    found = Survey()
    for item in section.equations:
        for left in item.left:
            if isinstance(left, n.Reference) and left.indices:
                found.unknowns.setdefault(left.name, left.span)
            for reference in references(left):
                if len(reference.indices) > 1:
                    found.timed.setdefault(reference.name, reference.span)
                    found.letters |= second_index(reference)
    declared = {
        *section.params,
        *section.consts,
        *section.scalars,
        *section.contexts,
        "input",
    }
    for item in section.equations:
        for expr in [*item.left, *_expressions(item)]:
            for name, span, indexed in _operators(expr, found, declared):
                known = name in section.definitions
                if not known and not _may_be_operator(name, indexed, section.library):
                    continue
                found.operators.setdefault(name, span)
    output = section.single.get("output")
    exprs = [expr for item in section.equations for expr in _expressions(item)]
    if isinstance(output, n.Output):
        exprs.append(output.expr)
        for name, span, indexed in _operators(output.expr, found, declared):
            known = name in section.definitions
            if known or _may_be_operator(name, indexed, section.library):
                found.operators.setdefault(name, span)
    for name in section.definitions:
        if any(name == ref.name for expr in exprs for ref in references(expr)):
            found.operators.setdefault(name, section.definitions[name].left[0].span)
    _sharing(exprs, found)
    found.at_times = frozenset(
        reference.name
        for expr in exprs
        for reference in references(expr)
        if len(reference.indices) > 1
        and (not (names := second_index(reference)) or names & found.letters)
    )
    return found


def _expressions(item: n.Relation) -> list[n.Expr]:
    """The right side of an equation; several by mistake, if it is a flow."""
    return [part.expr for part in item.right.parts if not isinstance(part.expr, n.Flow)]


def _may_be_operator(name: str, indexed: bool, library: Library) -> bool:
    """Whether a called name that the file does not define is taken for an operator.

    A lower-case one without an index is not: it is more likely a misspelt function.
    """
    if library.lookup(name) is not None:
        return not (library.elementwise(name) and not indexed)
    return indexed or name[0].isupper()


def _operators(
    expr: n.Expr, found: Survey, declared: set[str]
) -> Iterator[tuple[str, Span, bool]]:
    """Names that are called, and upper-case ones in front of another factor."""
    for part in _walk(expr):
        if isinstance(part, n.Call):
            name = part.function.name
            plain = not part.function.indices
            if plain and (name in BUILT_IN or name in FUNCTIONS):
                continue
            if plain and name == "softmax" and len(part.arguments) == 2:
                continue
            if name not in found.unknowns and name not in declared:
                indexed = not plain or any(
                    isinstance(a, n.Reference)
                    and a.name.startswith(("theta", "\u03b8"))
                    for a in part.arguments
                )
                yield name, part.function.span, indexed
        elif isinstance(part, n.Product):
            for position, (_, factor) in enumerate(part.factors):
                if position < len(part.factors) - 1:
                    yield from _leading(factor, found, declared)
        elif isinstance(part, n.Power):
            yield from _leading(part.base, found, declared)


def _leading(
    expr: n.Expr, found: Survey, declared: set[str]
) -> Iterator[tuple[str, Span, bool]]:
    """Upper-case names that act as operators in a factor with something on its right."""
    match expr:
        case n.Reference():
            if (
                expr.name[0].isupper()
                and expr.name not in found.unknowns
                and expr.name not in declared
                and expr.name != "L"
            ):
                yield expr.name, expr.span, True
        case n.Group():
            yield from _leading(expr.inner, found, declared)
        case n.Sum():
            for _, term in expr.terms:
                yield from _leading(term, found, declared)
        case n.Product():
            for _, factor in expr.factors:
                yield from _leading(factor, found, declared)
        case n.Power():
            yield from _leading(expr.base, found, declared)
        case n.Call() if expr.function.name in ("sum", "prod") and expr.arguments:
            last = expr.arguments[-1]
            if not isinstance(last, n.Keyword):
                yield from _leading(last, found, declared)


def _sharing(exprs: list[n.Expr], found: Survey) -> None:
    """Whether modules are called on tensors of different blocks."""
    found.called_twice |= on_two_blocks(exprs, found.operators, found.unknowns)
    for expr in exprs:
        for part in _walk(expr):
            if (
                isinstance(part, n.Reference)
                and part.name in found.operators
                and not part.indices
                and not _called_with_parameters(expr, part, found)
            ):
                found.shared = True
            if isinstance(part, n.Call) and part.function.name == "concat":
                found.grows |= any(
                    isinstance(index, n.Range)
                    for argument in part.arguments
                    if isinstance(argument, n.Reference)
                    for index in argument.indices
                )


def _called_with_parameters(
    expr: n.Expr, reference: n.Reference, found: Survey
) -> bool:
    """Whether the name is the F of ``F(X, theta_i)``, whose index is that of theta."""
    for part in _walk(expr):
        if isinstance(part, n.Call) and part.function is reference:
            return any(is_parameters(a, found.unknowns) for a in part.arguments)
    return False


def second_index(reference: n.Reference) -> set[str]:
    """The names in the second index of a name."""
    return {
        part.name
        for index in reference.indices[1:]
        if not isinstance(index, n.Range)
        for part in references(index)
    }


def references(expr: n.Expr) -> Iterator[n.Reference]:
    """All names in an expression; those in indices are left out."""
    return (part for part in _walk(expr) if isinstance(part, n.Reference))


def _walk(expr: n.Expr) -> Iterator[n.Expr]:
    """An expression and all its parts; indices are left out."""
    left = [expr]
    while left:
        part = left.pop()
        yield part
        left += reversed(n.inner(part))
        if isinstance(part, n.Call):
            left.append(part.function)
